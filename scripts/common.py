"""What the Python scripts share: the program's place, and running it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def add_program(parser):
    """--program: by default what is built in the checkout, or where the scripts are installed, what is on the PATH."""
    built = REPOSITORY / "build" / "lockstep"
    found = None if built.exists() else shutil.which("lockstep")
    parser.add_argument("--program", type=Path, default=Path(found) if found else built, help="default: build/lockstep")


def check_program(parser, chosen):
    if not chosen.program.exists():
        parser.error(f"no program at {chosen.program}: build it with scripts/setup.sh, or name it with --program")


def add_networks(parser, count):
    parser.add_argument("--network", action="append", metavar="LAYERS:BATCH", help=f"may be repeated; default: {count}")


def chosen_networks(parser, chosen, networks):
    """What --network names, or `networks`: layers and batch of each."""
    try:
        named = [text.split(":") for text in chosen.network or []]
        pairs = [(layers, int(batch)) for layers, batch in named]
        for layers, _ in pairs:
            _ = [int(size) for size in layers.split("-")]
    except ValueError:
        parser.error("--network: layers and batch, as in 784-800-10:128")
    return pairs or networks


def lockstep(program, *words, folder=None):
    """What a subcommand prints; the end of the script where it fails. A configuration is all that decides the run."""
    command = [str(word) for word in (Path(program).resolve(), *words)]
    environment = {name: value for name, value in os.environ.items() if folder is None or not name.startswith("LOCKSTEP_")}
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{Path(sys.argv[0]).name}: {' '.join(command)} ended with {done.returncode}\n{done.stdout}")
    return done.stdout
