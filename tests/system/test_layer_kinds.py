"""Layers without parameters, from the command line: whatever reads a network must do without theirs."""

import itertools
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import USAGE, ProgramTest, main

DATA = ["[data]", "source = letters", "train_samples = 100", "test_samples = 20", "[network]"]
REST = ["[training]", "max_steps = 6", "global_batch = 40", "leaf = 8", "[optimizer]", "learning_rate = 0.1"]
# At the bottom, in the middle, two in a row, and at the top.
APART = ["layer = activation activation=identity", "layer = dense units=9 init=he",
         "layer = activation activation=relu", "layer = dense units=5 init=glorot", "layer = activation activation=tanh",
         "layer = activation activation=identity", "layer = dense units=3 init=glorot",
         "layer = activation activation=softmax"]


class LayersWithoutParameters(ProgramTest):
    def config(self, name, layers, *more):
        return self.write(name, "\n".join([*DATA, *layers, *REST, *more]))

    def exported(self, run):
        self.succeed("export", run / "model.lockstep", "--format", "npz", "--out", "w.npz")
        with np.load(self.folder / "w.npz") as file:
            return {name: file[name] for name in file}

    def test_apart_or_in_one_with_the_linear_layer_the_bits_are_equal(self):
        # The first weights depend on a layer's number, so both begin with those of one file.
        def rows(out, count):
            return [" ".join(f"{(i * 7 + j * 3) % 11 / 10 - 0.5:.1f}" for i in range(count + 1)) for j in range(out)]

        weights = self.write("one.weights", "\n".join(["layer 0", *rows(4, 64), "layer 1", *rows(3, 4)]))
        split = self.write("two.weights", "\n".join(["layer 0", *rows(4, 64), "layer 2", *rows(3, 4)]))
        one = self.config("one.ini", [f"weights = {weights}", "layer = dense units=4 activation=tanh",
                                      "layer = dense units=3 activation=softmax"])
        two = self.config("two.ini", [f"weights = {split}", "layer = dense units=4", "layer = activation activation=tanh",
                                      "layer = dense units=3", "layer = activation activation=softmax"])
        found = [self.exported(self.train(config, config.stem)) for config in (one, two)]
        self.assertEqual(sorted(found[1]), ["layer0.bias", "layer0.weight", "layer2.bias", "layer2.weight"])
        for block in ("weight", "bias"):
            np.testing.assert_array_equal(found[0][f"layer0.{block}"], found[1][f"layer0.{block}"])
            np.testing.assert_array_equal(found[0][f"layer1.{block}"], found[1][f"layer2.{block}"])

    def test_the_bits_are_equal_on_any_ranks_and_shards_with_every_rule(self):
        config = self.config("apart.ini", APART)
        variants = {
            "plain": ([], ("none", "optimizer", "parameters")),
            "norms": (["--optimizer.name", "lamb", "--regularisation.max_norm", "1"], ("none",)),
            "stop": (["--training.stop_gradient", "1e-9"], ("none",)),
            "top_k": (["--comm.compression", "top_k", "--comm.keep", "0.3"], ("none", "optimizer")),
            "bf16": (["--training.arithmetic", "bf16", "--comm.compression", "bf16"], ("none", "optimizer")),
            "pieces": (["--training.micro_batch", "8"], ("none", "optimizer")),
            "dropout": (["--network.input_dropout", "0.1", "--training.keep", "best", "--data.split", "80/20"],
                        ("none", "parameters")),
        }
        for name, (flags, shards) in variants.items():
            alone = self.digest(self.train(config, f"{name}_alone", *flags))
            # Buckets so small that every layer with parameters has its own.
            for number, shard in enumerate(shards):
                run = self.train(config, f"{name}{number}", *flags, "--comm.shard", shard, "--comm.bucket_mib", "0.0001",
                                 ranks=3)
                self.assertEqual(self.digest(run), alone, f"{name}, {shard}")

    def test_whatever_reads_a_model_finds_the_layers_that_have_parameters(self):
        config = self.config("apart.ini", APART)
        run = self.train(config, "run")
        model = run / "model.lockstep"
        blocks = [f"layer{l}.{block}" for l, block in itertools.product((1, 3, 6), ("weight", "bias"))]
        self.assertEqual(sorted(self.exported(run)), sorted(blocks))
        digests = self.succeed("digest", model, "--layers").out
        for l in range(8):
            self.assertEqual(f"layer{l}" in digests, l in (1, 3, 6))
        self.succeed("export", model, "--format", "safetensors", "--out", "w.safetensors")
        header = (self.folder / "w.safetensors").read_bytes()[8:].split(b'"layer1', 1)[0].decode()
        self.assertIn("activation activation=relu; dense units=5", header)
        self.succeed("diff", model, model)
        score = self.succeed("eval", config, "--model", model, "--json").json()
        self.assertEqual(self.succeed("eval", config, "--model", model, "--json", ranks=2).json(), score)
        self.succeed("predict", config, "--model", model, "--out", "classes.txt")
        check = self.succeed("gradcheck", config, "--model", model, "--json").json()
        self.assertTrue(check["passed"])
        self.assertEqual(sorted(block["name"] for block in check["blocks"]), sorted(blocks))
        layers = self.succeed("plan", config, "--ranks", "3", "--json").json()["layers"]
        self.assertEqual([(layer["inputs"], layer["outputs"], layer["parameters"]) for layer in layers],
                         [(64, 64, 0), (64, 9, 585), (9, 9, 0), (9, 5, 50), (5, 5, 0), (5, 5, 0), (5, 3, 18), (3, 3, 0)])

    def test_what_means_nothing_is_refused_with_its_remedy(self):
        for number, (layers, words) in enumerate([
                (["layer = activation activation=softmax"], ("nothing to learn", "dense units=")),
                (["layer = dense units=3", "layer = activation"], ("needs activation=",)),
                (["layer = dense units=3", "layer = activation units=3 activation=softmax"], ("units=", "activation")),
                # The layer that must change is not the last one.
                (["layer = dense units=4", "layer = activation activation=softmax"], ("dense units=4", "units=3"))]):
            with self.subTest(layers):
                outcome = self.lockstep("train", self.config(f"{number}.ini", layers), "--run.dir", "refused")
                self.assertEqual(outcome.code, USAGE, outcome)
                for word in words:
                    self.assertIn(word, outcome.messages()[0])

    def test_help_lists_every_kind_activation_and_source_from_their_tables(self):
        text = self.succeed("train", "--help-all", COLUMNS="10000").out
        self.assertIn("activation activation=identity|relu", text)
        self.assertIn("distance units=N [activation=gaussian|identity]", text)
        self.assertIn("mnist, csv: the folder of the files", text)
        self.assertIn("alvinn, sine, xor, letters, oaks: what the samples are drawn from", text)


if __name__ == "__main__":
    main()
