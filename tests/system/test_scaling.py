"""scripts/scaling.py: what it measures, writes and refuses. No times are asserted."""

import csv
import importlib.util
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import MPIEXEC, PROGRAM, REPOSITORY, USAGE, ProgramTest, main, run_command, user_environment

sys.path.insert(0, str(REPOSITORY / "scripts"))
import scaling
from scaling_report import summarise

SCALING = REPOSITORY / "scripts" / "scaling.py"
LETTERS = REPOSITORY / "configs" / "letters.ini"
# Words of its own, for machines where ranks cannot be bound.
LAUNCHER = f"{MPIEXEC} --oversubscribe --bind-to none --mca mpi_yield_when_idle 1 -np"
HAS_MATPLOTLIB = importlib.util.find_spec("matplotlib") is not None
DIFFERENT = 7


def point(ranks, oversubscribed=False, batch=64):
    return {"ranks": ranks, "threads": 1, "hosts": ["a"], "oversubscribed": oversubscribed, "global_batch": batch}


def run(ranks, seconds, digest="d", batch=64):
    return {"ranks": ranks, "threads": 1, "global_batch": batch, "step_seconds": seconds, "samples_per_second": batch / seconds,
            "phases": {"computing": seconds}, "digest": digest}


class Scaling(ProgramTest):
    def scaling(self, *words, launcher=LAUNCHER, environment=None):
        return run_command([sys.executable, SCALING, LETTERS, "--program", PROGRAM, "--launcher", launcher, "--steps", "6",
                            "--warm-up", "2", "--out", "out", *words], self.folder, environment or user_environment())

    def rows(self):
        return list(csv.DictReader((self.folder / "out" / "scaling.csv").read_text().splitlines()))

    def setUp(self):
        super().setUp()
        if not HAS_MATPLOTLIB:
            self.skipTest("scaling.py needs python3-matplotlib")

    def test_a_study_writes_tables_and_figures_and_goes_on_with_what_is_missing(self):
        outcome = self.scaling("--ranks", "1", "--repeat", "1")
        self.assertEqual(outcome.code, 0, outcome)
        first = (self.folder / "out" / "runs" / "ranks1-threads1-1.json").read_text()
        outcome = self.scaling("--ranks", "1,2", "--repeat", "1", "--allow-oversubscribed")
        self.assertEqual(outcome.code, 0, outcome)
        self.assertEqual((self.folder / "out" / "runs" / "ranks1-threads1-1.json").read_text(), first)
        one, two = self.rows()
        self.assertEqual((one["ranks"], two["ranks"], two["ideal"]), ("1", "2", "2.0"))
        self.assertEqual((one["digest"], two["digest"]), ("equal", "equal"))
        self.assertEqual(one["digests"], two["digests"])
        alone = self.train(LETTERS, "alone", "--training.epochs", "0", "--training.max_steps", "8")
        self.assertEqual(one["digests"], self.digest(alone))
        study = json.loads((self.folder / "out" / "scaling.json").read_text())
        self.assertAlmostEqual(study["points"][1]["efficiency"], study["points"][1]["speed_up"] / 2)
        for row in study["points"]:
            self.assertAlmostEqual(sum(row["phases"].values()), row["step_seconds"])
        lines = [json.loads(line) for line in (self.folder / "out" / "extrap.jsonl").read_text().splitlines()]
        self.assertEqual([(line["params"], len(line["value"])) for line in lines if line["callpath"] == "step"],
                         [({"p": 1}, 1), ({"p": 2}, 1)])
        for name in ("speed_up", "efficiency", "phases", "scaling"):
            self.assertTrue((self.folder / "out" / f"{name}.png").read_bytes().startswith(b"\x89PNG"))
            self.assertIn("<svg", (self.folder / "out" / f"{name}.svg").read_text())
        outcome = self.scaling("--ranks", "1", "--repeat", "1", "--optimizer.learning_rate", "0.3")
        self.assertEqual(outcome.code, USAGE, outcome)
        self.assertIn("differ in keys", outcome.err)

    def test_weak_mode_gives_each_rank_a_batch_and_crowded_points_are_no_scaling(self):
        cpus = len(os.sched_getaffinity(0))
        ranks = cpus + 1
        outcome = self.scaling("--mode", "weak", "--ranks", f"1,{ranks}", "--repeat", "1", "--training.global_batch", "16")
        self.assertEqual(outcome.code, 0, outcome)
        self.assertIn(f"oversubscribed, ranks x threads: {ranks} x 1", outcome.out)
        one, many = self.rows()
        self.assertEqual((one["global_batch"], many["global_batch"]), ("16", str(16 * ranks)))
        self.assertEqual((many["oversubscribed"], many["speed_up"], many["digest"]), ("yes", "", "alone"))
        for launcher, words in (("no-such-launcher -np", "cannot start no-such-launcher"), ("false", "cannot be launched")):
            outcome = self.scaling("--ranks", "1", launcher=launcher, environment=user_environment())
            self.assertEqual(outcome.code, USAGE, outcome)
        outcome = self.scaling("--ranks", "1", "--out", "other", "--mode", "weak", "--training.global_batch", "all")
        self.assertEqual(outcome.code, 0, outcome)

    def test_a_run_of_other_bits_is_told(self):
        settings = {"mode": "strong"}
        study = summarise(settings, [point(1), point(2)], [run(1, 1.0), run(2, 0.6, "e"), run(2, 0.5)], False)
        self.assertEqual([row["digest"] for row in study["points"]], ["differs", "differs"])
        study = summarise({"mode": "weak"}, [point(1), point(2, batch=128)],
                          [run(1, 1.0), run(2, 1.0, "e", 128), run(2, 1.25, "e", 128)], False)
        self.assertEqual([row["digest"] for row in study["points"]], ["alone", "equal"])
        self.assertAlmostEqual(study["points"][1]["efficiency"], 1 / 1.125)

    def test_a_fit_finds_the_share_that_does_not_scale_without_crowded_points(self):
        points = [point(ranks, ranks == 8) for ranks in (1, 2, 4, 8)]
        runs = [run(ranks, 0.1 + 0.9 / ranks) for ranks in (1, 2, 4)] + [run(8, 5.0)]
        study = summarise({"mode": "strong"}, points, runs, False)
        self.assertAlmostEqual(study["amdahl_serial_share"]["1"], 0.1)
        self.assertNotIn("speed_up", study["points"][3])
        self.assertGreater(summarise({"mode": "strong"}, points, runs, True)["amdahl_serial_share"]["1"], 0.5)

    def test_what_is_crowded_is_found_by_host(self):
        self.assertFalse(scaling.is_oversubscribed([("a", {0}), ("a", {1}), ("b", {0})], 1))
        self.assertTrue(scaling.is_oversubscribed([("a", {0, 1}), ("a", {0, 1}), ("a", {0, 1})], 1))
        self.assertTrue(scaling.is_oversubscribed([("a", {0}), ("b", {0})], 2))
        self.assertEqual(scaling.cpus_in("0-2,8"), {0, 1, 2, 8})

    def test_phases_of_the_log_make_up_the_step(self):
        end = {"phases": {"forward": {"mean": 1.0}, "backward": {"mean": 3.0}, "evaluation": {"mean": 50.0}}}
        self.assertEqual(scaling.phases_of(end, 0.8, 0.1), {"forward": 0.2, "backward": 0.6000000000000001})
        self.assertEqual(scaling.phases_of({}, 0.5, 0.125), {"computing": 0.375, "communication exposed": 0.125})


if __name__ == "__main__":
    main()
