"""Training from the parameters of a finished model, or of some of its layers: train, crossval and bag with --model."""

import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from configurations import alvinn
from program import CHECKPOINT, MPIEXEC, PROGRAM, USAGE, ProgramTest, main, run_command

LAYERS = ["dense units=8 activation=tanh", "dense units=6 activation=relu"]
OTHER_LAYER = ["dense units=8 activation=tanh", "dense units=6 activation=tanh"]
SECTIONS = {"training": {"max_steps": 3, "global_batch": 16, "leaf": 4}, "optimizer": {"learning_rate": "0.1"},
            "preprocessing": {"inputs": "standardise"}}
DRAWN = ("--training.max_steps", "0")


class WarmStart(ProgramTest):
    files = {"x.ini": alvinn(48, LAYERS, **SECTIONS), "other.ini": alvinn(48, OTHER_LAYER, **SECTIONS),
             "deeper.ini": alvinn(48, [*LAYERS, "dense units=5"], **SECTIONS),
             "narrow.ini": alvinn(48, LAYERS, **SECTIONS | {"preprocessing": {"inputs": "pca", "components": "9"}})}

    def setUp(self):
        super().setUp()
        self.train("x.ini", "m")

    def layers(self, run):
        """The digests of a run's layers."""
        found = self.succeed("digest", self.folder / run / "model.lockstep", "--layers", "--json").json()["layers"]
        return [layer["digest"] for layer in found]

    def refuse(self, code, *words, arguments, ranks=None):
        outcome = self.lockstep("train", *arguments, "--run.dir", "refused", ranks=ranks)
        self.assertEqual((outcome.code, len(outcome.messages())), (code, 1), outcome)
        for word in words:
            self.assertIn(word, outcome.messages()[0], outcome)
        self.assertFalse((self.folder / "refused").exists(), outcome)

    def test_a_run_goes_on_from_the_models_parameters_and_says_so(self):
        digest = self.digest(self.folder / "m")
        outcome = self.succeed("train", "x.ini", "--model", "m", *DRAWN, "--run.dir", "same")
        self.assertEqual(self.digest(self.folder / "same"), digest)
        self.assertIn(f"starts from m/model.lockstep, digest {digest}", outcome.out.splitlines()[0], outcome)
        self.assertEqual(json.loads((self.folder / "same" / "run.json").read_text())["started_from"],
                         {"model": "m/model.lockstep", "digest": digest, "layers": ["layer0", "layer1", "layer2"]})
        alone = self.digest(self.train("x.ini", "alone", "--model", "m/model.lockstep"))
        self.assertNotIn(alone, {digest, self.digest(self.train("x.ini", "fresh"))})
        for shard in ("none", "parameters"):
            run = self.train("x.ini", f"two-{shard}", "--model", "m", "--comm.shard", shard, ranks=2)
            self.assertEqual(self.digest(run), alone)

    def test_layers_that_are_not_taken_are_drawn_as_in_a_fresh_network(self):
        model = self.layers("m")
        self.train("deeper.ini", "fresh", *DRAWN)
        fresh = self.layers("fresh")
        for number, (chosen, taken) in enumerate((("2", {0, 1}), ("1", {0}), ("layer1", {1}), ("layer1,layer0", {0, 1}))):
            outcome = self.succeed("train", "deeper.ini", "--model", "m", "--model_layers", chosen, *DRAWN, "--run.dir",
                                   f"r{number}")
            wanted = [model[layer] if layer in taken else digest for layer, digest in enumerate(fresh)]
            self.assertEqual(self.layers(f"r{number}"), wanted, outcome)
            self.assertIn(": " + ", ".join(f"layer{layer}" for layer in sorted(taken)) + "; other layers are drawn",
                          outcome.out, outcome)

    def test_inputs_are_scaled_as_the_model_saw_them_whatever_the_new_data_are(self):
        self.train("x.ini", "more", "--model", "m", "--data.seed", "7", *DRAWN)
        losses = {self.succeed("eval", "x.ini", "--model", model, "--json").json()["loss"] for model in ("m", "more")}
        self.assertEqual(len(losses), 1, losses)

    def test_a_model_that_does_not_fit_is_refused_with_the_first_difference(self):
        start = ("--model", "m")
        self.refuse(CHECKPOINT, "layer1 is dense units=6 activation=relu", "has dense units=6 activation=tanh",
                    "--model_layers 1 takes", arguments=["other.ini", *start], ranks=2)
        self.refuse(CHECKPOINT, "layer2 is dense units=30", "dense units=5", arguments=["deeper.ini", *start])
        self.refuse(CHECKPOINT, "preprocessing.inputs = standardise", "none",
                    arguments=["x.ini", *start, "--preprocessing.inputs", "none"])
        self.refuse(CHECKPOINT, "preprocessing.inputs = standardise", "pca", arguments=["narrow.ini", *start])
        self.train("narrow.ini", "n")
        self.refuse(CHECKPOINT, "layer0 has layer0.weight (9 x 8)", "layer0.weight (8 x 8)",
                    arguments=["narrow.ini", "--model", "n", "--preprocessing.components", "8"])
        self.refuse(CHECKPOINT, "m/run.json", arguments=["x.ini", "--model", "m/run.json"])

    def test_what_concerns_training_alone_may_differ(self):
        changed = [LAYERS[0] + " dropout=0.5", LAYERS[1] + " init=normal"]
        self.write("changed.ini", alvinn(48, changed, **SECTIONS))
        self.assertEqual(self.digest(self.train("changed.ini", "c", "--model", "m", *DRAWN)), self.digest(self.folder / "m"))

    def test_flags_that_make_no_sense_are_refused(self):
        for words, flags in ((("needs --model FILE",), ["--model_layers", "1"]),
                             (("from 1 to 3",), ["--model", "m", "--model_layers", "4"]),
                             (("no layer7", "layer2"), ["--model", "m", "--model_layers", "layer7"]),
                             (("layer0,layer2",), ["--model", "m", "--model_layers", "top"])):
            self.refuse(USAGE, *words, arguments=["x.ini", *flags])
        self.write("xor.ini", "[data]\nsource = xor\n[network]\nlayer = dense units=1 activation=sigmoid\n"
                              "loss = square_error\nweights = w\n[training]\nepochs = 1\nglobal_batch = 4\n"
                              "[optimizer]\nlearning_rate = 0.1\n")
        self.write("w", "layer 0\n0 1 1\n")
        self.refuse(USAGE, "xor.ini:6: network.weights", "--model", arguments=["xor.ini", "--model", "m"])

    def test_ranks_that_have_other_models_are_told(self):
        self.train("x.ini", "n", "--training.seed", "2")
        command = [MPIEXEC, "--oversubscribe", "--bind-to", "none"]
        for host, model in (("a", "m"), ("b", "n")):
            shutil.copytree(self.folder / model, self.folder / host / "model")
            shutil.copy(self.folder / "x.ini", self.folder / host)
            command += [":"] if host == "b" else []
            command += ["-np", 1, "-wdir", self.folder / host, PROGRAM, "train", "x.ini", "--model", "model", "--run.dir", "r"]
        outcome = run_command(command, self.folder)
        self.assertEqual((outcome.code, len(outcome.messages())), (CHECKPOINT, 1), outcome)
        self.assertIn("the model is model/model.lockstep: ", outcome.messages()[0])

    def test_every_network_of_crossval_and_bag_starts_from_the_model(self):
        outcome = self.succeed("bag", "x.ini", "--model", "m", "--model_layers", "2", "--resampling.bags", "2", *DRAWN,
                               "--run.dir", "b", ranks=2)
        first, second = self.layers("b/bag-1"), self.layers("b/bag-2")
        self.assertEqual(first[:2] + second[:2], 2 * self.layers("m")[:2])
        self.assertNotEqual(first[2], second[2])  # drawn by each one's own seed
        self.assertEqual(outcome.out.count("starts from m/model.lockstep"), 1, outcome)
        self.refuse(USAGE, "holds 2 models", "b/bag-1/model.lockstep", arguments=["x.ini", "--model", "b"])
        self.succeed("crossval", "x.ini", "--model", "m", "--resampling.folds", "2", *DRAWN, "--run.dir", "c")
        self.assertEqual(self.layers("c/fold-1") + self.layers("c/fold-2"), 2 * self.layers("m"))


if __name__ == "__main__":
    main()
