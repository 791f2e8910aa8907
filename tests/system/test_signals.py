"""Signals: a run that is asked to stop stops after a step, the same one on every rank, and says so."""

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import PROGRAM, REPOSITORY, ProgramTest, main, mpirun, processes_in, read_json_lines

XOR = REPOSITORY / "configs" / "xor.ini"
STOPPED = 75
ENDLESS = ["--training.epochs", "0", "--training.max_steps", "1000000000", "--run.log_every", "1000"]

# Slurm's, for a job that ends in two seconds.
SQUEUE = """#!/bin/bash
[[ "$*" == *"--jobs 7"* ]] && date -d "2 seconds" "+$SLURM_TIME_FORMAT"
"""


def ignore_interrupts():
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Signals(ProgramTest):
    def train_endlessly(self, run, *arguments, launcher=(), command="train", **options):
        return self.begin(*launcher, PROGRAM, command, XOR, *ENDLESS, *arguments, "--run.dir", run, **options)

    def wait_for_steps(self, log):
        """Until steps are taken, by the run's log, and some more."""
        deadline = time.monotonic() + 30
        while not (log.exists() and log.read_text().count('"event":"step"') > 3):
            self.assertLess(time.monotonic(), deadline, "no step is taken")
            time.sleep(0.02)

    def ranks_of(self, run):
        return processes_in(self.folder, run)

    def test_each_signal_stops_a_run_after_a_step_and_says_which(self):
        for number in signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1:
            with self.subTest(signal=number.name):
                process = self.train_endlessly(number.name)
                self.wait_for_steps(self.folder / number.name / "metrics.jsonl")
                process.send_signal(number)
                outcome = self.outcome(process)
                self.assertEqual(outcome.code, STOPPED, outcome)
                self.assertRegex(outcome.out, r"stopped as asked after step \d+ \(epoch \d+\); go on: lockstep resume")
                self.assertEqual(outcome.err, "")
                self.assertTrue((self.folder / number.name / "checkpoints" / "latest").exists())

    def test_a_second_interrupt_ends_a_run_at_once(self):
        process = self.train_endlessly("run", launcher=mpirun(2))
        self.wait_for_steps(self.folder / "run" / "metrics.jsonl")
        stopped, waiting = self.ranks_of("run")
        os.kill(stopped, signal.SIGSTOP)  # so that the other cannot finish its step
        for _ in range(2):
            time.sleep(0.2)
            os.kill(waiting, signal.SIGINT)
        self.assertEqual(self.outcome(process).code, 128 + signal.SIGINT)

    def test_a_rank_that_can_finish_no_step_any_more_is_ended(self):
        process = self.train_endlessly("run", launcher=mpirun(2))
        self.wait_for_steps(self.folder / "run" / "metrics.jsonl")
        stopped, waiting = self.ranks_of("run")
        os.kill(stopped, signal.SIGSTOP)
        time.sleep(0.2)
        os.kill(waiting, signal.SIGTERM)
        outcome = self.outcome(process)
        self.assertEqual(outcome.code, 128 + signal.SIGTERM, outcome)
        self.assertIn("the step at hand does not end", outcome.err)

    def test_a_run_stops_before_its_time_is_over(self):
        self.write("bin/squeue", SQUEUE).chmod(0o755)
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        for run, flags, variables in (("max_wall_time", ["--run.max_wall_time", "1s"], {}),
                                      ("job_end", [], {"SLURM_JOB_ID": "7", "PATH": path})):
            with self.subTest(run=run):
                outcome = self.lockstep("train", XOR, *ENDLESS, *flags, "--run.dir", run, **variables)
                self.assertEqual(outcome.code, STOPPED, outcome)
                end = read_json_lines(self.folder / run / "metrics.jsonl")[-1]
                self.assertEqual((end["event"], end["stopped_by"]), ("stop", run))
                self.assertRegex(outcome.out, "stopped since .* is nearly over after step")

    def test_what_the_caller_ignores_stays_ignored(self):
        process = self.train_endlessly("run", preexec_fn=ignore_interrupts)
        log = self.folder / "run" / "metrics.jsonl"
        self.wait_for_steps(log)
        process.send_signal(signal.SIGINT)
        before = log.stat().st_size
        while log.stat().st_size < before + 1000:
            self.assertIsNone(process.poll())
        process.send_signal(signal.SIGTERM)
        self.assertEqual(self.outcome(process).code, STOPPED)

    def test_sigusr2_saves_a_checkpoint_and_sigcont_does_nothing(self):
        process = self.train_endlessly("run", launcher=mpirun(2))
        log = self.folder / "run" / "metrics.jsonl"
        self.wait_for_steps(log)
        for number in signal.SIGUSR2, signal.SIGCONT:
            for rank in self.ranks_of("run"):
                os.kill(rank, number)
        while not (self.folder / "run" / "checkpoints" / "latest").exists():
            self.assertIsNone(process.poll())
        before = log.stat().st_size
        while log.stat().st_size < before + 1000:
            self.assertIsNone(process.poll())
        process.send_signal(signal.SIGUSR1)
        self.assertEqual(self.outcome(process).code, STOPPED)

    def test_a_signal_to_any_rank_stops_all_after_the_same_step(self):
        # The last of three ranks has none of the four samples of a batch: there are two leaves.
        process = self.train_endlessly("run", "--training.leaf", "2", launcher=mpirun(3))
        self.wait_for_steps(self.folder / "run" / "metrics.jsonl")
        for rank in self.ranks_of("run"):
            words = Path(f"/proc/{rank}/environ").read_text().split("\0")
            if "OMPI_COMM_WORLD_RANK=2" in words:
                os.kill(rank, signal.SIGTERM)
        outcome = self.outcome(process)
        self.assertEqual(outcome.code, STOPPED, outcome)
        self.assertRegex(outcome.out, r"stopped as asked after step \d+")
        self.assertEqual(self.ranks_of("run"), [])
        self.assertFalse((self.folder / "run" / "model.lockstep").exists())

    def test_mpirun_hands_down_what_stops_all_networks_of_a_job(self):
        process = self.train_endlessly("run", launcher=mpirun(2), command="bag")
        self.wait_for_steps(self.folder / "run" / "bag-1" / "metrics.jsonl")
        process.send_signal(signal.SIGUSR1)
        outcome = self.outcome(process)
        self.assertEqual(outcome.code, STOPPED, outcome)
        self.assertRegex(outcome.out, r"stopped as asked after step \d+ .*; go on: lockstep resume run\n")

    def test_a_terminated_mpirun_leaves_a_checkpoint_and_nothing_running(self):
        process = self.train_endlessly("run", launcher=mpirun(2))
        self.wait_for_steps(self.folder / "run" / "metrics.jsonl")
        process.terminate()
        self.assertEqual(self.outcome(process).code, 1)
        self.assertTrue((self.folder / "run" / "checkpoints" / "latest").exists())
        self.assertEqual(self.ranks_of("run"), [])

    def test_json_tells_where_a_run_stopped(self):
        process = self.train_endlessly("run", "--json")
        self.wait_for_steps(self.folder / "run" / "metrics.jsonl")
        process.terminate()
        outcome = self.outcome(process)
        self.assertEqual(outcome.code, STOPPED)
        result = outcome.json()
        last = [line for line in read_json_lines(self.folder / "run" / "metrics.jsonl") if line["event"] == "step"][-1]
        self.assertEqual(result["stopped_by"], "request")
        self.assertGreaterEqual(result["step"], last["step"])
        self.assertNotIn("model", result)


if __name__ == "__main__":
    main()
