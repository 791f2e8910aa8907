"""Networks with cycles: `lockstep eval` with network.digraph, and the examples in configs/neurons."""

import itertools
import math
import sys
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import DATA, NUMERICAL, REPOSITORY, USAGE, ProgramTest, main

NEURONS = REPOSITORY / "configs" / "neurons"


def as_number(bits):
    """The stack that holds a string: its first bit is the first digit to base 4, 1 or 3."""
    return float(sum(Fraction(2 * int(bit) + 1, 4 ** (i + 1)) for i, bit in enumerate(bits)))


class Digraphs(ProgramTest):
    def flags(self, name, table=None, digraph=None):
        return ["eval", NEURONS / f"{name}.ini",
                "--data.table", NEURONS / f"{name}.table" if table is None else self.write("given.table", table),
                "--network.digraph", NEURONS / f"{name}.digraph" if digraph is None else self.write("g", digraph)]

    def result(self, name, *more, **files):
        return self.succeed(*self.flags(name, **files), "--json", *more).json()

    def test_every_example_reaches_what_its_head_says(self):
        for name, samples, stopped in [("latch", 6, 6), ("ring", 4, 2), ("halving", 4, 4), ("parity", 14, 14),
                                       ("reverse", 12, 12)]:
            with self.subTest(network=name):
                result = self.result(name)
                self.assertEqual((result["samples"], result["stopped"], result["loss"]), (samples, stopped, 0))
                self.assertEqual(len(result["table"]), samples)
                for row in result["table"]:
                    self.assertEqual(row["outputs"], row["targets"], row)

    def test_any_short_string_has_its_parity_and_its_reverse(self):
        words = ["".join(bits) for length in range(8) for bits in itertools.product("01", repeat=length)]
        wanted = {"parity": lambda word: word.count("1") % 2, "reverse": lambda word: as_number(word[::-1])}
        for name, of in wanted.items():
            table = "".join(f"{as_number(word)} : {of(word)}\n" for word in words)
            rows = self.result(name, table=table)["table"]
            self.assertEqual(len(rows), len(words))
            for word, row in zip(words, rows, strict=True):
                self.assertEqual(row["outputs"], [of(word)], word)
                self.assertEqual(row["end"], "still")
                self.assertLessEqual(row["steps"], 2 * len(word) + 1)

    def test_the_table_says_how_each_activity_ended_on_any_ranks(self):
        flags = self.flags("ring")
        alone = self.succeed(*flags).out
        self.assertEqual(alone.splitlines()[0], "1 0 0 -> 0 1 0  (target 0 1 0)  not stopped after 7 steps")
        self.assertEqual(alone.splitlines()[2], "0 0 0 -> 0 0 0  (target 0 0 0)  stopped after 0 steps")
        self.assertEqual(alone.splitlines()[-1], "test loss 0.000000  (4 samples, 2 stopped)")
        self.assertEqual(self.succeed(*flags, ranks=3).out, alone)
        self.assertIn("1 -> 0.0625  (target 0.0625)  halted after 4 steps\n", self.succeed(*self.flags("halving")).out)
        latch = self.succeed(*self.flags("latch")).out
        self.assertIn("1 0 0 -> 1  (target 1)  stopped after 1 step\n", latch)

    def test_a_language_is_recognised_and_words_given_wrong_are_found(self):
        self.assertEqual(self.result("thirds")["accuracy"], 1)
        self.assertNotIn("loss", self.result("thirds"))
        words = ["".join(bits) for length in range(8) for bits in itertools.product("01", repeat=length)]
        # The longest words, whose numbers differ in the last bit of a double.
        words += ["1" * 52, "1" * 51 + "0", "0" * 52, "0" * 51 + "1", "10" * 26]
        in_language = [int(word or "0", 2) % 3 == 0 for word in words]
        wrong = {3, 90, len(words) - 1}
        table = "".join(f'"{word}" : {">0" if inside != (i in wrong) else "<= 0"}\n'
                        for i, (word, inside) in enumerate(zip(words, in_language, strict=True)))
        result = self.result("thirds", table=table)
        self.assertEqual(result["stopped"], len(words))
        self.assertEqual({i for i, row in enumerate(result["table"]) if not row["right"]}, wrong)
        self.assertAlmostEqual(result["accuracy"], 1 - len(wrong) / len(words), places=12)
        for word, inside, row in zip(words, in_language, result["table"], strict=True):
            self.assertEqual(row["outputs"], [inside], word)
            self.assertEqual((row["written"], row["end"], row["steps"]), ([f'"{word}"'], "halted", 2 * len(word) + 3))
        lines = self.succeed(*self.flags("thirds", table='"11" : >0\n"10" : >0\n')).out.splitlines()
        self.assertEqual(lines, ['"11" -> 1  (target >0)  halted after 7 steps',
                                 '"10" -> 0  (target >0, wrong)  halted after 7 steps',
                                 "test accuracy 50.00 %  (2 samples, 2 stopped)"])

    def test_a_word_is_the_lectures_number(self):
        same = "input x mode=clamped\noutput x\n"
        words = {"": "1/2", "0": "1/4", "1": "3/4", "11001": "51/64", "0" * 52: f"1/{2 ** 53}",
                 "1" * 52: f"{2 ** 53 - 1}/{2 ** 53}"}
        rows = self.result("halving", digraph=same, table="".join(f'"{w}" : "{w}"\n' for w in words))["table"]
        for row, (word, number) in zip(rows, words.items(), strict=True):
            self.assertEqual(Fraction(row["inputs"][0]), Fraction(number), word)
            self.assertEqual(row["outputs"], row["targets"])

    def test_the_sign_of_an_output_is_that_of_a_double(self):
        # F = x - 1/2 of numbers and words that as floats are all 1/2.
        shifted = "input x mode=clamped\nneuron F activation=identity bias=-0.5\nedge x F 1\noutput F\n"
        rows = [(f"{0.5 - 2 ** -40!r}", "<=0"), (f"{0.5 + 2 ** -40!r}", ">0"), ("0.5", "<=0"), ('"0' + "1" * 39 + '"', "<=0"),
                ('"1' + "0" * 39 + '"', ">0"), ("0.49999999999999994", "<=0")]
        result = self.result("halving", digraph=shifted, table="".join(f"{x} : {sign}\n" for x, sign in rows))
        self.assertEqual(result["accuracy"], 1)
        self.assertEqual(result["table"][0]["outputs"], [-(2 ** -40)])
        # A target that no float is equals the output, and one a bit away is an error above 0.
        same = "input x mode=clamped\noutput x\n"
        self.assertEqual(self.result("halving", digraph=same, table="0.1 : 0.1\n")["loss"], 0)
        self.assertGreater(self.result("halving", digraph=same, table=f"0.1 : {0.1 + 2 ** -40!r}\n")["loss"], 0)

    def test_neurons_may_be_sigmoids_and_hyperbolic_tangents(self):
        smooth = ("input x mode=clamped\nneuron s activation=sigmoid bias=0.25\nneuron t activation=tanh\n"
                  "edge x s 1.5\nedge x t -0.75\noutput s t\n")
        xs = [-30.0, -1.7, -0.001, 0.0, 0.3, 0.9, 2.5, 40.0]
        result = self.result("halving", digraph=smooth, table="".join(f"{x} : 0 0\n" for x in xs))
        for x, row in zip(xs, result["table"], strict=True):
            exact = [1 / (1 + math.exp(-(1.5 * x + 0.25))), math.tanh(-0.75 * x)]
            for output, value in zip(row["outputs"], exact, strict=True):
                # Three units in the last place of lockstep's functions, one or two of this machine's.
                self.assertLessEqual(abs(output - value), 6e-16 * abs(value), x)

    def test_only_a_table_gives_a_digraph_its_samples(self):
        xor = self.write("xor.ini", "[data]\nsource = xor\n")
        for config, flags, message in [
                (xor, [], "a digraph's samples stand in a table, whose numbers stay double; choose data.source = table"),
                (NEURONS / "latch.ini", ["--data.split", "80/20"], "has no effect with network.digraph"),
                (NEURONS / "latch.ini", ["--set", "validation"], "a digraph's table has no such part")]:
            outcome = self.lockstep("eval", config, "--network.digraph", NEURONS / "latch.digraph",
                                    *(flags + ["--data.table", NEURONS / "latch.table"] if flags else []))
            self.assertEqual(outcome.code, USAGE, outcome)
            self.assertIn(message, outcome.err)

    def test_damaged_tables_are_refused_with_their_line(self):
        for table, message in [('"012" : >0\n', 'given.table:1: "012" is no word'), ('"01 : >0\n', '"01 is no word'),
                               (f'"{"0" * 53}" : >0\n', "has 53 letters, but a double holds those of 52 exactly"),
                               ("1 : 1\n0,5 : 1\n", "given.table:2: '0,5' is neither a number nor a word as in \"0110\"; "
                                "write a decimal point: 0.5"),
                               ("1 : >1\n", "'>1' is no target; a word is accepted by >0"), ("1 :\n", "1 inputs and 0 targets"),
                               ("1 : 1\n1 1 : 1\n", "given.table:2: has 2 inputs and 1 targets, expected 1 and 1"),
                               ("1 1\n", "needs a colon"), ("# nothing\n", "holds no sample")]:
            with self.subTest(table):
                outcome = self.lockstep(*self.flags("halving", table=table))
                self.assertEqual(outcome.code, DATA, outcome)
                self.assertIn(message, outcome.err)

    def test_the_limit_is_a_key(self):
        row = self.result("ring", "--network.digraph_steps", "8")["table"][0]
        self.assertEqual((row["outputs"], row["steps"], row["stopped"], row["end"]), ([0, 0, 1], 8, False, "limit"))

    def test_a_wrong_edge_shows_in_the_table(self):
        wrong = (NEURONS / "parity.digraph").read_text().replace("edge   top    both    1", "edge   top    both    0")
        result = self.result("parity", digraph=wrong)
        self.assertGreater(result["loss"], 0)
        self.assertNotEqual([row["outputs"] for row in result["table"]], [row["targets"] for row in result["table"]])

    def test_what_cannot_run_a_digraph_says_who_can(self):
        config, *flags = self.flags("latch")[1:]
        for command, *more in [("train",), ("plan",), ("gradcheck",), ("predict", "--out", "x"), ("crossval",), ("bag",)]:
            outcome = self.lockstep(command, config, *flags, *more)
            self.assertEqual(outcome.code, USAGE, outcome)
            self.assertIn("lockstep eval alone runs it", outcome.err)
        outcome = self.lockstep(*self.flags("latch"), "--model", "m.lockstep")
        self.assertEqual(outcome.code, USAGE, outcome)
        self.assertIn("has its weights in that file", outcome.err)

    def test_keys_without_effect_are_refused(self):
        for flag, value, message in [("--network.layer", "dense units=1", "has no effect with network.digraph"),
                                     ("--training.epochs", "3", "has no effect with network.digraph")]:
            outcome = self.lockstep(*self.flags("latch"), flag, value)
            self.assertEqual(outcome.code, USAGE, outcome)
            self.assertIn(message, outcome.err)
        outcome = self.lockstep("plan", REPOSITORY / "configs" / "xor.ini", "--network.digraph_steps", "5")
        self.assertEqual(outcome.code, USAGE, outcome)
        self.assertIn("has no effect without network.digraph", outcome.err)
        without = self.write("none.ini", "[data]\nsource = xor\n[training]\nepochs = 1\n[optimizer]\nlearning_rate = 1\n")
        outcome = self.lockstep("eval", without)
        self.assertIn("network.layer is not given", outcome.err)
        outcome = self.lockstep("eval", NEURONS / "latch.ini", "--network.digraph", "")
        self.assertEqual(outcome.code, USAGE, outcome)
        self.assertIn("network.layer is not given", outcome.err)

    def test_a_state_without_bound_is_a_numerical_error(self):
        grows = "input a activation=identity\ninput b\ninput c\nedge a a 1e200\noutput a\n"
        outcome = self.lockstep(*self.flags("latch", digraph=grows, table="1 1 1 : 0\n"))
        self.assertEqual(outcome.code, NUMERICAL, outcome)
        self.assertIn("neuron a is inf after 2 steps", outcome.err)

    def test_damaged_files_are_refused_with_their_line(self):
        good = "input a mode=clamped\ninput b\ninput q\nedge a q 1\noutput q\n"
        self.result("latch", digraph=good)
        cases = [("an unknown word", "nueron x\n" + good, "g:1: 'nueron' is no line of a digraph (did you mean 'neuron'?)"),
                 ("an unknown activation", good + "neuron x activation=saturate\n", "did you mean 'saturated'"),
                 ("an unknown attribute", good + "neuron x bais=1\n", "did you mean 'bias'"),
                 ("an attribute of others", good + "neuron x mode=clamped\n", "'mode' is no attribute of a neuron"),
                 ("an attribute twice", good + "neuron x bias=1 bias=2\n", "'bias' is given twice"),
                 ("no number", good + "neuron x bias=one\n", "g:6: 'one' is no number"),
                 ("an infinite number", good + "neuron x bias=inf\n", "'inf' is no number"),
                 ("no name", good + "neuron\n", "g:6: neuron needs the name of a neuron"),
                 ("a neuron twice", good + "neuron q\n", "g:6: neuron q is given twice"),
                 ("an edge too short", good + "edge a b\n", "g:6: an edge is: edge FROM TO WEIGHT"),
                 ("an edge from nowhere", good + "edge x q 1\n", "g:6: there is no neuron x"),
                 ("an edge twice", good + "edge a q 2\n", "g:6: the edge from a to q is given twice"),
                 ("an edge into a held input", good + "edge q a 1\n", "input a is clamped"),
                 ("a held input with a bias", "input x mode=clamped bias=1\n", "g:1: input x is clamped"),
                 ("no output", "input a\n", "has no output"),
                 ("two ends", good + "halt q\nhalt b\n", "g:7: one neuron alone can be the halt"),
                 ("an input too few", "input a\ninput b\noutput a\n", "has 2 inputs and 1 outputs, but"),
                 ("an output too many", good + "output a\n", "has 3 inputs and 2 outputs, but")]
        for name, text, message in cases:
            with self.subTest(name):
                outcome = self.lockstep(*self.flags("latch", digraph=text))
                self.assertEqual(outcome.code, DATA, outcome)
                self.assertIn(message, outcome.err)
        outcome = self.lockstep(*self.flags("latch")[:-1], "nowhere.digraph")
        self.assertEqual(outcome.code, DATA, outcome)
        self.assertIn("nowhere.digraph: no such file", outcome.err)


if __name__ == "__main__":
    main()
