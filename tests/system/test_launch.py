"""The launcher mismatch trap: P copies that each believe to be alone stop before anything is written."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import MPIEXEC, PROGRAM, USAGE, ProgramTest, main, run_command, run_on_terminal

CONFIG = """[data]
source = xor
[network]
layer = dense units=4 activation=tanh
layer = dense units=1 activation=sigmoid
[training]
max_steps = 3
global_batch = all
leaf = 2
[optimizer]
learning_rate = 0.5
"""


class Launch(ProgramTest):
    def setUp(self):
        super().setUp()
        self.write("xor.ini", CONFIG)

    def train_with(self, **variables):
        return self.lockstep("train", "xor.ini", "--run.dir", "run", **variables)

    def test_a_launcher_that_says_more_processes_than_mpi_is_refused(self):
        for variable in ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"):
            with self.subTest(variable):
                outcome = self.train_with(**{variable: "2"})
                self.assertEqual(outcome.code, USAGE, outcome)
                self.assertEqual(len(outcome.messages()), 1, outcome)
                self.assertIn(variable, outcome.messages()[0])
                self.assertFalse((self.folder / "run").exists())

    def test_a_launcher_that_agrees_is_not(self):
        self.assertEqual(self.train_with(OMPI_COMM_WORLD_SIZE="1", SLURM_NTASKS="8").code, 0)

    def test_more_ranks_than_leaves_warns_and_works(self):
        alone = self.train("xor.ini", "alone")
        outcome = self.succeed("train", "xor.ini", "--run.dir", "many", ranks=5)
        warnings = [line for line in (outcome.out + outcome.err).splitlines() if "warning" in line]
        self.assertEqual(len(warnings), 1, outcome)
        # Four samples in leaves of two: ranks 2, 3 and 4 have none. The remedy is named.
        for word in ("2 to 4", "training.global_batch", "training.leaf"):
            self.assertIn(word, warnings[0])
        self.assertEqual(self.digest(self.folder / "many"), self.digest(alone))

    def test_one_rank_speaks(self):
        outcome = self.succeed("train", "xor.ini", "--run.dir", "run", ranks=3)
        self.assertEqual(outcome.out.count("model.lockstep"), 1, outcome)

    def test_a_progress_bar_is_drawn_on_a_terminal_alone(self):
        arguments = ["train", "xor.ini", "--training.max_steps", "300", "--run.overwrite", "true", "--run.dir", "run"]
        for command in ([PROGRAM], [MPIEXEC, "-np", 2, "--oversubscribe", PROGRAM]):
            with self.subTest(command=command):
                self.assertIn("\r", run_on_terminal([*command, *arguments], self.folder).replace("\r\n", "\n"))
                outcome = run_command([*command, *arguments], self.folder)
                self.assertNotIn("\r", outcome.out + outcome.err)


if __name__ == "__main__":
    main()
