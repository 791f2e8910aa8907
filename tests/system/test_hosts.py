"""Several hosts with a network between them: the promise holds, and the links carry what comm/README.md's card says."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
import test_promise
from hosts import Hosts, Unavailable
from program import MPIEXEC, PROGRAM, REPOSITORY, USAGE, main, read_json_lines, run_command, user_environment

# The card's n is the number of weights and biases.
INPUTS, OUTPUTS = 960, 30
HIDDEN = 400
LEAF = 32
PARAMETERS = (INPUTS + 1) * HIDDEN + (HIDDEN + 1) * OUTPUTS
TRAFFIC_CONFIG = f"""
[data]
source = alvinn
train_samples = 384
test_samples = 10
[network]
layer = dense units={HIDDEN} activation=relu
layer = dense units={OUTPUTS} activation=softmax
[training]
leaf = {LEAF}
[optimizer]
learning_rate = 0.05
[comm]
check_every = 0
[run]
evaluate_every = 0
"""


class HostsTest(test_promise.PromiseTest):
    """lockstep(..., hosts=(3, 1)): three ranks on the first host, one on the second."""

    COUNT = 3

    def setUp(self):
        super().setUp()
        try:
            self.hosts = Hosts(self.folder, self.COUNT)
        except Unavailable as reason:
            self.skipTest(str(reason))
        self.addCleanup(self.hosts.close)

    def lockstep(self, *arguments, hosts=None, options=(), **others):
        if hosts is None:
            return super().lockstep(*arguments, **others)
        command = [*self.hosts.mpirun(MPIEXEC, hosts, *options), PROGRAM, *arguments]
        return run_command(command, self.folder, user_environment())


class ThePromise(HostsTest):
    def test_any_layout_of_ranks_on_hosts(self):
        dealt_round = ("--map-by", "node")
        self.assert_equal_traces([((), {"hosts": (1, 1)}),
                                  ((), {"hosts": (3, 1)}),
                                  ((), {"hosts": (2, 2), "options": dealt_round}),
                                  ((), {"hosts": (1, 1, 1)}),
                                  ((), {"hosts": (2, 1, 1)}),
                                  ((), {"hosts": (1, 3, 2), "options": dealt_round}),
                                  (("--comm.bucket_mib", "0.0001"), {"hosts": (2, 1)})])

    def test_compressed_over_hosts(self):
        for compression in ("bf16", "top_k"):
            chosen = ("--comm.compression", compression)
            self.assert_equal_traces([(chosen, {"hosts": (1, 1)}), (chosen, {"hosts": (2, 1, 1)}),
                                      ((*chosen, "--comm.shard", "optimizer"), {"hosts": (1, 2)}),
                                      ((*chosen, "--comm.shard", "parameters"), {"hosts": (2, 1)})],
                                     expected=self.trace(*chosen))

    def test_sharded_over_hosts(self):
        dealt_round = ("--map-by", "node")
        shards = [("--comm.shard", "optimizer"), ("--comm.shard", "parameters"),
                  ("--comm.shard", "parameters", "--comm.bucket_mib", "0.0001")]
        self.assert_equal_traces([(shard, how) for shard in shards
                                  for how in ({"hosts": (1, 1)}, {"hosts": (2, 1, 1)},
                                              {"hosts": (2, 2), "options": dealt_round})])

    def test_a_first_layer_that_reads_its_parameters_going_backward_over_hosts(self):
        config = REPOSITORY / "configs" / "rbf.ini"
        short = ["--training.epochs", "0", "--training.max_steps", "20", "--comm.shard", "parameters"]
        alone = self.digest(self.train(config, "alone", *short))
        for number, (hosts, flags) in enumerate([((1, 1), []), ((2, 1, 1), ["--comm.bucket_mib", "0.00001"])]):
            with self.subTest(hosts=hosts, flags=flags):
                run = self.train(config, f"run{number}", *short, *flags, hosts=hosts)
                self.assertEqual(self.digest(run), alone)


class DisksOfTheirOwn(HostsTest):
    def test_a_run_on_a_disk_of_rank_0s_host_goes_on_from_there(self):
        short = ["--training.max_steps", "12", "--training.epochs", "0", "--run.checkpoint_every", "4"]
        config = REPOSITORY / "configs" / "alvinn.ini"
        expected = self.digest(self.train(config, "alone", *short))
        disk = self.folder / "disk"
        self.hosts.keep_apart(disk)
        run = disk / "run"
        killed = self.lockstep("train", config, "--run.dir", run, *short, "--inject", "kill:rank=1,step=10", hosts=(1, 1))
        self.assertNotEqual(killed.code, 0, killed)
        outcome = self.lockstep("resume", run, hosts=(1, 2))
        self.assertEqual(outcome.code, 0, outcome)
        # The checkpoint of step 8 may not have been written to its end.
        self.assertRegex(outcome.out, "goes on after step [48] ")
        self.assertEqual(json.loads(self.hosts.read_text(0, run / "result.json"))["digest"], expected)

    def test_where_every_rank_writes_a_part_all_must_see_the_directory(self):
        disk = self.folder / "disk"
        self.hosts.keep_apart(disk)
        for shared in (("--comm.shard", "optimizer"), ("--comm.compression", "top_k")):
            outcome = self.lockstep("train", REPOSITORY / "configs" / "alvinn.ini", "--run.dir", disk / "run", *shared,
                                    "--training.max_steps", "3", "--training.epochs", "0", hosts=(1, 1))
            self.assertEqual((outcome.code, len(outcome.messages())), (USAGE, 1), outcome)
            for word in ("rank 1/2 on host1", "is not seen on this host", "run.checkpoint_every = 0"):
                self.assertIn(word, outcome.messages()[0])


class Traffic(HostsTest):
    def sent_per_step(self, hosts, leaves, *arguments):
        """Bytes that left each host for one step: the difference of two runs, which takes out what starts them."""
        self.write("traffic.ini", TRAFFIC_CONFIG)
        sent = []
        for steps in (4, 24):
            before = self.hosts.sent_bytes()
            self.train("traffic.ini", "run", "--run.overwrite", "true", "--training.max_steps", steps,
                       "--training.global_batch", LEAF * leaves, *arguments, hosts=hosts)
            sent.append([after - first for first, after in zip(before, self.hosts.sent_bytes(), strict=True)])
        return [(long - short) / 20 for short, long in zip(*sent, strict=True)][:len(hosts)]

    def test_links_carry_what_the_cost_card_says(self):
        # The tree of six leaves is ((0 1)(2 3))(4 5): of halves 0 1 2 and 3 4 5 each leaves two sums, of thirds one.
        for hosts, leaves, sums in (((1, 1), 4, 1), ((1, 1), 6, 2), ((2, 1), 6, 1), ((1, 1, 1), 6, 1)):
            with self.subTest(hosts=hosts, leaves=leaves):
                expected = (sums + 1) * (len(hosts) - 1) / len(hosts) * PARAMETERS * 4
                for host, sent in enumerate(self.sent_per_step(hosts, leaves)):
                    self.assertAlmostEqual(sent / expected, 1, delta=0.1, msg=f"host {host}")

    def test_compression_spares_what_the_log_says(self):
        plain = PARAMETERS * 4
        for compression, least, most in ((("bf16",), 1.9, 2.1), (("top_k", "--comm.keep", "0.01"), 10, 60)):
            with self.subTest(compression=compression):
                for bytes_sent in self.sent_per_step((1, 1), 4, "--comm.compression", *compression):
                    self.assertTrue(least < plain / bytes_sent < most, plain / bytes_sent)
                (line,) = (line for line in read_json_lines(self.folder / "run" / "metrics.jsonl")
                           if line["event"] == "epoch" and "compression_ratio" in line and line["step"] == 24)
                self.assertTrue(least < line["compression_ratio"] < most, line)

    def test_sharding_moves_no_more_where_the_parameters_are_one_bucket(self):
        # Gradients are scattered and parameters gathered, once, as the sums would be.
        for shard in ("optimizer", "parameters"):
            for hosts, leaves, sums in (((1, 1), 4, 1), ((1, 1), 6, 2), ((1, 1, 1), 6, 1)):
                with self.subTest(shard=shard, hosts=hosts, leaves=leaves):
                    expected = (sums + 1) * (len(hosts) - 1) / len(hosts) * PARAMETERS * 4
                    sent = self.sent_per_step(hosts, leaves, "--comm.shard", shard, "--comm.bucket_mib", "100")
                    for host, bytes_sent in enumerate(sent):
                        self.assertAlmostEqual(bytes_sent / expected, 1, delta=0.1, msg=f"host {host}")


if __name__ == "__main__":
    main()
