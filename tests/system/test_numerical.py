"""NaN and infinity stop a run with exit 5 and a message that says when, where, and what was first."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from configurations import csv
from data_files import samples, write_csv_set
from program import NUMERICAL, ProgramTest, main

CONFIG = csv("units=6 activation=relu", training={"epochs": 20, "global_batch": 8, "leaf": 4},
             optimizer={"name": "sgd", "learning_rate": 0.1})
RANKS = (None, 1, 2, 3)


class NotFinite(ProgramTest):
    files = {"config.ini": CONFIG}

    def setUp(self):
        super().setUp()
        vectors, labels = samples(24)
        write_csv_set(self.write, "data", vectors, labels)

    def assert_stops(self, words, *arguments):
        """The same of a batch at once and in pieces."""
        self.assert_stops_on_any_ranks(words, *arguments)
        self.assert_stops_on_any_ranks(words, *arguments, "--training.micro_batch", "4", "--run.overwrite", "true")

    def assert_stops_on_any_ranks(self, words, *arguments):
        """Exit 5, one message, and the same one on any number of ranks but for the rank's own name."""
        for ranks in RANKS:
            with self.subTest(ranks=ranks):
                outcome = self.lockstep("train", "config.ini", "--run.dir", f"run{ranks}", *arguments, ranks=ranks)
                self.assertEqual(outcome.code, NUMERICAL, outcome)
                self.assertEqual(len(outcome.messages()), 1, outcome)
                for word in words:
                    self.assertIn(word, outcome.messages()[0])
                self.assertFalse((self.folder / f"run{ranks}" / "model.lockstep").exists(), "a broken model was saved")

    def test_weights_that_overflow_are_first(self):
        # The first step changes the weights by about 1e38 times a gradient: the second step's sums overflow.
        self.assert_stops(("step 2", "layer", "weights"), "--optimizer.learning_rate", "3e38")

    def test_weights_that_overflow_in_the_last_step_are_found(self):
        self.assert_stops(("step", "layer", "weights"), "--optimizer.learning_rate", "3e38", "--training.max_steps", "2")

    def test_sharding_says_the_same(self):
        said = {}
        for shard in ("none", "optimizer", "parameters"):
            outcome = self.lockstep("train", "config.ini", "--run.dir", shard, "--comm.shard", shard,
                                    "--comm.bucket_mib", "0.0001", "--optimizer.learning_rate", "3e38", ranks=3)
            self.assertEqual(outcome.code, NUMERICAL, outcome)
            said[shard] = outcome.messages()
        self.assertEqual(len(said["none"]), 1, said)
        self.assertEqual(said["optimizer"], said["none"])
        self.assertEqual(said["parameters"], said["none"])

    def test_sums_that_overflow_are_told_from_weights_and_data(self):
        # Both are finite, but 16 times 3e38 times a weight is not. Either sign, or ReLU might silence it.
        _, labels = samples(24)
        write_csv_set(self.write, "data", [["3e38" if i % 2 else "-3e38"] * 16 for i in range(24)], labels)
        self.assert_stops(("step 1", "layer 0", "weights and the data are finite"))


if __name__ == "__main__":
    main()
