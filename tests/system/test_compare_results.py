"""scripts/compare_results.py: PyTorch from the same weights on the same minibatches reaches the same losses."""

import importlib.util
import json
import os
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import PROGRAM, REPOSITORY, ProgramTest, main, run_command

DATA = os.environ.get("LOCKSTEP_DATA_DIR", "")
SCRIPT = REPOSITORY / "scripts" / "compare_results.py"
CONFIGS = {name: REPOSITORY / "configs" / f"{name}.ini" for name in ("xor", "sine")}
# 600 steps at most, each of which may add a few roundings (6e-8) to weights of size 1.
TOLERANCE = "1e-4"


class CompareResults(ProgramTest):
    def setUp(self):
        super().setUp()
        if importlib.util.find_spec("torch") is None:
            self.skipTest("PyTorch is not installed: apt-get install python3-torch")

    def compare(self, *arguments):
        return run_command([sys.executable, SCRIPT, "--program", PROGRAM, "--tolerance", TOLERANCE, *arguments],
                           self.folder, limit_seconds=120)

    def test_losses_agree_epoch_by_epoch(self):
        self.write("adam.ini", CONFIGS["sine"].read_text().replace("name = sgd", "name = adam")
                   .replace("rate = 0.05", "rate = 0.01").replace("momentum = 0.9", ""))
        for arguments in (["--epochs", "600", CONFIGS["xor"]],
                          ["--epochs", "30", CONFIGS["sine"]],
                          ["--epochs", "300", CONFIGS["xor"], "--network.loss", "cross_entropy"],
                          ["--epochs", "100", CONFIGS["xor"], "--network.loss", "square_error_sum",
                           "--training.global_batch", "1"],
                          ["--epochs", "20", CONFIGS["sine"], "--network.loss", "mean_square_error", "--optimizer.name",
                           "nesterov"],
                          ["--epochs", "20", "adam.ini"]):
            with self.subTest(arguments=arguments):
                outcome = self.compare("--json", *arguments)
                self.assertEqual(outcome.code, 0, outcome)
                (result,) = json.loads(outcome.out)["results"]
                self.assertGreaterEqual(len(result["epochs"]), 10)

    @unittest.skipUnless(DATA, "LOCKSTEP_DATA_DIR names no folder with MNIST; scripts/fetch_mnist.sh gets it")
    def test_losses_and_accuracies_agree_on_digits(self):
        outcome = self.compare("--json", "--epochs", "3", REPOSITORY / "configs" / "mnist.ini", "--data.dir", DATA,
                               "--data.train_samples", "1000", "--data.test_samples", "500")
        self.assertEqual(outcome.code, 0, outcome)
        for row in json.loads(outcome.out)["results"][0]["epochs"]:
            # One of 500 may lie on the border between two classes.
            self.assertAlmostEqual(row["lockstep"]["test_accuracy"], row["pytorch"]["test_accuracy"], delta=0.0021)

    def test_another_order_of_the_samples_is_seen(self):
        outcome = self.compare("--epochs", "10", CONFIGS["sine"], "--other-order")
        self.assertEqual(outcome.code, 1, outcome)
        self.assertIn("losses differ", outcome.err)

    def test_what_pytorch_is_not_taught_is_refused(self):
        for key, value, expected in (("--optimizer.schedule", "cosine", "optimizer.schedule"),
                                     ("--network.input_dropout", "0.5", "network.input_dropout"),
                                     ("--optimizer.learning_rate", "0.1, 0.05", "constant rate"),
                                     ("--network.layer", "dense units=1 dropout=0.5", "dropout")):
            outcome = self.compare("--epochs", "1", CONFIGS["sine"], key, value)
            self.assertEqual(outcome.code, 1, outcome)
            self.assertIn(expected, outcome.err)


if __name__ == "__main__":
    main()
