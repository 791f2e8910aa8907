"""A run's directory belongs to one run: of several jobs one wins, and an older run is lost to a whole new one alone."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import PROGRAM, REPOSITORY, USAGE, NUMERICAL, ProgramTest, main, user_environment

XOR, CROSSVAL = (REPOSITORY / "configs" / f"{name}.ini" for name in ("xor", "crossval"))
FILES = ["ledger.jsonl", "metrics.csv", "metrics.jsonl", "model.lockstep", "result.json", "run.json"]
ENDLESS = ["--training.epochs", "1000000000"]
DIVERGING = ["--training.epochs", "9", "--optimizer.learning_rate", "1e38", "--network.layer", "dense units=1 activation=identity"]


class RunDirectory(ProgramTest):
    def start(self, *arguments):
        process = subprocess.Popen([PROGRAM, *arguments], cwd=self.folder, env=user_environment(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def start_endless(self, command, config, run, log="metrics.jsonl", *flags):
        process = self.start(command, config, "--run.dir", run, *ENDLESS, *flags)
        path = self.folder / run / log
        while process.poll() is None and not (path.exists() and path.stat().st_size > 0):
            time.sleep(0.01)
        self.assertIsNone(process.poll())
        return process

    def refuse(self, words, *arguments):
        outcome = self.lockstep(*arguments)
        self.assertEqual(outcome.code, USAGE, outcome)
        self.assertEqual(len(outcome.messages()), 1, outcome)
        for word in words:
            self.assertIn(word, outcome.messages()[0])

    def seed_of(self, run):
        return json.loads((run / "run.json").read_text())["options"]["training.seed"]["value"]

    def test_of_several_jobs_one_wins(self):
        jobs = [self.start("train", XOR, "--run.dir", "one", "--training.epochs", "20", "--training.seed", str(seed))
                for seed in range(1, 7)]
        errors = [job.communicate()[1] for job in jobs]
        self.assertEqual(sorted(job.returncode for job in jobs), [0, 2, 2, 2, 2, 2], errors)
        winner = 1 + [job.returncode for job in jobs].index(0)
        self.assertEqual(self.seed_of(self.folder / "one"), winner)
        self.assertEqual(sorted(os.listdir(self.folder / "one")), FILES)

    def test_jobs_of_the_same_second_have_directories_of_their_own(self):
        jobs = [self.start("train", XOR, "--training.epochs", "20", "--training.seed", str(seed)) for seed in range(1, 7)]
        self.assertEqual([job.wait() for job in jobs], [0] * 6)
        self.assertEqual(sorted(self.seed_of(run) for run in (self.folder / "runs").iterdir()), [1, 2, 3, 4, 5, 6])

    def test_a_run_that_goes_on_is_not_overwritten(self):
        process = self.start_endless("train", XOR, "live")
        for overwrite in ("false", "true"):
            self.refuse(["--run.dir live", "already holds a run", "is writing there"],
                        "train", XOR, "--run.dir", "live", "--run.overwrite", overwrite)
        self.assertIsNone(process.poll())
        process.kill()
        process.wait()
        # The lock dies with its process, and what it left has no model to lose.
        self.refuse(["already holds a run", "no model", "interrupted"], "train", XOR, "--run.dir", "live")
        self.train(XOR, "live", "--training.epochs", "1", "--run.overwrite", "true")
        self.assertEqual(sorted(os.listdir(self.folder / "live")), FILES)
        self.refuse(["already holds a run", "with its model"], "train", XOR, "--run.dir", "live")

    def test_several_networks_hold_the_directory_of_them_all(self):
        for command, member in (("bag", "bag"), ("crossval", "fold")):
            self.start_endless(command, CROSSVAL, command, f"{member}-1/metrics.jsonl")
            self.refuse([f"--run.dir {command}", "is writing there"], command, CROSSVAL, "--run.dir", command, "--run.overwrite", "true")

    def test_an_older_run_stays_until_the_new_one_stands(self):
        run = self.train(XOR, "run", "--training.epochs", "1")
        before = {name: (run / name).read_bytes() for name in FILES}
        failed = self.lockstep("train", XOR, "--run.dir", "run", "--run.overwrite", "true", *DIVERGING)
        self.assertEqual(failed.code, NUMERICAL, failed)
        self.assertEqual({name: (run / name).read_bytes() for name in FILES}, before)
        early = self.lockstep("train", XOR, "--run.dir", "run", "--run.overwrite", "true", "--data.source", "table", "--data.table", "no")
        self.assertNotEqual(early.code, 0)
        killed = self.start_endless("train", XOR, "run", "unfinished/metrics.jsonl", "--run.overwrite", "true")
        killed.kill()
        killed.wait()
        self.assertEqual({name: (run / name).read_bytes() for name in FILES}, before)
        self.train(XOR, "run", "--training.epochs", "2", "--run.overwrite", "true")
        self.assertNotEqual((run / "model.lockstep").read_bytes(), before["model.lockstep"])
        self.assertEqual(json.loads((run / "run.json").read_text())["options"]["training.epochs"]["value"], 2)
        self.assertEqual(sorted(os.listdir(run)), FILES)

    def test_a_name_that_is_taken_is_noticed_before_the_training(self):
        for name in ("model.lockstep", "metrics.jsonl"):
            (self.folder / "run" / name).mkdir(parents=True)
            self.refuse(["--run.dir run", name, "folder"], "train", XOR, "--run.dir", "run", *ENDLESS)
            self.refuse(["--run.dir run", name, "folder"], "plan", XOR, "--run.dir", "run")
            self.assertEqual(os.listdir(self.folder / "run"), [name])
            (self.folder / "run" / name).rmdir()
        for command, name in (("bag", "bag.json"), ("crossval", "crossval.json")):
            (self.folder / command / name).mkdir(parents=True)
            self.refuse([name, "folder"], command, CROSSVAL, "--run.dir", command, *ENDLESS)
            self.assertEqual(os.listdir(self.folder / command), [name])
        self.write("late/bag-3", "")
        self.refuse(["is a file"], "bag", CROSSVAL, "--run.dir", "late", *ENDLESS, "--resampling.bags", "3")
        self.assertEqual(os.listdir(self.folder / "late"), ["bag-3"])

    def test_a_run_that_cannot_begin_leaves_no_directory(self):
        self.write("file", "")
        for run in ("file/run", "a/b/" + "x" * 300):
            outcome = self.lockstep("train", XOR, "--run.dir", run)
            self.assertEqual(outcome.code, USAGE, outcome)
        self.refuse(["reads run.json"], "train", XOR, "--data.source", "table", "--data.table", self.write("own/run.json", "0 1 : 1\n0 0 : 0\n"),
                    "--run.dir", "own", "--run.overwrite", "true")
        self.assertEqual(sorted(os.listdir(self.folder)), ["file", "own"])


if __name__ == "__main__":
    main()
