"""`lockstep bench machine` and what `lockstep plan` and `scripts/forecast.py` say by it. No test asserts how long anything takes."""

import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from configurations import alvinn
from program import PROGRAM, REPOSITORY, USAGE, ProgramTest, main, user_environment

SMALL = alvinn(256, ["dense units=20 activation=relu"], training={"epochs": 1, "global_batch": 128},
               optimizer={"learning_rate": 0.1})
PHASES = ["forward", "backward", "within_host", "between_hosts", "optimizer", "slowest_rank"]


def cost(value):
    return {"value": value, "error": 0.1 * value}


def machine(**changed):
    """A machine of round figures."""
    passes = {"relative_error": 0.05, "layer": cost(1e-6), "multiply_add": cost(2e-11), "weight": cost(1e-10),
              "far_weight": cost(4e-10), "value": cost(1e-10)}
    return {"format": "lockstep machine 1", "cpu": "made up", "host": "nowhere", "instruction_set": "avx2",
            "arithmetic": "fp32", "optimizer": "sgd", "threads": 1, "ranks_per_host": 2, "cache_bytes": 8388608,
            "noise": 0.01, "forward": passes, "backward": passes,
            "update": {"relative_error": 0.1, "bucket": cost(1e-6), "parameter": cost(2e-10), "far_parameter": cost(4e-10)},
            "within_host": {"relative_error": 0.1, "bucket": cost(1e-6), "value": cost(1e-10), "far_value": cost(2e-10)},
            "between_hosts": None} | changed


class ForecastTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.config = self.write("small.ini", SMALL)

    def file(self, **changed):
        return self.write("machine.json", json.dumps(machine(**changed)))

    def forecast(self, file, *flags):
        return self.succeed("plan", self.config, "--machine", file, *flags, "--json").json()["forecast"]

    def refuse(self, *arguments):
        outcome = self.lockstep("plan", self.config, *arguments)
        self.assertEqual(outcome.code, USAGE, outcome)
        self.assertEqual(outcome.out, "")
        return outcome.messages()[0]


class Measured(ForecastTest):
    def test_a_measured_machine_forecasts_with_an_interval_and_says_what_bounds(self):
        self.succeed("bench", "machine", "--seconds", "0.001", "--out", "measured.json", ranks=2)
        written = json.loads((self.folder / "measured.json").read_text())
        self.assertEqual(written["ranks_per_host"], 2)
        self.assertEqual(written["between_hosts"], None)
        forecast = self.forecast("measured.json", "--ranks", "2")
        self.assertEqual((forecast["ranks"], forecast["hosts"], forecast["busy_ranks"]), (2, 1, 2))
        self.assertTrue(0 < forecast["step_seconds_low"] < forecast["step_seconds"] < forecast["step_seconds_high"])
        self.assertAlmostEqual(sum(forecast["phases"].values()) / forecast["step_seconds"], 1)
        self.assertEqual(sorted(forecast["phases"]), sorted(PHASES))
        self.assertAlmostEqual(forecast["samples_per_second"] * forecast["step_seconds"], 128)
        self.assertAlmostEqual(forecast["epoch_seconds"] / forecast["step_seconds"], 2)
        text = self.succeed("plan", self.config, "--machine", "measured.json", "--ranks", "2").out
        for word in ("nine times in ten", "bound by", "an epoch"):
            self.assertIn(word, text)

    def test_where_it_cannot_be_written_is_said_before_the_work(self):
        outcome = self.lockstep("bench", "machine", "--out", "no/such/folder.json")
        self.assertEqual(outcome.code, USAGE, outcome)


class Forecast(ForecastTest):
    def test_a_slower_network_or_a_slower_cpu_is_not_faster(self):
        file = self.file()
        for shard in ("none", "optimizer", "parameters"):
            for first, second in ((("--gbits", "100"), ("--gbits", "1")),
                                  (("--gbits", "1"), ("--gbits", "1", "--latency_us", "500"))):
                flags = ("--ranks", "4", "--ranks_per_host", "1", "--comm.shard", shard)
                fast = self.forecast(file, *flags, *first)["step_seconds"]
                self.assertGreater(self.forecast(file, *flags, *second)["step_seconds"], fast)
        fast = self.forecast(file, "--ranks", "2")["step_seconds"]
        slow = machine()["forward"] | {"multiply_add": cost(4e-11)}
        self.assertGreater(self.forecast(self.file(forward=slow), "--ranks", "2")["step_seconds"], fast)

    def test_ranks_beyond_the_leaves_are_said_to_be_idle(self):
        forecast = self.forecast(self.file(), "--ranks", "8", "--gbits", "100")
        self.assertEqual((forecast["hosts"], forecast["busy_ranks"]), (4, 4))
        self.assertIn("4 of 8 ranks have no samples", " ".join(forecast["remarks"]))
        self.assertIn("assumed", " ".join(forecast["remarks"]))

    def test_a_curve_has_every_choice_up_to_the_ranks(self):
        flags = ("--ranks", "1024", "--gbits", "100", "--curve", "weak")
        forecast = self.forecast(self.file(), *flags)
        self.assertEqual([(line["shard"], line["compression"]) for line in forecast["curve"]],
                         [("none", "none"), ("none", "bf16"), ("none", "top_k"), ("optimizer", "none"),
                          ("parameters", "none")])
        for line in forecast["curve"]:
            self.assertEqual([point["ranks"] for point in line["points"]], [2**i for i in range(11)])
        self.assertIn("weak scaling", self.succeed("plan", self.config, "--machine", "machine.json", *flags).out)


class Refused(ForecastTest):
    def test_a_file_that_is_no_machine(self):
        self.assertIn("cannot be read", self.refuse("--machine", "none.json"))
        self.assertIn("is no JSON", self.refuse("--machine", self.write("bad.json", "{")))
        self.assertIn("format is missing", self.refuse("--machine", self.write("bad.json", "[]")))
        self.assertIn("its format is", self.refuse("--machine", self.file(format="lockstep machine 2")))
        for changed, fault in (({"noise": -1}, "noise must be a number from 0 on"), ({"noise": "x"}, "must be a number"),
                               ({"threads": 0}, "threads must be a whole number"),
                               ({"forward": 3}, "forward.relative_error is missing"), ({"cpu": 7}, "cpu must be a text")):
            self.assertIn(fault, self.refuse("--machine", self.file(**changed)))

    def test_what_the_machine_was_not_measured_for(self):
        file = self.file()
        self.assertIn("--gbits", self.refuse("--machine", file, "--ranks", "4"))
        self.assertIn("training.arithmetic", self.refuse("--machine", file, "--training.arithmetic", "bf16"))
        self.assertIn("comm.reduction", self.refuse("--machine", file, "--comm.reduction", "mpi"))
        self.assertIn("--ranks_per_host 1", self.refuse("--machine", self.file(within_host=None), "--ranks", "2"))

    def test_flags_of_a_forecast_without_one(self):
        for flag, value in (("--gbits", "1"), ("--latency_us", "2"), ("--curve", "weak"), ("--ranks_per_host", "2")):
            self.assertIn("--machine", self.refuse(flag, value))
        self.assertIn("--latency_us", self.refuse("--machine", self.file(), "--latency_us", "2"))
        self.assertIn("--curve", self.refuse("--machine", self.file(), "--curve", "steep"))


class Picture(ForecastTest):
    def test_the_script_draws_the_curve(self):
        script = [sys.executable, REPOSITORY / "scripts" / "forecast.py", self.config, "--program", PROGRAM, "--machine", self.file(), "--ranks",
                  "64", "--gbits", "10", "--out", "curve.svg"]
        outcome = subprocess.run([str(word) for word in script], cwd=self.folder, env=user_environment(),
                                 capture_output=True, text=True)
        if "matplotlib" in outcome.stderr:
            self.skipTest("the picture needs matplotlib")
        self.assertEqual(outcome.returncode, 0, outcome.stderr)
        picture = (self.folder / "curve.svg").read_text()
        for word in ("shard parameters", "top_k", "ideal"):
            self.assertIn(word, picture)


if __name__ == "__main__":
    main()
