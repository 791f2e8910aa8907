"""Schedules, stops and logs of a run, held against what they promise, and the switches between ways of training."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import REPOSITORY, USAGE, ProgramTest, main, read_json_lines

CONFIGS = REPOSITORY / "configs"
SINE = CONFIGS / "sine.ini"

# Batches of 50 of 210 samples, the last of 10; leaves of 4.
SMALL = """
[data]
source = letters
train_samples = 300
test_samples = 50
split = 70/30
[network]
layer = dense units=12 activation=tanh dropout=0.25 bias_init=weights
layer = dense units=7 activation=relu dropout=0.1
layer = dense units=3 activation=softmax
input_dropout = 0.1
dropout_draw = step
[training]
epochs = 3
global_batch = 50
leaf = 4
order = cyclic
watch = validation_accuracy
keep = best
[optimizer]
learning_rate = 0.05
momentum = 0.9
[regularisation]
l2 = 0.001
weight_decay = 0.0001
biases = true
[run]
log_every = 1
"""


def rate_flags(schedule, *more):
    return ["--optimizer.schedule", schedule, "--optimizer.learning_rate", "0.1", "--run.log_every", "1", *more]


class Runs(ProgramTest):
    def lines(self, run, event):
        return [line for line in read_json_lines(run / "metrics.jsonl") if line["event"] == event]

    def end(self, run):
        return self.lines(run, "end")[0]

    def parameters(self, run, name="parameters.npz"):
        """The model's blocks by name."""
        self.succeed("export", run / "model.lockstep", "--format", "npz", "--out", name)
        with np.load(self.folder / name) as file:
            return {block: file[block] for block in file.files}


class Schedules(Runs):
    def test_the_adaptive_rate_rises_and_falls_with_the_error_on_any_ranks(self):
        flags = ["--optimizer.schedule", "adaptive", "--optimizer.rate_rise", "1.5", "--training.epochs", "30"]
        seen = []
        for ranks in (1, 2):
            run = self.train(SINE, f"ranks{ranks}", *flags, ranks=ranks)
            seen.append([(line["train_loss"], line["learning_rate"]) for line in self.lines(run, "epoch")])
        self.assertEqual(*seen)
        losses, rates = zip(*seen[0])
        rise, fall = float(np.float32(1.5)), float(np.float32(0.7))
        factor, expected = 1.0, [1.0]
        for before, after in zip(losses, losses[1:-1]):
            factor *= rise if after < before else fall if after > before else 1.0
            expected.append(factor)
        # A rate is that of an epoch's steps, so the first comparison shows in the third epoch.
        wanted = [np.float32(float(np.float32(0.05)) * factor) for factor in [1.0, *expected]]
        self.assertEqual([np.float32(rate) for rate in rates], wanted)
        self.assertTrue(any(b > a for a, b in zip(rates, rates[1:])), rates)
        self.assertTrue(any(b < a for a, b in zip(rates, rates[1:])), rates)

    def rates(self, run, *flags):
        return [line["learning_rate"] for line in self.lines(self.train(SINE, run, *flags), "step")]

    def test_every_schedule_keeps_its_promise_at_borders_and_at_the_last_step(self):
        epochs = ["--training.epochs", "3"]  # of 20 steps
        cosine = self.rates("cosine", *rate_flags("cosine", *epochs))
        self.assertEqual((cosine[0], cosine[-1]), (0.1, 0))
        self.assertGreater(cosine[-2], 0)
        short = self.rates("short", *rate_flags("cosine", *epochs, "--training.max_steps", "33",
                                                "--optimizer.rate_final", "0.01", "--optimizer.warmup_steps", "8"))
        self.assertEqual((len(short), short[7], short[8], short[-1]), (33, 0.1, 0.1, 0.01))
        self.assertEqual(short[3], 0.05)
        one = self.rates("one", *rate_flags("cosine", "--training.max_steps", "9", "--optimizer.rate_final", "0.01",
                                            "--optimizer.warmup_steps", "8"))
        self.assertEqual((one[7], one[8]), (0.1, 0.01))
        warm = self.rates("warm", *rate_flags("constant", "--training.max_steps", "8", "--optimizer.warmup_steps", "8"))
        self.assertEqual((warm[0], warm[-1]), (0.0125, 0.1))
        steps = self.rates("steps", *rate_flags("steps", *epochs, "--optimizer.rate_decay", "0.5",
                                                "--optimizer.rate_decay_epochs", "2"))
        self.assertEqual(steps, [0.1] * 40 + [0.05] * 20)
        exponential = self.rates("exponential", *rate_flags("exponential", *epochs, "--optimizer.rate_decay", "0.5"))
        self.assertEqual(exponential, [0.1] * 20 + [0.05] * 20 + [0.025] * 20)
        inverse = self.rates("inverse", *rate_flags("inverse", "--training.max_steps", "40"))
        self.assertEqual((inverse[0], inverse[1], inverse[3], inverse[-1]), (0.1, 0.05, 0.025, 0.0025))

    def test_rates_above_1_are_remarked(self):
        for rate, schedule, remarked in (("1", [], False), ("1.5", [], True), ("0.1, 2", [], True),
                                         ("0.1", ["--optimizer.schedule", "cosine", "--optimizer.rate_final", "2"], True)):
            with self.subTest(rate=rate, schedule=schedule):
                flags = ["--optimizer.learning_rate", rate, *schedule, "--training.epochs", "1"]
                for command in ("plan", "train"):
                    out = self.succeed(command, CONFIGS / "perceptron.ini", "--data.table", CONFIGS / "points.table",
                                       *flags).out
                    self.assertEqual("warning: a learning rate of" in out, remarked, out)


class Stops(Runs):
    def test_a_gradient_must_be_small_for_some_steps_in_a_row(self):
        bound, flags = 0.03, ["--run.log_every", "1", "--training.epochs", "60", "--training.stop_gradient", "0.03"]
        for steps in (1, 2):
            with self.subTest(steps=steps):
                runs = [self.train(SINE, f"{steps}-{ranks}", *flags, "--training.stop_gradient_steps", steps,
                                   ranks=ranks) for ranks in (1, 3)]
                norms = [line["gradient_norm"] for line in self.lines(runs[0], "step")]
                small = [norm <= bound for norm in norms]
                first = next(t for t in range(steps, len(small) + 1) if all(small[t - steps:t]))
                self.assertEqual((first, "gradient"), (self.end(runs[0])["step"], self.end(runs[0])["stopped_by"]))
                # Some were small before, but not for so long.
                self.assertEqual(any(small[:first - steps]), steps > 1)
                self.assertEqual(norms, [line["gradient_norm"] for line in self.lines(runs[1], "step")])
                self.assertEqual(self.digest(runs[0]), self.digest(runs[1]))

    def test_an_epochs_mean_gradient_can_be_what_is_small(self):
        flags = ["--training.epochs", "60", "--training.stop_gradient", "0.02", "--training.stop_gradient_of", "epoch"]
        runs = [self.train(SINE, f"run{ranks}", *flags, ranks=ranks) for ranks in (1, 3)]
        norms = [line["gradient_norm"] for line in self.lines(runs[0], "epoch")]
        self.assertEqual([norm <= 0.02 for norm in norms], [False] * (len(norms) - 1) + [True])
        self.assertEqual(self.end(runs[0])["stopped_by"], "gradient")
        self.assertEqual(norms, [line["gradient_norm"] for line in self.lines(runs[1], "epoch")])

    def test_the_epochs_norm_is_that_of_the_whole_set_where_the_parameters_rest(self):
        flags = ["--optimizer.learning_rate", "1e-30", "--training.epochs", "2", "--run.log_gradient", "true",
                 "--run.log_every", "1"]
        parts = self.lines(self.train(SINE, "parts", *flags), "epoch")
        whole = self.train(SINE, "whole", *flags, "--training.global_batch", "all")
        epoch, step = self.lines(whole, "epoch")[1], self.lines(whole, "step")[1]
        self.assertEqual(epoch["gradient_norm"], step["gradient_norm"])
        for line in parts:  # the second is not the sum of both
            # Sums of 1000 floats in another order.
            self.assertAlmostEqual(line["gradient_norm"] / epoch["gradient_norm"], 1, delta=1e-5)
        self.assertNotIn("gradient_norm", self.lines(self.train(SINE, "plain", "--training.epochs", "1"), "epoch")[0])

    def test_norms_have_the_same_bits_however_the_gradient_is_divided(self):
        """Layers of more than one block of a norm's sum, cut at places that are no block's."""
        flags = ["--network.layer", "dense units=3000 activation=tanh", "--network.layer", "dense units=7 activation=tanh",
                 "--network.layer", "dense units=1", "--training.epochs", "2", "--data.train_samples", "120",
                 "--run.log_gradient", "true", "--run.log_every", "1"]

        def norms(run, *more, **options):
            lines = read_json_lines(self.train(SINE, run, *flags, *more, **options) / "metrics.jsonl")
            return [(line["event"], line.get("gradient_norm")) for line in lines]

        alone = norms("alone")
        self.assertEqual(len([norm for _, norm in alone if norm]), 8)
        for shard, bucket, ranks in (("optimizer", "1", 3), ("parameters", "1", 2), ("parameters", "0.001", 3)):
            with self.subTest(shard=shard, bucket=bucket, ranks=ranks):
                self.assertEqual(norms(f"{shard}{bucket}", "--comm.shard", shard, "--comm.bucket_mib", bucket, ranks=ranks),
                                 alone)

    def test_accuracy_can_be_what_is_watched(self):
        self.write("small.ini", SMALL)
        flags = ["--training.epochs", "200", "--training.patience", "8"]
        run = self.train("small.ini", "accuracy", *flags)
        epochs, end = self.lines(run, "epoch"), self.end(run)
        accuracies = [line["validation_accuracy"] for line in epochs]
        best = accuracies.index(max(accuracies))
        self.assertEqual((end["best_epoch"], end["epoch"], end["stopped_by"]), (best + 1, best + 9, "patience"))
        self.assertEqual(end["validation_accuracy"], max(accuracies))
        losses = [line["validation_loss"] for line in epochs]
        self.assertNotEqual(losses.index(min(losses)), best, "the two ways must differ for the test to see")
        self.assertEqual(self.digest(self.train("small.ini", "other", *flags, ranks=3)), self.digest(run))

    def test_what_cannot_be_names_key_and_rule(self):
        small = self.write("small.ini", SMALL)
        early = CONFIGS / "early_stopping.ini"
        for config, flags, words in (
                (early, ["--training.watch", "validation_accuracy"], ["training.watch", "targets are numbers"]),
                (SINE, ["--training.watch", "validation_loss"], ["training.watch", "training.patience"]),
                (SINE, ["--training.stop_gradient_steps", "3"], ["training.stop_gradient_steps", "training.stop_gradient;"]),
                (SINE, ["--training.stop_gradient_of", "epoch"], ["training.stop_gradient_of", "training.stop_gradient;"]),
                (SINE, ["--network.dropout_draw", "step"], ["network.dropout_draw", "network.input_dropout"]),
                (SINE, ["--regularisation.biases", "true"], ["regularisation.biases", "regularisation.l2"]),
                (small, ["--training.order", "cyclical"], ["training.order", "'cyclic'"]),
                (SINE, ["--network.layer", "distance units=3 bias_init=weights"], ["bias_init", "distance"]),
                (SINE, ["--network.layer", "dense units=1 bias_init=random"], ["bias_init", "zero, weights"])):
            outcome = self.lockstep("plan", config, *flags)
            self.assertEqual(outcome.code, USAGE, outcome)
            for word in words:
                self.assertIn(word, outcome.err)


class Logs(Runs):
    def test_samples_per_second_are_those_of_training_alone(self):
        run = self.train(SINE, "run", "--data.test_samples", "20000", "--training.epochs", "3", "--run.evaluate_every", "1")
        for line in [*self.lines(run, "epoch")[1:], self.end(run)]:
            seconds = line["samples"] / line["samples_per_second"]
            self.assertAlmostEqual(seconds, line["training_seconds"], delta=1e-9 * seconds)
            # What was measured before is in `seconds` and not in these.
            self.assertLess(seconds, line["seconds"] * (1 - 1e-6))

    def test_the_end_line_is_of_one_epoch(self):
        run = self.train(CONFIGS / "early_stopping.ini", "run")
        end = self.end(run)
        best = self.lines(run, "epoch")[end["best_epoch"] - 1]
        self.assertEqual(end["model_epoch"], end["best_epoch"])
        scores = ["train_loss", "validation_loss", "test_loss"]
        self.assertEqual([end[name] for name in scores], [best[name] for name in scores])
        last = self.end(self.train(CONFIGS / "early_stopping.ini", "last", "--training.keep", "last"))
        self.assertEqual((last["model_epoch"], last["best_epoch"]), (end["epoch"], end["best_epoch"]))
        self.assertEqual(last["train_loss"], self.lines(run, "epoch")[-1]["train_loss"])

    def test_a_run_that_learnt_nothing_says_so(self):
        letters = CONFIGS / "letters.ini"
        for config, flags, word in ((letters, ["--optimizer.learning_rate", "30"], "diverged"),
                                    (letters, ["--optimizer.learning_rate", "1e-6"], "guessing among 3 classes"),
                                    (SINE, ["--optimizer.learning_rate", "1e-7"], "stayed at")):
            with self.subTest(word):
                flags = [*flags, "--training.epochs", "4", "--run.overwrite", "true"]
                said = self.succeed("train", config, *flags, "--run.dir", "run").out
                self.assertIn(word, said.split("warning: ")[-1])
                self.assertIn("optimizer.learning_rate", said.split("warning: ")[-1])
                self.assertIn(word, self.end(self.folder / "run")["warning"])
                told = self.succeed("train", config, *flags, "--run.dir", "run", "--json", ranks=2).json()
                self.assertEqual(told["warning"], self.end(self.folder / "run")["warning"])

    def test_a_run_that_learns_has_no_warning(self):
        for config in ("letters", "sine", "xor"):
            run = self.train(CONFIGS / f"{config}.ini", config)
            self.assertNotIn("warning", self.end(run))

    def test_plan_gives_the_rule_of_thumb_beside_the_counts(self):
        plan = self.succeed("plan", CONFIGS / "letters.ini", "--json").json()
        self.assertEqual((plan["neurons"], plan["hidden_neurons"], plan["neurons_by_rule_of_thumb"]), (5, 2, 200))
        self.assertIn("a tenth of the training samples, about 200", self.succeed("plan", CONFIGS / "letters.ini").out)


class Switches(Runs):
    def test_all_switches_give_equal_bits_in_every_way_that_must_not_matter(self):
        self.write("small.ini", SMALL)

        def trace(name, *flags, **options):
            run = self.train("small.ini", name, *flags, **options)
            return self.digest(run), [line.get("train_loss") for line in read_json_lines(run / "metrics.jsonl")]

        ways = [((), {"ranks": 2, "LOCKSTEP_ISA": "scalar"}), (("--training.threads", "2"), {"ranks": 3}),
                (("--training.micro_batch", "8"), {"ranks": 2}), (("--comm.shard", "optimizer"), {"ranks": 3}),
                (("--comm.shard", "parameters", "--comm.bucket_mib", "0.0001"), {"ranks": 3})]
        expected = trace("expected")
        for number, (flags, options) in enumerate(ways):
            with self.subTest(flags, **options):
                self.assertEqual(trace(f"way{number}", *flags, **options), expected)
        compressed = ["--comm.compression", "bf16"]
        self.assertEqual(trace("c1", *compressed), trace("c3", *compressed, ranks=3))
        # Each of them has an effect.
        off = [["--training.order", "shuffled"], ["--network.dropout_draw", "sample"], ["--regularisation.biases", "false"],
               ["--network.layer", "dense units=12 activation=tanh dropout=0.25",
                "--network.layer", "dense units=7 activation=relu dropout=0.1",
                "--network.layer", "dense units=3 activation=softmax"]]
        digests = {expected[0], *(trace(f"off{number}", *flags)[0] for number, flags in enumerate(off))}
        self.assertEqual(len(digests), 1 + len(off))

    def test_cyclic_order_is_the_files(self):
        """The perceptron's rule in whole numbers, so that any other order shows."""
        table = CONFIGS / "points.table"
        rows = [line.split(":") for line in table.read_text().splitlines() if ":" in line]
        points = [([float(x) for x in inputs.split()], float(target)) for inputs, target in rows]
        weights = np.zeros(3)
        for t in range(len(points) * 2 + 3):
            x, target = points[t % len(points)]
            x = np.array([*x, 1.0])
            weights -= ((1.0 if weights @ x >= 0 else 0.0) - target) * x
        for seed, ranks in (("1", 1), ("2", 3)):
            run = self.train(CONFIGS / "perceptron.ini", f"seed{seed}", "--data.table", table, "--training.order", "cyclic",
                             "--network.layer", "dense units=1 activation=step init=constant", "--training.epochs", "0",
                             "--training.max_steps", len(points) * 2 + 3, "--training.seed", seed, ranks=ranks)
            blocks = self.parameters(run)
            self.assertEqual([*blocks["layer0.weight"].ravel(), *blocks["layer0.bias"].ravel()], list(weights))

    def test_one_draw_a_step_silences_the_same_neurons_for_every_sample(self):
        """Four copies of a sample are then trained on as the one is; leaves of one sample make the sums exact."""
        self.write("one.table", "0.3 -0.7 : 0.2\n")
        self.write("four.table", "0.3 -0.7 : 0.2\n" * 4)
        self.write("copies.ini", """
[data]
source = table
[network]
layer = dense units=40 activation=tanh dropout=0.5
layer = dense units=1
loss = square_error
input_dropout = 0.3
[training]
epochs = 20
global_batch = all
leaf = 1
[optimizer]
learning_rate = 0.05
""")

        def digest(table, draw, **options):
            run = self.train("copies.ini", f"{table}-{draw}-{options.get('ranks', 1)}", "--data.table", f"{table}.table",
                             "--network.dropout_draw", draw, **options)
            return self.digest(run)

        self.assertEqual(digest("four", "step"), digest("one", "step"))
        self.assertEqual(digest("four", "step", ranks=3), digest("one", "step", ranks=2))
        self.assertNotEqual(digest("four", "sample"), digest("one", "sample"))

    def test_decay_takes_biases_where_it_is_told_to(self):
        """A neuron without any gradient: its input is 0 and its output right."""
        self.write("zero.table", "0 : 3\n")
        self.write("neuron.weights", "layer 0\n3 2\n")
        self.write("neuron.ini", """
[data]
source = table
table = zero.table
[network]
layer = dense units=1
loss = square_error
weights = neuron.weights
[training]
max_steps = 1
global_batch = 1
[optimizer]
learning_rate = 0.5
""")
        for flags, weight, bias in ((["--regularisation.weight_decay", "0.25"], 1.5, 3),
                                    (["--regularisation.weight_decay", "0.25", "--regularisation.biases", "true"], 1.5, 2.25),
                                    (["--regularisation.l2", "0.5"], 1.5, 3),
                                    (["--regularisation.l2", "0.5", "--regularisation.biases", "true"], 1.5, 2.25)):
            with self.subTest(flags):
                blocks = self.parameters(self.train("neuron.ini", "run", *flags, "--run.overwrite", "true"))
                self.assertEqual((blocks["layer0.weight"].item(), blocks["layer0.bias"].item()), (weight, bias))

    def test_biases_are_drawn_by_the_law_of_the_weights(self):
        def drawn(run, layer, *flags, **options):
            return self.train(SINE, run, "--network.layer", f"dense units=50 {layer}", "--network.layer", "dense units=1",
                              "--training.epochs", "0", *flags, **options)

        plain = self.parameters(drawn("plain", "init=uniform scale=0.5"))
        run = drawn("drawn", "init=uniform scale=0.5 bias_init=weights")
        blocks = self.parameters(run)
        self.assertTrue((blocks["layer0.weight"] == plain["layer0.weight"]).all())
        self.assertFalse(plain["layer0.bias"].any())
        bias = blocks["layer0.bias"].ravel()
        self.assertEqual(len(set(bias)), 50)
        self.assertTrue((abs(bias) <= 0.5).all() and abs(bias).max() > 0.4 and bias.min() < 0 < bias.max(), bias)
        constant = self.parameters(drawn("constant", "init=constant scale=0.25 bias_init=weights"))
        self.assertTrue((constant["layer0.bias"] == 0.25).all())
        sharded = drawn("sharded", "init=uniform scale=0.5 bias_init=weights", "--comm.shard", "parameters", ranks=3)
        self.assertEqual(self.digest(sharded), self.digest(run))


if __name__ == "__main__":
    main()
