"""The launcher mismatch trap: P copies that each believe to be alone stop before anything is written."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from configurations import ini
from program import MPIEXEC, PROGRAM, USAGE, ProgramTest, main, run_command, run_on_terminal

CONFIG = ini(data={"source": "xor"},
             network={"layer": ["dense units=4 activation=tanh", "dense units=1 activation=sigmoid"]},
             training={"max_steps": 3, "global_batch": "all", "leaf": 2}, optimizer={"learning_rate": 0.5})


class Launch(ProgramTest):
    files = {"xor.ini": CONFIG}

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

    def test_the_refusal_says_how_a_sweep_is_meant(self):
        outcome = self.train_with(SLURM_STEP_NUM_TASKS="4", SLURM_PROCID="3")
        self.assertIn("env -u SLURM_STEP_NUM_TASKS", outcome.messages()[0], outcome)

    def test_rank_variables_that_are_left_over_silence_nothing(self):
        model = self.train("xor.ini", "run") / "model.lockstep"
        for variables in ({"SLURM_PROCID": "1"}, {"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_ID": "0"},
                          {"PMI_RANK": "1"}, {"PMI_RANK": "1", "PMI_SIZE": "2"}, {"PMI_RANK": "1", "PMI_SIZE": "2", "PMI_FD": "9"},
                          {"OMPI_COMM_WORLD_RANK": "1"}, {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"},
                          {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2", "PMIX_RANK": "1"}):
            for arguments in (["digest", model], ["diff", model, model], ["plan", "xor.ini"], ["gradcheck", "xor.ini"],
                              ["export", model, "--format", "npz", "--out", "out.npz"], ["--version"], ["--help"]):
                with self.subTest(arguments=arguments, **variables):
                    self.assertNotEqual(self.succeed(*arguments, **variables).out, "")
            with self.subTest(**variables):
                for arguments in (["plan", "nowhere.ini"], ["digest", "nowhere"], ["trian"], ["train", "xor.ini", "--foo"]):
                    outcome = self.lockstep(*arguments, **variables)
                    self.assertEqual((outcome.code > 0, len(outcome.messages())), (True, 1), outcome)

    def test_a_script_within_a_rank_runs_many_programs(self):
        script = f"{PROGRAM} plan xor.ini; {PROGRAM} plan xor.ini; {PROGRAM} train xor.ini --run.dir run"
        outcome = run_command([MPIEXEC, "--oversubscribe", "-np", 2, "bash", "-c", script], self.folder)
        self.assertEqual(outcome.code, 0, outcome)
        self.assertEqual(outcome.out.count("model.lockstep"), 1, outcome)

    def test_more_ranks_than_leaves_warns_and_works(self):
        alone = self.train("xor.ini", "alone")
        outcome = self.succeed("train", "xor.ini", "--run.dir", "many", ranks=5)
        # On few CPUs there is one more, of threads that share them.
        warnings = [line for line in (outcome.out + outcome.err).splitlines()
                    if "warning" in line and "of 5 ranks share" not in line]
        self.assertEqual(len(warnings), 1, outcome)
        # Four samples in leaves of two: ranks 2, 3 and 4 have none. The remedy is named.
        for word in ("2 to 4", "training.global_batch", "training.leaf"):
            self.assertIn(word, warnings[0])
        self.assertEqual(self.digest(self.folder / "many"), self.digest(alone))

    def test_a_process_alone_needs_no_folder_for_temporary_files_and_no_path(self):
        for number, variables in enumerate(({"TMPDIR": str(self.write("file", ""))}, {"PATH": ""})):
            outcome = self.succeed("train", "xor.ini", "--run.dir", f"run{number}", **variables)
            self.assertEqual(outcome.err.count("ORTE"), 0, outcome)

    def test_a_start_of_mpi_that_fails_names_the_folder_for_temporary_files(self):
        # mpirun itself finds a good one; its ranks do not.
        outcome = run_command([MPIEXEC, "-np", 1, "env", f"TMPDIR={self.write('file', '')}", PROGRAM, "train", "xor.ini",
                               "--run.dir", "run"], self.folder)
        self.assertEqual(len(outcome.messages()), 1, outcome)
        self.assertIn(f"TMPDIR={self.folder / 'file'} is no folder that can be written", outcome.messages()[0])

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
