"""scripts/until_done.sh: a run that dies is gone on with until it is done, or another try cannot help."""

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import PROGRAM, REPOSITORY, ProgramTest, main, mpirun, processes_in, run_command, user_environment

SCRIPT = REPOSITORY / "scripts" / "until_done.sh"
LETTERS = REPOSITORY / "configs" / "letters.ini"
STOPPED = 75

# Plays lockstep: notes how it was started, and leaves with the next code of the file `codes`. On "+137" it has saved a
# checkpoint before it dies so; it begins its run unless told "-" that it dies earlier.
STAND_IN = """#!/bin/bash
echo "$@" >>started
read -r code <codes
sed -i 1d codes
case $code in -*) exit "${code#-}" ;; esac
mkdir -p run/checkpoints
touch run/run.json
[[ $code != +* ]] || ln -sfn "step-$(wc -l <started)" run/checkpoints/latest
exit "${code#+}"
"""


class StandIn(ProgramTest):
    files = {"lockstep": STAND_IN, "a.ini": "[run]\ndir = run  # here\n"}

    def setUp(self):
        super().setUp()
        (self.folder / "lockstep").chmod(0o755)

    def until_done(self, codes, *words, options=(), **variables):
        self.write("codes", "".join(f"{code}\n" for code in codes))
        (self.folder / "started").unlink(missing_ok=True)
        outcome = run_command([SCRIPT, *options, "--", *(words or ("env", "./lockstep", "train", "a.ini", "--json"))],
                              self.folder, user_environment(**variables))
        return outcome, (self.folder / "started").read_text().splitlines()

    def test_a_run_that_died_is_gone_on_with_by_the_same_launcher(self):
        outcome, started = self.until_done(["+137", "+1", "0"])
        self.assertEqual(outcome.code, 0, outcome)
        self.assertEqual(started, ["train a.ini --json", *["resume run --json"] * 2])
        self.assertIn("attempt 2: env ./lockstep resume run --json", outcome.err)
        self.assertIn("exit code 137", outcome.err)

    def test_one_that_died_before_it_began_is_started_again(self):
        outcome, started = self.until_done(["-143", "0"])
        self.assertEqual((outcome.code, started), (0, ["train a.ini --json"] * 2), outcome)

    def test_what_another_try_cannot_help_ends_it(self):
        for code in 2, 3, 4, 5, 127:
            with self.subTest(code=code):
                outcome, started = self.until_done([code, "0"])
                self.assertEqual((outcome.code, len(started)), (code, 1), outcome)

    def test_it_gives_up_where_nothing_comes_of_it(self):
        outcome, started = self.until_done(["137", "+137", "6", "7", "0"], options=["--tries", "2"])
        self.assertEqual((outcome.code, len(started)), (7, 4), outcome)
        self.assertIn("giving up", outcome.err)

    def test_a_requeued_job_goes_on_at_once(self):
        self.write("run/run.json", "{}")
        words = ["./lockstep", "train", "a.ini", "--run.dir=run", "--run.overwrite", "true"]
        self.assertEqual(self.until_done(["0"])[1], ["resume run --json"])
        self.assertEqual(self.until_done(["0"], *words)[1], [" ".join(words[1:])])
        self.assertEqual(self.until_done(["0"], *words, SLURM_RESTART_COUNT="1")[1], ["resume run"])

    def test_a_directory_is_chosen_where_none_is_named(self):
        self.write("b.ini", "")
        started = self.until_done(["-1", "0"], "./lockstep", "train", "b.ini")[1]
        self.assertRegex(started[0], r"^train b.ini --run.dir runs/b-\d{8}-\d{6}$")
        self.assertEqual(started[1], started[0])

    def test_a_command_that_trains_nothing_is_refused(self):
        for words in ["./lockstep", "eval", "a.ini"], ["mpirun", "./lockstep", "train", "a.ini", ":", "./lockstep"]:
            self.assertEqual(run_command([SCRIPT, "--", *words], self.folder).code, 2)


class UntilDone(ProgramTest):
    flags = ["--training.epochs", "0", "--run.evaluate_every", "0", "--run.checkpoint_every", "300"]

    def start(self, *words):
        return self.begin(SCRIPT, "--", *words)

    def train(self, run, *flags, launcher=(), steps=6000):
        return self.start(*launcher, PROGRAM, "train", LETTERS, *self.flags, "--training.max_steps", steps, *flags,
                          "--run.dir", run)

    def wait_for_checkpoint(self, run):
        deadline = time.monotonic() + 30
        while not (self.folder / run / "checkpoints" / "latest").exists():
            self.assertLess(time.monotonic(), deadline, "no checkpoint is saved")
            time.sleep(0.01)

    def test_a_killed_rank_and_a_stopped_script_change_no_bit(self):
        whole = self.outcome(self.train("whole"))
        self.assertEqual(whole.code, 0, whole)

        process = self.train("run", launcher=mpirun(2))
        self.wait_for_checkpoint("run")
        os.kill(processes_in(self.folder, "run")[-1], signal.SIGKILL)
        killed = self.outcome(process)
        self.assertEqual(killed.code, 0, killed)
        self.assertRegex(killed.err, "attempt 2: .* resume run\n")

        stopped = None
        for number in signal.SIGTERM, signal.SIGUSR1:
            process = self.train("stopped", launcher=mpirun(2) if number == signal.SIGTERM else ())
            self.wait_for_checkpoint("stopped")
            while not processes_in(self.folder, "stopped"):
                time.sleep(0.01)
            process.send_signal(number)
            stopped = self.outcome(process)
            self.assertEqual(stopped.code, STOPPED, stopped)
            self.assertEqual(processes_in(self.folder, "stopped"), [])
        stopped = self.outcome(self.train("stopped"))
        self.assertEqual(stopped.code, 0, stopped)
        digests = {self.digest(self.folder / run) for run in ("whole", "run", "stopped")}
        self.assertEqual(len(digests), 1)

    def test_a_run_whose_time_is_over_is_left_for_another_job(self):
        outcome = self.outcome(self.train("run", "--run.max_wall_time", "1s", steps=100000000))
        self.assertEqual(outcome.code, STOPPED, outcome)
        self.assertIn("the time is over", outcome.err)
        self.assertNotIn("attempt 2", outcome.err)


if __name__ == "__main__":
    main()
