#!/usr/bin/python3
"""Draws how fast a configuration will train on up to thousands of ranks, by a machine's measured costs.

`lockstep plan --machine FILE --curve` makes the figures: the speed-up over one rank, for each comm.shard and
comm.compression, with the band in which it lies nine times in ten. FILE is what `lockstep bench machine --out FILE`
wrote. Needs matplotlib: apt-get install python3-matplotlib, and /usr/bin/python3.

usage: forecast.py CONFIG --machine FILE [--ranks 4096] [--ranks_per_host N] [--gbits N] [--latency_us N]
                   [--scaling weak|strong] [--out forecast.png] [--section.key value ...]
weak: the batch grows with the ranks, from the one that CONFIG has on one. The picture's form follows its name: .png,
.svg, .pdf.
"""

import argparse
import json
import sys
from pathlib import Path

from common import add_program, check_program, lockstep


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0],
                                     epilog="Other flags are keys of the configuration.", allow_abbrev=False)
    add_program(parser)
    parser.add_argument("config", type=Path)
    parser.add_argument("--machine", type=Path, required=True, help="what `lockstep bench machine --out FILE` wrote")
    parser.add_argument("--ranks", type=int, default=4096, help="up to so many; default: 4096")
    parser.add_argument("--ranks_per_host", type=int, help="default: as many as were measured")
    parser.add_argument("--gbits", type=float, help="assume a network of this rate")
    parser.add_argument("--latency_us", type=float, help="and of this latency")
    parser.add_argument("--scaling", choices=["weak", "strong"], default="weak", help="default: weak")
    parser.add_argument("--out", type=Path, default=Path("forecast.png"), help="the picture; default: forecast.png")
    parser.add_argument("--data", type=Path, help="write the forecast as JSON too")
    chosen, chosen.keys = parser.parse_known_args()
    check_program(parser, chosen)
    return chosen


def import_pyplot():
    try:
        import matplotlib
    except ImportError:
        sys.exit("forecast.py needs matplotlib for this Python: apt-get install python3-matplotlib, and run "
                 "/usr/bin/python3")
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.fonttype"] = "none"  # text stays text
    from matplotlib import pyplot
    return pyplot


def forecast(chosen):
    flags = ["--ranks", chosen.ranks, "--machine", chosen.machine, "--curve", chosen.scaling, "--json"]
    for name in ("ranks_per_host", "gbits", "latency_us"):
        if (value := getattr(chosen, name)) is not None:
            flags += [f"--{name}", value]
    return json.loads(lockstep(chosen.program, "plan", chosen.config, *flags, *chosen.keys))["forecast"]


def label(line):
    words = [] if line["shard"] == "none" else [f"shard {line['shard']}"]
    words += [] if line["compression"] == "none" else [f"compression {line['compression']}"]
    return ", ".join(words) or "neither sharded nor compressed"


def draw(pyplot, chosen, found):
    figure, axes = pyplot.subplots(figsize=(8, 5.5), layout="constrained")
    for line in found["curve"]:
        points = line["points"]
        ranks = [point["ranks"] for point in points]
        one = points[0]["samples_per_second"]
        speed_up = {end: [point["global_batch"] / point[end] / one for point in points]
                    for end in ("step_seconds", "step_seconds_low", "step_seconds_high")}
        (drawn,) = axes.plot(ranks, speed_up["step_seconds"], marker="o", markersize=3, label=label(line))
        axes.fill_between(ranks, speed_up["step_seconds_high"], speed_up["step_seconds_low"], alpha=0.15,
                          color=drawn.get_color(), linewidth=0)
    axes.plot(ranks, ranks, color="grey", linestyle="--", linewidth=1, label="ideal")
    axes.set(xscale="log", yscale="log", xlabel="ranks", ylabel="speed-up of samples a second over one rank",
             title=f"{chosen.config.name}: {found['scaling']} scaling, forecast for\n{found['cpu']}, "
                   f"{found['ranks_per_host']} ranks a host")
    axes.set_xticks(ranks[::2], [str(number) for number in ranks[::2]])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(title="the band holds nine times in ten", fontsize="small")
    figure.savefig(chosen.out, dpi=150)


def main():
    chosen = arguments()
    pyplot = import_pyplot()
    found = forecast(chosen)
    if chosen.data:
        chosen.data.write_text(json.dumps(found, indent=2) + "\n")
    draw(pyplot, chosen, found)
    print(f"{chosen.out}: {len(found['curve'])} choices, 1 to {found['curve'][0]['points'][-1]['ranks']} ranks")


if __name__ == "__main__":
    main()
