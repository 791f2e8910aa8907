"""[preprocessing]: fitted on the training part alone, the same on any ranks, and part of the model."""

import sys
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import REPOSITORY, USAGE, ProgramTest, main, read_json_lines

WHITENED = REPOSITORY / "configs" / "alvinn_whitened.ini"
# Drawn samples are the same on every machine, so few of them are enough to compare bits.
SMALL = ["--data.train_samples", "700", "--data.test_samples", "100", "--training.epochs", "2",
         "--preprocessing.components", "20"]
SCALINGS = ("standardise", "min_max", "pca", "whiten")


class Preprocessing(ProgramTest):
    def flags(self, inputs):
        components = ["--preprocessing.components", "20"] if inputs in ("pca", "whiten") else []
        return SMALL[:6] + ["--preprocessing.inputs", inputs] + components

    def config(self):
        """The example without its section, for scalings that take no components."""
        text = WHITENED.read_text().replace("[preprocessing]\ninputs = whiten\ncomponents = 100\n", "")
        return self.write("alvinn.ini", text)

    def test_the_example_reaches_its_result(self):
        run = self.train(WHITENED, "run", ranks=2)
        self.assertGreater(read_json_lines(run / "metrics.jsonl")[-1]["test_accuracy"], 0.975)

    def test_any_ranks_and_threads_fit_the_same(self):
        config = self.config()
        plain = self.digest(self.train(config, "plain", *SMALL[:6]))
        for inputs in SCALINGS:
            with self.subTest(inputs=inputs):
                flags = self.flags(inputs)
                one = self.digest(self.train(config, f"{inputs}1", *flags))
                self.assertNotEqual(one, plain)
                self.assertEqual(self.digest(self.train(config, f"{inputs}3", *flags, ranks=3)), one)
                threads = self.train(config, f"{inputs}t", *flags, "--training.threads", "3", "--comm.shard", "parameters",
                                     ranks=2)
                self.assertEqual(self.digest(threads), one)

    def test_eval_and_predict_do_as_training_did(self):
        config = self.config()
        for inputs in SCALINGS:
            with self.subTest(inputs=inputs):
                flags = self.flags(inputs)
                run = self.train(config, inputs, *flags)
                model, end = run / "model.lockstep", read_json_lines(run / "metrics.jsonl")[-1]
                for ranks in 1, 3:
                    score = self.succeed("eval", config, *flags, "--model", model, "--json", ranks=ranks).json()
                    self.assertEqual((score["loss"], score["accuracy"]), (end["test_loss"], end["test_accuracy"]))
                self.succeed("predict", config, *flags, "--model", model, "--out", "p.txt")
                self.assertEqual(len((self.folder / "p.txt").read_text().split()), 100)

    def test_the_model_and_not_the_data_says_what_is_done(self):
        # Another training set would be scaled otherwise; the model's own scaling is what counts.
        config, flags = self.config(), self.flags("standardise")[2:]
        model = self.train(config, "run", "--data.train_samples", "700", *flags) / "model.lockstep"
        score, other = (self.succeed("eval", config, *flags, "--data.train_samples", samples, "--model", model, "--json").json()
                        for samples in ("700", "200"))
        self.assertEqual(score, other)

    def test_the_validation_part_is_not_looked_at(self):
        rows = "".join(f"{x} : {x % 2}\n" for x in range(10))
        self.write("numbers.table", rows)
        self.write("identity.txt", "layer 0\n0 1\n")
        config = self.write("numbers.ini", f"""[data]
source = table
table = {self.folder}/numbers.table
split = 80/20
[preprocessing]
inputs = standardise
[network]
layer = dense units=1
loss = square_error
weights = {self.folder}/identity.txt
[training]
epochs = 0
global_batch = all
[optimizer]
learning_rate = 0.1
""")
        model = self.train(config, "run") / "model.lockstep"
        parts = {}
        for part in "train", "validation":
            self.succeed("predict", config, "--model", model, "--set", part, "--out", f"{part}.txt")
            parts[part] = numpy.loadtxt(self.folder / f"{part}.txt")
        # What comes out is what went in.
        self.assertAlmostEqual(parts["train"].mean(), 0, 6)
        self.assertAlmostEqual(parts["train"].std(), 1, 6)
        self.assertNotAlmostEqual(numpy.concatenate(list(parts.values())).std(), 1, 3)

    def test_principal_components_against_numpy(self):
        generator = numpy.random.default_rng(1)
        x = (generator.standard_normal((60, 5)) @ generator.standard_normal((5, 5)) + 3).astype("float32")
        self.write("points.table", "".join(" ".join(str(v) for v in row) + " : 0 0 0\n" for row in x))
        config = self.write("points.ini", f"""[data]
source = table
table = {self.folder}/points.table
[preprocessing]
inputs = pca
components = 3
[network]
layer = dense units=3
loss = square_error
weights = {self.folder}/identity.txt
[training]
epochs = 0
global_batch = all
[optimizer]
learning_rate = 0.1
""")
        self.write("identity.txt", "layer 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n")
        for inputs in "pca", "whiten":
            flags = ["--preprocessing.inputs", inputs]
            model = self.train(config, inputs, *flags) / "model.lockstep"
            self.succeed("predict", config, *flags, "--model", model, "--out", "p.txt")
            found = numpy.loadtxt(self.folder / "p.txt", delimiter=",")
            centred = x.astype(float) - x.astype(float).mean(axis=0)
            values, vectors = numpy.linalg.eigh(centred.T @ centred / len(x))
            vectors = vectors[:, ::-1][:, :3]
            vectors *= numpy.sign(vectors[numpy.abs(vectors).argmax(axis=0), range(3)])
            wanted = centred @ vectors
            if inputs == "whiten":
                wanted /= numpy.sqrt(values[::-1][:3])
            numpy.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)

    def test_augmentation_comes_first(self):
        # 30 x 32 pixels are distorted, not their 20 components: it trains, and alike on any ranks.
        flags = [*SMALL, "--augmentation.shift", "1", "--augmentation.width", "32"]
        one = self.digest(self.train(WHITENED, "one", *flags))
        self.assertEqual(self.digest(self.train(WHITENED, "three", *flags, ranks=3)), one)
        self.assertNotEqual(self.digest(self.train(WHITENED, "still", *SMALL)), one)

    def test_folds_fit_their_own(self):
        flags = [*SMALL, "--resampling.folds", "3"]
        for run, ranks in ("a", 1), ("b", 3):
            self.succeed("crossval", WHITENED, *flags, "--run.dir", run, ranks=ranks)
        for fold in 1, 2, 3:
            self.assertEqual(self.digest(self.folder / "a" / f"fold-{fold}"), self.digest(self.folder / "b" / f"fold-{fold}"))

    def test_gradcheck_and_plan_see_the_components(self):
        self.succeed("gradcheck", WHITENED, *SMALL)
        plan = self.succeed("plan", WHITENED, *SMALL, "--json").json()
        self.assertEqual(plan["layers"][0]["inputs"], 20)

    def test_classes_as_targets_of_minus_one_and_one(self):
        config = self.write("letters.ini", """[data]
source = letters
train_samples = 300
test_samples = 300
[preprocessing]
target_low = -1
target_high = 1
[network]
layer = dense units=8 activation=tanh
layer = dense units=3 activation=tanh amplitude=1.7159 steepness=0.6666667
loss = square_error
[training]
epochs = 20
global_batch = 16
leaf = 4
[optimizer]
learning_rate = 0.05
""")
        one = self.train(config, "one")
        end = read_json_lines(one / "metrics.jsonl")[-1]
        self.assertGreater(end["test_accuracy"], 0.9)
        self.assertEqual(self.digest(self.train(config, "three", ranks=3)), self.digest(one))
        self.succeed("gradcheck", config)
        score = self.succeed("eval", config, "--model", one / "model.lockstep", "--json").json()
        self.assertEqual((score["loss"], score["accuracy"]), (end["test_loss"], end["test_accuracy"]))
        coded = self.succeed("eval", config, "--model", one / "model.lockstep", "--preprocessing.target_low", "0", "--json").json()
        self.assertGreater(coded["loss"], 2 * score["loss"])
        self.assertEqual(coded["accuracy"], score["accuracy"])
        # Targets at the edge of what tanh reaches are advised against, those within 1.7159 are not.
        self.assertNotIn("warning", self.succeed("train", config, "--run.dir", "quiet").out)
        edge = self.succeed("train", config, "--run.dir", "edge", "--preprocessing.target_high", "1.7159")
        self.assertIn("target_low", edge.out)

    def test_what_cannot_be_names_key_and_rule(self):
        config = self.config()
        for arguments, code, words in (
                (["train", config, "--preprocessing.components", "5"], USAGE, ["preprocessing.components", "pca or whiten"]),
                (["train", WHITENED, "--preprocessing.components", "961"], USAGE, ["961", "960 inputs"]),
                (["train", config, "--preprocessing.target_low", "-1"], USAGE, ["target_low", "square_error"]),
                (["train", config, "--preprocessing.target_low", "1", "--network.loss", "square_error", "--network.layer",
                  "dense units=30 activation=sigmoid"], USAGE, ["target_low", "below"]),
                (["train", REPOSITORY / "configs" / "sine.ini", "--preprocessing.target_high", "2"], USAGE,
                 ["target_high", "real targets"]),
                (["train", config, "--preprocessing.inputs", "pac"], USAGE, ["preprocessing.inputs", "pca"])):
            outcome = self.lockstep(*arguments)
            self.assertEqual(outcome.code, code, outcome)
            for word in words:
                self.assertIn(word, outcome.err)


if __name__ == "__main__":
    main()
