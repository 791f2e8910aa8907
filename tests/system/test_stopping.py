"""training.patience, keep and stop_gradient: where a run stops and which parameters its model holds."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import REPOSITORY, USAGE, ProgramTest, main, read_json_lines

EARLY = REPOSITORY / "configs" / "early_stopping.ini"


class Stopping(ProgramTest):
    def test_the_example_stops_and_keeps_the_best(self):
        run = self.train(EARLY, "early")
        lines = read_json_lines(run / "metrics.jsonl")
        losses = [line["validation_loss"] for line in lines if line["event"] == "epoch"]
        best, end = min(losses), lines[-1]
        self.assertEqual(end["stopped_by"], "patience")
        self.assertEqual(end["best_epoch"], losses.index(best) + 1)
        self.assertEqual(end["epoch"], end["best_epoch"] + 40)
        self.assertEqual(end["validation_loss"], best)
        score = self.succeed("eval", EARLY, "--model", run / "model.lockstep", "--set", "validation", "--json").json()
        self.assertEqual(score["loss"], best)

        whole = self.train(EARLY, "whole", "--training.patience", "0", "--training.keep", "last")
        overfit = read_json_lines(whole / "metrics.jsonl")[-1]
        self.assertEqual((overfit["epoch"], overfit["stopped_by"]), (1000, "limit"))
        self.assertLess(overfit["train_loss"], 0.7 * end["train_loss"])
        self.assertGreater(overfit["test_loss"], 1.15 * end["test_loss"])

    def test_any_ranks_and_shards_stop_alike(self):
        one = self.train(EARLY, "one")
        for ranks, shard in ((3, "none"), (2, "optimizer"), (3, "parameters")):
            with self.subTest(ranks=ranks, shard=shard):
                run = self.train(EARLY, f"{ranks}{shard}", "--comm.shard", shard, "--comm.bucket_mib", "0.001", ranks=ranks)
                self.assertEqual(self.digest(run), self.digest(one))

    def test_bf16_restores_packed_weights_too(self):
        run = self.train(EARLY, "run", "--training.arithmetic", "bf16", "--training.patience", "5")
        end = read_json_lines(run / "metrics.jsonl")[-1]
        model = run / "model.lockstep"
        score = self.succeed("eval", EARLY, "--training.arithmetic", "bf16", "--model", model, "--json").json()
        self.assertEqual(score["loss"], end["test_loss"])
        self.assertLess(end["best_epoch"], end["epoch"])

    def test_a_small_gradient_stops_on_any_ranks_at_the_same_step(self):
        config = REPOSITORY / "configs" / "adaline.ini"
        for optimizer, rate in ("sgd", "0.5"), ("lamb", "0.01"):
            flags = ["--optimizer.name", optimizer, "--optimizer.learning_rate", rate,
                     "--training.stop_gradient", "0.001", "--training.stop_gradient_steps", "1",
                     "--training.epochs", "5000"]
            ends = [read_json_lines(self.train(config, f"{optimizer}{ranks}", *flags, ranks=ranks) / "metrics.jsonl")[-1]
                    for ranks in (1, 3)]
            self.assertEqual(ends[0]["stopped_by"], "gradient")
            self.assertEqual(ends[0]["step"], ends[1]["step"])
            self.assertLess(ends[0]["step"], 5000)
        # The norm falls with the step: a tenth of it takes longer.
        longer = self.train(config, "longer", "--training.stop_gradient", "0.0001")
        first = read_json_lines(self.folder / "sgd1" / "metrics.jsonl")[-1]
        self.assertGreater(read_json_lines(longer / "metrics.jsonl")[-1]["step"], first["step"])

    def test_what_cannot_be_names_key_and_rule(self):
        for flags, words in (
                (["--data.split", "none"], ["training.patience", "set data.split"]),
                (["--run.evaluate_every", "0"], ["training.patience", "run.evaluate_every"]),
                (["--data.split", "none", "--training.patience", "0"], ["training.keep", "set data.split"]),
                (["--training.keep", "bets"], ["training.keep", "best"])):
            outcome = self.lockstep("train", EARLY, *flags)
            self.assertEqual(outcome.code, USAGE, outcome)
            for word in words:
                self.assertIn(word, outcome.err)


if __name__ == "__main__":
    main()
