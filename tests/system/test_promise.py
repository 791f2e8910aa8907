"""The promise: the same weights, bit for bit, on any number of ranks and threads, and on any instruction set.

One small network, whose batches have several leaves and whose last batch and last leaf are short, is trained in every
way that must not matter. Beside the final digest, the digests by step and every measured loss must be equal. Twins
that do change the arithmetic must give another digest: so it is known that the comparison can see.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from configurations import alvinn
from program import ProgramTest, main, read_json_lines

# 330 samples in batches of 100: the last has 30. Leaves of 8: a batch has 13, the last of 4 samples; the last batch
# has 4, the last of 6, so that of 7 ranks three are idle there. Three parameter blocks of very different sizes.
CONFIG = alvinn(330, ["dense units=20 activation=relu", "dense units=13 activation=tanh"],
                training={"epochs": 2, "global_batch": 100, "leaf": 8, "seed": 7},
                optimizer={"name": "sgd", "learning_rate": 0.05, "momentum": 0.9}, comm={"check_every": 3},
                run={"log_every": 1})
# What every build on every machine must come to: recorded with g++ 12, -O3, AVX-512; the same on the other paths and in
# a sanitised -O1 build. It changes only where the contract, the initial weights or the drawn data are changed on purpose.
RECORDED_DIGEST = "7df0d7b09e7dd09814d93e50437ecbae"
RECORDED_DIGESTS = {"bf16": "5c5752da9a1a39534156b419da1b27d3", "fp32_amx": "bf043ff7a9debfc4a85a00b6619a1b83"}
MEASURED = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "test_loss", "test_accuracy")
STEPS = 8


class PromiseTest(ProgramTest):
    files = {"small.ini": CONFIG}

    def setUp(self):
        super().setUp()
        self.count = 0

    def trace(self, *arguments, **options):
        """All that must be equal about a run: final digest, digests by step, every loss and accuracy measured."""
        self.count += 1
        run = self.train("small.ini", f"run{self.count}", *arguments, **options)
        measured = [(line["event"], line["epoch"], line["step"], name, line[name])
                    for line in read_json_lines(run / "metrics.jsonl") for name in MEASURED if name in line]
        self.assertGreaterEqual(sum(name == "train_loss" for _, _, _, name, _ in measured), STEPS)
        return self.digest(run), read_json_lines(run / "ledger.jsonl"), measured

    def assert_equal_traces(self, ways, expected=None):
        """Trains in each of `ways` (arguments, options) and compares with one rank, one thread, the default path."""
        expected = expected or self.trace()
        self.assertEqual(len(expected[0]), 32)
        for arguments, options in ways:
            with self.subTest(arguments=arguments, **options):
                digest, ledger, measured = self.trace(*arguments, **options)
                self.assertEqual(measured, expected[2])
                self.assertEqual(ledger, expected[1])
                self.assertEqual(digest, expected[0])


class ThePromise(PromiseTest):
    def test_any_build_on_any_machine(self):
        self.assertEqual(self.trace()[0], RECORDED_DIGEST)

    def test_any_number_of_ranks(self):
        self.assert_equal_traces([((), {"ranks": ranks}) for ranks in (1, 2, 3, 4, 7)])

    def test_any_instruction_set(self):
        available = self.succeed("info", "--json").json()["ranks"][0]["instruction_sets"]
        self.assertIn("scalar", available)
        # A machine without AVX2 has one path alone, and this test would say nothing.
        self.assertGreaterEqual(len(available), 2, "this CPU has no SIMD path to compare")
        self.assert_equal_traces([((), {"LOCKSTEP_ISA": name}) for name in available]
                                 + [((), {"LOCKSTEP_ISA": name, "ranks": 3}) for name in available])

    def test_bf16_and_fp32_amx_on_any_number_of_ranks_and_any_instruction_set(self):
        available = self.succeed("info", "--json").json()["ranks"][0]["instruction_sets"]
        for arithmetic, recorded in RECORDED_DIGESTS.items():
            with self.subTest(arithmetic=arithmetic):
                chosen = ("--training.arithmetic", arithmetic)
                expected = self.trace(*chosen)
                self.assertEqual(expected[0], recorded)
                self.assert_equal_traces(
                    [(chosen, {"ranks": ranks}) for ranks in (2, 3)]
                    + [(chosen, {"LOCKSTEP_ISA": name}) for name in available]
                    + [((*chosen, "--training.threads", "2", "--comm.bucket_mib", "0.0001"), {"ranks": 2})],
                    expected=expected)

    def test_any_bucket_size(self):
        # 0.0001 MiB: about 26 values, so that even a bias is cut; 0.05 MiB: the big weight is cut, the rest gathered.
        self.assert_equal_traces([(("--comm.bucket_mib", size), {"ranks": ranks})
                                  for size in ("0.0001", "0.05", "100") for ranks in (2, 3)])

    def test_batches_in_pieces(self):
        # One leaf, pieces that the tree cuts unevenly, and one that only the largest share exceeds.
        self.assert_equal_traces([(("--training.micro_batch", samples), {"ranks": ranks})
                                  for samples in ("8", "24", "64") for ranks in (1, 2, 3)]
                                 + [(("--training.micro_batch", "16", "--comm.bucket_mib", "0.0001"), {"ranks": 2})])
        bf16 = ("--training.arithmetic", "bf16")
        self.assert_equal_traces([((*bf16, "--training.micro_batch", "8"), {"ranks": 2})], expected=self.trace(*bf16))

    def test_sharded_over_any_number_of_ranks(self):
        # 0.0001 MiB: a bucket for each layer, of which the ranks own slices; 1 MiB: one bucket for all.
        self.assert_equal_traces([(("--comm.shard", shard, "--comm.bucket_mib", size), {"ranks": ranks})
                                  for shard in ("optimizer", "parameters") for size in ("0.0001", "1")
                                  for ranks in (1, 2, 3, 4, 7)])

    def test_sharded_in_the_ways_that_go_together(self):
        self.assert_equal_traces([(("--comm.shard", "optimizer", "--training.micro_batch", "16"), {"ranks": 3})])
        bf16 = ("--training.arithmetic", "bf16")
        self.assert_equal_traces([((*bf16, "--comm.shard", "optimizer"), {"ranks": 3})], expected=self.trace(*bf16))
        self.write("small.ini", CONFIG.replace("name = sgd\nlearning_rate = 0.05\nmomentum = 0.9",
                                               "name = adam\nlearning_rate = 0.01"))
        self.assert_equal_traces([(("--comm.shard", shard), {"ranks": 3}) for shard in ("optimizer", "parameters")])

    def test_compressed_on_any_number_of_ranks(self):
        plain = self.trace()
        for compression in (("bf16",), ("top_k", "--comm.keep", "0.1")):
            chosen = ("--comm.compression", *compression)
            expected = self.trace(*chosen)
            self.assertNotEqual(expected[0], plain[0])
            self.assert_equal_traces(
                [(chosen, {"ranks": ranks}) for ranks in (2, 3, 4, 7)]
                + [((*chosen, "--training.micro_batch", "24"), {"ranks": 2}),
                   ((*chosen, "--training.threads", "2", "--comm.bucket_mib", "0.0001"), {"ranks": 3}),
                   ((*chosen, "--comm.shard", "optimizer"), {"ranks": 3}),
                   ((*chosen, "--comm.shard", "parameters"), {"ranks": 2}),
                   ((*chosen,), {"LOCKSTEP_ISA": "scalar", "ranks": 2})], expected=expected)

    def test_all_values_of_top_k_are_no_compression(self):
        self.assert_equal_traces([(("--comm.compression", "top_k", "--comm.keep", "1"), {"ranks": 2})])

    def test_any_optimizer(self):
        # Buckets of 26 values cut every layer, whose norms lars and lamb want whole.
        for name, *more in [("nesterov", "--optimizer.momentum", "0.9"), ("adagrad",),
                            ("rmsprop", "--optimizer.momentum", "0.5"), ("adadelta",), ("adam",),
                            ("adamw", "--optimizer.weight_decay", "0.1"),
                            ("lars", "--optimizer.momentum", "0.9", "--optimizer.weight_decay", "0.01"),
                            ("lamb", "--optimizer.weight_decay", "0.01")]:
            with self.subTest(optimizer=name):
                text = CONFIG.replace("name = sgd", f"name = {name}").replace("momentum = 0.9\n", "")
                self.write("small.ini", text)
                self.assert_equal_traces([(more, {"ranks": 2}), (more, {"LOCKSTEP_ISA": "scalar", "ranks": 3}),
                                          ((*more, "--comm.bucket_mib", "0.0001", "--training.threads", "2"),
                                           {"ranks": 2})], expected=self.trace(*more))

    def test_any_schedule_of_the_learning_rate(self):
        digests = [RECORDED_DIGEST]
        for more in [("--optimizer.learning_rate", "0.1, 0.02"),
                     ("--optimizer.schedule", "steps", "--optimizer.rate_decay_epochs", "1"),
                     ("--optimizer.schedule", "exponential", "--optimizer.rate_decay", "0.5"),
                     ("--optimizer.schedule", "inverse", "--optimizer.rate_decay_steps", "5"),
                     ("--optimizer.schedule", "cosine", "--optimizer.warmup_steps", "2"),
                     ("--optimizer.schedule", "adaptive", "--training.epochs", "4")]:
            with self.subTest(more):
                expected = self.trace(*more)
                digests.append(expected[0])
                self.assert_equal_traces([(more, {"ranks": 2}), (more, {"ranks": 3, "LOCKSTEP_ISA": "scalar"})],
                                         expected=expected)
        self.assertEqual(len(set(digests)), len(digests))

    def test_the_learning_rate_is_logged(self):
        run = self.train("small.ini", "rates", "--optimizer.learning_rate", "0.1, 0.02")
        lines = read_json_lines(run / "metrics.jsonl")
        self.assertEqual([line["learning_rate"] for line in lines if line["event"] == "step"], [0.1] * 4 + [0.02] * 4)

    def test_any_initialiser(self):
        digests = []
        for init in ("uniform scale=0.05", "normal", "he_normal", "constant scale=0.01"):
            layers = [f"dense units=20 activation=tanh init={init}", f"dense units=30 activation=softmax init={init}"]
            more = [word for layer in layers for word in ("--network.layer", layer)]
            with self.subTest(init):
                expected = self.trace(*more)
                digests.append(expected[0])
                self.assert_equal_traces([(more, {"ranks": 2}), (more, {"ranks": 3, "LOCKSTEP_ISA": "scalar"}),
                                          ((*more, "--comm.shard", "parameters"), {"ranks": 3})], expected=expected)
        self.assertEqual(len(set(digests)), 4)

    def test_any_number_of_threads(self):
        self.assert_equal_traces([(("--training.threads", threads), {"ranks": ranks})
                                  for threads in ("2", "3") for ranks in (1, 2)])


class Twins(PromiseTest):
    """What is not promised to be equal is not: the comparison sees a difference in the last bit."""

    def test_another_order_of_addition_is_seen(self):
        expected, _, measured = self.trace()
        for arguments, options in [(("--comm.reduction", "mpi"), {"ranks": 3}), (("--training.leaf", "16"), {}),
                                   (("--training.arithmetic", "bf16"), {}),
                                   (("--training.arithmetic", "fp32_amx"), {})]:
            with self.subTest(arguments=arguments):
                digest, _, other = self.trace(*arguments, **options)
                self.assertNotEqual(digest, expected)
                # Only the order of the additions or the factors' rounding differs: nearly the same training.
                for (*place, loss), (*_, twin) in zip(measured, other, strict=True):
                    self.assertAlmostEqual(loss, twin, delta=0.05, msg=place)

    def test_mpi_reduction_withdraws_the_promise_in_the_log(self):
        outcome = self.succeed("train", "small.ini", "--run.dir", "mpi", "--comm.reduction", "mpi", ranks=3)
        self.assertIn("promise", outcome.out + outcome.err)


if __name__ == "__main__":
    main()
