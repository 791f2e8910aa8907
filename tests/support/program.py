"""Runs the program as a user does: the base of the system tests.

LOCKSTEP_PROGRAM names the binary (default: build/lockstep). Each test gets an empty folder, self.folder, that is
the current one of what it runs. Every run has a time limit: a program that hangs fails its test, it does not stop it.
"""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("LOCKSTEP_PROGRAM", REPOSITORY / "build" / "lockstep")).resolve()
MPIEXEC = os.environ.get("LOCKSTEP_MPIEXEC", "mpirun")
LIMIT_SECONDS = 60

USAGE, DATA, CHECKPOINT, NUMERICAL = 2, 3, 4, 5
SKIPPED = 77


@dataclass
class Outcome:
    """What a run left: exit code, stdout, stderr."""

    command: str
    code: int
    out: str
    err: str

    def messages(self):
        """The lines by which lockstep itself reports an error; mpirun adds its own around them."""
        return [line for line in self.err.splitlines() if line.startswith("lockstep: ")]

    def json(self):
        """The one JSON object that --json promises on stdout, and nothing else."""
        return json.loads(self.out)

    def __str__(self):
        return f"$ {self.command}\nexit {self.code}\n-- stdout\n{self.out}\n-- stderr\n{self.err}"


def user_environment(**changes):
    """The caller's environment without lockstep's own variables, which would decide a run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LOCKSTEP_", "OMPI_COMM_"))}
    kept |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return kept | changes


def run_command(command, folder, environment=None, limit_seconds=LIMIT_SECONDS):
    """Runs `command`; past its limit, ends it and all it started, and raises."""
    process = subprocess.Popen([str(word) for word in command], cwd=folder, env=environment or user_environment(),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               errors="replace", start_new_session=True)
    line = " ".join(str(word) for word in command)
    try:
        out, err = process.communicate(timeout=limit_seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            out, err = process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
        raise AssertionError(f"no end after {limit_seconds} s: {Outcome(line, -1, out, err)}") from None
    return Outcome(line, process.returncode, out, err)


def mpirun(ranks):
    """The words that launch so many; ranks beyond the CPUs share them."""
    return [MPIEXEC, "-np", ranks, "--oversubscribe", "--bind-to", "none", "--mca", "mpi_yield_when_idle", "1"]


def processes_in(folder, word=None):
    """The processes of the program that were started in `folder` and still run, with `word` among their arguments.

    By the folder, which is a test's own: other tests run at the same time, and their processes are not to be met.
    """
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_text().split("\0")
            if (entry / "exe").resolve() == PROGRAM and (entry / "cwd").resolve() == folder.resolve() and \
                    (word is None or str(word) in words):
                found.append(int(entry.name))
        except OSError:
            pass  # It has ended meanwhile, or is another user's.
    return found


class ProgramTest(unittest.TestCase):
    """A test of the program, in a folder of its own, where `files` lie at the beginning: name and text of each."""

    files = {}

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="lockstep-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        for name, text in self.files.items():
            self.write(name, text)

    def write(self, name, content):
        """Writes a text or bytes file into the test's folder and returns its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content)
        return path

    def lockstep(self, *arguments, ranks=None, limit_seconds=LIMIT_SECONDS, **variables):
        """Runs lockstep alone, or with `ranks` under mpirun, where ranks beyond the CPUs share them."""
        command = [PROGRAM, *arguments]
        if ranks is not None:
            command = [*mpirun(ranks), *command]
        return run_command(command, self.folder, user_environment(**variables), limit_seconds)

    def begin(self, *command, **options):
        """A command in a process group of its own, which goes on beside the test; outcome() waits for its end."""
        process = subprocess.Popen([str(word) for word in command], cwd=self.folder, env=user_environment(),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   errors="replace", start_new_session=True, **options)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(lambda: process.poll() is None and os.killpg(process.pid, signal.SIGKILL))
        return process

    def outcome(self, process, limit_seconds=LIMIT_SECONDS):
        out, err = process.communicate(timeout=limit_seconds)
        return Outcome(" ".join(process.args), process.returncode, out, err)

    def wait_for_a_step(self, job, run):
        """Until the run that `job` has begun takes steps, by its log."""
        log = self.folder / run / "metrics.jsonl"
        limit = time.monotonic() + LIMIT_SECONDS
        while not log.exists() or '"event":"step"' not in log.read_text():
            self.assertIsNone(job.poll(), "the job ended before its first step")
            self.assertLess(time.monotonic(), limit, "no step is made")
            time.sleep(0.05)

    def succeed(self, *arguments, **options):
        """lockstep(...), which must exit with 0."""
        outcome = self.lockstep(*arguments, **options)
        self.assertEqual(outcome.code, 0, outcome)
        return outcome

    def train(self, config, run, *arguments, **options):
        """Trains into self.folder / run, which it returns."""
        self.succeed("train", config, "--run.dir", run, *arguments, **options)
        return self.folder / run

    def digest(self, run):
        """The 32 hex digits of a run's final model."""
        return self.succeed("digest", run / "model.lockstep").out.split()[0]


def run_on_terminal(command, folder):
    """Runs `command` with a terminal for stdout, and returns what it wrote there."""
    terminal, other_end = pty.openpty()
    with subprocess.Popen([str(word) for word in command], cwd=folder, env=user_environment(), stdin=subprocess.DEVNULL,
                          stdout=other_end, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        os.close(other_end)
        written = b""
        try:
            while piece := os.read(terminal, 4096):
                written += piece
        except OSError:
            pass  # EIO: the last of those that could write has closed it.
        os.close(terminal)
        process.wait(timeout=LIMIT_SECONDS)
    return written.decode()


def read_json_lines(path):
    """A run's metrics.jsonl or ledger.jsonl: every line a JSON object."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def main():
    """unittest.main, but a file whose every test was skipped says why and exits with 77, as ctest expects."""
    if not PROGRAM.exists():
        sys.exit(f"no program at {PROGRAM}: build it with scripts/setup.sh, or name it in LOCKSTEP_PROGRAM")
    result = unittest.main(exit=False, verbosity=2 if "-v" in sys.argv else 1).result
    if not result.wasSuccessful():
        sys.exit(1)
    if result.skipped and len(result.skipped) == result.testsRun:
        print("skipped:", *sorted({reason for _, reason in result.skipped}), sep="\n  ")
        sys.exit(SKIPPED)
