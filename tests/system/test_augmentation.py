"""Augmentation through the program: the same bits on any number of ranks, in training alone."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from configurations import alvinn
from program import USAGE, ProgramTest, main, read_json_lines

CONFIG = alvinn(200, ["dense units=20 activation=tanh"],
                augmentation={"width": 32, "shift": 1, "rotation": 5, "scaling": 0.1, "elastic_alpha": 20,
                              "elastic_sigma": 4},
                training={"epochs": 2, "global_batch": 100, "leaf": 8}, optimizer={"learning_rate": 0.05})


class Augmentation(ProgramTest):
    files = {"small.ini": CONFIG}

    def test_equal_bits_in_every_way_that_must_not_matter(self):
        expected = self.digest(self.train("small.ini", "one"))
        ways = [((), {"ranks": 2}), ((), {"ranks": 3, "LOCKSTEP_ISA": "scalar"}),
                (("--training.micro_batch", "16", "--training.threads", "2"), {"ranks": 2}),
                (("--comm.shard", "parameters"), {"ranks": 3})]
        for number, (arguments, options) in enumerate(ways):
            with self.subTest(arguments, **options):
                self.assertEqual(self.digest(self.train("small.ini", f"way{number}", *arguments, **options)), expected)

    def test_every_distortion_changes_the_training(self):
        digests = {self.digest(self.train("small.ini", "all"))}
        for number, name in enumerate(("shift", "rotation", "scaling", "elastic_sigma")):
            value = "0" if name != "elastic_sigma" else "3"
            digests.add(self.digest(self.train("small.ini", f"run{number}", f"--augmentation.{name}", value)))
        self.assertEqual(len(digests), 5)

    def test_scoring_sees_the_images_as_they_are(self):
        run = self.train("small.ini", "run")
        score = self.succeed("eval", "small.ini", "--model", run / "model.lockstep", "--json").json()
        self.assertEqual(score["loss"], read_json_lines(run / "metrics.jsonl")[-1]["test_loss"])
        self.write("plain.ini", CONFIG[:CONFIG.index("[augmentation]")] + CONFIG[CONFIG.index("[training]"):])
        plain = self.succeed("eval", "plain.ini", "--model", run / "model.lockstep", "--json").json()
        self.assertEqual(plain, score)

    def test_the_data_say_how_wide_their_images_are(self):
        self.assertEqual(self.digest(self.train("small.ini", "asked", "--augmentation.width", "0")),
                         self.digest(self.train("small.ini", "given")))

    def test_inputs_that_are_no_images_are_refused(self):
        for more, words in [(("--augmentation.width", "31"), ("augmentation.width", "960")),
                            (("--augmentation.elastic_alpha", "0", "--augmentation.elastic_sigma", "4"),
                             ("augmentation.elastic_sigma",))]:
            with self.subTest(more):
                outcome = self.lockstep("train", "small.ini", "--run.dir", "refused", *more)
                self.assertEqual(outcome.code, USAGE, outcome)
                for word in words:
                    self.assertIn(word, outcome.messages()[0])


if __name__ == "__main__":
    main()
