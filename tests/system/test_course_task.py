"""The course task as a student runs it: scripts/pv021.sh on a small set, from CSV to the two prediction files."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from data_files import samples, write_csv_set
from program import PROGRAM, REPOSITORY, ProgramTest, main, run_command, user_environment

INPUTS, CLASSES = 784, 10


class CourseTask(ProgramTest):
    def test_the_script_writes_both_prediction_files(self):
        vectors, labels = samples(700, INPUTS, CLASSES)
        write_csv_set(self.write, "fashion data", vectors[:500], labels[:500], vectors[500:], labels[500:],
                      prefix="fashion_mnist")
        outcome = run_command([REPOSITORY / "scripts" / "pv021.sh", "fashion data", "--training.epochs", "3"],
                              self.folder, user_environment(PROGRAM=str(PROGRAM)), limit_seconds=240)
        self.assertEqual(outcome.code, 0, outcome)
        for part, expected in (("train", labels[:500]), ("test", labels[500:])):
            predicted = [int(line) for line in (self.folder / f"{part}_predictions.csv").read_text().splitlines()]
            self.assertEqual(len(predicted), len(expected))
            # Classes that differ in where their bright pixels lie: learnt at once, if lines are in input order.
            right = sum(p == e for p, e in zip(predicted, expected))
            self.assertGreater(right / len(expected), 0.95, f"{part}: {right} of {len(expected)}")

    def test_a_folder_that_is_not_there_is_refused(self):
        outcome = run_command([REPOSITORY / "scripts" / "pv021.sh", "nowhere"], self.folder)
        self.assertNotEqual(outcome.code, 0)
        self.assertIn("nowhere", outcome.err)
        self.assertEqual(list(self.folder.iterdir()), [])


if __name__ == "__main__":
    main()
