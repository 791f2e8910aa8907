"""The course task as a student runs it: scripts/pv021.sh on a small set, from CSV to the two prediction files."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from data_files import samples, write_csv_set
from program import PROGRAM, REPOSITORY, ProgramTest, main, run_command, user_environment

INPUTS, CLASSES = 784, 10
FASHION = Path("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz")


class CourseTask(ProgramTest):
    def course(self, *arguments):
        """What the script does with this program, and with a variable that names the folder of another set."""
        return run_command([REPOSITORY / "scripts" / "pv021.sh", *arguments], self.folder,
                           user_environment(PROGRAM=str(PROGRAM), LOCKSTEP_DATA_DIR="/of/another/set"), limit_seconds=240)

    def test_the_script_writes_both_prediction_files(self):
        vectors, labels = samples(700, INPUTS, CLASSES)
        write_csv_set(self.write, "fashion data", vectors[:500], labels[:500], vectors[500:], labels[500:],
                      prefix="fashion_mnist")
        outcome = self.course("fashion data", "--training.epochs", "5")
        self.assertEqual(outcome.code, 0, outcome)
        for part, expected in (("train", labels[:500]), ("test", labels[500:])):
            predicted = [int(line) for line in (self.folder / f"{part}_predictions.csv").read_text().splitlines()]
            self.assertEqual(len(predicted), len(expected))
            # Classes that differ in where their bright pixels lie: learnt at once, if lines are in input order.
            right = sum(p == e for p, e in zip(predicted, expected))
            self.assertGreater(right / len(expected), 0.95, f"{part}: {right} of {len(expected)}")

    def test_a_test_set_without_labels_is_predicted_all_the_same(self):
        vectors, labels = samples(300, INPUTS, CLASSES)
        write_csv_set(self.write, "data", vectors[:200], labels[:200], vectors[200:], labels[200:])
        for file in (self.folder / "data").glob("*_test_labels.csv"):
            file.unlink()
        outcome = self.course("data", "--training.epochs", "8")
        self.assertEqual(outcome.code, 0, outcome)
        self.assertIn("no labels of the test set", outcome.out)
        predicted = [int(line) for line in (self.folder / "test_predictions.csv").read_text().splitlines()]
        self.assertEqual(len(predicted), 100)
        self.assertGreater(sum(p == e for p, e in zip(predicted, labels[200:])), 90)

    @unittest.skipUnless(FASHION.exists(), f"{FASHION} is not there: install dataset-fashion-mnist")
    def test_without_a_folder_it_is_fashion_mnist(self):
        outcome = self.course("--training.max_steps", "150", "--data.train_samples", "20000", "--data.test_samples", "1000")
        self.assertEqual(outcome.code, 0, outcome)
        lines = (self.folder / "test_predictions.csv").read_text().splitlines()
        self.assertEqual(len(lines), 1000)
        # The first pictures' classes, a boot, a pullover, two pairs of trousers, of which a network is soon sure.
        self.assertEqual(lines[:4], ["9", "2", "1", "1"])

    def test_a_folder_that_is_not_there_is_refused(self):
        outcome = self.course("nowhere")
        self.assertNotEqual(outcome.code, 0)
        self.assertIn("nowhere", outcome.err)
        self.assertEqual(list(self.folder.iterdir()), [])


if __name__ == "__main__":
    main()
