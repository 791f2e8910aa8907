"""The runs that kill_soak.py makes: their data and configurations, their files, and what a run that is done has otherwise
than the undisturbed one."""

import collections
import json
import re
import subprocess

FILES = re.compile(r"(run\.json|metrics\.(jsonl|csv)|ledger\.jsonl|result\.json|model\.lockstep|checkpoints"
                   r"|checkpoints/latest|checkpoints/step-\d{9}|checkpoints/step-\d{9}/(checkpoint\.json|part-\d+))$")
SAMPLES, INPUTS, CLASSES = 96, 12, 3


def optimizer_names(program):
    """All rules, as the help lists them."""
    text = subprocess.run([program, "train", "--help"], capture_output=True, text=True, check=True).stdout
    section = text[text.index("--optimizer.name"):text.index("--optimizer.learning_rate")]
    return re.findall(r"[a-z]+", re.search(r"one of ([a-z, \n]+)", section)[1])


def write_data(folder, chance):
    """Three classes by chance: nothing is to be learnt, only repeated."""
    folder.mkdir()
    for part in ("train", "test"):
        rows = ["".join(f"{chance.random():.3f}," for _ in range(INPUTS))[:-1] for _ in range(SAMPLES)]
        (folder / f"set_{part}_vectors.csv").write_text("\n".join(rows) + "\n")
        (folder / f"set_{part}_labels.csv").write_text("".join(f"{i % CLASSES}\n" for i in range(SAMPLES)))


def draw_configuration(chance, rules):
    """A configuration's text, and whether its compression leaves the sharding free."""
    validates = chance.random() < 0.7
    compression = chance.choice(["none", "none", "bf16", "top_k"])
    keys = {"data": {"source": "csv", "dir": "../data", "split": "60/20/20" if validates else "none"},
            "training": {"epochs": chance.randint(20, 60), "global_batch": 16, "leaf": 4,
                         "seed": chance.randint(1, 1000000), "keep": chance.choice(["best", "last"]) if validates else "last"},
            "optimizer": {"name": chance.choice(rules), "learning_rate": 0.01,
                          "schedule": chance.choice(["constant", "adaptive"]) if validates else "constant"},
            "comm": {"compression": compression},
            "run": {"checkpoint_every": chance.randint(2, 9), "checkpoint_keep": chance.randint(1, 3), "ledger": "step",
                    "log_every": 1}}
    dropout = f" dropout={chance.choice([0.1, 0.25])}" if chance.random() < 0.5 else ""
    lines = ["[network]", f"layer = dense units={chance.choice([16, 64, 256])} activation=tanh{dropout}",
             f"layer = dense units={chance.choice([8, 128])} activation=relu",
             f"layer = dense units={CLASSES} activation=softmax"]
    for section, items in keys.items():
        lines += [f"[{section}]", *(f"{key} = {value}" for key, value in items.items())]
    return "\n".join(lines) + "\n", compression != "top_k" and keys["optimizer"]["name"] not in ("lars", "lamb")


def lines_of(path):
    """The whole lines of a log, as JSON; the last one of a killed run may be half a one."""
    try:
        text = path.read_text()
    except OSError:
        return []
    return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]


def newest_files(run):
    """Where the run's files are until it takes the place of an older one."""
    return run / "unfinished" if (run / "unfinished" / "run.json").exists() else run


def differences(program, whole, run):
    """What a run that is done has otherwise than the undisturbed one, or too much."""
    found = []

    def digest(path):
        words = [program, "digest", path / "model.lockstep"]
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout.split()[:1]

    if not digest(whole) or digest(whole) != digest(run):
        found.append(f"the model's digest is {digest(run)}, not {digest(whole)}")
    if (whole / "ledger.jsonl").read_bytes() != (run / "ledger.jsonl").read_bytes():
        found.append("ledger.jsonl differs")
    logs = []
    for path in (whole, run):
        lines = [line for line in lines_of(path / "metrics.jsonl") if line["event"] in ("step", "epoch", "end")]
        logs.append([[line.get(key) for key in ("event", "epoch", "step", "samples", "train_loss", "validation_loss",
                                                "learning_rate", "model_epoch")] for line in lines])
    if logs[0] != logs[1]:
        first = next((pair for pair in zip(*logs) if pair[0] != pair[1]), [len(log) for log in logs])
        found.append(f"metrics.jsonl differs: {first}")
    epochs = collections.Counter()
    samples = 0
    for event, epoch, _, now, *_ in logs[1]:
        if event == "step":
            epochs[epoch] += now - samples
            samples = now
    if len(set(epochs.values())) != 1:
        found.append(f"samples of the epochs: {dict(epochs)}")
    try:
        if json.loads((run / "result.json").read_text())["digest"] != digest(run)[0]:
            found.append("result.json has another digest")
    except (OSError, ValueError, KeyError, IndexError) as error:
        found.append(f"result.json: {error!r}")
    for path in sorted(run.rglob("*")):
        if not FILES.match(path.relative_to(run).as_posix()):
            found.append(f"{path.relative_to(run)} is left")
    return found
