"""Checkpoints and resume: a run that is killed goes on, on any number of ranks, and ends in the same bits.

The tests have the names that HPC users know from the Community Earth System Model: ERS, exact restart; ERP, restart on
another number of ranks; PEM, another number of ranks from the start; PET, another number of threads. LOCKSTEP_LONG_TESTS=1
tries every combination of sharding and compression; otherwise a few are drawn, and the seed is said.
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from configurations import alvinn
from data_files import write_csv_set
from program import CHECKPOINT, PROGRAM, USAGE, ProgramTest, main, read_json_lines, run_command, user_environment

KILLED = 137
LONG = os.environ.get("LOCKSTEP_LONG_TESTS") == "1"
SEED = int(os.environ.get("LOCKSTEP_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
LAST_STEP = 15  # three epochs of five steps, the last one of each short


def small(**changes):
    """Dropout, a validation part, the best parameters, an adaptive rate: what remembers most."""
    sections = {"training": {"epochs": 3, "global_batch": 16, "leaf": 4, "keep": "best", "patience": 9},
                "optimizer": {"name": "adam", "learning_rate": 0.01, "schedule": "adaptive"},
                "run": {"checkpoint_every": 2, "ledger": "step", "log_every": 1}}
    for key, value in changes.items():
        section, name = key.split("__")
        sections.setdefault(section, {})[name] = value
    text = alvinn(120, ["dense units=12 activation=tanh dropout=0.25"], **sections)
    return text.replace("test_samples = 50", "test_samples = 50\nsplit = 60/20/20")


def optimizer_names():
    """All rules, as the help lists them."""
    text = subprocess.run([PROGRAM, "train", "--help-all"], capture_output=True, text=True, check=True).stdout
    section = text[text.index("--optimizer.name"):text.index("--optimizer.learning_rate")]
    return re.findall(r"[a-z]+", re.search(r"one of ([a-z, \n]+)", section)[1])


class Resume(ProgramTest):
    files = {"small.ini": small()}

    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)

    def killed(self, run, *arguments, step=None, ranks=None, fault="kill"):
        """A run of which rank 0 is killed before `step`, a random one if not given."""
        step = step or self.random.randint(1, LAST_STEP)
        outcome = self.lockstep("train", "small.ini", "--run.dir", run, "--inject", f"{fault}:rank=0,step={step}",
                                *arguments, ranks=ranks)
        self.assertIn(outcome.code, (KILLED, -signal.SIGKILL, 1), outcome)
        self.assertFalse((self.folder / run / "model.lockstep").exists(), outcome)
        return self.folder / run

    def without_model(self, run, *arguments):
        """As a run that was killed before it wrote its model: all its checkpoints are on the disk."""
        path = self.train("small.ini", run, *arguments)
        (path / "model.lockstep").unlink()
        (path / "result.json").unlink()
        return path

    def assert_same_run(self, a, b, what):
        """The same model, the same ledger, and every step once in the log, with the same numbers."""
        self.assertEqual(self.digest(a), self.digest(b), what)
        steps = [{line["step"]: line for line in read_json_lines(run / "ledger.jsonl") if "gradient" in line}
                 for run in (a, b)]
        self.assertEqual(steps[0], steps[1], what)
        of_steps = []
        for run in (a, b):
            lines = [line for line in read_json_lines(run / "metrics.jsonl") if line["event"] in ("step", "epoch")]
            of_steps.append([(line["event"], line["step"], line["samples"], line["train_loss"],
                              line.get("validation_loss"), line.get("learning_rate")) for line in lines])
        self.assertEqual(of_steps[0], of_steps[1], what)

    def test_ers_every_rule_restarts_exactly_from_a_random_step(self):
        for name in optimizer_names():
            text = small(optimizer__name=name)
            self.write("small.ini", text)
            whole = self.train("small.ini", f"whole-{name}")
            step = self.random.randint(1, LAST_STEP)
            run = self.killed(f"killed-{name}", step=step)
            self.succeed("resume", run)
            self.assert_same_run(whole, run, f"{name}, killed at step {step}, seed {SEED}")

    def test_erp_restarts_on_other_ranks_with_every_sharding_and_compression(self):
        cases = [(shard, compression) for shard in ("none", "optimizer", "parameters")
                 for compression in ("none", "bf16", "top_k")
                 # The reducer sends sparse sums whole.
                 if not (compression == "top_k" and shard != "none")]
        for shard, compression in cases if LONG else self.random.sample(cases, 3):
            flags = ["--comm.compression", compression]
            whole = self.train("small.ini", f"whole-{compression}", *flags, "--run.overwrite", "true")
            before, after = self.random.choice([1, 2, 3]), self.random.choice([1, 2, 4])
            step = self.random.randint(5, LAST_STEP)
            what = f"{shard}, {compression}, {before} ranks, killed at step {step}, {after} ranks, seed {SEED}"
            run = self.killed(f"killed-{shard}-{compression}", *flags, "--comm.shard", shard, ranks=before, step=step)
            # On other ranks, with another sharding of the state.
            other = self.random.choice(["none", shard]) if compression == "top_k" else \
                self.random.choice(["none", "optimizer", "parameters"])
            outcome = self.succeed("resume", run, "--comm.shard", other, ranks=after)
            self.assertIn(f"on {after} rank", outcome.out, what)
            self.assert_same_run(whole, run, what)

    def test_pem_and_pet_other_ranks_and_threads_give_the_same_bits(self):
        whole = self.train("small.ini", "whole")
        self.assert_same_run(whole, self.train("small.ini", "pem", ranks=3), "PEM")
        self.assert_same_run(whole, self.train("small.ini", "pet", "--training.threads", "2"), "PET")

    def test_killed_again_and_again_a_run_ends_in_the_same_bits(self):
        whole = self.train("small.ini", "whole")
        run = self.killed("run", step=5)
        for step in (6, 9, 11):
            self.assertEqual(self.lockstep("resume", run, "--inject", f"kill:rank=0,step={step}").code, -signal.SIGKILL)
        self.succeed("resume", run)
        self.assert_same_run(whole, run, "")
        sessions = read_json_lines(run / "metrics.jsonl")
        resumed = [line["step"] for line in sessions if line["event"] == "resume"]
        self.assertEqual(resumed, sorted(resumed))
        # The checkpoint before the last one is waited for.
        self.assertGreaterEqual(resumed[-1], 8)

    def test_the_folder_holds_the_newest_and_the_best_and_nothing_unfinished(self):
        run = self.train("small.ini", "whole", "--run.checkpoint_every", "2")
        folders = {path.name for path in (run / "checkpoints").iterdir()}
        newest = {"step-000000014", "step-000000012", "latest"}
        self.assertLessEqual(newest, folders)
        # The best was measured at the end of epoch 1, which the checkpoint after step 6 is the first to know.
        self.assertLessEqual(folders - newest, {"step-000000006"})
        self.assertEqual(os.readlink(run / "checkpoints" / "latest"), "step-000000014")
        run = self.killed("run", step=LAST_STEP)
        self.succeed("resume", run)
        names = sorted(path.name for path in run.rglob("*") if path.name.startswith("."))
        self.assertEqual(names, [])

    def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_is_used(self):
        whole = self.train("small.ini", "whole")
        run = self.without_model("run", "--inject", "torn:checkpoint=7")
        outcome = self.succeed("resume", run)
        self.assertRegex(outcome.out, r"warning: checkpoint .*step-000000014/part-0: truncated")
        self.assertIn("step-000000012", outcome.out)
        self.assert_same_run(whole, run, "torn")
        # Of all bytes any may be another one.
        run = self.without_model("bits")
        manifest = run / "checkpoints" / "latest" / "checkpoint.json"
        manifest.write_text(manifest.read_text().replace('"step":14', '"step":13'))
        self.assertRegex(self.succeed("resume", run).out, r"step-000000014/checkpoint.json: damaged")
        self.assert_same_run(whole, run, "damaged manifest")

    def test_a_full_disk_ends_the_job_and_what_was_saved_is_good(self):
        whole = self.train("small.ini", "whole")
        outcome = self.lockstep("train", "small.ini", "--run.dir", "run", "--inject", "enospc:rank=1,checkpoint=2",
                                ranks=2)
        self.assertEqual(outcome.code, CHECKPOINT, outcome)
        self.assertEqual(len(outcome.messages()), 1, outcome)
        self.assertIn("No space left on device", outcome.messages()[0])
        self.succeed("resume", "run")
        self.assert_same_run(whole, self.folder / "run", "")

    def test_without_a_checkpoint_a_run_begins_again(self):
        whole = self.train("small.ini", "whole")
        run = self.killed("run", "--run.checkpoint_every", "0", step=9)
        self.assertIn("has no checkpoint", self.succeed("resume", run).out)
        self.assert_same_run(whole, run, "")

    def test_a_run_that_replaces_an_older_one_goes_on_beside_it(self):
        whole = self.train("small.ini", "whole")
        self.train("small.ini", "run", "--training.seed", "7")
        old = self.digest(self.folder / "run")
        outcome = self.lockstep("train", "small.ini", "--run.dir", "run", "--run.overwrite", "true", "--inject",
                                "kill:rank=0,step=9")
        self.assertEqual(outcome.code, -signal.SIGKILL, outcome)
        self.assertEqual(self.digest(self.folder / "run"), old)
        self.succeed("resume", "run")
        self.assert_same_run(whole, self.folder / "run", "")
        self.assertFalse((self.folder / "run" / "unfinished").exists())

    def test_killed_while_its_files_are_moved_to_their_place_a_run_is_the_new_one(self):
        whole = self.train("small.ini", "whole")
        # In the order in which they are moved, the model last.
        names = ["run.json", "checkpoints", "metrics.jsonl", "metrics.csv", "ledger.jsonl", "result.json"]
        for moved in (2, len(names)):
            run = self.train("small.ini", f"run-{moved}", "--training.seed", "7")
            unfinished = run / "unfinished"
            shutil.copytree(whole, unfinished, symlinks=True)
            shutil.rmtree(run / "checkpoints")
            for name in names[:moved]:
                (unfinished / name).rename(run / name)
            self.succeed("resume", run)
            self.assert_same_run(whole, run, moved)
            self.assertFalse(unfinished.exists())

    def test_what_changes_bits_is_refused_and_the_rest_is_free(self):
        whole = self.train("small.ini", "whole")
        run = self.killed("run", step=9)
        refused = self.lockstep("resume", run, "--optimizer.learning_rate", "0.02")
        self.assertEqual(refused.code, CHECKPOINT, refused)
        self.assertIn("optimizer.learning_rate was 0.01 where the run stood, and is 0.02 now", refused.err)
        self.assertIn("--allow optimizer.learning_rate", refused.err)
        self.assertEqual(self.lockstep("resume", run, "--optimizer.learning_rat", "0.02").code, USAGE)
        changed = self.folder / "changed"
        shutil.copytree(run, changed, symlinks=True)
        self.succeed("resume", changed, "--optimizer.learning_rate", "0.02", "--allow", "optimizer.learning_rate")
        ledgers = [(path / "ledger.jsonl").read_text().splitlines()[-2] for path in (changed, whole)]
        self.assertNotEqual(*ledgers)
        self.succeed("resume", run, "--training.threads", "2", "--comm.bucket_mib", "0.001", "--run.checkpoint_every",
                     "1h", "--training.micro_batch", "4")
        self.assert_same_run(whole, run, "free keys")

    def test_changed_data_are_refused(self):
        data = self.folder / "data"
        vectors = [[self.random.random() for _ in range(4)] for _ in range(24)]
        write_csv_set(self.write, "data", vectors, [sample % 3 for sample in range(24)])
        self.write("small.ini", "[data]\nsource = csv\ndir = data\n[network]\nlayer = dense units=3 activation=softmax\n"
                   "[training]\nepochs = 9\nglobal_batch = 8\nleaf = 4\n[optimizer]\nlearning_rate = 0.1\n"
                   "[run]\ncheckpoint_every = 2\nledger = step\nlog_every = 1\n")
        whole = self.train("small.ini", "whole")
        run = self.killed("run", step=9)
        # A relative path is from where the run was started, wherever it goes on.
        copy, elsewhere = self.folder / "copy", self.folder / "elsewhere"
        shutil.copytree(run, copy, symlinks=True)
        elsewhere.mkdir()
        outcome = run_command([PROGRAM, "resume", copy], elsewhere, user_environment())
        self.assertEqual(outcome.code, 0, outcome)
        self.assert_same_run(whole, copy, "from elsewhere")
        vectors = next(data.glob("*train_vectors.csv"))
        text = vectors.read_text()
        lines = text.splitlines()
        vectors.write_text("\n".join([lines[1], lines[0], *lines[2:]]) + "\n")
        refused = self.lockstep("resume", run)
        self.assertEqual(refused.code, CHECKPOINT, refused)
        self.assertIn("training set", refused.err)
        self.assertIn("--allow data", refused.err)
        # The same data elsewhere are the same data.
        vectors.write_text(text)
        data.rename(self.folder / "moved")
        self.succeed("resume", run, "--data.dir", "moved")
        self.assert_same_run(whole, run, "")

    def test_a_finished_run_stays_so_and_trains_on_where_it_is_told(self):
        self.write("small.ini", small(optimizer__schedule="constant", training__patience=0, training__keep="last"))
        whole = self.train("small.ini", "whole", "--training.epochs", "5")
        run = self.train("small.ini", "run")
        digest = self.digest(run)
        result = self.succeed("resume", run, "--json").json()
        self.assertEqual(result["digest"], digest)
        self.assertEqual(self.digest(run), digest)
        self.assertEqual(self.lockstep("resume", run, "--training.epochs", "5").code, USAGE)
        self.succeed("resume", run, "--training.epochs", "5", "--allow", "training.epochs")
        self.assert_same_run(whole, run, "longer")

    def test_the_model_that_a_run_started_from_may_be_elsewhere(self):
        self.write("small.ini", small(optimizer__schedule="constant", training__patience=0, training__keep="last"))
        self.train("small.ini", "source", "--training.seed", "7")
        whole = self.train("small.ini", "whole", "--model", "source")
        run = self.killed("run", "--model", "source", step=9)
        (self.folder / "source").rename(self.folder / "moved")
        refused = self.lockstep("resume", run, ranks=2)
        self.assertEqual(refused.code, CHECKPOINT, refused)
        self.assertIn("started from the model source", refused.err)
        self.assertEqual(self.lockstep("resume", run, "--model", whole).code, CHECKPOINT)
        self.succeed("resume", run, "--model", "moved")
        self.assert_same_run(whole, run, "")

    def test_without_a_good_checkpoint_a_run_begins_again_with_the_weights_given(self):
        self.write("points.table", "0 1 : 1\n1 0 : 1\n1 1 : 0\n0 0 : 0\n")
        self.write("first.weights", "layer 0\n1 -1 0.5\n")
        text = ("[data]\nsource = table\ntable = points.table\n[network]\nlayer = dense units=1 activation=sigmoid\n"
                "loss = square_error\nweights = first.weights\n[training]\nepochs = 15\nglobal_batch = all\n"
                "[optimizer]\nlearning_rate = 1\n[run]\ncheckpoint_every = 4\nledger = step\nlog_every = 1\n")
        self.write("small.ini", text)
        whole = self.train("small.ini", "whole")
        run = self.killed("run", step=11)
        for part in run.glob("checkpoints/step-*/part-0"):
            part.write_bytes(b"")
        self.assertIn("has no good checkpoint", self.succeed("resume", run).out)
        self.assert_same_run(whole, run, "")

    def test_a_flag_that_would_be_passed_over_is_refused(self):
        run = self.killed("run", step=9)
        for flags, word in ((["--run.dir", "other"], "its own directory"), (["--run.overwrite", "true"], "run.overwrite"),
                            (["--allow", "optimizer.learning_rat"], "did you mean 'optimizer.learning_rate'?"),
                            (["--model", "m"], "did not start from a model")):
            refused = self.lockstep("resume", run, *flags)
            self.assertEqual(refused.code, USAGE, refused)
            self.assertIn(word, refused.err)

    def test_what_was_allowed_once_lets_no_finished_run_train_again(self):
        run = self.killed("run", step=9)
        self.succeed("resume", run, "--optimizer.learning_rate", "0.02", "--allow", "optimizer.learning_rate")
        digest = self.digest(run)
        self.assertIn("is finished", self.succeed("resume", run).out)
        self.assertEqual(self.lockstep("resume", run, "--optimizer.learning_rate", "0.5").code, USAGE)
        self.assertEqual(self.digest(run), digest)

    def test_pipes_and_devices_in_place_of_files_are_named(self):
        whole = self.train("small.ini", "whole")
        run = self.killed("run", step=12)
        manifest = run / "checkpoints" / "latest" / "checkpoint.json"
        manifest.unlink()
        os.mkfifo(manifest)
        older = run / "checkpoints" / "step-000000099"
        older.mkdir()
        (older / "checkpoint.json").symlink_to("/dev/zero")
        metrics = run / "metrics.jsonl"
        text = metrics.read_text()
        metrics.unlink()
        os.mkfifo(metrics)
        refused = self.lockstep("resume", run)
        self.assertEqual(refused.code, USAGE, refused)
        self.assertIn("metrics.jsonl is no regular file", refused.err)
        metrics.unlink()
        metrics.write_text(text)
        self.assertEqual(self.succeed("resume", run).out.count("damaged: is no regular file"), 2)
        self.assert_same_run(whole, run, "")

    def test_a_damaged_record_of_a_run_is_said_to_be(self):
        run = self.killed("run", step=9)
        path = run / "run.json"
        record = json.loads(path.read_text())
        damages = [{"options": {}}, {"subcommand": 3}, {"subcommand": "eval"}, {"allowed": [1]}, {"sessions": "x"},
                   {"options": record["options"] | {"training.seed": {"value": {}, "origin": "default"}}}]
        for damage in damages:
            path.write_text(json.dumps(record | damage))
            refused = self.lockstep("resume", run)
            self.assertIn(refused.code, (USAGE, CHECKPOINT), refused)
            self.assertIn("run.json", refused.messages()[0])

    def test_crossval_and_bag_go_on(self):
        for command, key, member in (("crossval", "resampling.folds", "fold"), ("bag", "resampling.bags", "bag")):
            self.write("small.ini", small().replace("split = 60/20/20", "split = none"))
            flags = [f"--{key}", "3", "--resampling.groups", "1"]
            whole = self.succeed(command, "small.ini", "--run.dir", f"{command}-whole", *flags, "--json").json()
            run = self.folder / f"{command}-killed"
            # Killed in the second network: the first one meets its step, too, so it is asked to stop.
            process = subprocess.Popen([PROGRAM, command, "small.ini", "--run.dir", run, *flags, "--inject",
                                        "slow:rank=0,ms=20"], cwd=self.folder, env=user_environment(),
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.addCleanup(process.kill)
            deadline = time.monotonic() + 60
            while not (run / f"{member}-2" / "checkpoints" / "latest").exists():
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)
            process.kill()
            process.wait()
            refused = self.lockstep("resume", run, f"--{key}", "4")
            self.assertEqual(refused.code, CHECKPOINT, refused)
            self.assertIn(f"{key} was 3 and is 4 now", refused.err)
            first = (run / f"{member}-1" / "model.lockstep").stat().st_mtime_ns
            resumed = self.succeed("resume", run, "--json", ranks=2).json()
            self.assertEqual([network["digest"] for network in resumed["networks"]],
                             [network["digest"] for network in whole["networks"]])
            self.assertEqual((run / f"{member}-1" / "model.lockstep").stat().st_mtime_ns, first)

    def test_what_holds_no_run_is_refused(self):
        (self.folder / "empty").mkdir()
        for name in ("empty", "missing"):
            outcome = self.lockstep("resume", name)
            self.assertEqual(outcome.code, CHECKPOINT, outcome)
            self.assertIn("run.json", outcome.err)
        outcome = self.lockstep("train", "small.ini", "--run.dir", self.killed("run", step=9))
        self.assertEqual(outcome.code, USAGE)
        self.assertIn("lockstep resume", outcome.err)


if __name__ == "__main__":
    print(f"LOCKSTEP_TEST_SEED={SEED}")
    main()
