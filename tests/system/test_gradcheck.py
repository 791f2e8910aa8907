"""`lockstep gradcheck`: backpropagation against finite differences, from the command line."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import NUMERICAL, REPOSITORY, USAGE, ProgramTest, main

CONFIGS = REPOSITORY / "configs"
BLOCKS = ["layer0.weight", "layer0.bias", "layer1.weight", "layer1.bias"]


class Gradcheck(ProgramTest):
    def test_the_synthetic_configurations_pass_in_every_arithmetic(self):
        for name in ("xor", "sine", "alvinn"):
            for arithmetic in ("fp32", "bf16", "fp32_amx"):
                with self.subTest(config=name, arithmetic=arithmetic):
                    outcome = self.succeed("gradcheck", CONFIGS / f"{name}.ini", "--training.arithmetic", arithmetic,
                                           "--samples", "16", "--json")
                    result = outcome.json()
                    self.assertTrue(result["passed"])
                    self.assertEqual([block["name"] for block in result["blocks"]], BLOCKS)
                    for block in result["blocks"]:
                        self.assertGreater(block["checked"], 0)
                        self.assertLessEqual(block["relative_error"], result["tolerance"])

    def test_a_difference_beyond_the_tolerance_ends_with_the_code_of_numerical_errors(self):
        # No float gradient is this near: the same comparison that finds a wrong layer.
        outcome = self.lockstep("gradcheck", CONFIGS / "alvinn.ini", "--tolerance", "1e-14", "--json")
        self.assertEqual(outcome.code, NUMERICAL, outcome)
        self.assertFalse(outcome.json()["passed"])
        self.assertIn("layer0.weight[", outcome.messages()[0])

    def test_parameters_are_drawn_by_the_seed(self):
        def worst(*arguments):
            outcome = self.succeed("gradcheck", CONFIGS / "alvinn.ini", "--parameters", "20", "--json", *arguments)
            return [(block["checked"], block["worst_index"], block["gradient"]) for block in outcome.json()["blocks"]]

        first = worst()
        self.assertEqual([checked for checked, _, _ in first], [20] * 4)
        self.assertEqual(worst(), first)
        self.assertNotEqual(worst("--training.seed", "2"), first)
        everything = self.succeed("gradcheck", CONFIGS / "sine.ini", "--parameters", "all", "--json").json()
        self.assertEqual([block["checked"] + block["at_kinks"] for block in everything["blocks"]], [5, 5, 5, 1])

    def test_a_trained_model_can_be_checked(self):
        run = self.train(CONFIGS / "xor.ini", "run", "--training.epochs", "100")
        first = self.succeed("gradcheck", CONFIGS / "xor.ini", "--json").json()
        trained = self.succeed("gradcheck", CONFIGS / "xor.ini", "--model", run / "model.lockstep", "--json").json()
        self.assertTrue(trained["passed"])
        self.assertNotEqual(first["blocks"][0]["gradient"], trained["blocks"][0]["gradient"])

    def test_under_mpirun_the_first_process_alone_speaks(self):
        outcome = self.succeed("gradcheck", CONFIGS / "xor.ini", ranks=2)
        self.assertEqual(outcome.out.count("layer0.weight"), 1)
        self.assertIn("ok", outcome.out)

    def test_flags_that_are_no_numbers_are_refused(self):
        for flag, value in (("--samples", "0"), ("--tolerance", "-1"), ("--parameters", "many")):
            outcome = self.lockstep("gradcheck", CONFIGS / "xor.ini", flag, value)
            self.assertEqual(outcome.code, USAGE, outcome)
            self.assertIn(flag, outcome.err)


if __name__ == "__main__":
    main()
