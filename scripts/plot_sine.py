#!/usr/bin/python3
"""Draws how the 1-5-1 network of configs/sine.ini bends towards the sine: the lecture's animation, as one picture.

Trains once for each number of iterations (epochs over the set, from the same first weights), takes the weights of
every run by `lockstep export`, and plots what they make of 201 angles beside the sine; the legend has each one's error
on the test set, by `lockstep eval`. Needs numpy and matplotlib: apt-get install python3-matplotlib, and
/usr/bin/python3.

usage: plot_sine.py [--out sine.png] [--iterations 1 10 20 40 100] [--section.key value ...]
Keys of the configuration go to every run, for example --training.global_batch all.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from common import REPOSITORY, add_program, check_program, lockstep

CONFIG = REPOSITORY / "configs" / "sine.ini"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0],
                                     epilog="Other flags are keys of the configuration, for every run.",
                                     allow_abbrev=False)
    add_program(parser)
    parser.add_argument("--out", type=Path, default=Path("sine.png"), help="the picture; default: sine.png")
    parser.add_argument("--data", type=Path, help="write the curves as CSV too: x, sin x, then one column a model")
    parser.add_argument("--iterations", type=int, nargs="+", default=[1, 10, 20, 40, 100])
    chosen, chosen.keys = parser.parse_known_args()
    check_program(parser, chosen)
    return chosen


def import_libraries():
    try:
        import matplotlib
        import numpy
    except ImportError as error:
        sys.exit(f"plot_sine.py needs {error.name} for this Python: apt-get install python3-{error.name}, and run "
                 "/usr/bin/python3")
    matplotlib.use("Agg")
    from matplotlib import pyplot
    return numpy, pyplot


def trained(chosen, np, iterations, folder):
    """The network's weights after so many iterations, and its error on the test set."""
    run = folder / str(iterations)
    model, weights = run / "model.lockstep", folder / f"{iterations}.npz"
    lockstep(chosen.program, "train", CONFIG, "--run.dir", run, *chosen.keys, "--training.epochs", iterations)
    score = json.loads(lockstep(chosen.program, "eval", CONFIG, "--model", model, *chosen.keys, "--json"))
    lockstep(chosen.program, "export", model, "--format", "npz", "--out", weights)
    return dict(np.load(weights)), score["loss"]


def curve(np, weights, x):
    """What the 1-5-1 network of tanh and identity says for every angle."""
    hidden = np.tanh(x[:, None] @ weights["layer0.weight"] + weights["layer0.bias"])
    return (hidden @ weights["layer1.weight"] + weights["layer1.bias"])[:, 0]


def main():
    chosen = arguments()
    np, pyplot = import_libraries()
    x = np.linspace(-np.pi, np.pi, 201)
    columns, names = [x, np.sin(x)], ["x", "sin"]
    figure, axes = pyplot.subplots(figsize=(8, 5))
    axes.plot(x, np.sin(x), color="black", linewidth=2, label="sin x")
    with tempfile.TemporaryDirectory(prefix="lockstep-sine-") as folder:
        for iterations in chosen.iterations:
            weights, loss = trained(chosen, np, iterations, Path(folder))
            columns.append(curve(np, weights, x))
            names.append(f"after_{iterations}")
            axes.plot(x, columns[-1], label=f"{iterations} iterations, error {loss:.4f}")
            print(f"{iterations:>5} iterations: test error {loss:.5f}")
    axes.set_xlabel("x")
    axes.legend()
    figure.savefig(chosen.out, dpi=120, bbox_inches="tight")
    if chosen.data:
        np.savetxt(chosen.data, np.stack(columns, axis=1), delimiter=",", header=",".join(names), comments="", fmt="%.9g")
    print(f"written: {chosen.out}")


if __name__ == "__main__":
    main()
