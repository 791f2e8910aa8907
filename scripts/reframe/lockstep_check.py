"""ReFrame: training on several numbers of ranks must end in the bits of one rank; its speed is reported.

reframe -C scripts/reframe/site.py -c scripts/reframe/lockstep_check.py -r --performance-report
On a cluster give its own configuration of ReFrame by -C, and with -S what is other there, as in
-S program=/opt/lockstep/bin/lockstep -S num_threads=8. The program is build/lockstep of this checkout where nothing is said.
"""

from pathlib import Path

import reframe as rfm
import reframe.utility.sanity as sn
from reframe.core.builtins import (fixture, parameter, performance_function, run_after, sanity_function, variable)

REPOSITORY = Path(__file__).resolve().parents[2]


class Training(rfm.RunOnlyRegressionTest):
    """A short run, whose one line of output is the object of `train --json`."""

    program = variable(str, value=str(REPOSITORY / "build" / "lockstep"))
    configuration = variable(str, value=str(REPOSITORY / "configs" / "alvinn.ini"))
    steps = variable(int, value=40)
    num_threads = variable(int, value=1)
    valid_systems = ["*"]
    valid_prog_environs = ["*"]

    @run_after("setup")
    def set_command(self):
        self.num_cpus_per_task = self.num_threads
        self.executable = self.program
        self.executable_opts = ["train", self.configuration, "--training.threads", str(self.num_threads), "--training.epochs", "0",
                                "--training.max_steps", str(self.steps), "--run.dir", "run", "--json"]

    def result(self, pattern, kind=str):
        # By its whole path: another test's output is read from that test's folder.
        return sn.extractsingle(pattern, str(Path(self.stagedir, sn.evaluate(self.stdout))), 1, kind)

    def digest(self):
        return self.result(r'"digest":"([0-9a-f]{32})"')


class OneRank(Training):
    """What all others are compared with."""

    num_tasks = 1

    @sanity_function
    def has_digest(self):
        return sn.assert_true(self.digest())


@rfm.simple_test
class SameBitsOnRanks(Training):
    ranks = parameter([1, 2])
    reference_run = fixture(OneRank, scope="environment")

    @run_after("init")
    def set_ranks(self):
        self.num_tasks = self.ranks

    @sanity_function
    def has_the_bits_of_one_rank(self):
        return sn.assert_eq(self.digest(), self.reference_run.digest(), "digest {0} is not that of one rank, {1}")

    @performance_function("samples/s")
    def samples_per_second(self):
        return self.result(r'"samples_per_second":([0-9.e+-]+)', float)

    @performance_function("ms")
    def step_time(self):
        return self.result(r'"training_seconds":([0-9.e+-]+)', float) * 1e3 / self.steps
