"""crossval and bag: the same networks whichever ranks train them; eval and predict with several models."""

import json
import statistics
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import REPOSITORY, USAGE, ProgramTest, main

CROSSVAL, BAGGING = (REPOSITORY / "configs" / f"{name}.ini" for name in ("crossval", "bagging"))


def numbers(report):
    """Of each network what must not depend on the ranks."""
    return [(network["number"], network["digest"], network["validation_loss"], network["test_loss"])
            for network in report["networks"]]


class Resampling(ProgramTest):
    def report(self, command, config, run, *flags, **options):
        self.succeed(command, config, "--run.dir", run, *flags, **options)
        return json.loads((self.folder / run / f"{command}.json").read_text())

    def test_the_example_of_cross_validation(self):
        report = self.report("crossval", CROSSVAL, "one")
        accuracies = [network["validation_accuracy"] for network in report["networks"]]
        self.assertEqual(len(accuracies), 10)
        self.assertAlmostEqual(report["validation_accuracy"]["mean"], statistics.mean(accuracies), 12)
        self.assertAlmostEqual(report["validation_accuracy"]["standard_deviation"], statistics.stdev(accuracies), 12)
        self.assertGreater(report["validation_accuracy"]["mean"], 0.95)
        one_neuron = ["--network.layer", "dense units=1 activation=tanh", "--network.layer", "dense units=3 activation=softmax"]
        self.assertLess(self.report("crossval", CROSSVAL, "small", *one_neuron)["validation_accuracy"]["mean"], 0.8)

    def test_ranks_and_groups_change_no_network(self):
        flags = ["--training.epochs", "3", "--resampling.folds", "4", "--resampling.bags", "4"]
        for command in ("crossval", "bag"):
            one = numbers(self.report(command, CROSSVAL, f"{command}1", *flags))
            self.assertEqual([number for number, *_ in one], [1, 2, 3, 4])
            self.assertEqual(len({digest for _, digest, *_ in one}), 4)
            for ranks, groups in ((2, 1), (3, 0), (3, 2), (5, 0)):
                with self.subTest(command=command, ranks=ranks, groups=groups):
                    report = self.report(command, CROSSVAL, f"{command}{ranks}{groups}", *flags, "--resampling.groups", groups,
                                         ranks=ranks)
                    self.assertEqual(numbers(report), one)
                    for network in report["networks"]:
                        run = json.loads((self.folder / network["run_dir"] / "run.json").read_text())
                        self.assertIn(f"{network['number']} of 4", run["member"])

    def test_eval_judges_a_model_as_its_run_did(self):
        report = self.report("bag", CROSSVAL, "bags", "--training.epochs", "2", "--resampling.bags", "2")
        for network in report["networks"]:
            score = self.succeed("eval", CROSSVAL, "--model", self.folder / network["model"], "--json").json()
            self.assertEqual(score["loss"], network["test_loss"])

    def test_networks_together_beat_their_mean(self):
        report = self.report("bag", BAGGING, "bags", ranks=2)
        alone = [network["test_accuracy"] for network in report["networks"]]
        scores = {}
        for combine in "average", "vote":
            each = [self.succeed("eval", BAGGING, "--model", "bags", "--combine", combine, "--json", ranks=ranks).json()
                    for ranks in (1, 3)]
            self.assertEqual(*each)
            self.assertEqual(each[0]["models"], 10)
            scores[combine] = each[0]["accuracy"]
        self.assertGreater(min(scores.values()), statistics.mean(alone))
        self.assertGreater(scores["average"], 0.97)

        # A vote is what the networks' own predictions come to.
        predictions = []
        for number in range(1, 11):
            model = self.folder / "bags" / f"bag-{number}" / "model.lockstep"
            self.succeed("predict", BAGGING, "--model", model, "--out", "alone.txt")
            predictions.append((self.folder / "alone.txt").read_text().split())
        for ranks in 1, 3:
            self.succeed("predict", BAGGING, "--model", "bags", "--combine", "vote", "--out", "vote.txt", ranks=ranks)
            votes = (self.folder / "vote.txt").read_text().split()
            self.assertEqual(len(votes), 2000)
            for choice, *given in zip(votes, *predictions):
                count = Counter(given)
                self.assertEqual(choice, min(count, key=lambda label: (-count[label], label)))

    def test_real_outputs_are_averaged(self):
        config = REPOSITORY / "configs" / "early_stopping.ini"
        flags = ["--data.split", "none", "--training.epochs", "20", "--resampling.bags", "2"]
        report = self.report("bag", config, "bags", *flags)
        parts = []
        for model in [["bags/bag-1"], ["bags/bag-2/model.lockstep"], ["bags"]]:
            self.succeed("predict", config, *flags, *[word for name in model for word in ("--model", self.folder / name)],
                         "--out", "p.txt")
            parts.append([float(line) for line in (self.folder / "p.txt").read_text().split()])
        for one, other, both in zip(*parts):
            self.assertAlmostEqual((one + other) / 2, both, delta=1e-5 * abs(both))
        together = self.succeed("eval", config, *flags, "--model", "bags", "--json").json()
        outcome = self.lockstep("eval", config, *flags, "--model", "bags", "--combine", "vote")
        self.assertEqual(outcome.code, USAGE, outcome)
        self.assertIn("--combine vote: votes are for classes", outcome.err)
        # The square error is convex.
        self.assertLessEqual(together["loss"], statistics.mean(network["test_loss"] for network in report["networks"]))

    def test_what_cannot_be_names_key_and_rule(self):
        early = REPOSITORY / "configs" / "early_stopping.ini"
        self.report("bag", BAGGING, "bags", "--training.epochs", "1", "--resampling.bags", "2")
        for arguments, words in (
                (["crossval", early], ["data.split", "none"]),
                (["crossval", CROSSVAL, "--resampling.folds", "121"], ["--resampling.folds 121", "120 training samples"]),
                (["crossval", CROSSVAL, "--resampling.folds", "1"], ["resampling.folds", "2"]),
                (["bag", BAGGING, "--resampling.groups", "2"], ["--resampling.groups 2", "at most 1"]),
                (["bag", BAGGING, "--run.dir", "bags"], ["already holds a run", "run.overwrite"]),
                (["eval", BAGGING, "--model", self.folder], ["--model", "bag-1/model.lockstep"]),
                (["eval", BAGGING, "--model", "bags", "--combine", "votes"], ["--combine votes", "vote"])):
            outcome = self.lockstep(*arguments)
            self.assertEqual(outcome.code, USAGE, outcome)
            for word in words:
                self.assertIn(word, outcome.err)

    def test_a_run_in_place_of_a_larger_one_leaves_none_of_its_networks(self):
        self.report("bag", BAGGING, "bags", "--training.epochs", "1", "--resampling.bags", "3")
        self.report("bag", BAGGING, "bags", "--training.epochs", "1", "--resampling.bags", "2", "--run.overwrite", "true")
        score = self.succeed("eval", BAGGING, "--model", "bags", "--json").json()
        self.assertEqual(score["models"], 2)


if __name__ == "__main__":
    main()
