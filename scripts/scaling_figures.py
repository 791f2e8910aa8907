"""The figures of scaling.py: speed-up with the ideal line, efficiency, step time by phase; each alone and all in one."""

import sys

# Okabe and Ito's colours, which those who see few of them tell apart as well.
BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY, GREY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8A8A8A"
CURVES = [(BLUE, "o"), (VERMILION, "s"), (GREEN, "D"), (PURPLE, "^"), (ORANGE, "v"), (SKY, "P")]
PHASES = {"computing": BLUE, "data": GREY, "forward": SKY, "backward": BLUE, "communication exposed": VERMILION,
          "optimizer": GREEN, "other": "#CFCFCF"}
STYLE = {"font.size": 10, "font.family": "sans-serif", "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
         "grid.color": "#E6E6E6", "axes.axisbelow": True, "axes.edgecolor": "#555555", "axes.titlesize": 11,
         "axes.titleweight": "bold", "axes.titlelocation": "left", "legend.frameon": False, "legend.fontsize": 9,
         "svg.hashsalt": "lockstep"}


def import_matplotlib():
    """Its plotting module, drawing into files."""
    try:
        import matplotlib
    except ImportError:
        sys.exit("scaling.py draws by matplotlib, which this Python lacks: apt-get install python3-matplotlib, and run "
                 "/usr/bin/python3")
    matplotlib.use("agg")
    import matplotlib.pyplot
    return matplotlib.pyplot


def curves_of(study):
    """(label, rows) of each number of threads, as far as points are shown."""
    shown = [row for row in study["points"] if row["shown"]]
    threads = sorted({row["threads"] for row in shown})
    for count in threads:
        label = "measured" if len(threads) == 1 else f"{count} thread{'s' if count > 1 else ''} a rank"
        yield label, [row for row in shown if row["threads"] == count]


def draw_curve(axes, rows, label, style, values):
    """Medians with bars from the least to the most; a hollow mark where a point is oversubscribed."""
    color, mark = style
    x = [row["ranks"] for row in rows]
    middle, least, most = zip(*(values(row) for row in rows))
    bars = [[m - low for m, low in zip(middle, least)], [high - m for m, high in zip(middle, most)]]
    axes.errorbar(x, middle, bars, color=color, marker=mark, markersize=6, linewidth=1.8, capsize=3, label=label, zorder=3)
    crowded = [(row["ranks"], m) for row, m in zip(rows, middle) if row["oversubscribed"]]
    if crowded:
        axes.plot(*zip(*crowded), mark, markersize=6, color=color, markerfacecolor="white", linestyle="none", zorder=4)


def rank_axis(axes, ranks):
    """Ranks as they were, on a scale of doublings where they are many."""
    if max(ranks) / min(ranks) > 4:
        axes.set_xscale("log", base=2)
    axes.set_xticks(ranks, [str(count) for count in ranks])
    axes.minorticks_off()
    axes.set_xlabel("ranks")
    width = (max(ranks) - min(ranks)) or 1
    if axes.get_xscale() == "linear":
        axes.set_xlim(min(ranks) - 0.12 * width, max(ranks) + 0.12 * width)


def draw_speed_up(axes, study):
    weak = study["settings"]["mode"] == "weak"
    ranks = sorted({row["ranks"] for row in study["points"] if row["shown"]})
    axes.plot(ranks, [count / ranks[0] for count in ranks], color=GREY, linestyle=(0, (5, 3)), linewidth=1.3, label="ideal")
    for (label, rows), style in zip(curves_of(study), CURVES):
        draw_curve(axes, rows, label, style, lambda row: (row["speed_up"], row["speed_up_min"], row["speed_up_max"]))
    rank_axis(axes, ranks)
    if axes.get_xscale() == "log":
        axes.set_yscale("log", base=2)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    else:
        axes.set_ylim(bottom=0)
    axes.set_title("Scaled speed-up" if weak else "Speed-up")
    axes.set_ylabel(f"work per time, of {ranks[0]} rank{'s' if ranks[0] > 1 else ''}" if weak else
                    f"times faster than {ranks[0]} rank{'s' if ranks[0] > 1 else ''}")
    axes.legend(loc="upper left")


def draw_efficiency(axes, study):
    ranks = sorted({row["ranks"] for row in study["points"] if row["shown"]})
    axes.axhline(100, color=GREY, linestyle=(0, (5, 3)), linewidth=1.3)
    for (label, rows), style in zip(curves_of(study), CURVES):
        draw_curve(axes, rows, label, style,
                   lambda row: tuple(100 * row[name] / row["ideal"] for name in ("speed_up", "speed_up_min", "speed_up_max")))
        # Beside the bars, above a line that falls; the last to the left of its mark.
        for row in rows:
            last = row is rows[-1] and len(rows) > 1
            axes.annotate(f"{100 * row['efficiency']:.0f} %", (row["ranks"], 100 * row["efficiency"]),
                          xytext=(-8, -14) if last else (8, 5), textcoords="offset points", ha="right" if last else "left",
                          fontsize=9, color=style[0])
    rank_axis(axes, ranks)
    axes.set_ylim(0, max(112, axes.get_ylim()[1]))
    axes.set_title("Efficiency")
    axes.set_ylabel("speed-up / ideal, %")
    if len(list(curves_of(study))) > 1:
        axes.legend(loc="lower left")


def draw_phases(axes, study):
    shown = [row for row in study["points"] if row["shown"]]
    names = [name for name in dict.fromkeys(name for row in shown for name in row["phases"])
             if any(row["phases"].get(name, 0.0) > 0.002 * row["step_seconds"] for row in shown)]
    several = len({row["threads"] for row in shown}) > 1
    labels = [f"{row['ranks']} x {row['threads']}" if several else str(row["ranks"]) for row in shown]
    bottom = [0.0] * len(shown)
    for name in names:
        heights = [1e3 * row["phases"].get(name, 0.0) for row in shown]
        axes.bar(labels, heights, 0.62, bottom, color=PHASES.get(name, ORANGE), label=name, edgecolor="white", linewidth=0.6)
        bottom = [low + height for low, height in zip(bottom, heights)]
    middle = [1e3 * row["step_seconds"] for row in shown]
    bars = [[m - 1e3 * row["step_seconds_min"] for m, row in zip(middle, shown)],
            [1e3 * row["step_seconds_max"] - m for m, row in zip(middle, shown)]]
    axes.errorbar(labels, middle, bars, fmt="none", ecolor="#333333", capsize=4, linewidth=1.2, zorder=4)
    axes.grid(axis="x", visible=False)
    # Room for the legend above the bars, of which a line takes a fourteenth.
    columns = 2 if len(names) > 3 else 1
    lines = -(-len(names) // columns)
    axes.set_ylim(0, max(m + high for m, high in zip(middle, bars[1])) / (0.95 - lines / 14))
    axes.margins(x=0.12)
    handles, texts = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], texts[::-1], loc="upper right", ncols=columns, columnspacing=1.2)
    axes.set_title("Time of a step by phase")
    axes.set_ylabel("ms")
    axes.set_xlabel("ranks x threads" if several else "ranks")


PANELS = {"speed_up": draw_speed_up, "efficiency": draw_efficiency, "phases": draw_phases}


def caption(study):
    settings = study["settings"]
    shown = [row for row in study["points"] if row["shown"]]
    hosts = {host for row in shown for host in row["hosts"]}
    bits = "equal bits" if all(row["digest"] != "differs" for row in shown) else "DIFFERENT BITS"
    text = f"{settings['mode']} scaling, {'batch ' + str(settings['global_batch'])}{' a rank' if settings['mode'] == 'weak' else ''}, " \
           f"{len(hosts)} host{'s' if len(hosts) > 1 else ''}; medians of {min(row['repetitions'] for row in shown)} runs, bars from " \
           f"least to most; {bits}"
    return text + ("; hollow: oversubscribed" if any(row["oversubscribed"] for row in shown) else "")


def save(figure, folder, name):
    for kind in ("png", "svg"):
        metadata = {"Date": None} if kind == "svg" else None
        figure.savefig(folder / f"{name}.{kind}", dpi=150, bbox_inches="tight", facecolor="white", metadata=metadata)


def draw(folder, study):
    pyplot = import_matplotlib()
    if not any(row["shown"] for row in study["points"]):
        print("no figures: every point is oversubscribed; --allow-oversubscribed draws them all the same")
        return
    with pyplot.rc_context(STYLE):
        for name, panel in PANELS.items():
            figure, axes = pyplot.subplots(figsize=(4.8, 3.8))
            panel(axes, study)
            save(figure, folder, name)
            pyplot.close(figure)
        figure, all_axes = pyplot.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
        for axes, panel in zip(all_axes, PANELS.values()):
            panel(axes, study)
        figure.supxlabel(caption(study), fontsize=9, color="#555555")
        save(figure, folder, "scaling")
        pyplot.close(figure)
    print(f"written: {folder}/{', '.join(f'{name}.png' for name in [*PANELS, 'scaling'])}, and as .svg")
