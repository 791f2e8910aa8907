"""The choices of comm.shard that plan offers are those that train accepts, whatever else the configuration says."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from configurations import xor
from program import USAGE, ProgramTest, main

XOR = xor(training={"max_steps": 1, "global_batch": "all"}, optimizer={"learning_rate": 0.5})
SHARDS = ["none", "optimizer", "parameters"]
OTHERS = {
    "regularisation.max_norm": "2",
    "comm.reduction": "mpi",
    "optimizer.name": "lamb",
    "training.arithmetic": "bf16",
    "training.micro_batch": "32",
}


class PlanOffers(ProgramTest):
    def assert_offers_are_accepted(self, config, others):
        flags = [word for key, value in others.items() for word in (f"--{key}", value)]
        offers = self.succeed("plan", config, *flags, "--json").json()["shards"]
        for shard in SHARDS:
            run = self.lockstep("train", config, *flags, "--comm.shard", shard, "--run.dir", "run",
                                "--run.overwrite", "true")
            self.assertEqual(run.code, 0 if shard in offers else USAGE, (others, shard, sorted(offers)))

    def test_plan_offers_what_train_accepts_with_other_keys(self):
        config = self.write("xor.ini", XOR)
        singles = [{key: value} for key, value in OTHERS.items()]
        pair = {"regularisation.max_norm": "2", "training.micro_batch": "32"}
        for others in [{}, *singles, pair]:
            self.assert_offers_are_accepted(config, others)

    def test_sharded_parameters_are_not_offered_beside_a_bound_on_norms(self):
        config = self.write("xor.ini", XOR)
        offers = self.succeed("plan", config, "--regularisation.max_norm", "2", "--json").json()["shards"]
        self.assertEqual(sorted(offers), ["none", "optimizer"])


if __name__ == "__main__":
    main()
