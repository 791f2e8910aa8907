"""data.split: the parts are the same for train, eval and predict, on any number of ranks; what it refuses."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import USAGE, ProgramTest, main, read_json_lines

CONFIG = """[data]
source = oaks
train_samples = 200
split = {split}
[network]
layer = dense units=4 activation=tanh
layer = dense units=1
loss = square_error
[training]
epochs = 3
global_batch = 16
leaf = 4
[optimizer]
learning_rate = 0.01
"""


class Split(ProgramTest):
    def test_the_parts_are_scored_alike_by_train_and_eval_on_any_number_of_ranks(self):
        config = self.write("oaks.ini", CONFIG.format(split="60/20/20"))
        one, three = self.train(config, "one"), self.train(config, "three", ranks=3)
        self.assertEqual(self.digest(one), self.digest(three))
        end, same = (read_json_lines(run / "metrics.jsonl")[-1] for run in (one, three))
        for part, samples in ("validation", 40), ("test", 40):
            self.assertEqual(end[f"{part}_loss"], same[f"{part}_loss"])
            score = self.succeed("eval", config, "--model", one / "model.lockstep", "--set", part, "--json").json()
            self.assertEqual((score["loss"], score["samples"]), (end[f"{part}_loss"], samples))
        self.assertNotEqual(end["validation_loss"], end["test_loss"])
        self.succeed("predict", config, "--model", one / "model.lockstep", "--set", "validation", "--out", "p.txt")
        self.assertEqual(len((self.folder / "p.txt").read_text().splitlines()), 40)

    def test_a_share_of_the_training_set_leaves_the_test_set_alone(self):
        whole = self.write("whole.ini", CONFIG.format(split="none"))
        config = self.write("oaks.ini", CONFIG.format(split="90/10"))
        model = self.train(whole, "run") / "model.lockstep"
        of_test = [self.succeed("eval", each, "--model", model, "--json").json() for each in (whole, config)]
        self.assertEqual(*of_test)
        self.assertNotIn("validation_loss", read_json_lines(model.parent / "metrics.jsonl")[-1])

    def test_what_cannot_be_names_key_and_rule(self):
        config = self.write("oaks.ini", CONFIG.format(split="none"))
        for flags, words in (
                (["--data.split", "60/20/21"], ["--data.split 60/20/21", "add up to 100", "60/20/20"]),
                (["--data.split_seed", "2"], ["--data.split_seed 2", "without data.split"])):
            outcome = self.lockstep("train", config, *flags)
            self.assertEqual(outcome.code, USAGE, outcome)
            for word in words:
                self.assertIn(word, outcome.err)
        model = self.train(config, "run") / "model.lockstep"
        outcome = self.lockstep("eval", config, "--model", model, "--set", "validation")
        self.assertEqual(outcome.code, USAGE, outcome)
        self.assertIn("set data.split", outcome.err)


if __name__ == "__main__":
    main()
