#!/usr/bin/python3
"""Measures how a configuration's training scales with the ranks: a sweep, its tables and its figures.

Every point (ranks, threads) is a short training run of its own, --steps steps after a warm-up, repeated --repeat times with
the points in turn, so that what slows the machine for a while meets them all. Times are of the steps alone, without
evaluation and checkpoints. --mode strong: the configuration's global batch, shared among the ranks, so that all runs must
end in the same bits; --mode weak: that batch for each rank, so that runs of the same ranks must.

A point whose threads outnumber the CPUs that its ranks may use on a host is oversubscribed: it says nothing about scaling,
and is left out of figures and fits unless --allow-oversubscribed. The output folder keeps finished runs: the same command
again measures what is missing, and may ask for more ranks, threads or repetitions.

usage: scaling.py CONFIG --ranks 1,2,4 [--mode strong|weak] [--threads 1] [--launcher mpirun|srun|'WORDS'] [--repeat 5]
                  [--steps 60] [--warm-up 20] [--out DIR] [--section.key value ...]
Writes scaling.csv, scaling.json, extrap.jsonl (Extra-P's JSON lines), and speed_up, efficiency, phases, scaling as .png and .svg.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import scaling_figures
from common import add_program, check_program, lockstep
from scaling_report import summarise, write_tables

DIFFERENT = 7  # exit code, as of lockstep verify
LAUNCHERS = {
    "mpirun": (["mpirun", "--map-by", "slot:PE={threads}", "--bind-to", "core", "-np", "{ranks}"],
               ["mpirun", "--oversubscribe", "--bind-to", "none", "--mca", "mpi_yield_when_idle", "1", "-np", "{ranks}"]),
    "srun": (["srun", "--mpi=pmix", "--cpus-per-task", "{threads}", "-n", "{ranks}"],
             ["srun", "--mpi=pmix", "--overcommit", "-n", "{ranks}"]),
}
# What a rank may use: a line of its host and its CPUs, as the kernel lists them.
ASK_CPUS = 'while read -r name list; do [ "$name" = Cpus_allowed_list: ] && echo "lockstep-cpus $(uname -n) $list"; done </proc/self/status; :'


def numbers(text):
    values = [int(word) for word in text.split(",")]
    if min(values) < 1:
        raise ValueError
    return sorted(set(values))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0], allow_abbrev=False,
                                     epilog="Other flags are keys of the configuration.")
    parser.add_argument("config", type=Path)
    add_program(parser)
    parser.add_argument("--ranks", type=numbers, required=True, help="as in 1,2,4")
    parser.add_argument("--threads", type=numbers, default=[1], help="of each rank, as in 1,2; default: 1")
    parser.add_argument("--mode", choices=("strong", "weak"), default="strong")
    parser.add_argument("--launcher", default="mpirun",
                        help="mpirun, srun, or other words in one argument, behind which the number of ranks goes, as in "
                             "'mpirun --hostfile hosts -np'; default: mpirun")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60, help="that are measured; default: 60")
    parser.add_argument("--warm-up", type=int, default=20, help="steps before them, which are not; default: 20")
    parser.add_argument("--out", type=Path, help="default: scaling-NAME-MODE")
    parser.add_argument("--allow-oversubscribed", action="store_true", help="figures and fits have such points, too")
    chosen, words = parser.parse_known_args()
    if len(words) % 2 or any(not name.startswith("--") or "." not in name for name in words[::2]):
        parser.error(f"a key of the configuration is --section.key and a value; got {' '.join(words)}")
    if chosen.repeat < 1 or chosen.steps < 1 or chosen.warm_up < 1:
        parser.error("--repeat, --steps and --warm-up must be at least 1")
    for key in ("training.threads", "training.max_steps", "training.epochs", "run.dir", "run.log_every"):
        if f"--{key}" in words:
            parser.error(f"--{key}: is this program's own; see --help")
    chosen.keys = words
    chosen.out = chosen.out or Path(f"scaling-{chosen.config.stem}-{chosen.mode}")
    check_program(parser, chosen)
    chosen.program = chosen.program.resolve()
    return chosen


def fail(text, code=1):
    print(f"scaling.py: {text}", file=sys.stderr)
    sys.exit(code)


def environment():
    """Open MPI refuses to start as root, the usual user of containers, unless both of these are set."""
    own = dict(os.environ)
    if os.geteuid() == 0:
        own |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return own


def launch_words(launcher, ranks, threads):
    """How so many ranks are launched, one way or, where that is refused for want of CPUs, another."""
    if launcher not in LAUNCHERS:
        return [[*launcher.split(), str(ranks)]]
    return [[word.format(ranks=ranks, threads=threads) for word in words] for words in LAUNCHERS[launcher]]


def cpus_in(text):
    """The CPUs of the kernel's "0-3,8"."""
    found = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def is_oversubscribed(ranks_cpus, threads):
    """Whether threads outnumber CPUs: of a rank, or of all ranks of a host. ranks_cpus: host and CPUs of each rank."""
    by_host = {}
    for host, cpus in ranks_cpus:
        by_host.setdefault(host, []).append(cpus)
    return any(threads > len(cpus) for _, cpus in ranks_cpus) or \
        any(len(each) * threads > len(set().union(*each)) for each in by_host.values())


def place(chosen, ranks, threads):
    """The words that launch a point, its hosts, and whether it is oversubscribed."""
    errors = ""
    for words in launch_words(chosen.launcher, ranks, threads):
        try:
            done = subprocess.run([*words, "sh", "-c", ASK_CPUS], env=environment(), stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, check=False)
        except OSError as error:
            fail(f"cannot start {words[0]}: {error.strerror}; name what starts ranks here by --launcher", 2)
        lines = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("lockstep-cpus ")]
        if done.returncode == 0 and len(lines) == ranks:
            found = [(host, cpus_in(text)) for host, text in lines]
            return words, sorted({host for host, _ in found}), is_oversubscribed(found, threads)
        errors += f"$ {' '.join(words)}\n{done.stderr.strip()}\n"
    return fail(f"{ranks} ranks of {threads} threads cannot be launched:\n{errors}", 2)


def settings_of(chosen):
    """What the runs of one folder have in common, and the batch of a rank alone."""
    plan = json.loads(lockstep(chosen.program, "plan", chosen.config, *chosen.keys, "--json"))
    return {"configuration": chosen.config.read_text(), "keys": chosen.keys, "mode": chosen.mode, "steps": chosen.steps,
            "warm_up": chosen.warm_up, "launcher": chosen.launcher, "program": lockstep(chosen.program, "--version").strip(),
            "global_batch": plan["global_batch"], "training_samples": plan["training_samples"]}


def open_folder(chosen, settings):
    """Finished runs of the same settings stay; those of others are not to be mixed with them."""
    (chosen.out / "runs").mkdir(parents=True, exist_ok=True)
    path = chosen.out / "settings.json"
    if path.exists():
        before = json.loads(path.read_text())
        different = [name for name in settings if before.get(name) != settings[name]]
        if different:
            fail(f"{chosen.out} holds runs that differ in {', '.join(different)}; name another folder by --out", 2)
    path.write_text(json.dumps(settings, indent=2) + "\n")


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def measured(lines, result, warm_up):
    """What a run's log says of its steps behind the warm-up."""
    begin = next(line for line in lines if line["event"] == "step" and line["step"] == warm_up)
    end = lines[-1]
    seconds = (end["training_seconds"] - begin["training_seconds"]) / (end["step"] - begin["step"])
    run = {"step_seconds": seconds, "digest": result["digest"],
           "samples_per_second": (end["samples"] - begin["samples"]) / (end["step"] - begin["step"]) / seconds}
    exposed = [line["communication_exposed"] for line in lines if "communication_exposed" in line]
    run["phases"] = phases_of(end, seconds, exposed[-1] if exposed else 0.0)
    return run


def phases_of(end, seconds, exposed):
    """Seconds of a step by phase: as the log divides the steps' time, else what was waited for and the rest."""
    logged = {name: of["mean"] for name, of in end.get("phases", {}).items() if name not in ("evaluation", "checkpoint")}
    whole = sum(logged.values())
    if whole > 0:
        return {name.replace("_", " "): seconds * value / whole for name, value in logged.items()}
    exposed = min(exposed, seconds)
    return {"computing": seconds - exposed, "communication exposed": exposed}


def keys_of(chosen, point):
    """The configuration's keys with the point's batch."""
    if chosen.mode == "strong":
        return chosen.keys
    pairs = [pair for pair in zip(chosen.keys[::2], chosen.keys[1::2]) if pair[0] != "--training.global_batch"]
    return [word for pair in pairs for word in pair] + ["--training.global_batch", str(point["global_batch"])]


def run_point(chosen, settings, point, repetition):
    """One training run of a point, or what is kept of it."""
    name = f"ranks{point['ranks']}-threads{point['threads']}-{repetition + 1}"
    kept = chosen.out / "runs" / f"{name}.json"
    if kept.exists():
        return json.loads(kept.read_text())
    folder = chosen.out / "runs" / name
    shutil.rmtree(folder, ignore_errors=True)
    words = [*point["words"], str(chosen.program), "train", str(chosen.config), *keys_of(chosen, point),
             "--training.threads", str(point["threads"]),
             "--training.epochs", "0", "--training.max_steps", str(chosen.warm_up + chosen.steps),
             "--run.log_every", str(chosen.warm_up), "--run.checkpoint_every", "0", "--run.dir", str(folder), "--json"]
    done = subprocess.run(words, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        fail(f"{' '.join(words)} ended with {done.returncode}\n{done.stderr.strip()}", done.returncode)
    run = {"ranks": point["ranks"], "threads": point["threads"], "repetition": repetition + 1,
           "global_batch": point["global_batch"]}
    run |= measured(read_lines(folder / "metrics.jsonl"), json.loads(done.stdout), settings["warm_up"])
    (folder / "model.lockstep").unlink()
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    # Under its name only when it is whole.
    part = kept.with_suffix(".part")
    part.write_text(json.dumps(run) + "\n")
    part.replace(kept)
    return run


def points_of(chosen, settings):
    points = []
    for ranks in chosen.ranks:
        batch = settings["global_batch"] * (ranks if chosen.mode == "weak" else 1)
        if batch > settings["training_samples"]:
            fail(f"--mode weak: {ranks} ranks would have batches of {batch}, but there are {settings['training_samples']} "
                 "training samples; give a smaller --training.global_batch", 2)
        for threads in chosen.threads:
            words, hosts, oversubscribed = place(chosen, ranks, threads)
            points.append({"ranks": ranks, "threads": threads, "global_batch": batch, "words": words, "hosts": hosts,
                           "oversubscribed": oversubscribed})
    return points


def main():
    chosen = arguments()
    if not chosen.config.exists():
        fail(f"{chosen.config}: there is no such configuration", 2)
    scaling_figures.import_matplotlib()
    settings = settings_of(chosen)
    open_folder(chosen, settings)
    points = points_of(chosen, settings)
    crowded = [f"{point['ranks']} x {point['threads']}" for point in points if point["oversubscribed"]]
    if crowded:
        print(f"oversubscribed, ranks x threads: {', '.join(crowded)}: more threads than CPUs, so that this is no scaling; "
              + ("in the figures, as asked" if chosen.allow_oversubscribed else "measured, but not in figures and fits"))
    runs = []
    for repetition in range(chosen.repeat):
        for point in points:
            run = run_point(chosen, settings, point, repetition)
            runs.append(run)
            print(f"{repetition + 1}/{chosen.repeat}  {run['ranks']:4} ranks x {run['threads']} threads  "
                  f"{1e3 * run['step_seconds']:10.3f} ms a step  {run['digest']}", flush=True)
    study = summarise(settings, points, runs, chosen.allow_oversubscribed)
    write_tables(chosen.out, study)
    scaling_figures.draw(chosen.out, study)
    if any(point["digest"] == "differs" for point in study["points"]):
        fail("runs that must end in the same bits do not: see the column digest of scaling.csv", DIFFERENT)


if __name__ == "__main__":
    main()
