"""`lockstep bench`: what it reports, and what it refuses. No test asserts how long anything takes."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import USAGE, ProgramTest, main

STEP = ("bench", "step", "--layers", "3-5-2", "--global_batch", "7", "--seconds", "0.01")
# Not a multiple of any vector or tile.
GEMM = ("bench", "gemm", "--shape", "5-33-65", "--seconds", "0.01")
PRODUCTS = ("forward", "input_delta", "weight_gradient", "weight_gradient_one_leaf")


class BenchTest(ProgramTest):
    def figures(self, *arguments, **options):
        outcome = self.succeed(*arguments, "--json", **options)
        self.assertEqual(outcome.out.count("\n"), 1, outcome)
        return outcome.json()


class Step(BenchTest):
    def test_json_has_the_promised_fields_and_they_agree(self):
        result = self.figures(*STEP, "--optimizer", "adam", "--arithmetic", "fp32")
        expected = {"layers": [3, 5, 2], "global_batch": 7, "arithmetic": "fp32", "optimizer_name": "adam", "ranks": 1,
                    "threads": 1}
        self.assertEqual({key: result[key] for key in expected}, expected)
        self.assertGreater(result["step_seconds_least"], 0)
        self.assertLessEqual(result["step_seconds_least"], result["step_seconds"])
        self.assertLessEqual(result["step_seconds"], result["step_seconds_most"])
        for phase in ("forward", "backward", "communication_exposed", "optimizer"):
            self.assertGreaterEqual(result[phase], 0)
        self.assertAlmostEqual(result["samples_per_second"] * result["step_seconds"], 7)
        # Two products for the first layer, whose inputs need no delta, and three for the second.
        operations = 7 * 2 * (2 * 3 * 5 + 3 * 5 * 2)
        self.assertAlmostEqual(result["gflops"] * 1e9 * result["step_seconds"] / operations, 1)

    def test_ranks_measure_together_and_the_first_reports(self):
        result = self.figures(*STEP, ranks=2)
        self.assertEqual(result["ranks"], 2)
        self.assertGreater(result["communication_alone"], 0)
        self.assertTrue(0 <= result["communication_hidden_share"] <= 1)
        self.assertIn("alone", self.succeed(*STEP, "--bucket_mib", "0.001", ranks=2).out)

    def test_the_table_has_a_line_for_every_phase(self):
        text = self.succeed(*STEP).out
        for word in ("samples/s", "GFLOP/s", "forward", "backward", "communication exposed", "optimizer"):
            self.assertIn(word, text)


class Gemm(BenchTest):
    def test_json_has_every_product_of_the_shape(self):
        result = self.figures(*GEMM)
        self.assertEqual((result["threads"], result["leaf"], result["arithmetic"]), (1, 32, "fp32"))
        self.assertNotIn("peak", result)
        (of_shape,) = result["gflops"]
        self.assertEqual([of_shape[size] for size in "mnk"], [5, 33, 65])
        self.assertEqual(set(of_shape), {"m", "n", "k", *PRODUCTS})
        for product in PRODUCTS:
            self.assertGreater(of_shape[product], 0)

    def test_products_in_bf16_are_measured_too(self):
        result = self.figures(*GEMM, "--arithmetic", "bf16")
        self.assertEqual(result["arithmetic"], "bf16")
        self.assertEqual(set(result["gflops"][0]), {"m", "n", "k", *PRODUCTS})

    def test_the_peak_is_measured_on_request(self):
        result = self.figures(*GEMM, "--peak", "--threads", "2")
        self.assertEqual(result["threads"], 2)
        self.assertGreater(result["peak"], 0)
        self.assertGreater(result["gflops"][0]["peak"], 0)

    def test_the_instruction_set_is_the_one_asked_for(self):
        self.assertEqual(self.figures(*GEMM, "--peak", LOCKSTEP_ISA="scalar")["instruction_set"], "scalar")

    def test_the_table_gives_shares_of_the_peak_where_it_is_measured(self):
        self.assertNotIn("%", self.succeed(*GEMM).out)
        text = self.succeed(*GEMM, "--peak").out
        self.assertRegex(text, r"(?m)^ +5 +33 +65( +[\d.]+ \(\d+ %\)){4}$")
        self.assertIn("peak in registers", text)


class Refused(BenchTest):
    def refuse(self, arguments, *words, **options):
        with self.subTest(arguments=arguments):
            outcome = self.lockstep("bench", *arguments, **options)
            self.assertEqual(outcome.code, USAGE, outcome)
            self.assertEqual(outcome.out, "")
            self.assertEqual(len(outcome.messages()), 1, outcome)
            for word in words:
                self.assertIn(word, outcome.messages()[0])

    def test_an_unknown_kind_is_named_with_the_nearest(self):
        self.refuse(["gem"], "gem", "did you mean", "'gemm'")
        self.refuse(["gemm", "step"], "step")
        self.refuse([], "lockstep bench")

    def test_a_flag_or_value_that_is_none_is_named(self):
        self.refuse(["gemm", "--shap", "1-2-3"], "--shap", "--shape")
        for flag, value in (("--shape", "128-800"), ("--shape", "128-800-0"), ("--shape", "1-2-3-4"),
                            ("--layers", "784"), ("--global_batch", "0"), ("--threads", "none"), ("--seconds", "-1"),
                            ("--optimizer", "sdg"), ("--arithmetic", "fp31")):
            self.refuse(["gemm", flag, value], flag)

    def test_products_are_not_measured_under_mpirun(self):
        self.refuse(GEMM[1:], "mpirun", ranks=2)


if __name__ == "__main__":
    main()
