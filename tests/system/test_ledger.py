"""The ledger of a run, and what is made of it: verify, which launches runs and compares every step, diff, and replay."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from configurations import alvinn
from program import CHECKPOINT, MPIEXEC, PROGRAM, USAGE, ProgramTest, main, read_json_lines, run_command

# Batches of 100, 100 and 30 samples; layers of very different sizes, of which ranks own uneven pieces.
CONFIG = alvinn(230, ["dense units=20 activation=relu", "activation activation=tanh", "dense units=13 activation=tanh"],
                training={"epochs": 2, "global_batch": 100, "leaf": 8, "seed": 7},
                optimizer={"learning_rate": 0.05}, comm={"check_every": 4}, run={"ledger": "step"})
STEPS = 6
LAYERS = {"layer0", "layer2", "layer3"}
DIFFERENT, REPLICAS_DIFFER = 1, 7


def by_layer(run):
    return [line for line in read_json_lines(run / "ledger.jsonl") if "gradient" in line]


class LedgerTest(ProgramTest):
    files = {"small.ini": CONFIG}

    def replace_line(self, run, number, text):
        """Writes `text` in the place of line `number`, from 1, of a run's ledger."""
        path = run / "ledger.jsonl"
        lines = path.read_text().splitlines()
        lines[number - 1] = text
        path.write_text("\n".join(lines) + "\n")


class Ledger(LedgerTest):
    def test_is_the_same_on_any_number_of_ranks_and_threads_and_with_every_sharding(self):
        run = self.train("small.ini", "alone")
        lines = by_layer(run)
        self.assertEqual([line["step"] for line in lines], list(range(1, STEPS + 1)))
        for line in lines:
            self.assertEqual((set(line["gradient"]), set(line["parameters"])), (LAYERS, LAYERS))
        # Every step has digests of its own.
        self.assertEqual(len({digest for line in lines for kind in ("gradient", "parameters")
                              for digest in line[kind].values()}), 2 * len(LAYERS) * STEPS)
        expected = (run / "ledger.jsonl").read_text()
        ways = [(("--training.threads", 3, "--training.micro_batch", 40), {}), ((), {"ranks": 2})]
        ways += [(("--comm.shard", shard, "--comm.bucket_mib", 0.001), {"ranks": 3}) for shard in ("optimizer", "parameters")]
        for number, (arguments, options) in enumerate(ways):
            with self.subTest(arguments=arguments, **options):
                run = self.train("small.ini", f"way{number}", *arguments, **options)
                self.assertEqual((run / "ledger.jsonl").read_text(), expected)

    def test_holds_what_rules_for_whole_layers_make_of_the_parameters(self):
        for number, arguments in enumerate((("--optimizer.name", "lamb"), ("--regularisation.max_norm", "0.7"))):
            alone = self.train("small.ini", f"alone{number}", *arguments)
            shared = self.train("small.ini", f"shared{number}", *arguments, ranks=2)
            self.assertEqual(by_layer(shared), by_layer(alone))

    def test_has_the_last_step_of_each_epoch_or_none(self):
        steps = self.train("small.ini", "steps")
        epochs = self.train("small.ini", "epochs", "--run.ledger", "epoch", "--training.max_steps", 5,
                            "--run.checkpoint_every", 4, ranks=2)
        self.assertEqual(by_layer(epochs), [by_layer(steps)[i] for i in (2, 4)])
        longer = self.lockstep("resume", epochs, "--training.max_steps", 0, "--allow", "training.max_steps",
                               "--run.ledger", "step", ranks=3)
        self.assertEqual(longer.code, 0, longer)
        self.assertEqual(by_layer(epochs)[-1], by_layer(steps)[-1])
        off = self.train("small.ini", "off", "--run.ledger", "off")
        self.assertEqual([set(line) for line in read_json_lines(off / "ledger.jsonl")], [{"epoch", "step", "digest"}] * 2)


class Diff(LedgerTest):
    def test_runs_are_equal_wherever_they_ran(self):
        alone, shared = self.train("small.ini", "alone"), self.train("small.ini", "shared", ranks=2)
        outcome = self.succeed("diff", alone, shared)
        self.assertIn("equal in all 8 lines", outcome.out)
        self.assertIn("ranks 1 against 2", outcome.out)

    def test_says_at_which_step_and_layer_runs_part_and_what_differs(self):
        first = self.train("small.ini", "first")
        other = self.train("small.ini", "other", "--optimizer.learning_rate", "0.05, 0.06")
        outcome = self.lockstep("diff", first, other)
        self.assertEqual(outcome.code, DIFFERENT, outcome)
        self.assertIn("optimizer.learning_rate 0.05 against 0.05, 0.06", outcome.out)
        found = self.lockstep("diff", first, other, "--json").json()
        part = found["first_difference"]
        # The gradient of the step with another rate is still that of equal parameters.
        self.assertEqual((part["kind"], part["layers"]), ("parameters", sorted(LAYERS)))
        self.assertEqual((part["step"], part["last_equal_step"]), (4, 3))
        seed = self.train("small.ini", "seed", "--training.seed", 8)
        found = self.lockstep("diff", first, seed, "--json").json()
        self.assertEqual((found["first_difference"]["step"], found["first_difference"]["kind"]), (1, "gradient"))
        short = self.train("small.ini", "short", "--training.max_steps", 4)
        outcome = self.lockstep("diff", first, short)
        self.assertEqual(outcome.code, DIFFERENT, outcome)
        self.assertIn(f"{first} goes on to step 6", outcome.out)

    def test_a_damaged_ledger_is_refused_by_its_line(self):
        first, other = self.train("small.ini", "first"), self.train("small.ini", "other")
        whole = (other / "ledger.jsonl").read_text()
        line = read_json_lines(other / "ledger.jsonl")[2]
        for text in ("", "{", "[]", '{"epoch":1}', '{"epoch":1,"step":-3,"digest":"%s"}' % ("0" * 32),
                     '{"epoch":1,"step":3,"digest":"12"}', json.dumps(line | {"gradient": {}}),
                     json.dumps(line | {"parameters": {"layer0": "0" * 32}}), json.dumps(line | {"step": 2}),
                     "[" * 100000, "x" * (5 << 20)):
            self.replace_line(other, 3, text)
            outcome = self.lockstep("diff", first, other)
            self.assertEqual(outcome.code, CHECKPOINT, outcome)
            self.assertIn("ledger.jsonl:3: ", outcome.messages()[0])
            (other / "ledger.jsonl").write_text(whole)
        # A run that was killed while it wrote its last line.
        (other / "ledger.jsonl").write_text(whole + '{"epoch":2,"st')
        self.succeed("diff", first, other)

    def test_what_cannot_be_compared_is_refused(self):
        first = self.train("small.ini", "first")
        # A run beside a model is the run's model.
        self.assertEqual(self.lockstep("diff", first, first / "model.lockstep").code, 0)
        self.assertEqual(self.lockstep("diff", first, self.folder).code, CHECKPOINT)
        (first / "ledger.jsonl").write_text("")
        outcome = self.lockstep("diff", first, first)
        self.assertEqual(outcome.code, USAGE, outcome)
        self.assertIn("run.ledger = step", outcome.messages()[0])


class Replay(LedgerTest):
    # What a leaf's gradient depends on besides its samples: its place in the batch, the step, the epoch.
    DRAWN = ("--network.input_dropout", 0.2, "--augmentation.shift", 1)

    def test_one_process_recomputes_a_step_of_several_ranks(self):
        run = self.train("small.ini", "run", "--comm.shard", "parameters", "--run.checkpoint_every", 3, *self.DRAWN, ranks=2)
        for step, from_step in ((2, 0), (4, 3), (6, 3)):
            found = self.succeed("replay", run, "--step", step, "--json").json()
            self.assertEqual((found["from_step"], found["samples"]), (from_step, (30, 100, 100)[step % 3]))
            line = by_layer(run)[step - 1]
            for kind in ("gradient", "parameters"):
                self.assertEqual({name: layer["digest"] for name, layer in found[kind].items()}, line[kind])
            self.assertTrue(found["ledger"]["has_step"] and found["ledger"]["equal"])

    def test_a_batch_of_one_leaf_has_the_gradient_of_the_leaf(self):
        run = self.train("small.ini", "run", "--training.leaf", 100, *self.DRAWN)
        found = self.succeed("replay", run, "--step", 5, "--leaf", 0, "--json").json()
        self.assertEqual(found["leaf"]["gradient"], found["gradient"])
        self.assertEqual(len(set(found["leaf"]["samples"])), 100)

    def test_a_run_that_started_from_a_model(self):
        model = self.train("small.ini", "first") / "model.lockstep"
        run = self.train("small.ini", "run", "--model", model, "--training.max_steps", 2)
        self.assertTrue(self.succeed("replay", run, "--step", 2, "--json").json()["ledger"]["equal"])
        model.unlink()
        self.assertEqual(self.lockstep("replay", run, "--step", 2).code, CHECKPOINT)

    def test_a_ledger_that_is_not_what_its_steps_are_is_found(self):
        run = self.train("small.ini", "run")
        line = by_layer(run)[1]
        line["parameters"]["layer3"] = "0" * 32
        self.replace_line(run, 2, json.dumps(line))
        outcome = self.lockstep("replay", run, "--step", 3)
        self.assertEqual(outcome.code, REPLICAS_DIFFER, outcome)
        self.assertIn("the ledger differs at step 2 (epoch 1): the parameters of layer3\n", outcome.out)

    def test_what_cannot_be_replayed_is_refused(self):
        run = self.train("small.ini", "run", "--training.max_steps", 2)
        for arguments, words in ((("--step", 3), "there is no step 3"), (("--step", 0), "--step 0"), ((), "--step"),
                                 (("--step", 1, "--leaf", 13), "has 13 leaves")):
            outcome = self.lockstep("replay", run, *arguments)
            self.assertEqual((outcome.code, len(outcome.messages())), (USAGE, 1), outcome)
            self.assertIn(words, outcome.messages()[0])

    def test_diff_goes_on_to_leaf_and_value(self):
        first, other = self.train("small.ini", "first"), self.train("small.ini", "other", "--data.seed", 2)
        found = self.lockstep("diff", first, other, "--json").json()["replay"]
        self.assertEqual((found["first"]["step"], found["leaf"], found["fault_a"], found["fault_b"]), (1, 0, "", ""))
        self.assertGreater(found["first"]["ulps"], 0)
        self.assertNotEqual(found["first"]["a"], found["first"]["b"])
        self.assertEqual(len(found["samples_a"]), 8)
        self.assertNotIn("replayed", self.lockstep("diff", first, other, "--ledger_only").out)

    def test_diff_finds_the_step_between_the_lines_that_ledgers_have(self):
        ways = (("--optimizer.learning_rate", 0.05), ("--optimizer.learning_rate", "0.05, 0.06"))
        first, other = (self.train("small.ini", f"run{rate}", "--run.ledger", "off", "--comm.check_every", 3, *arguments)
                        for rate, arguments in enumerate(ways))
        outcome = self.lockstep("diff", first, other)
        self.assertIn("part at step 6 (epoch 2): the digest of all parameters", outcome.out)
        self.assertIn("replayed, they differ first in step 4, in the parameters after the step", outcome.out)

    def test_diff_blames_the_machine_where_both_replays_are_equal(self):
        first, other = self.train("small.ini", "first"), self.train("small.ini", "other")
        line = by_layer(other)[2]
        line["gradient"]["layer2"] = "0" * 32
        self.replace_line(other, 3, json.dumps(line))
        outcome = self.lockstep("diff", first, other)
        self.assertEqual(outcome.code, DIFFERENT, outcome)
        self.assertIn("part at step 3 (epoch 1): the gradient of layer2\n", outcome.out)
        self.assertIn("both are equal: a machine has erred", outcome.out)
        self.assertIn(f"the ledger of {other} is not what its replay says, at step 3 (epoch 1): the gradient of layer2",
                      outcome.out)


class Verify(LedgerTest):
    def kept(self):
        return list(self.folder.glob("lockstep-verify-*"))

    def test_runs_in_every_way_are_equal_also_within_a_job(self):
        arguments = ["verify", "small.ini", "--ranks", "1,2", "--shard", "none,parameters", "--steps", 3, "--json"]
        outcome = run_command([MPIEXEC, "--oversubscribe", "-np", 2, PROGRAM, *arguments], self.folder)
        self.assertEqual(outcome.code, 0, outcome)
        found = outcome.json()
        self.assertTrue(found["equal"])
        self.assertEqual([(run["ranks"], run["shard"], run["steps"]) for run in found["runs"]],
                         [(1, "none", 3), (1, "parameters", 3), (2, "none", 3), (2, "parameters", 3)])
        self.assertEqual(len({run["digest"] for run in found["runs"]}), 1)
        self.assertEqual(self.kept(), [])

    def test_says_where_runs_part_and_keeps_them(self):
        # MPI adds up what three ranks have in an order of its own.
        outcome = self.lockstep("verify", "small.ini", "--ranks", "1,3", "--comm.reduction", "mpi")
        self.assertEqual(outcome.code, REPLICAS_DIFFER, outcome)
        self.assertIn("the run on 3 ranks parts from the first one at step 1 (epoch 1): the gradient of layer0", outcome.out)
        command = outcome.out.rpartition("lockstep diff ")[2].split()
        self.assertEqual(self.lockstep("diff", *command).code, DIFFERENT)

    def test_failures_are_the_runs_own_and_leave_nothing(self):
        outcome = self.lockstep("verify", "small.ini", "--launcher", "no-such-launcher -n")
        self.assertEqual(outcome.code, USAGE, outcome)
        self.assertIn("cannot start no-such-launcher", outcome.messages()[0])
        outcome = self.lockstep("verify", "small.ini", "--ranks", 2, "--network.weights", "missing.txt")
        self.assertIn("missing.txt", outcome.err)
        self.assertNotIn(outcome.code, (0, 1, REPLICAS_DIFFER), outcome)
        for arguments in (("--ranks", "1,x"), ("--steps", "1,2"), ("--shard", "all"), ("--launcher", " ")):
            outcome = self.lockstep("verify", "small.ini", *arguments)
            self.assertEqual(outcome.code, USAGE, outcome)
            self.assertIn(arguments[0], outcome.messages()[0])
        self.assertEqual(self.kept(), [])


if __name__ == "__main__":
    main()
