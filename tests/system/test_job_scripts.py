"""scripts/slurm/ and scripts/pbs/: the job scripts, with stand-ins for what a cluster has.

A job whose time is over goes back into the queue, goes on there, and ends in the bits of a run that nothing interrupted.
"""

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import LIMIT_SECONDS, PROGRAM, REPOSITORY, ProgramTest, main, mpirun, run_command, user_environment

SCRIPTS = REPOSITORY / "scripts"
LETTERS = REPOSITORY / "configs" / "letters.ini"
STEPS = "6000"
FLAGS = ["--training.epochs", "0", "--training.max_steps", STEPS, "--run.evaluate_every", "0", "--run.checkpoint_every", "0"]
# Until a job is stopped its steps take a millisecond and more, so that none is over before; what goes on is not slow.
SLOW = [*FLAGS, "--inject", "slow:rank=0,ms=1"]
STOPPED = 75

# Stand-ins. Those that launch drop the launcher's own options and run the program on two ranks; those of the queue note
# what is asked of them.
LAUNCH = """#!/bin/bash
printf '%s\\n' "$*" >>launches
while [ "${1##*/}" != lockstep ]; do shift; done
exec """ + " ".join(str(word) for word in mpirun(2)).replace("mpirun", "$REAL_MPIRUN") + """ "$@"
"""
NOTE = """#!/bin/bash
printf '%s\\n' "${0##*/} $*" >>queue
"""


class JobScripts(ProgramTest):
    def setUp(self):
        super().setUp()
        for name, text in (("srun", LAUNCH), ("mpirun", LAUNCH), ("scontrol", NOTE), ("qsub", NOTE)):
            self.write(f"bin/{name}", text).chmod(0o755)
        # As in a checkout from whose folder jobs are submitted.
        (self.folder / "build").mkdir()
        (self.folder / "build" / "lockstep").symlink_to(PROGRAM)
        (self.folder / "scripts").symlink_to(SCRIPTS)
        os.environ["PATH"], self.path = f"{self.folder}/bin:{os.environ['PATH']}", os.environ["PATH"]
        self.addCleanup(os.environ.__setitem__, "PATH", self.path)
        real = run_command(["bash", "-c", "type -ap mpirun"], self.folder).out.split()[1]
        self.variables = {"REAL_MPIRUN": real}

    def noted(self):
        path = self.folder / "queue"
        return path.read_text().splitlines() if path.exists() else []

    def start(self, script, *words, **variables):
        for name, value in {**self.variables, **variables}.items():
            os.environ[name] = value
            self.addCleanup(os.environ.pop, name, None)
        return self.begin("bash", SCRIPTS / script, *words)

    def whole(self, *flags):
        return self.digest(self.train(LETTERS, f"whole{len(flags)}", *FLAGS, *flags))

    def slurm(self, script, **variables):
        """A job of Slurm's: its time is over after some steps, and it is started again until it is done."""
        words = [LETTERS, *SLOW]
        job = self.start(script, *words, SLURM_JOB_NAME="net", SLURM_JOB_ID="7", SLURM_CPUS_PER_TASK="1", **variables)
        run = "runs/net-6/seed-2" if "SLURM_ARRAY_JOB_ID" in variables else "runs/net-7"
        self.wait_for_a_step(job, run)
        job.send_signal(signal.SIGUSR1)
        stopped = self.outcome(job)
        self.assertEqual(stopped.code, STOPPED, stopped)
        done = self.outcome(self.start(script, *words, SLURM_RESTART_COUNT="1"))
        self.assertEqual(done.code, 0, done)
        self.assertIn("resume " + run, done.err)
        return self.digest(self.folder / run)

    def test_a_slurm_job_is_requeued_and_goes_on_to_the_same_bits(self):
        whole = self.whole()
        for script, launcher in (("slurm/mpirun.sbatch", "--map-by slot:PE=1"), ("slurm/srun.sbatch", "--mpi=pmix")):
            with self.subTest(script=script):
                self.assertEqual(self.slurm(script), whole)
                self.assertEqual(self.noted(), ["scontrol requeue 7"])
                self.assertIn(launcher, (self.folder / "launches").read_text())
                run_command(["rm", "-r", "runs", "queue", "launches"], self.folder)

    def test_a_job_of_an_array_has_its_seed_and_is_requeued_alone(self):
        digest = self.slurm("slurm/array.sbatch", SLURM_ARRAY_JOB_ID="6", SLURM_ARRAY_TASK_ID="2")
        self.assertEqual(digest, self.whole("--training.seed", "2"))
        self.assertEqual(self.noted(), ["scontrol requeue 6_2"])

    def test_a_job_that_is_cancelled_or_came_no_further_is_not_requeued(self):
        job = self.start("slurm/srun.sbatch", LETTERS, *SLOW, SLURM_JOB_NAME="net", SLURM_JOB_ID="7")
        self.wait_for_a_step(job, "runs/net-7")
        job.terminate()
        self.assertEqual(self.outcome(job).code, STOPPED)
        self.assertEqual(self.noted(), [])

        # Stopped as its time is over, before there was a step.
        script = ["scripts/until_done.sh", "--requeue", "--", "bin/lockstep", "train", LETTERS, "--run.dir", "none"]
        self.write("bin/lockstep", "#!/bin/bash\ntouch begun\nexec sleep 100\n").chmod(0o755)
        job = self.begin("bash", *script)
        limit = time.monotonic() + LIMIT_SECONDS
        while not (self.folder / "begun").exists():
            self.assertLess(time.monotonic(), limit)
            time.sleep(0.02)
        job.send_signal(signal.SIGUSR1)
        stopped = self.outcome(job)
        self.assertEqual((stopped.code, self.noted()), (STOPPED, []), stopped)
        self.assertIn("not requeued", stopped.err)

    def test_requeue_outside_of_a_job_is_refused(self):
        outcome = run_command([SCRIPTS / "until_done.sh", "--requeue", "--", PROGRAM, "train", LETTERS], self.folder,
                              user_environment())
        self.assertEqual(outcome.code, 2, outcome)
        self.assertIn("--requeue is for Slurm jobs", outcome.err)

    def test_a_pbs_job_submits_itself_counts_its_time_and_submits_itself_again(self):
        self.write("nodes", "here\nhere\n")
        submitted = self.outcome(self.start("pbs/mpirun.pbs", "-l", "walltime=1:00:00", CONFIG=str(LETTERS),
                                            FLAGS=" ".join(SLOW)))
        script = (SCRIPTS / "pbs" / "mpirun.pbs").resolve()
        self.assertEqual(submitted.code, 0, submitted)
        self.assertEqual(self.noted(), [f"qsub -v CONFIG,FLAGS,RUN,SCRIPT -l walltime=1:00:00 {script}"])

        inside = {"PBS_JOBID": "12.server", "PBS_O_WORKDIR": str(self.folder), "PBS_NODEFILE": "nodes", "SCRIPT": str(script)}
        job = self.start("pbs/mpirun.pbs", SECONDS_OF_JOB="2", **inside)
        stopped = self.outcome(job)
        self.assertEqual(stopped.code, STOPPED, stopped)
        self.assertEqual(self.noted()[1:], [f"qsub -v CONFIG,FLAGS,RUN,SCRIPT {script}"])

        again = self.outcome(self.start("pbs/mpirun.pbs", RUN="runs/lockstep-12", PBS_JOBID="13.server", SECONDS_OF_JOB="300"))
        self.assertEqual(again.code, 0, again)
        self.assertEqual(self.digest(self.folder / "runs/lockstep-12"), self.whole())

    def test_every_job_script_is_well_formed(self):
        for script in [*(SCRIPTS / "slurm").iterdir(), *(SCRIPTS / "pbs").iterdir()]:
            with self.subTest(script=script.name):
                checked = run_command(["bash", "-n", script], self.folder)
                self.assertEqual((checked.code, checked.err), (0, ""))
                self.assertTrue(os.access(script, os.X_OK))


if __name__ == "__main__":
    main()
