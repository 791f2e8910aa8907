"""scripts/kill_soak.py: runs that are killed again and again end as if nobody had, with nothing left behind."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from configurations import alvinn, xor
from program import MPIEXEC, PROGRAM, REPOSITORY, USAGE, ProgramTest, main, run_command, user_environment

sys.path.insert(0, str(REPOSITORY / "scripts"))
from soak_runs import differences

SMALL = xor(training={"epochs": 6, "global_batch": 2, "leaf": 1}, optimizer={"learning_rate": 0.1},
            run={"checkpoint_every": 2, "ledger": "step", "log_every": 1})
PART = ".lockstep-0123456789abcdef.part"


class KillSoak(ProgramTest):
    files = {"small.ini": SMALL}

    def test_runs_under_twenty_blows_end_as_if_there_were_none(self):
        outcome = run_command([sys.executable, REPOSITORY / "scripts" / "kill_soak.py", "--program", PROGRAM, "--mpiexec",
                               MPIEXEC, "--kills", "20", "--json", "soak.json"], self.folder, limit_seconds=300)
        self.assertEqual(outcome.code, 0, outcome)
        result = json.loads((self.folder / "soak.json").read_text())
        self.assertEqual(result["defects"], [], outcome)
        self.assertGreater(result["counts"]["attempts"], 20, outcome)

    def test_what_is_planted_in_a_run_is_found(self):
        whole, run = self.train("small.ini", "whole"), self.train("small.ini", "run")
        self.assertEqual(differences(PROGRAM, whole, run), [])
        log = (run / "metrics.jsonl").read_text()
        step = next(line for line in log.splitlines() if '"event":"step"' in line)
        for name, text, told in (("metrics.jsonl", log + step + "\n", "metrics.jsonl differs"),
                                 ("metrics.jsonl", log.replace(step + "\n", ""), "metrics.jsonl differs"),
                                 ("ledger.jsonl", "", "ledger.jsonl differs"), ("result.json", "{}", "result.json"),
                                 ("model.lockstep", "", "the model's digest"), (PART, "", f"{PART} is left"),
                                 ("checkpoints/.step-000000003/part-0", "", "part-0 is left")):
            with self.subTest(file=name, told=told):
                planted = self.folder / "planted"
                shutil.copytree(run, planted, symlinks=True)
                self.write(f"planted/{name}", text)
                self.assertIn(told, " ".join(differences(PROGRAM, whole, planted)))
                shutil.rmtree(planted)


class KilledAtTheEnd(ProgramTest):
    """What the soak has found, each by itself."""

    files = {"small.ini": SMALL}

    def test_a_finished_run_is_resumed_with_other_ranks_and_threads_without_a_word(self):
        run = self.train("small.ini", "run")
        outcome = self.succeed("resume", run, "--training.threads", "2", "--comm.shard", "optimizer")
        self.assertIn("is finished", outcome.out)
        refused = self.lockstep("resume", run, "--training.threads", "2", "--training.epochs", "9", ranks=2)
        self.assertEqual(refused.code, USAGE, refused)
        self.assertEqual(len(refused.messages()), 1, refused)

    def test_what_killed_writers_left_is_removed_and_what_is_being_written_is_not(self):
        whole, run = self.train("small.ini", "whole"), self.train("small.ini", "run")
        for is_finished in False, True:
            if not is_finished:
                (run / "model.lockstep").unlink()
            self.write(f"run/{PART}", "")
            self.write("run/.lock", "")
            held = self.write(f"run/{PART.replace('0', 'f')}", "")
            with held.open("r") as writer:
                fcntl.flock(writer, fcntl.LOCK_EX)
                self.succeed("resume", run)
                self.assertTrue(held.exists())
            held.unlink()
            self.assertEqual(differences(PROGRAM, whole, run), [])

    def test_a_run_that_was_taking_an_older_ones_place_takes_it(self):
        whole = self.train("small.ini", "whole")
        names = ["run.json", "checkpoints", "metrics.jsonl", "metrics.csv", "ledger.jsonl", "result.json", "model.lockstep"]
        for moved in range(len(names)):
            with self.subTest(moved=names[:moved]):
                run = self.train("small.ini", f"run-{moved}", "--training.seed", "7")
                (run / "unfinished").mkdir()
                for number, name in enumerate(names):
                    to = run / name if number < moved else run / "unfinished" / name
                    if number < moved and name == "checkpoints":
                        shutil.rmtree(to)
                    if name == "checkpoints":
                        shutil.copytree(whole / name, to, symlinks=True)
                    else:
                        shutil.copy(whole / name, to)
                self.assertIn("is finished", self.succeed("resume", run).out)
                self.assertEqual(differences(PROGRAM, whole, run), [])

    def test_the_digest_of_the_best_model_is_in_the_ledger_once(self):
        text = alvinn(120, ["dense units=4 activation=tanh"], training={"epochs": 6, "global_batch": 16, "keep": "best"},
                      optimizer={"learning_rate": 5}, run={"checkpoint_every": 2, "ledger": "step", "log_every": 1})
        self.write("best.ini", text.replace("test_samples = 50", "test_samples = 50\nsplit = 60/20/20"))
        whole, run = self.train("best.ini", "whole"), self.train("best.ini", "run")
        self.assertLess(json.loads((whole / "result.json").read_text())["model_epoch"], 6)
        (run / "model.lockstep").unlink()
        self.succeed("resume", run)
        self.assertEqual(differences(PROGRAM, whole, run), [])

    def test_a_process_alone_that_is_killed_leaves_no_folder(self):
        temporary = self.folder / "tmp"
        temporary.mkdir()
        with subprocess.Popen([PROGRAM, "train", "small.ini", "--run.dir", "run", "--inject", "hang:rank=0,step=3"],
                              cwd=self.folder, env=user_environment(TMPDIR=str(temporary)), stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as process:
            self.addCleanup(process.kill)
            deadline = time.monotonic() + 60
            while not (self.folder / "run" / "checkpoints" / "latest").exists():
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)
            os.kill(process.pid, signal.SIGKILL)
        self.assertEqual(list(temporary.iterdir()), [])


if __name__ == "__main__":
    main()
