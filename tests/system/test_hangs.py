"""Ranks that wait for one that does not come, or lack the memory: the job ends and says why; slow work goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from configurations import alvinn
from program import LIMIT_SECONDS, PROGRAM, ProgramTest, main, mpirun, run_command, user_environment

HANG = 6

CONFIG = alvinn(64, ["dense units=8 activation=tanh"], training={"epochs": 1, "global_batch": 64, "leaf": 16},
                optimizer={"learning_rate": 0.1}, run={"log_every": 1})
MPIRUN = mpirun(2)


class Hangs(ProgramTest):
    files = {"a.ini": CONFIG}

    def start(self, run, *arguments):
        """Starts a long training on two ranks and returns mpirun and the ranks' processes once steps are being made."""
        command = [*MPIRUN, PROGRAM, "train", "a.ini", "--run.dir", run, *arguments]
        job = subprocess.Popen([str(word) for word in command], cwd=self.folder, env=user_environment(),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(job.communicate)
        self.addCleanup(job.kill)
        self.wait_for_a_step(job, run)
        children = Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()
        ranks = {}
        for child in children:
            environment = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
            for entry in environment:
                if entry.startswith(b"OMPI_COMM_WORLD_RANK="):
                    ranks[int(entry.split(b"=")[1])] = int(child)
        self.assertEqual(sorted(ranks), [0, 1])
        return job, ranks

    def test_a_rank_that_is_stopped_is_named_and_the_job_ends(self):
        for stopped in (0, 1):
            with self.subTest(stopped=stopped):
                job, ranks = self.start(f"run{stopped}", "--training.epochs", "100000000", "--run.hang_timeout", "2s")
                os.kill(ranks[stopped], signal.SIGSTOP)
                _, err = job.communicate(timeout=LIMIT_SECONDS)
                self.assertEqual(job.returncode, HANG, err)
                lines = [line for line in err.splitlines() if line.startswith("lockstep: ")]
                self.assertEqual(len(lines), 1, err)
                self.assertTrue(lines[0].startswith(f"lockstep: rank {1 - stopped}/2 on "), err)
                self.assertRegex(lines[0], rf"rank {stopped}/2 on \S+ does not answer: its process {ranks[stopped]} ")
                self.assertRegex(lines[0], r"this rank is at step \d+, ")

    def test_without_a_limit_a_rank_that_is_stopped_is_waited_for(self):
        job, ranks = self.start("run", "--training.epochs", "3000", "--run.hang_timeout", "0")
        os.kill(ranks[1], signal.SIGSTOP)
        with self.assertRaises(subprocess.TimeoutExpired):
            job.wait(timeout=3)
        os.kill(ranks[1], signal.SIGCONT)
        _, err = job.communicate(timeout=LIMIT_SECONDS)
        self.assertEqual(job.returncode, 0, err)

    def test_a_job_that_is_suspended_as_a_whole_goes_on(self):
        job, ranks = self.start("run", "--training.epochs", "3000", "--run.hang_timeout", "2")
        for process in ranks.values():
            os.kill(process, signal.SIGSTOP)
        time.sleep(4)
        for process in ranks.values():
            os.kill(process, signal.SIGCONT)
        _, err = job.communicate(timeout=LIMIT_SECONDS)
        self.assertEqual(job.returncode, 0, err)

    def test_steps_and_scores_that_take_long_are_no_hang(self):
        # Several times the limit in all, in pieces that are shorter.
        self.succeed("train", "a.ini", "--run.dir", "run", "--run.hang_timeout", "1", "--data.test_samples", "30000",
                     "--data.train_samples", "4096", "--training.global_batch", "all", "--training.micro_batch", "64",
                     "--network.layer", "dense units=512 activation=tanh",
                     "--network.layer", "dense units=30 activation=softmax", ranks=2)

    def test_one_rank_is_never_ended(self):
        self.train("a.ini", "run", "--run.hang_timeout", "0.001", "--training.epochs", "200")

    def test_a_limit_on_the_address_space_ends_in_one_message(self):
        network = ["--network.layer", "dense units=60000 activation=relu",
                   "--network.layer", "dense units=30 activation=softmax"]
        outcome = run_command([*MPIRUN, "bash", "-c", 'ulimit -v 600000; exec "$@"', "_", PROGRAM, "train", "a.ini",
                               "--run.dir", "run", *network], self.folder)
        self.assertEqual(outcome.code, 1, outcome)
        self.assertEqual(len(outcome.messages()), 1, outcome)
        self.assertIn("out of memory", outcome.messages()[0])

    def test_ranks_in_containers_of_their_own_have_the_same_bits(self):
        apart = ["unshare", "-rpf", "--mount-proc"]
        if run_command([*apart, "true"], self.folder).code != 0:
            self.skipTest("no namespaces here")
        expected = self.digest(self.train("a.ini", "alone"))
        outcome = run_command([*MPIRUN, *apart, PROGRAM, "train", "a.ini", "--run.dir", "apart"], self.folder)
        self.assertEqual(outcome.code, 0, outcome)
        self.assertEqual(self.digest(self.folder / "apart"), expected)

    def test_ranks_without_room_for_shared_memory_have_the_same_bits(self):
        network = ["--network.layer", "dense units=15000 activation=relu",
                   "--network.layer", "dense units=30 activation=softmax"]
        expected = self.digest(self.train("a.ini", "free", *network, ranks=2))
        outcome = run_command([*MPIRUN, "bash", "-c", 'ulimit -v 650000; exec "$@"', "_", PROGRAM, "train", "a.ini",
                               "--run.dir", "bound", *network], self.folder)
        self.assertEqual(outcome.code, 0, outcome)
        self.assertEqual(self.digest(self.folder / "bound"), expected)


if __name__ == "__main__":
    main()
