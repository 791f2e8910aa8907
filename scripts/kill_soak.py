#!/usr/bin/env python3
"""Kills training runs at random moments and goes on with them, again and again: each has to end in the bits of the run
that nobody disturbed, with nothing left behind.

A run's configuration is drawn (optimizer, compression, dropout, validation and best parameters, a run in the older one's
place), with a checkpoint every few steps, so that most of the time one is being written. An attempt is `lockstep train`,
then `lockstep resume` on another number of ranks, with another comm.shard and other threads, until the run is done:
mostly a process alone, else a job under mpirun. It is struck at a moment drawn uniformly: SIGKILL to the process, to a
random rank, or to mpirun itself, or a signal that asks it to stop.

After every attempt: no process of it lives, no shared memory and no folder of Open MPI is left, and checkpoints/latest
leads to a whole checkpoint, from which, or a newer one, the next attempt goes on, with no word of damage; one that was
stopped in order loses no step. At the end of a run: the model's digest is that of the undisturbed run, and so is each byte
of the ledger, which has digests of the gradient and the parameters in every step: so each step used the samples that it
should. The log has every step and epoch once, in order, with the same samples and losses. The folder holds the files of a
run and nothing else.

Time: of attempts, from the start to the blow, against the work (steps, each taking what it takes the undisturbed run on so
many ranks), the work that was lost and done again, and the starts. What mpirun takes to end a dead job is told apart.
"""

import argparse
import collections
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import common
from soak_runs import differences, draw_configuration, lines_of, newest_files, optimizer_names, write_data

HANG_SECONDS = 60
# Codes that no kill explains: usage, data, checkpoint, numbers, hang, replicas.
NEVER = (2, 3, 4, 5, 6, 7)
STOPPED = 75
ASKING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)


class Soak:
    """All runs: what they share, what was counted, and what was found wrong."""

    def __init__(self, chosen, folder):
        self.program = chosen.program.resolve()
        self.mpiexec = chosen.mpiexec
        self.share_alone = chosen.alone
        self.folder = folder
        self.random = random.Random(chosen.seed)
        self.mark = f"KILL_SOAK={os.getpid()}-{chosen.seed}"
        self.counts = collections.Counter()
        self.seconds = collections.Counter()
        self.defects = []
        self.rules = optimizer_names(self.program)
        (folder / "tmp").mkdir()

    def environment(self):
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(("LOCKSTEP_", "OMPI_", "PMIX_", "SLURM_"))}
        name, value = self.mark.split("=")
        return kept | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                       "TMPDIR": str(self.folder / "tmp"), name: value}

    def launcher(self, ranks):
        """Before the program's words: nothing for a process alone (0 ranks)."""
        return [self.mpiexec, "-np", str(ranks), "--oversubscribe", "--bind-to", "none", "--mca", "mpi_yield_when_idle",
                "1"] if ranks else []

    def defect(self, what, where):
        self.defects.append(f"{where}: {what}")
        print(f"DEFECT {where}: {what}", flush=True)

    def processes(self):
        """Of the attempt at hand, by the mark in their environment: {pid: environment}."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                text = (entry / "environ").read_text(errors="replace")
            except OSError:
                continue
            if self.mark in text:
                found[int(entry.name)] = dict(line.split("=", 1) for line in text.split("\0") if "=" in line)
        return found


class Attempt:
    """A start of the program, to its end or its death."""

    def __init__(self, soak, words, ranks, folder):
        self.soak, self.ranks = soak, ranks
        self.command = [str(word) for word in (*soak.launcher(ranks), soak.program, *words)]
        self.text = []
        self.first_line = None  # when training began, by its first line
        self.struck = None
        self.blow = "none"
        self.jobs = set()
        self.ended = self.gone = None
        self.mpirun_hangs = False
        self.started = time.monotonic()
        self.process = subprocess.Popen(self.command, cwd=folder, env=soak.environment(), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                                        start_new_session=True)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            if self.first_line is None and line.startswith(("inputs:", "goes on after step")):
                self.first_line = time.monotonic()
            self.text.append(line)

    def rank_processes(self):
        """By their numbers; notes the job's name, which its shared memory has."""
        ranks = []
        for pid, variables in self.soak.processes().items():
            if "OMPI_COMM_WORLD_RANK" not in variables:
                continue
            ranks.append(pid)
            if variables.get("PMIX_NAMESPACE", "").isdigit():
                self.jobs.add(f"{int(variables['PMIX_NAMESPACE']):x}")
        return ranks

    def strike_after(self, seconds):
        """Waits so long, and strikes, unless the program ends before. Whether it did."""
        try:
            self.process.wait(max(0.0, self.started + seconds - time.monotonic()))
            return False
        except subprocess.TimeoutExpired:
            pass
        chance = self.soak.random
        if self.ranks == 0:
            target, number = self.process.pid, chance.choices([signal.SIGKILL, chance.choice(ASKING)], [3, 1])[0]
            self.blow = f"{number.name} to the process"
        else:
            ranks = self.rank_processes()
            kind = chance.choices(["kill rank", "kill mpirun", "USR1 mpirun", "TERM mpirun", "TERM rank"],
                                  [35, 25, 15, 10, 15])[0]
            target = self.process.pid
            if kind.endswith("rank"):
                # One that has none yet is struck itself.
                target = chance.choice(ranks) if ranks else target
            number = {"kill": signal.SIGKILL, "USR1": signal.SIGUSR1, "TERM": signal.SIGTERM}[kind.split()[0]]
            self.blow = f"{number.name} to {'mpirun' if target == self.process.pid else 'a rank'}"
        try:
            os.kill(target, number)
        except ProcessLookupError:
            return False
        self.struck = time.monotonic()
        return True

    def wait(self, where):
        """Until all of it is gone; ends what stays, and tells of it."""
        soak = self.soak
        try:
            self.process.wait(HANG_SECONDS)
        except subprocess.TimeoutExpired:
            # Open MPI's mpirun may wait for itself where a rank is killed while it introduces itself: PMIx_server_finalize
            # wants a lock that the broken connection has. All ranks have ended then.
            self.mpirun_hangs = bool(self.ranks and self.struck) and not set(soak.processes()) - {self.process.pid}
            if self.mpirun_hangs:
                soak.counts["times that mpirun hung though all ranks had ended"] += 1
            else:
                soak.defect(f"no end after {HANG_SECONDS} s, {self.blow}\n{self.output()}", where)
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.ended = time.monotonic()
        deadline = self.ended + 10
        while (left := soak.processes()) and time.monotonic() < deadline:
            self.rank_processes()
            time.sleep(0.01)
        for pid in left:
            soak.defect(f"process {pid} lives on 10 s after the end, {self.blow}", where)
            os.kill(pid, signal.SIGKILL)
        self.gone = time.monotonic()
        self.reader.join(10)
        code = self.process.returncode
        asked = self.blow.split()[0] in [number.name for number in ASKING]
        if code in NEVER or (self.struck is None and code != 0) or (code == STOPPED and not asked):
            soak.defect(f"exit code {code}, {self.blow}: {' '.join(self.command)}\n{self.output()}", where)
        for segment in Path("/dev/shm").iterdir():
            if any(f".{job}." in segment.name for job in self.jobs):
                soak.defect(f"/dev/shm/{segment.name} is left, {self.blow}", where)
                segment.unlink(missing_ok=True)
        for entry in (soak.folder / "tmp").iterdir():
            # The ranks take it away, once they are so far that they know of their mpirun.
            starting = self.blow.endswith("to mpirun") and self.first_line is None
            if starting or self.mpirun_hangs:
                soak.counts["folders that Open MPI left, killed while it started"] += 1
            else:
                inside = [str(path.relative_to(entry)) for path in entry.rglob("*")]
                soak.defect(f"{entry} is left with {inside}, {self.blow}", where)
            shutil.rmtree(entry, ignore_errors=True)

    def output(self):
        return "".join(self.text)[-3000:]

    def start_seconds(self):
        """Until training began, or it was struck before."""
        return min(moment for moment in (self.first_line, self.struck, self.ended) if moment) - self.started

    def work_seconds(self):
        return (self.struck or self.ended) - self.started - self.start_seconds()


class Run:
    """A configuration, trained undisturbed and then under blows."""

    def __init__(self, soak, number):
        self.soak = soak
        self.folder = soak.folder / f"run-{number}"
        self.folder.mkdir()
        self.path = self.folder / "run"
        text, self.is_shard_free = draw_configuration(soak.random, soak.rules)
        (self.folder / "soak.ini").write_text(text)
        self.where = f"run {number}"
        self.replaces = soak.random.random() < 0.2
        self.older = ""  # its run.json
        self.saved = 0  # steps of the newest checkpoint
        self.reached = 0  # by the last attempt
        self.lost_step_seconds = 0.0  # of that
        self.start_seconds, self.step_seconds, self.end_seconds = {}, {}, {}  # undisturbed, by the number of ranks
        self.whole = self.folder / "whole"
        self.reference(1)
        self.steps = lines_of(self.whole / "metrics.jsonl")[-1]["step"]
        summary = re.findall(r"(?m)^(?:name|compression|split|keep|schedule|checkpoint_every|layer) = (.*)$", text)
        print(f"{self.where}: {', '.join(summary)}{', in the place of an older run' if self.replaces else ''}; "
              f"{self.steps} steps of {1e3 * self.step_seconds[1]:.1f} ms", flush=True)

    def reference(self, ranks):
        """Trains undisturbed on so many ranks: seconds a step."""
        if ranks not in self.step_seconds:
            name = "whole" if ranks == 1 else f"whole-{ranks}"
            attempt = Attempt(self.soak, ["train", "soak.ini", "--run.dir", name], 0 if ranks == 1 else ranks, self.folder)
            attempt.wait(f"{self.where}, undisturbed on {ranks} ranks")
            end = lines_of(self.folder / name / "metrics.jsonl")[-1]
            self.step_seconds[ranks] = end["seconds"] / end["step"]
            self.end_seconds[ranks] = attempt.work_seconds() - end["seconds"]
            self.start_seconds[ranks] = attempt.start_seconds()
        return self.step_seconds[ranks]

    def is_begun(self):
        record = newest_files(self.path) / "run.json"
        return record.exists() and record.read_text() != self.older

    def words(self, ranks):
        chance = self.soak.random
        flags = ["--training.threads", chance.choice([1, 2]) if ranks <= 1 else 1]
        if self.is_shard_free:
            flags += ["--comm.shard", chance.choice(["none", "optimizer", "parameters"])]
        if self.is_begun():
            return ["resume", self.path, *flags]
        return ["train", "soak.ini", "--run.dir", self.path, *flags, *(["--run.overwrite", "true"] if self.replaces else [])]

    def soak_until_done(self, kills):
        """Strikes at most `kills` times."""
        soak, chance = self.soak, self.soak.random
        if self.replaces:
            words = ["train", "soak.ini", "--run.dir", self.path, "--training.epochs", 2]
            Attempt(soak, words, 0, self.folder).wait(f"{self.where}, the older run")
            self.older = (self.path / "run.json").read_text()
        made = 0
        while True:
            ranks = 0 if chance.random() < soak.share_alone else chance.randint(1, 4)
            step_seconds = self.reference(max(ranks, 1))
            words = self.words(ranks)
            attempt = Attempt(soak, words, ranks, self.folder)
            if made < kills:
                left = (self.steps - self.saved) * step_seconds + 0.05
                horizon = self.start_seconds[max(ranks, 1)] + min(left, chance.choice([0.4, 0.8, 9.0]))
                made += attempt.strike_after(chance.uniform(0.0, horizon))
            where = f"{self.where}, {words[0]} on {ranks or 'no'} ranks"
            attempt.wait(where)
            self.account(attempt, where, step_seconds)
            if attempt.process.returncode == 0:
                self.check_end()
                return made
            # What a defect has ended once, it would end again.
            if attempt.process.returncode in NEVER:
                return made

    def account(self, attempt, where, step_seconds):
        """What the attempt did, what of the one before it did again, and whether what it saved is good."""
        soak = self.soak
        soak.counts["attempts"] += 1
        if attempt.struck:
            soak.counts[attempt.blow] += 1
            soak.seconds["deaths"] += attempt.gone - attempt.struck
        output = "".join(attempt.text)
        if "damaged" in output or "checkpoint before" in output:
            soak.defect(f"a damaged checkpoint\n{attempt.output()}", where)
        if attempt.first_line:
            goes_on = re.search(r"goes on after step (\d+)", output)
            begins = int(goes_on[1]) if goes_on else 0
            if begins < self.saved:
                soak.defect(f"goes on after step {begins}, though {self.saved} were saved\n{attempt.output()}", where)
            again = max(0, self.reached - begins)
            soak.counts["steps taken again"] += again
            soak.seconds["lost work"] += again * self.lost_step_seconds
            soak.seconds["undisturbed"] -= again * self.lost_step_seconds
            steps = [line["step"] for line in lines_of(newest_files(self.path) / "metrics.jsonl")]
            self.reached = max([begins, *steps])
            self.lost_step_seconds = step_seconds
            soak.seconds["undisturbed"] += (self.reached - begins) * step_seconds
            if attempt.struck and attempt.process.returncode not in (0, STOPPED):
                soak.seconds["lost work"] += 0.5 * step_seconds  # of the step at hand
        if not attempt.struck:
            soak.seconds["undisturbed"] += self.end_seconds[max(attempt.ranks, 1)]  # the model, and the end of MPI
        soak.seconds["starts"] += attempt.start_seconds()
        soak.seconds["attempts"] += (attempt.struck or attempt.ended) - attempt.started
        self.saved = self.check_latest(where)
        if attempt.process.returncode == STOPPED and self.saved != self.reached:
            soak.defect(f"stopped after step {self.reached}, but saved {self.saved}\n{attempt.output()}", where)

    def check_latest(self, where):
        """Whether checkpoints/latest leads to a checkpoint whose files are there. Its step."""
        if not self.is_begun():
            return 0
        link = newest_files(self.path) / "checkpoints" / "latest"
        if not link.is_symlink():
            return 0
        try:
            body = json.loads((link / "checkpoint.json").read_text())["body"]
            for part in body["parts"]:
                if (link / part["file"]).stat().st_size != part["bytes"]:
                    raise ValueError(f"{part['file']} is not of {part['bytes']} bytes")
            return body["step"]
        except (OSError, ValueError, KeyError) as error:
            self.soak.defect(f"latest leads to no good checkpoint: {error}", where)
            return 0

    def check_end(self):
        soak = self.soak
        found = differences(soak.program, self.whole, self.path)
        soak.counts["runs"] += 1
        if not found:
            shutil.rmtree(self.folder)
            return
        for what in found:
            soak.defect(what, f"{self.where}, {self.folder}")


def summary(soak, seed):
    seconds = {name: round(value, 2) for name, value in soak.seconds.items()}
    expected = sum(soak.seconds[term] for term in ("undisturbed", "lost work", "starts"))
    return {"seed": seed, "counts": dict(soak.counts), "seconds": seconds,
            "ratio": round(soak.seconds["attempts"] / expected, 3), "defects": soak.defects}


def tell(kills, result):
    seconds = collections.Counter(result["seconds"])
    print(f"\n{kills} blows, {result['counts'].get('runs', 0)} runs, {result['counts'].get('attempts', 0)} attempts; "
          f"seed {result['seed']}")
    for name, count in sorted(result["counts"].items()):
        print(f"  {count:7d}  {name}")
    print(f"time of attempts {seconds['attempts']:.1f} s = {result['ratio']} x (undisturbed {seconds['undisturbed']:.1f} + "
          f"lost work {seconds['lost work']:.1f} + starts {seconds['starts']:.1f} s); from a blow to the end of all "
          f"processes {seconds['deaths']:.1f} s")
    print(f"{len(result['defects'])} defects" + "".join(f"\n  {defect}" for defect in result["defects"]), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.add_program(parser)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--alone", type=float, default=0.85, help="share of attempts without mpirun; default: 0.85")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--mpiexec", default=os.environ.get("LOCKSTEP_MPIEXEC", "mpirun"))
    parser.add_argument("--json", type=Path, metavar="FILE", help="the summary as JSON")
    chosen = parser.parse_args()
    common.check_program(parser, chosen)
    folder = Path(tempfile.mkdtemp(prefix="kill-soak-"))
    print(f"--seed {chosen.seed}, in {folder}", flush=True)
    # Its own attempts alone are ended; an interrupted soak leaves none.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    soak = Soak(chosen, folder)
    write_data(folder / "data", soak.random)
    kills = number = 0
    while kills < chosen.kills:
        number += 1
        made = Run(soak, number).soak_until_done(chosen.kills - kills)
        kills += made
        print(f"run {number} done after {made} blows; {kills} in all, {len(soak.defects)} defects", flush=True)
    result = summary(soak, chosen.seed)
    tell(kills, result)
    if chosen.json:
        chosen.json.write_text(json.dumps(result, indent=2) + "\n")
    if not soak.defects:
        shutil.rmtree(folder)
    return 1 if soak.defects else 0


if __name__ == "__main__":
    sys.exit(main())
