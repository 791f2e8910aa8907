"""Layers whose inner potential is a distance, from the command line: configs/rbf.ini and what else reads a layer."""

import itertools
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import DATA, REPOSITORY, USAGE, ProgramTest, main

CONFIG = REPOSITORY / "configs" / "rbf.ini"
# A distance layer between others, so that it hands a delta down, too.
DEEP = ["--network.layer", "dense units=5 activation=tanh dropout=0.2", "--network.layer", "distance units=7 width=0.8",
        "--network.layer", "distance units=4 activation=identity", "--network.layer", "dense units=1"]
SHORT = ["--training.epochs", "0", "--training.max_steps", "30"]


class RadialBasisFunctions(ProgramTest):
    def exported(self, run):
        self.succeed("export", run / "model.lockstep", "--format", "npz", "--out", "w.npz")
        return np.load(self.folder / "w.npz")

    def test_the_configuration_bends_to_the_sine(self):
        run = self.train(CONFIG, "run")
        result = self.succeed("eval", CONFIG, "--model", run / "model.lockstep", "--json").json()
        self.assertLess(result["loss"], 0.0005)
        # The centres moved, and with them at their first places the error would be another.
        first = self.exported(self.train(CONFIG, "first", "--training.epochs", "0"))["layer0.centre"]
        last = self.exported(run)["layer0.centre"]
        self.assertEqual(first.shape, (1, 8))
        self.assertGreater(np.abs(last - first).max(), 0.1)

    def test_outputs_are_the_formula_of_the_exported_parameters(self):
        x = np.linspace(-3, 3, 7)
        table = self.write("x.table", "".join(f"{value} : 0\n" for value in x))
        config = self.write("table.ini", "\n".join(
            ["[data]", "source = table", f"table = {table}", "[network]", "layer = distance units=8 width=1.5",
             "layer = dense units=1", "loss = square_error", "[training]", "max_steps = 30", "global_batch = all",
             "[optimizer]", "learning_rate = 0.1"]))
        run = self.train(config, "run")
        rows = self.succeed("eval", config, "--model", run / "model.lockstep", "--json").json()["table"]
        w = {name: np.asarray(values, np.float64) for name, values in self.exported(run).items()}
        hidden = np.exp(-(x[:, None] - w["layer0.centre"]) ** 2 / (2 * 1.5 ** 2))
        wanted = (hidden @ w["layer1.weight"] + w["layer1.bias"])[:, 0]
        # 8 terms below 1 in float, each rounded a few times.
        np.testing.assert_allclose([row["outputs"][0] for row in rows], wanted, atol=4e-6)
        self.succeed("predict", config, "--model", run / "model.lockstep", "--out", "out.txt")
        np.testing.assert_allclose(np.loadtxt(self.folder / "out.txt"), wanted, atol=4e-6)

    def test_the_bits_are_equal_on_any_ranks_threads_sets_and_shards(self):
        for name, layers in [("rbf", []), ("deep", DEEP)]:
            alone = self.digest(self.train(CONFIG, f"{name}_alone", *layers, *SHORT))
            cases = [(ranks, ["--comm.shard", shard]) for ranks, shard in
                     itertools.product((2, 3), ("none", "optimizer", "parameters"))]
            # Buckets so small that every layer has its own.
            cases += [(2, ["--comm.shard", "parameters", "--comm.bucket_mib", "0.0001"]),
                      (None, ["--training.micro_batch", "10"]), (2, ["--training.micro_batch", "20"]),
                      (None, ["--training.threads", "3"])]
            for number, (ranks, flags) in enumerate(cases):
                with self.subTest(network=name, ranks=ranks, flags=flags):
                    run = self.train(CONFIG, f"{name}{number}", *layers, *SHORT, *flags, ranks=ranks)
                    self.assertEqual(self.digest(run), alone)
            run = self.train(CONFIG, f"{name}_scalar", *layers, *SHORT, LOCKSTEP_ISA="scalar")
            self.assertEqual(self.digest(run), alone)
            other = self.train(CONFIG, f"{name}_other", *layers, *SHORT, "--training.seed", "2")
            self.assertNotEqual(self.digest(other), alone)

    def test_the_gradient_passes_in_every_arithmetic(self):
        for arithmetic in ("fp32", "bf16", "fp32_amx"):
            for layers in ([], [word.replace(" dropout=0.2", "") for word in DEEP]):
                result = self.succeed("gradcheck", CONFIG, *layers, "--training.arithmetic", arithmetic, "--parameters",
                                      "all", "--json").json()
                self.assertTrue(result["passed"], result)
        self.assertIn("layer1.centre", [block["name"] for block in result["blocks"]])

    def test_decay_and_bounds_leave_centres_alone(self):
        far = ["--network.layer", "distance units=2 init=constant scale=50", "--network.layer", "dense units=1"]
        run = self.train(CONFIG, "run", *far, *SHORT, "--regularisation.weight_decay", "0.1",
                         "--regularisation.max_norm", "1")
        # 50 away from every sample the Gaussian and its gradient are 0.
        self.assertEqual(self.exported(run)["layer0.centre"].tolist(), [[50, 50]])

    def test_centres_are_given_as_text_without_a_bias(self):
        table = self.write("points.table", "0 0 : 1\n3 4 : 0\n")
        flags = ["eval", REPOSITORY / "configs" / "neurons" / "xor.ini", "--data.table", table]
        distance = ["--network.layer", "distance units=1 activation=identity"]
        rows = self.succeed(*flags, *distance, "--network.weights", self.write("w", "layer 0\n3 4\n"),
                            "--json").json()["table"]
        self.assertEqual([row["outputs"] for row in rows], [[5], [0]])
        gaussian = ["--network.layer", "distance units=1 width=5"]
        outcome = self.lockstep(*flags, *gaussian, "--network.weights", self.write("w", "layer 0\n1 3 4\n"))
        self.assertEqual(outcome.code, DATA, outcome)
        self.assertIn("w:2: has 3 numbers, but a neuron of layer 0 needs 2: its centre, without a bias", outcome.err)

    def test_a_wrong_layer_is_refused_with_its_rule(self):
        for layer, message in [("distance units=3 activation=relu", "valid: gaussian, identity"),
                               ("distance units=3 init=he", "init=uniform, init=normal or init=constant"),
                               ("dense units=3 activation=gaussian", "give the layer the kind distance")]:
            outcome = self.lockstep("plan", CONFIG, "--network.layer", layer)
            self.assertEqual(outcome.code, USAGE, outcome)
            self.assertIn(message, outcome.err)


if __name__ == "__main__":
    main()
