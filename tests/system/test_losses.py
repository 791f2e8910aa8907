"""Error functions as a configuration chooses them: each learns, has the right gradient, and keeps the promise."""

import importlib.util
import itertools
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import PROGRAM, REPOSITORY, USAGE, ProgramTest, main, read_json_lines, run_command

XOR, SINE = REPOSITORY / "configs" / "xor.ini", REPOSITORY / "configs" / "sine.ini"
SQUARE_ERRORS = ["square_error", "square_error_sum", "mean_square_error"]
# A task with classes, kept small.
CLASSES = """[data]
source = alvinn
train_samples = 300
test_samples = 60
[network]
layer = dense units=6 activation=tanh
layer = dense units=30 activation={activation}
loss = {loss}
[training]
max_steps = 12
global_batch = 70
leaf = 8
[optimizer]
learning_rate = 0.05
"""


def last(run):
    return read_json_lines(run / "metrics.jsonl")[-1]


class Losses(ProgramTest):
    def instruction_sets(self):
        return [isa for isa in ("scalar", "avx2", "avx512") if self.lockstep("info", LOCKSTEP_ISA=isa).code == 0]

    def test_xor_is_learned_with_every_loss_by_batch_and_online_descent(self):
        for loss, batch in itertools.product(SQUARE_ERRORS, ["all", "2", "1"]):
            with self.subTest(loss=loss, batch=batch):
                run = self.train(XOR, f"{loss}-{batch}", "--network.loss", loss, "--training.global_batch", batch)
                # Outputs that say nothing, 1/2 each, leave 1/8; every sample right leaves far less.
                self.assertLess(last(run)["test_loss"], 0.001)
        for batch in ("all", "2"):
            run = self.train(XOR, f"cross-{batch}", "--network.loss", "cross_entropy", "--training.global_batch", batch)
            self.assertEqual(last(run)["test_accuracy"], 1.0)
            self.assertLess(last(run)["test_loss"], 0.001)

    def test_the_sine_is_learned_by_batch_minibatch_and_online_descent(self):
        # With as many passes over the data, smaller batches take more steps and come further.
        losses = []
        for batch in ("all", "50", "1"):
            run = self.train(SINE, batch, "--training.global_batch", batch, "--optimizer.momentum", "0")
            losses.append(last(run)["test_loss"])
        self.assertGreater(losses[0], losses[1])
        self.assertGreater(losses[1], losses[2])
        # A network that always says 0 leaves 1/4.
        self.assertLess(losses[0], 0.1)
        self.assertLess(losses[2], 0.001)

    def test_the_sine_reaches_what_its_configuration_says(self):
        errors = []
        for epochs in (1, 10, 20, 40, 100):
            run = self.train(SINE, f"sine-{epochs}", "--training.epochs", epochs)
            errors.append(last(run)["test_loss"])
        self.assertEqual(errors, sorted(errors, reverse=True))
        self.assertLess(errors[-1], 0.003)

    def test_the_plot_of_the_sine_is_made_from_runs(self):
        if importlib.util.find_spec("matplotlib") is None:
            self.skipTest("matplotlib is not installed: apt-get install python3-matplotlib")
        outcome = run_command([sys.executable, REPOSITORY / "scripts" / "plot_sine.py", "--program", PROGRAM, "--out",
                               "sine.png", "--data", "sine.csv", "--iterations", "1", "100"], self.folder)
        self.assertEqual(outcome.code, 0, outcome)
        self.assertTrue((self.folder / "sine.png").read_bytes().startswith(b"\x89PNG"))
        names, *rows = (line.split(",") for line in (self.folder / "sine.csv").read_text().splitlines())
        self.assertEqual(names, ["x", "sin", "after_1", "after_100"])
        far = [sum((float(row[column]) - float(row[1])) ** 2 for row in rows) / len(rows) for column in (2, 3)]
        # Twice the errors ½(y − t)² of the configuration's head, on an even grid instead of drawn angles.
        self.assertLess(far[1], 0.01)
        self.assertLess(far[1], far[0])

    def test_a_summed_error_at_rate_over_the_batch_takes_the_steps_of_the_mean(self):
        # The batch of 4: a factor of 1/4 moves exactly from the gradient to the rate.
        mean = self.train(XOR, "mean", "--optimizer.learning_rate", "0.5")
        total = self.train(XOR, "sum", "--network.loss", "square_error_sum", "--optimizer.learning_rate", "0.125")
        self.assertEqual(self.digest(mean), self.digest(total))
        other = self.train(XOR, "other", "--network.loss", "square_error_sum")
        self.assertNotEqual(self.digest(mean), self.digest(other))

    def test_every_loss_has_the_right_gradient_and_equal_bits_everywhere(self):
        for loss in (*SQUARE_ERRORS, "cross_entropy", "cross_entropy_both"):
            activation = "softmax" if loss.endswith("both") else "sigmoid"
            config = self.write(f"{loss}.ini", CLASSES.format(activation=activation, loss=loss))
            with self.subTest(loss=loss):
                self.succeed("gradcheck", config)
                ways = {"one": {}, "three": {"ranks": 3}} | {isa: {"LOCKSTEP_ISA": isa} for isa in self.instruction_sets()}
                digests = {self.digest(self.train(config, f"{loss}-{name}", **way)) for name, way in ways.items()}
                self.assertEqual(len(digests), 1)

    def test_a_loss_that_the_outputs_have_no_use_for_is_refused(self):
        both = self.lockstep("plan", XOR, "--network.loss", "cross_entropy_both")
        self.assertEqual(both.code, USAGE, both)
        self.assertIn("softmax", both.err)
        for loss in SQUARE_ERRORS:
            config = self.write("bad.ini", CLASSES.format(activation="softmax", loss=loss))
            outcome = self.lockstep("plan", config)
            self.assertEqual(outcome.code, USAGE, outcome)
            self.assertIn(loss, outcome.err)
        self.assertIn("mean_square_error", self.lockstep("plan", XOR, "--network.loss", "mean_sqare_error").err)


if __name__ == "__main__":
    main()
