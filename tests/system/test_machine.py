"""What the machine can hold: threads that outnumber the CPUs are warned about, numbers beyond reason refused."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from configurations import ini
from program import PROGRAM, USAGE, ProgramTest, main, run_command, user_environment

CONFIG = ini(data={"source": "sine", "train_samples": 64, "test_samples": 32},
             network={"layer": ["dense units=8 activation=tanh", "dense units=1 activation=identity"],
                      "loss": "square_error"},
             training={"epochs": 1, "global_batch": 64, "leaf": 16}, optimizer={"learning_rate": 0.1})


def warnings(outcome):
    return [line for line in (outcome.out + outcome.err).splitlines() if line.startswith("warning: ")]


class Machine(ProgramTest):
    files = {"s.ini": CONFIG}

    def bound(self, *arguments, **variables):
        """Runs lockstep bound to one CPU."""
        cpu = min(os.sched_getaffinity(0))
        return run_command(["taskset", "-c", cpu, PROGRAM, *arguments], self.folder, user_environment(**variables))

    def test_threads_that_outnumber_the_cpus_are_warned_about_once(self):
        for arguments in (["train", "s.ini", "--run.dir", "run"], ["plan", "s.ini"]):
            with self.subTest(arguments):
                outcome = self.bound(*arguments, "--training.threads", "3")
                self.assertEqual(outcome.code, 0, outcome)
                self.assertEqual(len(warnings(outcome)), 1, outcome)
                for word in ("3 threads", "1 CPU,", "--bind-to none", "--cpus-per-task=3", "1 thread"):
                    self.assertIn(word, warnings(outcome)[0])
        outcome = self.bound("bench", "step", "--threads", "3", "--seconds", "0.01", "--json")
        self.assertEqual(outcome.json()["threads"], 3)
        self.assertEqual(len(warnings(outcome)), 1, outcome)
        self.assertEqual(warnings(self.bound("plan", "s.ini", "--training.threads", "1")), [])

    def test_a_limit_of_openmp_is_warned_about(self):
        outcome = self.succeed("plan", "s.ini", "--training.threads", "2", OMP_THREAD_LIMIT="1")
        self.assertIn("OMP_THREAD_LIMIT=1", outcome.err)

    def test_a_variable_that_is_no_number_of_threads_is_warned_about(self):
        for value in ("four", "-1", "0", "4,x", "1,", "100000", "1.5"):
            with self.subTest(value):
                outcome = self.succeed("plan", "s.ini", OMP_NUM_THREADS=value)
                self.assertEqual([value in line for line in warnings(outcome)], [True], outcome)
        for value in ("", "1", " 1 ", "1,2", "1 , 8"):
            with self.subTest(value):
                self.assertEqual(warnings(self.succeed("plan", "s.ini", OMP_NUM_THREADS=value)), [])
        self.assertEqual(warnings(self.succeed("plan", "s.ini", "--training.threads", "1", OMP_NUM_THREADS="four")), [])

    def test_a_list_of_threads_gives_its_first(self):
        outcome = self.succeed("info", "--json", OMP_NUM_THREADS="3,2")
        self.assertEqual(outcome.json()["ranks"][0]["threads"], 3)

    def refused(self, name, *arguments):
        outcome = self.lockstep(*arguments)
        self.assertEqual(outcome.code, USAGE, outcome)
        self.assertEqual(len(outcome.messages()), 1, outcome)
        self.assertIn(name, outcome.messages()[0])

    def test_numbers_of_a_benchmark_beyond_reason_are_refused(self):
        for flag, value in (("global_batch", "18446744073709551615"), ("global_batch", "2000000000"),
                            ("layers", "4294967296-10"), ("layers", "2000000-2000000-10"), ("threads", "1000000"),
                            ("threads", "99999999999"), ("bucket_mib", "1e300"), ("seconds", "1e300")):
            with self.subTest(flag=flag, value=value):
                self.refused(f"--{flag}", "bench", "step", f"--{flag}", value)
        for shape in ("4294967296-4294967296-4294967296", "2000000000-2000000000-2000000000", "1000000-1000000-8"):
            with self.subTest(shape=shape):
                self.refused("--shape", "bench", "gemm", "--shape", shape)

    def test_sets_and_networks_that_no_memory_holds_are_refused(self):
        train = ["train", "s.ini", "--run.dir", "run"]
        self.refused("data.train_samples", *train, "--data.train_samples", "9007199254740992")
        self.refused("data.test_samples", *train, "--data.test_samples", "9007199254740992")
        self.refused("network.layer", *train, "--network.layer", "dense units=2147483648 activation=tanh",
                     "--network.layer", "dense units=1 activation=identity", "--training.global_batch", "1")
        self.refused("training.global_batch", *train, "--network.layer", "dense units=100000000 activation=tanh",
                     "--network.layer", "dense units=1 activation=identity", "--data.train_samples", "100000",
                     "--training.global_batch", "all")
        self.assertFalse((self.folder / "run").exists())

    def test_epochs_without_end_are_a_bound_on_no_step(self):
        outcome = self.succeed("plan", "s.ini", "--training.epochs", "9007199254740992", "--data.train_samples",
                               "100000", "--training.global_batch", "1", "--training.max_steps", "7", "--json")
        self.assertEqual(outcome.json()["steps"], 7)

    def test_a_length_of_time_has_a_unit_or_none(self):
        for value in ("0", "300", "90s", "5min", "1.5h", "5 min"):
            with self.subTest(value):
                self.succeed("plan", "s.ini", "--run.hang_timeout", value)
        for value in ("5minutes", "-1", "1e99", "min", "inf"):
            with self.subTest(value):
                self.refused("--run.hang_timeout", "plan", "s.ini", "--run.hang_timeout", value)


if __name__ == "__main__":
    main()
