"""Networks of the lecture's first part: weights from a text file, the perceptron, ADALINE."""

import importlib.util
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import DATA, REPOSITORY, USAGE, ProgramTest, main, read_json_lines

CONFIGS = REPOSITORY / "configs"
SYNTHETIC_DATA = 3  # the purpose of core/base/philox.h


def load_script(name):
    sys.path.insert(0, str(REPOSITORY / "scripts"))  # where a script finds those it imports
    spec = importlib.util.spec_from_file_location(name, REPOSITORY / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table_flags(name):
    return ["--data.table", CONFIGS / f"{name}.table"]


def gate_flags(name, table=None, weights=None):
    """The files of a network in configs/neurons, but for those given."""
    files = CONFIGS / "neurons" / name
    return ["--data.table", files.with_suffix(".table") if table is None else table,
            "--network.weights", files.with_suffix(".weights") if weights is None else weights]


class WeightsFiles(ProgramTest):
    def table(self, name, *more, weights=None):
        return self.succeed("eval", CONFIGS / "neurons" / f"{name}.ini", *gate_flags(name, weights=weights), "--json",
                            *more).json()

    def test_every_network_with_given_weights_computes_its_table(self):
        for name, samples in [("and", 4), ("or", 4), ("not", 2), ("xor", 4), ("convex", 10)]:
            with self.subTest(network=name):
                result = self.table(name)
                self.assertEqual(len(result["table"]), samples)
                self.assertEqual({tuple(row["outputs"]) for row in result["table"]}, {(0,), (1,)})
                for row in result["table"]:
                    self.assertEqual(row["outputs"], row["targets"], row)
                self.assertEqual(result["loss"], 0)

    def test_the_table_is_printed_and_the_same_on_two_ranks(self):
        flags = ["eval", CONFIGS / "neurons" / "xor.ini", *gate_flags("xor")]
        alone = self.succeed(*flags).out
        self.assertIn("1 0 -> 1  (target 1)\n1 1 -> 0  (target 0)\n", alone)
        self.assertEqual(self.succeed(*flags, ranks=2).out, alone)

    def test_a_wrong_weight_shows_in_the_table(self):
        wrong = (CONFIGS / "neurons" / "xor.weights").read_text().replace("-2   1  1", "-1   1  1")
        result = self.table("xor", weights=self.write("wrong", wrong))
        self.assertEqual([row["outputs"] for row in result["table"]], [[1], [1], [1], [1]])
        self.assertEqual(result["loss"], 0.25)

    def test_train_makes_a_model_of_the_weights_and_begins_with_them(self):
        run = self.train(CONFIGS / "neurons" / "xor.ini", "run", *gate_flags("xor"))
        result = self.table("xor", "--model", run / "model.lockstep", weights="")
        self.assertEqual([row["outputs"] for row in result["table"]], [[0], [1], [1], [0]])
        # One step by hand on the sample 1 : 0, y = 2 + 3 x = 5: w <- w - 0.1 * 5 for both.
        table, weights = self.write("one.table", "1 : 0\n"), self.write("one.weights", "layer 0\n2 3\n")
        for shard, ranks in [("none", None), ("optimizer", 2), ("parameters", 2)]:
            run = self.train(CONFIGS / "adaline_classes.ini", f"run_{shard}", "--data.table", table,
                             "--network.weights", weights, "--training.epochs", "1", "--comm.shard", shard, ranks=ranks)
            result = self.succeed("eval", CONFIGS / "adaline_classes.ini", "--data.table", table, "--model",
                                  run / "model.lockstep", "--json").json()
            self.assertEqual(result["table"][0]["outputs"], [4.0])

    def test_any_boolean_function_is_built_from_its_truth_table(self):
        script = load_script("boolean_network")
        words = [f"{number:02b}" for number in range(4)] + [f"{number:04b}" for number in range(16)] + ["01101001"]
        for word in words:
            with self.subTest(function=word):
                script.write(word, self.folder / word)
                result = self.succeed("eval", f"{word}.ini", "--json").json()
                self.assertEqual([row["outputs"] for row in result["table"]], [[int(digit)] for digit in word])
        self.assertRaises(ValueError, script.truth_table, "011")

    def test_damaged_files_are_refused_with_their_line(self):
        cases = [("no layer", "-1 2 2\n", "weights:1: expected 'layer 0'"),
                 ("a weight too few", "layer 0\n-1 2\n", "weights:2: has 2 numbers, but a neuron of layer 0 needs 3"),
                 ("a neuron too few", "layer 0\n-1 2 2\nlayer 1\n", "weights:3: layer 0 ends after 1 neurons"),
                 ("a neuron too many", "layer 0\n1 1 1\n1 1 1\n1 1 1\n", "weights:4: layer 0 has 2 neurons"),
                 ("a layer too few", "layer 0\n1 1 1\n1 1 1\n", "ends after 1 layers, but the network has 2"),
                 ("another layer", "layer 1\n", "weights:1: expected 'layer 0', found 'layer 1'"),
                 ("a layer too many", "layer 0\n1 1 1\n1 1 1\nlayer 1\n1 1 1\nlayer 2\n", "weights:6: expected the end"),
                 ("no number", "layer 0\n-1 two 2\n", "weights:2: 'two' is no number")]
        for name, text, message in cases:
            with self.subTest(name):
                outcome = self.lockstep("eval", CONFIGS / "neurons" / "xor.ini",
                                        *gate_flags("xor", weights=self.write("weights", text)))
                self.assertEqual(outcome.code, DATA, outcome)
                self.assertIn(message, outcome.err)
        cases = [("no colon", "0 1 1\n", "table:1: a sample needs a colon"),
                 ("ragged", "0 1 : 1\n0 : 1\n", "table:2: has 1 inputs and 1 targets, expected 2 and 1"),
                 ("empty", "# nothing\n", "holds no sample")]
        for name, text, message in cases:
            with self.subTest(name):
                outcome = self.lockstep("eval", CONFIGS / "neurons" / "xor.ini",
                                        *gate_flags("xor", table=self.write("table", text)))
                self.assertEqual(outcome.code, DATA, outcome)
                self.assertIn(message, outcome.err)

    def test_what_cannot_be_is_refused(self):
        xor = ["eval", CONFIGS / "neurons" / "xor.ini", *gate_flags("xor", weights="")]
        cases = [(xor, "needs --model FILE, or network.weights"),
                 (["plan", CONFIGS / "neurons" / "xor.ini", *gate_flags("xor"), "--training.epochs", "1"],
                  "a unit step has no derivative"),
                 (["gradcheck", CONFIGS / "perceptron.ini", *table_flags("points")], "is no gradient"),
                 (["plan", CONFIGS / "xor.ini", "--network.loss", "perceptron"], "loss perceptron is"),
                 (["plan", CONFIGS / "neurons" / "xor.ini", *gate_flags("xor", table="")], "set data.table")]
        for command, message in cases:
            with self.subTest(message):
                outcome = self.lockstep(*command)
                self.assertEqual(outcome.code, USAGE, outcome)
                self.assertIn(message, outcome.err)


class Perceptron(ProgramTest):
    CONFIG = CONFIGS / "perceptron.ini"

    def test_it_divides_what_a_line_divides_from_any_seed(self):
        for seed in range(1, 11):
            run = self.train(self.CONFIG, f"run{seed}", *table_flags("points"), "--training.seed", seed)
            last = read_json_lines(run / "metrics.jsonl")[-1]
            self.assertEqual((last["test_loss"], last["test_accuracy"]), (0, 1), seed)

    def test_the_bits_are_those_of_the_rule_and_equal_on_three_ranks(self):
        weights = self.write("zero.weights", "layer 0\n0 0 0\n")
        flags = [*table_flags("points"), "--network.weights", weights, "--training.order", "shuffled",
                 "--training.max_steps"]
        alone = self.train(self.CONFIG, "alone", *flags, 30)
        together = self.train(self.CONFIG, "together", *flags, 30, ranks=3)
        self.assertEqual(self.digest(alone), self.digest(together))
        # Small halves: every sum is exact, so numpy's weights after any number of steps are the very same.
        points = [line.split("#")[0].split(":") for line in (CONFIGS / "points.table").read_text().splitlines()]
        points = [([1.0, *map(float, p[0].split())], float(p[1])) for p in points if len(p) == 2]
        order = [i for epoch in range(3) for i in load_script("compare_results").epoch_order(1, epoch, len(points))]
        w = np.zeros(3)
        for i in order[:30]:
            x, target = np.array(points[i][0]), points[i][1]
            w -= (float(w @ x >= 0) - target) * x
        self.succeed("export", alone / "model.lockstep", "--format", "npz", "--out", "alone.npz")
        arrays = np.load(self.folder / "alone.npz")
        self.assertEqual([arrays["layer0.bias"].item(), *arrays["layer0.weight"].ravel()], list(w))


class Adaline(ProgramTest):
    CONFIG = CONFIGS / "adaline.ini"
    DELTA_RULE = ["--training.global_batch", "1", "--optimizer.schedule", "inverse", "--optimizer.learning_rate", "1"]

    def least_squares(self, samples):
        words = load_script("compare_results").philox(1, SYNTHETIC_DATA, np.arange(samples), 0)
        uniform = (words >> np.uint64(8)).astype(np.float64) * 2.0 ** -24
        diameter = 0.2 + uniform[:, 0]
        height = 6 + 18 * diameter + 2 * (uniform[:, 1:].sum(axis=1) - 1.5)
        x = np.stack([np.ones(samples), (diameter - 0.7) / 0.25], axis=1)
        return np.linalg.lstsq(x, height, rcond=None)[0]

    def learned(self, run):
        self.succeed("export", run / "model.lockstep", "--format", "npz", "--out", "w.npz")
        arrays = np.load(self.folder / "w.npz")
        return np.array([arrays["layer0.bias"].item(), arrays["layer0.weight"].item()])

    def test_batch_descent_and_the_delta_rule_reach_the_least_squares(self):
        wanted = self.least_squares(1000)
        # Not the weights that the heights were drawn with: the noise of 1000 trees moves them by more than batch
        # descent may err.
        self.assertGreater(np.abs(wanted - [18.6, 4.5]).max(), 1e-3)
        batch = self.learned(self.train(self.CONFIG, "batch"))
        # A sum of 1000 heights of 20 m in float errs by about 1e-5 relative at the very worst.
        np.testing.assert_allclose(batch, wanted, atol=1e-4)
        online = self.learned(self.train(self.CONFIG, "online", *self.DELTA_RULE, "--training.epochs", 20))
        np.testing.assert_allclose(online, wanted, atol=0.03)

    def test_the_bits_are_equal_on_any_number_of_ranks(self):
        for name, flags in [("batch", []), ("online", [*self.DELTA_RULE, "--training.max_steps", 300])]:
            digests = {self.digest(self.train(self.CONFIG, f"{name}{ranks}", *flags, ranks=ranks))
                       for ranks in (None, 2, 3)}
            self.assertEqual(len(digests), 1, name)

    def test_as_a_classifier_it_gives_every_point_its_sign(self):
        config = CONFIGS / "adaline_classes.ini"
        run = self.train(config, "run", *table_flags("points_signs"))
        rows = self.succeed("eval", config, *table_flags("points_signs"), "--model", run / "model.lockstep",
                            "--json").json()["table"]
        self.assertEqual(len(rows), 12)
        for row in rows:
            self.assertGreater(row["outputs"][0] * row["targets"][0], 0, row)


if __name__ == "__main__":
    main()
