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
    figure, (axes, efficiency) = pyplot.subplots(1, 2, figsize=(12, 5.5), layout="constrained")
    for line in found["curve"]:
        points = line["points"]
        ranks = [point["ranks"] for point in points]
        one = points[0]["samples_per_second"]
        speed_up = {end: [point["global_batch"] / point[end] / one for point in points]
                    for end in ("step_seconds", "step_seconds_low", "step_seconds_high")}
        for panel, divisors in ((axes, [1] * len(ranks)), (efficiency, ranks)):
            expected, high, low = ([value / divisor for value, divisor in zip(values, divisors, strict=True)]
                                   for values in speed_up.values())
            (drawn,) = panel.plot(ranks, expected, marker="o", markersize=3, label=label(line))
            panel.fill_between(ranks, low, high, alpha=0.12, color=drawn.get_color(), linewidth=0)
    axes.plot(ranks, ranks, color="grey", linestyle="--", linewidth=1, label="ideal")
    axes.set(yscale="log", ylabel="speed-up of samples a second over one rank")
    efficiency.set(ylabel="efficiency: speed-up by ranks", ylim=(0, None))
    efficiency.axhline(1, color="grey", linestyle="--", linewidth=1)
    for panel in (axes, efficiency):
        panel.set(xscale="log", xlabel="ranks")
        panel.set_xticks(ranks[::2], [str(number) for number in ranks[::2]])
        panel.minorticks_off()
        panel.grid(alpha=0.3)
    axes.legend(title="the band holds nine times in ten", fontsize="small")
    figure.suptitle(f"{chosen.config.name}: {found['scaling']} scaling, forecast for {found['cpu']}, "
                    f"{found['ranks_per_host']} rank(s) a host")
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
