"""Faults on purpose: each one that --inject knows, and how the job ends; what a core that computes wrongly does."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from configurations import alvinn
from program import PROGRAM, USAGE, ProgramTest, main

INTERNAL, HANG, REPLICAS, KILLED = 1, 6, 7, 137

CONFIG = alvinn(64, ["dense units=8 activation=tanh"], training={"epochs": 10, "global_batch": 64, "leaf": 16},
                optimizer={"learning_rate": 0.1})


def processes_of(folder):
    """The processes of this program that were started in that folder and still run."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").resolve() == folder and (entry / "exe").resolve() == PROGRAM:
                found.append(entry.name)
        except OSError:
            pass  # It has ended meanwhile, or is another user's.
    return found


class Faults(ProgramTest):
    files = {"a.ini": CONFIG}

    def train_with(self, fault, *arguments, ranks=2):
        outcome = self.lockstep("train", "a.ini", "--run.dir", "run", "--run.overwrite", "true", "--inject", fault,
                                *arguments, ranks=ranks)
        limit = time.monotonic() + 5
        while processes_of(self.folder.resolve()) and time.monotonic() < limit:
            time.sleep(0.05)  # A process that was killed is there until its parent has looked.
        self.assertEqual(processes_of(self.folder.resolve()), [], outcome)
        return outcome

    def fail_with(self, fault, code, *words, arguments=(), ranks=2):
        outcome = self.train_with(fault, *arguments, ranks=ranks)
        self.assertEqual(outcome.code, code, outcome)
        self.assertTrue(outcome.out.startswith("warning: faults are injected: " + fault), outcome)
        self.assertFalse((self.folder / "run" / "model.lockstep").exists(), outcome)
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

    def test_a_slow_rank_changes_no_bit_and_crossval_and_bag_take_faults_too(self):
        expected = self.digest(self.train("a.ini", "plain"))
        outcome = self.train_with("slow:rank=1,ms=1; slow:rank=0,ms=2,step=3..4")
        self.assertEqual((outcome.code, self.digest(self.folder / "run")), (0, expected), outcome)
        for command in ("crossval", "bag"):
            outcome = self.lockstep(command, "a.ini", "--inject", "throw:rank=0,step=2", "--run.dir", command,
                                    "--training.global_batch", "16")
            self.assertEqual((outcome.code, len(outcome.messages())), (INTERNAL, 1), outcome)
            self.assertIn("step 2", outcome.messages()[0])

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
