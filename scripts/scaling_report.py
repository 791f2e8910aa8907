"""What scaling.py makes of its runs: medians, speed-ups, a fit, and the tables."""

import csv
import json
import statistics

COLUMNS = ["ranks", "threads", "hosts", "oversubscribed", "global_batch", "repetitions", "step_seconds", "step_seconds_min",
           "step_seconds_max", "samples_per_second", "speed_up", "speed_up_min", "speed_up_max", "ideal", "efficiency",
           "serial_share", "digest"]


def speed_up_of(mode, base, point, seconds):
    """Of the base point's median: how much faster a step is, or, in weak scaling, how much more is done in its time."""
    more = point["ranks"] / base["ranks"] if mode == "weak" else 1.0
    return base["step_seconds"] / seconds * more


def judge_digests(mode, points, runs):
    """Every run must have the bits of all runs with its batch."""
    for point in points:
        peers = [run["digest"] for run in runs if mode == "strong" or run["global_batch"] == point["global_batch"]]
        point["digests"] = sorted(set(peers))
        point["digest"] = "differs" if len(set(peers)) > 1 else "equal" if len(peers) > 1 else "alone"


def serial_share(speed_up, factor):
    """Karp and Flatt, Measuring parallel processor performance, 1990: what Amdahl's law takes for serial."""
    return (1 / speed_up - 1 / factor) / (1 - 1 / factor) if factor > 1 else None


def amdahl(points, base):
    """The share s of T(p) = T(1) (s + (1 - s) / p) by least squares over the points; None for fewer than two ratios."""
    pairs = [(point["ranks"] / base["ranks"], point["step_seconds"] / base["step_seconds"]) for point in points]
    pairs = [(p, t) for p, t in pairs if p > 1]
    if len(pairs) < 2:
        return None
    # t - 1/p = s (1 - 1/p)
    return sum((t - 1 / p) * (1 - 1 / p) for p, t in pairs) / sum((1 - 1 / p) ** 2 for p, _ in pairs)


def summarise(settings, points, runs, allow_oversubscribed):
    rows = []
    for point in points:
        own = [run for run in runs if (run["ranks"], run["threads"]) == (point["ranks"], point["threads"])]
        seconds = [run["step_seconds"] for run in own]
        row = {name: point[name] for name in ("ranks", "threads", "hosts", "oversubscribed", "global_batch")}
        row |= {"repetitions": len(own), "values": seconds, "step_seconds": statistics.median(seconds),
                "step_seconds_min": min(seconds), "step_seconds_max": max(seconds),
                "samples_per_second": statistics.median(run["samples_per_second"] for run in own),
                "shown": allow_oversubscribed or not point["oversubscribed"]}
        names = dict.fromkeys(name for run in own for name in run["phases"])
        row["phases"] = {name: statistics.median(run["phases"].get(name, 0.0) for run in own) for name in names}
        rows.append(row)
    judge_digests(settings["mode"], rows, runs)
    fits = {}
    for threads in sorted({row["threads"] for row in rows}):
        same = [row for row in rows if row["threads"] == threads]
        shown = [row for row in same if row["shown"]]
        if not shown:
            continue
        base = shown[0]
        for row in shown:
            factor = row["ranks"] / base["ranks"]
            row["ideal"] = factor
            row["speed_up"] = speed_up_of(settings["mode"], base, row, row["step_seconds"])
            row["speed_up_min"] = speed_up_of(settings["mode"], base, row, row["step_seconds_max"])
            row["speed_up_max"] = speed_up_of(settings["mode"], base, row, row["step_seconds_min"])
            row["efficiency"] = row["speed_up"] / factor
            if settings["mode"] == "strong":
                row["serial_share"] = serial_share(row["speed_up"], factor)
        if settings["mode"] == "strong":
            fits[str(threads)] = amdahl(shown, base)
    return {"settings": settings, "points": rows, "runs": runs,
            "amdahl_serial_share": {threads: share for threads, share in fits.items() if share is not None}}


def extrap_lines(study):
    """Extra-P's JSON lines: p the ranks, and t the threads of each where there are several; a call path a phase."""
    several = len({row["threads"] for row in study["points"]}) > 1
    for row in study["points"]:
        if not row["shown"]:
            continue
        params = {"p": row["ranks"]} | ({"t": row["threads"]} if several else {})
        yield {"params": params, "callpath": "step", "metric": "time", "value": row["values"]}
        own = [run for run in study["runs"] if (run["ranks"], run["threads"]) == (row["ranks"], row["threads"])]
        for name in row["phases"]:
            yield {"params": params, "callpath": f"step->{name}", "metric": "time",
                   "value": [run["phases"].get(name, 0.0) for run in own]}


def cell(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(value) if isinstance(value, list) else value


def print_table(study):
    print(f"{'ranks':>5} {'threads':>7} {'batch':>7} {'ms a step':>10} {'min':>9} {'max':>9} {'samples/s':>10} {'speed-up':>8} "
          f"{'efficiency':>10}  digests")
    for row in study["points"]:
        speed = f"{row['speed_up']:>8.2f} {100 * row['efficiency']:>8.1f} %" if "speed_up" in row else f"{'':>19}"
        note = "" if not row["oversubscribed"] else "  oversubscribed" + ("" if row["shown"] else ": no scaling")
        print(f"{row['ranks']:>5} {row['threads']:>7} {row['global_batch']:>7} {1e3 * row['step_seconds']:>10.3f} "
              f"{1e3 * row['step_seconds_min']:>9.3f} {1e3 * row['step_seconds_max']:>9.3f} {row['samples_per_second']:>10.0f} "
              f"{speed}  {row['digest']}{note}")
    for threads, share in study["amdahl_serial_share"].items():
        print(f"Amdahl's law fitted, {threads} threads a rank: a share of {100 * share:.1f} % does not scale")


def write_tables(folder, study):
    phases = list(dict.fromkeys(name for row in study["points"] for name in row["phases"]))
    with open(folder / "scaling.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS + [f"{name.replace(' ', '_')}_seconds" for name in phases] + ["digests"])
        for row in study["points"]:
            table.writerow([cell(row.get(name)) for name in COLUMNS] + [row["phases"].get(name, "") for name in phases] +
                           [cell(row["digests"])])
    (folder / "scaling.json").write_text(json.dumps(study, indent=2) + "\n")
    (folder / "extrap.jsonl").write_text("".join(json.dumps(line) + "\n" for line in extrap_lines(study)))
    print_table(study)
    print(f"written: {folder}/scaling.csv, scaling.json, extrap.jsonl")
