"""Faults on purpose: each one that --inject knows, and how the job ends; a core that computes wrongly is found."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from configurations import alvinn
from program import USAGE, ProgramTest, main, processes_in

INTERNAL, HANG, REPLICAS, KILLED = 1, 6, 7, 137

CONFIG = alvinn(64, ["dense units=8 activation=tanh"], training={"epochs": 10, "global_batch": 64, "leaf": 16},
                optimizer={"learning_rate": 0.1})
EVERY_STEP = ["--run.audit_every", "1"]


class Faults(ProgramTest):
    files = {"a.ini": CONFIG}

    def tearDown(self):
        limit = time.monotonic() + 5
        while processes_in(self.folder) and time.monotonic() < limit:
            time.sleep(0.05)  # A process that was killed is there until its parent has looked.
        self.assertEqual(processes_in(self.folder), [], "processes are left behind")

    def fail_with(self, fault, code, *words, arguments=(), ranks=2, run="run"):
        """A run that this fault must end with the code, all of the words in its messages, and no model."""
        outcome = self.lockstep("train", "a.ini", "--run.dir", run, "--inject", fault, *arguments, ranks=ranks)
        self.assertEqual(outcome.code, code, outcome)
        self.assertTrue(outcome.out.startswith("warning: faults are injected: " + fault), outcome)
        self.assertFalse((self.folder / run / "model.lockstep").exists(), outcome)
        for word in words:
            self.assertIn(word, " ".join(outcome.messages()), outcome)
        return outcome

    def test_a_rank_that_is_killed_ends_the_job(self):
        self.fail_with("kill:rank=1,step=4", KILLED, ranks=3)

    def test_an_exception_on_one_rank_ends_the_job_with_its_message(self):
        outcome = self.fail_with("throw:rank=1,step=3", INTERNAL, "rank 1/2 on ", "step 3")
        self.assertEqual(len(outcome.messages()), 1, outcome)

    def test_a_rank_that_stands_still_is_found_by_the_watchdog(self):
        self.fail_with("hang:rank=1,step=5", HANG, "rank 1/2 on ", "is at step 5", arguments=["--run.hang_timeout", "1s"])

    def test_a_parameter_that_lost_a_bit_is_found_by_comparing_the_replicas(self):
        self.fail_with("flip:rank=1,layer=1,bit=20,step=3,what=parameter", REPLICAS, "after step 10", "rank 1 (", "layer1",
                       ranks=3)

    def test_a_rank_that_computes_wrongly_is_found_by_another_and_named(self):
        # As micro batches, compression, dropout and arithmetic have it, and as ranks divide what they hold.
        cases = ((3, "48 to 63"), (2, "32 to 63", "--comm.shard", "optimizer"),
                 (2, "32 to 47", "--comm.compression", "top_k", "--comm.keep", "0.1", "--training.micro_batch", "16"),
                 (2, "32 to 63", "--comm.shard", "parameters", "--comm.bucket_mib", "0.01", "--network.input_dropout", "0.2"),
                 (2, "32 to 63", "--training.arithmetic", "bf16", "--augmentation.shift", "2"))

        def fail(number):
            ranks, _, *arguments = cases[number]
            return self.fail_with(f"flip:rank={ranks - 1},layer=1,bit=3,step=7,what=gradient", REPLICAS, "at step 7:",
                                  "first in layer 1 at layer1.weight[0, 0], index 0 ", "computed by rank ", "(bits ",
                                  ranks=ranks, arguments=EVERY_STEP + arguments, run=f"run{number}")

        with ThreadPoolExecutor(max_workers=len(cases)) as pool:  # Where mpirun ends a job that fails, it mostly waits.
            for (ranks, samples, *arguments), outcome in zip(cases, pool.map(fail, range(len(cases)))):
                with self.subTest(arguments=arguments):
                    message, = outcome.messages()
                    wrong = f"rank {ranks - 1}/{ranks} on "
                    self.assertTrue(message.startswith(f"lockstep: {wrong}"), outcome)
                    self.assertRegex(message, rf"gradient of samples {samples} of the batch, computed by {wrong}")
                    self.assertRegex(message, "is not known" if "--comm.shard" in arguments else rf"{wrong}\S+ is wrong")

    def test_a_rank_alone_has_its_work_repeated_by_other_cores(self):
        for threads in ("1", "2"):
            outcome = self.fail_with("flip:rank=0,layer=0,bit=3,step=7..,what=gradient", REPLICAS, "at step 9:",
                                     "layer0.weight[0, 0]", "the first is wrong", ranks=None, run=f"run{threads}",
                                     arguments=["--run.audit_every", "3", "--training.threads", threads])
            self.assertEqual(len(outcome.messages()), 1, outcome)

    def test_audits_change_no_bit_and_find_nothing_where_nothing_is(self):
        for name, arguments in (("plain", []), ("thin", ["--training.global_batch", "48", "--network.input_dropout", "0.2",
                                                         "--training.leaf", "7"])):
            expected = self.digest(self.train("a.ini", name, "--run.audit_every", "0", *arguments))
            for ranks in (None, 3, 5):
                run = self.train("a.ini", f"{name}-{ranks}", *EVERY_STEP, *arguments, ranks=ranks)
                self.assertEqual(self.digest(run), expected)

    def test_the_plan_says_how_often_is_audited_and_what_memory_that_takes(self):
        for every, steps in (("auto", 3273), ("7", 7), ("0", 0)):
            plan = self.succeed("plan", "a.ini", "--run.audit_every", every).out
            self.assertEqual(f"audit       every {steps} steps: " in plan, steps > 0, plan)
            report = self.succeed("plan", "a.ini", "--json", "--run.audit_every", every).json()
            self.assertEqual((report["audit_every"], report["memory_bytes_per_rank"]["audit"] > 0), (steps, steps > 0))

    def test_a_slow_rank_changes_no_bit_and_crossval_and_bag_take_faults_too(self):
        expected = self.digest(self.train("a.ini", "plain"))
        slow = self.train("a.ini", "slow", "--inject", "slow:rank=1,ms=1; slow:rank=0,ms=2,step=3..4", ranks=2)
        self.assertEqual(self.digest(slow), expected)
        for command in ("crossval", "bag"):
            outcome = self.lockstep(command, "a.ini", "--inject", "throw:rank=0,step=2", "--run.dir", command,
                                    "--training.global_batch", "16")
            self.assertEqual((outcome.code, len(outcome.messages())), (INTERNAL, 1), outcome)
            self.assertIn("step 2", outcome.messages()[0])

    def test_a_fault_that_did_not_happen_is_told_at_the_end(self):
        texts = ["slow:rank=1,ms=1,step=4000", "torn:checkpoint=9", "slow:rank=0,ms=1,step=2"]
        outcome = self.succeed("train", "a.ini", "--run.dir", "run", "--inject", "; ".join(texts), ranks=2)
        for text in texts[:2]:
            self.assertEqual(outcome.out.count(f"--inject {text} has not happened"), 1, outcome)
        self.assertEqual(outcome.out.count("has not happened"), 2, outcome)

    def test_what_is_no_fault_is_refused_with_what_there_is(self):
        kinds = "kill, hang, throw, flip, slow, enospc, torn"
        for text, *words in (("kil:rank=0,step=2", "did you mean 'kill'?", kinds), ("", kinds), ("rank=0", "rank=0", kinds),
                             ("kill", "needs rank="), ("kill:rank=0", "needs step="), ("kill:rank=0,step=0", "step=0", "from 1"),
                             ("kill:rank=0,step=1,step=2", "twice"), ("kill:rank=0,step=2..", "step=2.."),
                             ("flip:rank=0,layer=0,bit=32,step=1", "bit=32", "0 to 31"),
                             ("flip:rank=0,layer=2,bit=1,step=1", "layer 2 is not there", "0 to 1"),
                             ("flip:rank=0,layer=0,bit=1,step=1,what=delta", "parameter, gradient"),
                             ("slow:rank=0,ms=5,step=9..7", "step=7"), ("torn:checkpoint=1,layer=2", "'layer'"),
                             ("throw:rank=0,step=1;hang:rank=1,step=1", "hang:rank=1,step=1", "1 rank")):
            with self.subTest(text=text):
                outcome = self.lockstep("train", "a.ini", "--run.dir", "run", "--inject", text)
                self.assertEqual((outcome.code, len(outcome.messages())), (USAGE, 1), outcome)
                for word in words:
                    self.assertIn(word, outcome.messages()[0])
        self.assertFalse((self.folder / "run").exists())


if __name__ == "__main__":
    main()
