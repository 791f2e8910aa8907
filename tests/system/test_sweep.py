"""sweep: every point of a grid trained as `train` would, on any ranks, ranked; refused whole where one point cannot be."""

import csv
import io
import json
import shutil
import signal
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import CHECKPOINT, NUMERICAL, PROGRAM, REPOSITORY, USAGE, ProgramTest, main, mpirun

LETTERS = REPOSITORY / "configs" / "crossval.ini"
EARLY = REPOSITORY / "configs" / "early_stopping.ini"
SHORT = ["--training.epochs", "2"]
RATES = ["--grid", "optimizer.learning_rate=0.02,0.2"]
STOPPED = 75


def numbers(report):
    """What must not depend on the ranks."""
    return [(network["number"], network.get("digest"), network["point"], network["seed"]) for network in report["networks"]], \
        [(point["point"], point["test_loss"]) for point in report["points"] if "test_loss" in point]


class Sweep(ProgramTest):
    def sweep(self, run, *flags, config=LETTERS, **options):
        outcome = self.succeed("sweep", config, *SHORT, "--run.dir", run, *flags, **options)
        return outcome, json.loads((self.folder / run / "sweep.json").read_text())

    def test_every_network_has_the_bits_of_train_on_any_ranks_and_groups(self):
        grid = [*RATES, "--grid", "network.layer=dense units=3 activation=softmax | "
                "dense units=5 activation=tanh; dense units=3 activation=softmax", "--seeds", "2"]
        _, one = self.sweep("one", *grid)
        self.assertEqual([network["number"] for network in one["networks"]], list(range(1, 9)))
        for ranks, groups in ((2, 1), (3, 2), (2, 0)):
            with self.subTest(ranks=ranks, groups=groups):
                _, report = self.sweep(f"r{ranks}{groups}", *grid, "--resampling.groups", groups, ranks=ranks)
                self.assertEqual(numbers(report), numbers(one))
        for number, rate, layers, seed in ((4, "0.02", ["dense units=5 activation=tanh", "dense units=3 activation=softmax"], 1),
                                           (5, "0.2", ["dense units=3 activation=softmax"], 0)):
            network = one["networks"][number - 1]
            run = json.loads((self.folder / network["run_dir"] / "run.json").read_text())
            own_seed = run["options"]["training.seed"]["value"]
            words = [word for layer in layers for word in ("--network.layer", layer)]
            alone = self.train(LETTERS, f"alone{number}", *SHORT, *words, "--optimizer.learning_rate", rate,
                               "--training.seed", own_seed)
            self.assertEqual(self.digest(alone), network["digest"])
            self.assertEqual(network["seed"], seed + 1)

    def test_points_are_ranked_by_what_judges_them_and_the_seeds_mean_counts(self):
        outcome, report = self.sweep("run", *RATES, "--seeds", "3")
        best, worst = report["points"]
        self.assertEqual(report["judged_by"], ["test_accuracy", "test_loss"])
        self.assertIn("ranked by test accuracy, then test loss", outcome.out)
        self.assertGreater(best["test_accuracy"]["mean"], worst["test_accuracy"]["mean"])
        own = [network["test_loss"] for network in report["networks"] if network["point"] == best["point"]]
        self.assertAlmostEqual(best["test_loss"]["mean"], statistics.mean(own), 12)
        self.assertAlmostEqual(best["test_loss"]["standard_deviation"], statistics.stdev(own), 12)
        self.assertIn(f"best: --optimizer.learning_rate {best['values']['optimizer.learning_rate']}", outcome.out)
        rows = list(csv.DictReader(io.StringIO((self.folder / "run" / "sweep.csv").read_text())))
        self.assertEqual([(row["place"], row["point"], float(row["test_loss"])) for row in rows],
                         [(str(point["place"]), str(point["point"]), point["test_loss"]["mean"]) for point in report["points"]])
        printed = json.loads(self.succeed("sweep", LETTERS, *SHORT, "--run.dir", "json", *RATES, "--seeds", "3", "--json").out)
        self.assertEqual(numbers(printed), numbers(report))

        outcome, report = self.sweep("validation", "--grid", "optimizer.learning_rate=0.001;0.01", config=EARLY)
        self.assertEqual(report["judged_by"], ["validation_loss"])
        losses = [point["validation_loss"]["mean"] for point in report["points"]]
        self.assertEqual(losses, sorted(losses))

    def test_points_drawn_at_random_are_the_same_on_any_ranks_and_within_their_ranges(self):
        grid = ["--grid", "optimizer.learning_rate=log:0.001..0.1", "--grid", "training.global_batch=lin:4..16",
                "--grid", "optimizer.name=sgd,nesterov", "--random", "5"]
        outcome, one = self.sweep("one", *grid)
        _, two = self.sweep("two", *grid, ranks=2)
        self.assertEqual(numbers(two), numbers(one))
        values = [point["values"] for point in one["points"]]
        self.assertEqual(sorted(map(str, values)), sorted(str(point["values"]) for point in two["points"]))
        rates = [float(value["optimizer.learning_rate"]) for value in values]
        self.assertTrue(all(0.001 <= rate <= 0.1 for rate in rates) and len(set(rates)) == 5, rates)
        self.assertTrue(all(4 <= int(value["training.global_batch"]) <= 16 for value in values), values)
        _, other = self.sweep("other", *grid, "--training.seed", "9")
        self.assertNotEqual(sorted(map(str, values)), sorted(str(point["values"]) for point in other["points"]))

    def test_a_network_that_diverges_is_a_row_and_all_that_do_are_an_error(self):
        grid = ["--grid", "optimizer.learning_rate=3e38,0.2", "--network.layer", "dense units=3 activation=identity",
                "--network.loss", "square_error"]
        for ranks in 1, 2:
            outcome, report = self.sweep(f"r{ranks}", *grid, "--resampling.groups", "1", ranks=ranks)
            self.assertRegex(outcome.out, r"\n2 +1 +3e38 .*diverged\n")
            self.assertEqual([point["diverged"] for point in report["points"]], [0, 1])
            self.assertIn("loss is", report["networks"][0]["diverged"])
            self.assertIn("2,1,3e38", (self.folder / f"r{ranks}" / "sweep.csv").read_text())
            before = report
            again = self.succeed("resume", f"r{ranks}", ranks=ranks)
            self.assertNotIn("epoch", again.out)
            self.assertEqual(json.loads((self.folder / f"r{ranks}" / "sweep.json").read_text()), before)
        grid[1] = "optimizer.learning_rate=3e38,2e38"
        outcome = self.lockstep("sweep", LETTERS, *SHORT, "--run.dir", "all", *grid)
        self.assertEqual(outcome.code, NUMERICAL, outcome)
        self.assertIn("every network of the sweep diverged", outcome.messages()[0])
        self.assertTrue((self.folder / "all" / "sweep.csv").exists())

    def test_a_sweep_that_was_stopped_goes_on_and_keeps_what_is_finished(self):
        flags = ["--grid", "optimizer.learning_rate=0.02,0.2", "--training.epochs", "2000", "--resampling.groups", "1"]
        process = self.begin(*mpirun(2), PROGRAM, "sweep", LETTERS, *flags, "--run.dir", "run")
        self.wait_for_a_step(process, "run/point-2")
        process.send_signal(signal.SIGUSR1)
        outcome = self.outcome(process)
        self.assertEqual(outcome.code, STOPPED, outcome)
        self.assertIn("go on: lockstep resume run\n", outcome.out)
        first = (self.folder / "run" / "point-1" / "model.lockstep").stat()
        self.succeed("resume", "run")
        self.assertEqual((self.folder / "run" / "point-1" / "model.lockstep").stat().st_mtime_ns, first.st_mtime_ns)
        report = json.loads((self.folder / "run" / "sweep.json").read_text())
        self.succeed("sweep", LETTERS, *flags, "--run.dir", "whole")
        self.assertEqual(numbers(report), numbers(json.loads((self.folder / "whole" / "sweep.json").read_text())))
        outcome = self.lockstep("resume", "run", "--optimizer.momentum", "0.5")
        self.assertEqual(outcome.code, CHECKPOINT, outcome)
        varied = ["--optimizer.learning_rate", "0.5", "--allow", "optimizer.learning_rate"]
        self.assertEqual(self.lockstep("resume", "run", *varied).code, USAGE)

    def test_what_cannot_be_is_refused_before_anything_is_trained(self):
        for flags, words in (
                (["optimizer.learning_rat=0.1"], ["optimizer.learning_rat", "did you mean optimizer.learning_rate?"]),
                (["optimizer.learning_rate=0.1,fast"], ["--grid optimizer.learning_rate=0.1,fast", "fast: must be"]),
                (["optimizer.learning_rate=0.1,"], ["an empty value"]),
                (["optimizer.learning_rate=0.1,0.1"], ["0.1 is given twice"]),
                (["optimizer.learning_rate"], ["KEY=VALUES"]),
                (["optimizer.learning_rate=log:0.001..0.1"], ["--random N"]),
                (["optimizer.learning_rate=log:0..0.1", "--random", "2"], ["above 0"]),
                (["optimizer.momentum=lin:0.5..1", "--random", "2"], ["1: must be"]),
                (["optimizer.name=lin:0..1", "--random", "2"], ["no number"]),
                (["training.global_batch=4,8", "--random", "3"], ["--random 3", "2 different points"]),
                (["training.seed=1,2"], ["--seeds"]),
                (["run.dir=a,b"], ["run.dir", "same for all"]),
                (["optimizer.momentum=0,0.5", "--grid", "optimizer.momentum=0.9"], ["has a --grid already"]),
                (["optimizer.momentum=0,0.5", "--optimizer.momentum", "0.9"], ["--optimizer.momentum 0.9", "remove one"]),
                (["network.layer=dense units=3 activation=softmax | dense units=2 activation=softmax"], ["3"]),
                (["comm.reduction=tree,mpi", "--grid", "comm.shard=none,optimizer"], ["comm.shard", "a point of the sweep"]),
                (["data.source=letters,xor"], ["xor"])):
            with self.subTest(flags=flags):
                outcome = self.lockstep("sweep", LETTERS, "--run.dir", "run", "--grid", *flags)
                self.assertEqual(outcome.code, USAGE, outcome)
                for word in words:
                    self.assertIn(word, outcome.err)
                self.assertEqual(outcome.out.count("epoch"), 0)
                self.assertFalse((self.folder / "run").exists())

    def test_a_point_drops_what_its_choice_does_not_read_and_says_so(self):
        outcome, report = self.sweep("run", "--grid", "optimizer.name=sgd,adam", "--optimizer.momentum", "0.5")
        self.assertRegex(outcome.out, r"\npoint 2: .*optimizer\.momentum")
        alone = self.train(LETTERS, "alone", *SHORT, "--optimizer.name", "adam")
        self.assertEqual(report["networks"][1]["digest"], self.digest(alone))

    def test_a_grid_over_the_data_trains_each_point_on_its_own(self):
        _, report = self.sweep("run", "--grid", "data.split=80/20,60/40")
        alone = self.train(LETTERS, "alone", *SHORT, "--data.split", "60/40")
        self.assertEqual(report["networks"][1]["digest"], self.digest(alone))
        self.assertEqual(report["judged_by"][0], "validation_accuracy")

    def test_a_sweep_in_place_of_a_larger_one_leaves_none_of_its_networks(self):
        self.sweep("run", "--grid", "optimizer.learning_rate=0.1,0.2,0.3")
        outcome = self.lockstep("sweep", LETTERS, *SHORT, "--run.dir", "run", *RATES)
        self.assertEqual(outcome.code, USAGE, outcome)
        self.sweep("run", *RATES, "--run.overwrite", "true")
        self.assertEqual(sorted(path.name for path in (self.folder / "run").glob("point-*")), ["point-1", "point-2"])
        shutil.rmtree(self.folder / "run" / "point-2")
        self.succeed("resume", "run")
        self.assertTrue((self.folder / "run" / "point-2" / "model.lockstep").exists())


if __name__ == "__main__":
    main()
