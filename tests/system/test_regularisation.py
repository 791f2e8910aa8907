"""Dropout, L2, weight decay and max-norm: the same bits on any number of ranks, and what does not go together."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from configurations import alvinn
from program import USAGE, ProgramTest, main, read_json_lines

CONFIG = alvinn(330, ["dense units=40 activation=tanh dropout=0.5", "dense units=23 activation=relu dropout=0.3"],
                network={"input_dropout": 0.2}, training={"epochs": 2, "global_batch": 100, "leaf": 8},
                optimizer={"learning_rate": 0.05, "momentum": 0.9},
                regularisation={"l2": 0.001, "weight_decay": 0.0001, "max_norm": 1.2}, run={"log_every": 1})


class Regularisation(ProgramTest):
    files = {"small.ini": CONFIG}

    def setUp(self):
        super().setUp()
        self.count = 0

    def trace(self, *arguments, **options):
        self.count += 1
        run = self.train("small.ini", f"run{self.count}", *arguments, **options)
        losses = [line.get("train_loss") for line in read_json_lines(run / "metrics.jsonl")]
        return self.digest(run), losses

    def test_equal_bits_in_every_way_that_must_not_matter(self):
        expected = self.trace()
        ways = [((), {"ranks": 2}), ((), {"ranks": 3, "LOCKSTEP_ISA": "scalar"}),
                (("--training.micro_batch", "16", "--training.threads", "2"), {"ranks": 2}),
                (("--comm.bucket_mib", "0.0001"), {"ranks": 2}), (("--comm.shard", "optimizer"), {"ranks": 3})]
        for arguments, options in ways:
            with self.subTest(arguments, **options):
                self.assertEqual(self.trace(*arguments, **options), expected)

    def test_equal_bits_in_bf16_and_with_sharded_parameters(self):
        for more, ways in [(("--training.arithmetic", "bf16"), [(), ("--training.micro_batch", "8")]),
                           (("--training.arithmetic", "fp32_amx"), [()]),
                           (("--regularisation.max_norm", "0"), [(), ("--comm.shard", "parameters")])]:
            expected = self.trace(*more)
            for way in ways:
                with self.subTest(more + way):
                    self.assertEqual(self.trace(*more, *way, ranks=3), expected)

    def test_every_part_changes_the_training(self):
        digests = {self.trace()[0]}
        for off in [("--network.input_dropout", "0"), ("--regularisation.l2", "0"),
                    ("--regularisation.weight_decay", "0"), ("--regularisation.max_norm", "0"),
                    ("--network.layer", "dense units=40 activation=tanh", "--network.layer",
                     "dense units=23 activation=relu dropout=0.3", "--network.layer",
                     "dense units=30 activation=softmax")]:
            digest = self.trace(*off)[0]
            self.assertNotIn(digest, digests, off)
            digests.add(digest)

    def test_a_trained_network_drops_nothing(self):
        run = self.train("small.ini", "run")
        scores = [self.succeed("eval", "small.ini", "--model", run / "model.lockstep", "--json", *more).json()
                  for more in [(), ("--network.input_dropout", "0.5"), ("--training.seed", "9")]]
        self.assertEqual(scores[0]["loss"], read_json_lines(run / "metrics.jsonl")[-1]["test_loss"])
        self.assertEqual(scores, [scores[0]] * 3)

    def test_what_does_not_go_together_is_refused(self):
        # Where the file gave l2 the flag would drop it; beside the flag it is refused.
        lars = ("--optimizer.name", "lars", "--regularisation.max_norm", "0", "--regularisation.l2", "0.01")
        for more, words in [(("--comm.shard", "parameters"), ("regularisation.max_norm", "comm.shard")),
                            (lars, ("regularisation.l2", "optimizer.weight_decay")),
                            (("--network.layer", "dense units=30 activation=softmax dropout=0.5"), ("dropout",)),
                            (("--network.layer", "dense units=30 activation=softmax dropout=1"), ("dropout=1",))]:
            with self.subTest(more):
                outcome = self.lockstep("train", "small.ini", "--run.dir", "refused", *more)
                self.assertEqual(outcome.code, USAGE, outcome)
                for word in words:
                    self.assertIn(word, outcome.messages()[0])


if __name__ == "__main__":
    main()
