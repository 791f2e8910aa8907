"""What goes wrong around a run: processes killed, memory, disks and shared memory that end. The job ends as a whole, says
why once, and leaves nothing behind but what was saved whole."""

import json
import os
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from configurations import alvinn, csv
from data_files import samples, write_csv_set
from program import CHECKPOINT, LIMIT_SECONDS, PROGRAM, USAGE, ProgramTest, main, mpirun, run_command, user_environment

SECTIONS = {"training": {"epochs": 2, "global_batch": 16, "leaf": 4}, "optimizer": {"learning_rate": "0.1"},
            "run": {"log_every": 1}}
MPIRUN = mpirun(2)
FOR_EVER = ("--training.epochs", "100000000")
INTERNAL = 1
# A mount of its own: where a test may not have one, it is skipped.
APART = ["unshare", "-rm", "bash", "-c"]
HAS_MOUNTS = subprocess.run([*APART, "mount -t tmpfs tmpfs /mnt"], stderr=subprocess.DEVNULL, check=False).returncode == 0
needs_mounts = unittest.skipUnless(HAS_MOUNTS, "no private mounts here")


def is_running(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Surroundings(ProgramTest):
    files = {"a.ini": alvinn(64, ["dense units=8 activation=tanh"], **SECTIONS)}

    def start(self, command, run):
        """Starts a run; returns it once steps are made, and the processes that it has started."""
        job = subprocess.Popen([str(word) for word in command], cwd=self.folder, env=user_environment(),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(job.stderr.close)
        self.addCleanup(job.wait)
        self.addCleanup(job.kill)
        self.wait_for_a_step(job, run)
        return job, Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()

    def assert_all_end(self, processes):
        limit = time.monotonic() + LIMIT_SECONDS
        while left := [process for process in processes if is_running(process)]:
            self.assertLess(time.monotonic(), limit, f"still running: {left}")
            time.sleep(0.05)

    def assert_whole_lines(self, run):
        text = (self.folder / run / "metrics.jsonl").read_text()
        self.assertTrue(text.endswith("\n"), text[-200:])
        for line in text.splitlines():
            json.loads(line)

    def assert_no_lasting_name(self, process):
        """No file in /dev/shm that the process has mapped would be there after it."""
        maps = Path(f"/proc/{process}/maps").read_text().splitlines()
        shared = [line.split(None, 5)[5] for line in maps if "/dev/shm/" in line]
        self.assertEqual([name for name in shared if not name.endswith("(deleted)")], [])

    def test_when_mpirun_is_killed_its_ranks_end_and_leave_nothing(self):
        temporary = self.folder / "t"
        temporary.mkdir()
        job, ranks = self.start(["env", f"TMPDIR={temporary}", *MPIRUN, PROGRAM, "train", "a.ini", "--run.dir", "r", *FOR_EVER], "r")
        self.assertEqual(len(ranks), 2)
        for rank in ranks:
            self.assert_no_lasting_name(rank)
        job.kill()
        self.assert_all_end(ranks)
        self.assertEqual(list(temporary.iterdir()), [])
        self.assert_whole_lines("r")

    def test_when_a_rank_is_killed_or_loses_its_memory_the_job_ends(self):
        for sent, code, words in ((signal.SIGKILL, 128 + signal.SIGKILL, "signal 9"),
                                  (signal.SIGBUS, INTERNAL, "lockstep: rank 1/2 on ")):
            with self.subTest(sent):
                run = f"run{sent}"
                job, ranks = self.start([*MPIRUN, PROGRAM, "train", "a.ini", "--run.dir", run, *FOR_EVER], run)
                os.kill(int(ranks[1]), sent)
                _, err = job.communicate(timeout=LIMIT_SECONDS)
                self.assertEqual(job.returncode, code, err)
                self.assertIn(words, err)
                self.assertIn("/dev/shm is full" if sent == signal.SIGBUS else "Killed", err)
                self.assert_all_end(ranks)
                self.assert_whole_lines(run)

    def test_a_process_alone_starts_no_other(self):
        job, others = self.start([PROGRAM, "train", "a.ini", "--run.dir", "r", *FOR_EVER], "r")
        self.assertEqual(others, [])
        self.assert_no_lasting_name(job.pid)

    def test_data_that_shrink_while_a_run_reads_them_no_more_cost_nothing(self):
        write_csv_set(self.write, "data", *samples(24))
        self.write("c.ini", csv("units=4 activation=tanh", **SECTIONS))
        flags = ["--training.epochs", "2000"]
        expected = self.digest(self.train("c.ini", "whole", *flags))
        job, _ = self.start([PROGRAM, "train", "c.ini", "--run.dir", "cut", *flags], "cut")
        os.kill(job.pid, signal.SIGSTOP)
        self.assertNotIn(str(self.folder / "data"), Path(f"/proc/{job.pid}/maps").read_text())
        for path in (self.folder / "data").iterdir():
            os.truncate(path, 0)
        self.assertIsNone(job.poll())
        os.kill(job.pid, signal.SIGCONT)
        _, err = job.communicate(timeout=LIMIT_SECONDS)
        self.assertEqual(job.returncode, 0, err)
        self.assertEqual(self.digest(self.folder / "cut"), expected)

    @needs_mounts
    def test_a_full_disk_ends_the_job_and_leaves_whole_lines(self):
        # Room for run.json and some lines; for these and no model; for neither.
        for room, ranks, code, file in ((24, 2, CHECKPOINT, "(metrics.jsonl|metrics.csv|ledger.jsonl)"),
                                        (40, None, CHECKPOINT, "model.lockstep"), (4, 2, USAGE, "run.json")):
            with self.subTest(room=room):
                steps = "1000" if "metrics" in file else "2"
                launch = MPIRUN if ranks else []
                script = f'mkdir -p small && mount -t tmpfs -o size={room}k tmpfs small && "$@"; c=$?; cp -r small kept{room}; exit $c'
                outcome = run_command([*APART, script, "_", *launch, PROGRAM, "train", "a.ini", "--run.dir", "small/r",
                                       "--training.epochs", steps, "--network.layer", "dense units=8 activation=tanh",
                                       "--network.layer", "dense units=30 activation=softmax"], self.folder)
                self.assertEqual((outcome.code, len(outcome.messages())), (code, 1), outcome)
                self.assertRegex(outcome.messages()[0], f"cannot write small/r/{file}: No space left on device")
                left = sorted(path.name for path in (self.folder / f"kept{room}").rglob("*") if path.is_file())
                self.assertEqual(left, [] if code == USAGE else ["ledger.jsonl", "metrics.csv", "metrics.jsonl", "run.json"])
                if code != USAGE:
                    self.assert_whole_lines(f"kept{room}/r")

    @needs_mounts
    def test_a_folder_that_cannot_be_written_is_refused_before_the_work(self):
        script = 'mkdir -p fixed && mount -t tmpfs -o ro tmpfs fixed && "$@"'
        for launch, command in (([], "train"), (MPIRUN, "train"), (MPIRUN, "bag")):
            outcome = run_command([*APART, script, "_", *launch, PROGRAM, command, "a.ini", "--run.dir", "fixed/r"], self.folder)
            self.assertEqual((outcome.code, len(outcome.messages())), (USAGE, 1), outcome)
            self.assertIn("fixed/r: Read-only file system", outcome.messages()[0])

    @needs_mounts
    def test_a_small_dev_shm_changes_no_bit(self):
        expected = self.digest(self.train("a.ini", "alone"))
        for room in (4, 9000):
            script = f'mount -t tmpfs -o size={room}k tmpfs /dev/shm && "$@"'
            outcome = run_command([*APART, script, "_", *MPIRUN, PROGRAM, "train", "a.ini", "--run.dir", f"r{room}"], self.folder)
            self.assertEqual(outcome.code, 0, outcome)
            self.assertEqual(self.digest(self.folder / f"r{room}"), expected)

    def test_one_rank_without_memory_ends_the_job_in_one_message(self):
        """Too little for MPI, for a thread, for the network."""
        limited = 'if [ $OMPI_COMM_WORLD_RANK = 1 ]; then ulimit -v $0; fi; exec "$@"'
        wide = ["--network.layer", "dense units=20000 activation=tanh", "--network.layer", "dense units=30 activation=softmax"]
        for kilobytes, network, words in ((40000, [], "out of memory before MPI has started"), (107000, [], ""),
                                          (112000, [], ""), (260000, wide, "out of memory;")):
            with self.subTest(kilobytes):
                outcome = run_command([*MPIRUN, "bash", "-c", limited, kilobytes, PROGRAM, "train", "a.ini", "--run.dir", "r",
                                       "--run.overwrite", "true", *network], self.folder)
                if outcome.code == 0 and words == "":
                    continue  # another library's threads fit
                self.assertEqual((outcome.code, len(outcome.messages())), (INTERNAL, 1), outcome)
                self.assertIn("memory", outcome.messages()[0])
                self.assertIn(words, outcome.messages()[0])
        alone = run_command(["bash", "-c", 'ulimit -v 50000; exec "$@"', "_", PROGRAM, "train", "a.ini", "--run.dir", "r"],
                            self.folder)
        self.assertEqual((alone.code, len(alone.messages())), (INTERNAL, 1), alone)


if __name__ == "__main__":
    main()
