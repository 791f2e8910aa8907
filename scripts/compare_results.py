#!/usr/bin/python3
"""Sets a configuration's results beside PyTorch's: losses and accuracies, epoch by epoch.

Both start from the same weights (lockstep's, exported before the first step) and take the same samples in the same
minibatches (this script draws lockstep's order: Philox and Fisher-Yates), with the same loss and optimizer. PyTorch
is free in the order of its sums, so the two differ by rounding, which training amplifies slowly: equal digits at
first, equal results at the end. --other-order shows how far apart two orders of the samples are.

Knows the sources xor, sine and mnist, dense layers, every loss, and sgd, nesterov or adam at a constant rate.
Needs numpy and PyTorch: apt-get install python3-numpy python3-torch, and /usr/bin/python3.

usage: compare_results.py [CONFIG ...] [--epochs N] [--section.key value ...]
Default: configs/xor.ini, configs/sine.ini and, where LOCKSTEP_DATA_DIR or --data.dir has MNIST, configs/mnist.ini.
Keys of the configuration go to lockstep; what PyTorch does follows from the resolved configuration.
"""

import argparse
import gzip
import json
import math
import os
import sys
import tempfile
from pathlib import Path

from common import REPOSITORY, add_program, check_program, lockstep
from compare_pytorch import import_torch

try:
    import numpy as np
except ImportError:
    sys.exit("compare_results.py needs numpy for this Python: apt-get install python3-numpy, and run /usr/bin/python3")

SAMPLE_ORDER, SYNTHETIC_DATA = 2, 3  # the purposes of core/base/philox.h
ROWS = 10  # lines of a table
# What PyTorch's side does as well, or what changes no result. A key beyond these would be lockstep's alone.
KNOWN_KEYS = {"network.layer", "network.loss", "training.epochs", "training.global_batch", "training.leaf",
              "training.micro_batch", "training.seed", "training.threads", "optimizer.name", "optimizer.learning_rate",
              "optimizer.momentum", "optimizer.epsilon", "optimizer.beta1", "optimizer.beta2"}
KNOWN_SECTIONS = ("data.", "run.", "comm.")
KNOWN_ATTRIBUTES = {"units", "activation", "amplitude", "steepness", "init"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0], allow_abbrev=False,
                                     epilog="Other flags are keys of the configuration.")
    parser.add_argument("configs", nargs="*", type=Path, metavar="CONFIG")
    add_program(parser)
    parser.add_argument("--epochs", type=int, help="instead of the configuration's")
    parser.add_argument("--threads", type=int, default=1, help="of either; default: 1")
    parser.add_argument("--other-order", action="store_true", help="PyTorch takes the samples in another order")
    parser.add_argument("--tolerance", type=float, help="end with 1 where losses differ by more than this, relatively")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")
    chosen, words = parser.parse_known_args()
    if len(words) % 2 or any(not name.startswith("--") or "." not in name for name in words[::2]):
        parser.error(f"a key of the configuration is --section.key and a value; got {' '.join(words)}")
    chosen.keys = [*words, "--training.threads", str(chosen.threads)]
    if chosen.epochs is not None:
        chosen.keys += ["--training.epochs", str(chosen.epochs)]
    check_program(parser, chosen)
    if not chosen.configs:
        chosen.configs = [REPOSITORY / "configs" / name for name in ("xor.ini", "sine.ini")]
        if "--data.dir" in words or os.environ.get("LOCKSTEP_DATA_DIR"):
            chosen.configs.append(REPOSITORY / "configs" / "mnist.ini")
    return chosen


def philox(seed, purpose, index, minor=0):
    """Philox4x32-10 of (index, minor, purpose) for every index: four columns of 32-bit words."""
    index = np.asarray(index, dtype=np.uint64)
    low32 = np.uint64(0xFFFFFFFF)
    counter = [index & low32, index >> np.uint64(32), np.full_like(index, minor), np.full_like(index, purpose)]
    key = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        first, second = np.uint64(0xD2511F53) * counter[0], np.uint64(0xCD9E8D57) * counter[2]
        counter = [second >> np.uint64(32) ^ counter[1] ^ np.uint64(key[0]), second & low32,
                   first >> np.uint64(32) ^ counter[3] ^ np.uint64(key[1]), first & low32]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return np.stack(counter, axis=-1)


def epoch_order(seed, epoch, samples):
    """lockstep's permutation of an epoch: Fisher-Yates from the last position down."""
    words = philox(seed, SAMPLE_ORDER, np.arange(samples), epoch)
    order = list(range(samples))
    draws = [int(high) << 32 | int(low) for low, high in words[:, :2]]
    for i in range(samples - 1, 0, -1):
        j = draws[i] * (i + 1) >> 64
        order[i], order[j] = order[j], order[i]
    return np.array(order)


def sine_set(seed, split, samples):
    words = philox(seed, SYNTHETIC_DATA, np.arange(samples), split << 16)[:, 0]
    angle = ((2.0 * ((words >> np.uint64(8)) * 2.0**-24) - 1.0) * np.pi).astype(np.float32)
    return angle[:, None], np.sin(angle.astype(np.float64)).astype(np.float32)[:, None]


def idx_array(folder, name):
    """MNIST's format: a magic number whose last byte says how many sizes follow, big-endian, then bytes."""
    packed = Path(folder) / f"{name}.gz"
    content = gzip.decompress(packed.read_bytes()) if packed.exists() else (Path(folder) / name).read_bytes()
    sizes = np.frombuffer(content, ">u4", count=content[3], offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(sizes)


def mnist_set(options, split):
    name = ("train", "t10k")[split]
    limit = options["data.train_samples" if split == 0 else "data.test_samples"] or None
    images = idx_array(options["data.dir"], f"{name}-images-idx3-ubyte")[:limit]
    labels = idx_array(options["data.dir"], f"{name}-labels-idx1-ubyte")[:limit]
    return images.reshape(len(images), -1) * np.float32(1 / 255), labels.astype(np.int64)


def data_sets(options):
    """Training and test set: inputs, and labels or target vectors."""
    source = options["data.source"]
    if source == "xor":
        x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
        return [(x, x[:, :1] != x[:, 1:])] * 2
    if source == "sine":
        counts = options["data.train_samples"] or 1000, options["data.test_samples"] or 200
        return [sine_set(options["data.seed"], split, count) for split, count in enumerate(counts)]
    if source == "mnist":
        return [mnist_set(options, split) for split in (0, 1)]
    sys.exit(f"compare_results.py: data.source = {source} is not known here; xor, sine and mnist are")


def layer_words(text):
    kind, *words = text.split()
    if kind != "dense":
        sys.exit(f"compare_results.py: layer {text}: PyTorch's side knows dense layers alone")
    layer = dict(word.split("=", 1) for word in words)
    if unknown := layer.keys() - KNOWN_ATTRIBUTES:
        sys.exit(f"compare_results.py: layer {text}: PyTorch's side does not know {', '.join(sorted(unknown))}")
    return layer


def refuse_unknown_keys(options):
    """Refuses what is set, and would make lockstep's training another than PyTorch's."""
    for key, entry in options.items():
        if entry.get("origin", "") != "default" and key not in KNOWN_KEYS and not key.startswith(KNOWN_SECTIONS):
            sys.exit(f"compare_results.py: PyTorch's side does not know {key}; leave it out")


class Peer:
    """The configuration's network in PyTorch, with lockstep's first weights."""

    def __init__(self, torch, options, weights):
        self.torch, self.loss_name = torch, options["network.loss"]
        self.layers = [layer_words(text) for text in options["network.layer"]]
        names = [f"layer{n}.{what}" for n in range(len(self.layers)) for what in ("weight", "bias")]
        tensors = [torch.tensor(weights[name]) for name in names]
        self.parameters = [tensor.requires_grad_() for tensor in tensors]
        rate, momentum = options["optimizer.learning_rate"], options["optimizer.momentum"]
        name = options["optimizer.name"]
        # "0.1, 0.05" is a list by epoch, which plan prints as a text.
        if name not in ("sgd", "nesterov", "adam") or isinstance(rate, str):
            sys.exit("compare_results.py: PyTorch's side knows sgd, nesterov and adam at a constant rate")
        if name == "adam":
            self.optimizer = torch.optim.Adam(self.parameters, lr=rate, eps=options["optimizer.epsilon"],
                                              betas=(options["optimizer.beta1"], options["optimizer.beta2"]))
        else:
            self.optimizer = torch.optim.SGD(self.parameters, lr=rate, momentum=momentum, nesterov=name == "nesterov")

    def activate(self, layer, potential):
        name = layer.get("activation", "identity")
        amplitude, steepness = float(layer.get("amplitude", 1)), float(layer.get("steepness", 1))
        known = {"identity": lambda xi: xi, "relu": self.torch.relu,
                 "sigmoid": lambda xi: self.torch.sigmoid(steepness * xi),
                 "tanh": lambda xi: amplitude * self.torch.tanh(steepness * xi)}
        if name not in known:
            sys.exit(f"compare_results.py: PyTorch's side does not know activation={name}")
        return known[name](potential)

    def forward(self, x):
        """Outputs, or the last layer's potentials where the loss is a cross-entropy."""
        for n, layer in enumerate(self.layers):
            x = x @ self.parameters[2 * n] + self.parameters[2 * n + 1]
            if n + 1 < len(self.layers) or not self.loss_name.startswith("cross"):
                x = self.activate(layer, x)
        return x

    def losses(self, outputs, targets):
        """Of each sample."""
        torch, functional = self.torch, self.torch.nn.functional
        vectors = functional.one_hot(targets, outputs.shape[1]).float() if targets.ndim == 1 else targets
        softmax = self.layers[-1].get("activation") == "softmax"
        if self.loss_name == "mean_square_error":
            return functional.mse_loss(outputs, vectors, reduction="none").mean(1)
        if self.loss_name.startswith("square_error"):
            return 0.5 * ((outputs - vectors) ** 2).sum(1)
        if not softmax:
            return functional.binary_cross_entropy_with_logits(outputs, vectors, reduction="none").sum(1)
        logs = functional.log_softmax(outputs, 1)
        loss = -(vectors * logs).sum(1)
        return loss if self.loss_name == "cross_entropy" else loss - ((1 - vectors) * torch.log1p(-logs.exp())).sum(1)

    def step(self, x, targets):
        """Returns the summed loss before the step."""
        losses = self.losses(self.forward(x), targets)
        self.optimizer.zero_grad()
        (losses.sum() if self.loss_name == "square_error_sum" else losses.mean()).backward()
        self.optimizer.step()
        return float(losses.detach().double().sum())

    def score(self, x, targets):
        """Mean loss and, with a cross-entropy, accuracy as lockstep counts it."""
        with self.torch.no_grad():
            outputs = self.forward(x)
            loss = float(self.losses(outputs, targets).double().mean())
            if not self.loss_name.startswith("cross"):
                return loss, None
            right = outputs.argmax(1) == targets if targets.ndim == 1 else ((outputs > 0) == (targets > 0.5)).all(1)
            return loss, float(right.double().mean())


def train_peer(torch, chosen, options, weights, epochs, every):
    (x, targets), test = ([torch.tensor(array.astype(np.float32) if array.dtype == bool else array) for array in part]
                          for part in data_sets(options))
    peer = Peer(torch, options, weights)
    batch = len(x) if options["training.global_batch"] == "all" else options["training.global_batch"]
    rows = {}
    for epoch in range(epochs):
        order = torch.tensor(epoch_order(options["training.seed"] + chosen.other_order, epoch, len(x)))
        total = sum(peer.step(x[part], targets[part]) for part in order.split(batch))
        if (epoch + 1) % every == 0 or epoch + 1 == epochs:
            test_loss, test_accuracy = peer.score(*test)
            rows[epoch + 1] = {"train_loss": total / len(x), "test_loss": test_loss, "test_accuracy": test_accuracy}
    return rows


def without_epochs(keys):
    pairs = zip(keys[::2], keys[1::2])
    return [word for name, value in pairs if name != "--training.epochs" for word in (name, value)]


def compare(torch, chosen, config):
    plan = json.loads(lockstep(chosen.program, "plan", config, *chosen.keys, "--json"))
    refuse_unknown_keys(plan["options"])
    options = {key: entry.get("value", entry.get("values")) for key, entry in plan["options"].items()}
    if options["training.max_steps"] or not plan["steps"]:
        sys.exit("compare_results.py: compares whole epochs; leave training.max_steps out and give --epochs")
    epochs = plan["steps"] // plan["steps_per_epoch"]
    every = math.ceil(epochs / ROWS)
    with tempfile.TemporaryDirectory(prefix="lockstep-compare-") as folder:
        first, run, weights = (Path(folder) / name for name in ("first", "run", "first.npz"))
        lockstep(chosen.program, "train", config, *without_epochs(chosen.keys), "--run.dir", first, "--training.epochs", 0,
                 "--training.max_steps", 0)
        lockstep(chosen.program, "export", first / "model.lockstep", "--format", "npz", "--out", weights)
        lockstep(chosen.program, "train", config, *chosen.keys, "--run.dir", run, "--run.evaluate_every", every)
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        with np.load(weights) as archive:
            ours = {line["epoch"]: line for line in lines if line["event"] == "epoch" and "test_loss" in line}
            theirs = train_peer(torch, chosen, options, dict(archive), epochs, every)
    rows = []
    for epoch, peer in theirs.items():
        mine = {name: ours[epoch].get(name) for name in peer}
        apart = max(abs(mine[name] - peer[name]) / abs(mine[name]) for name in ("train_loss", "test_loss"))
        rows.append({"epoch": epoch, "lockstep": mine, "pytorch": peer, "loss_difference": apart})
    return {"config": config.name, "epochs": rows}


def print_table(result):
    print(f"\n{result['config']}: lockstep | PyTorch, and the larger relative difference of the two losses")
    print(f"{'epoch':>6}  {'training loss':>21}  {'test loss':>21}  {'test accuracy':>19}  {'difference':>10}")
    for row in result["epochs"]:
        pairs = []
        for name, form in (("train_loss", "{:.7f}"), ("test_loss", "{:.7f}"), ("test_accuracy", "{:.2%}")):
            values = (row[side][name] for side in ("lockstep", "pytorch"))
            pairs.append(" | ".join("-" if value is None else form.format(value) for value in values))
        print(f"{row['epoch']:>6}  {pairs[0]:>21}  {pairs[1]:>21}  {pairs[2]:>19}  {row['loss_difference']:>10.1e}")


def main():
    chosen = arguments()
    torch = import_torch(chosen.threads)
    results = []
    for config in chosen.configs:
        results.append(compare(torch, chosen, config))
        if not chosen.json:
            print_table(results[-1])
    if chosen.json:
        print(json.dumps({"pytorch": torch.__version__, "results": results}))
    most = max(row["loss_difference"] for result in results for row in result["epochs"])
    # Not most > tolerance: a NaN agrees with nothing.
    if chosen.tolerance is not None and not most <= chosen.tolerance:
        sys.exit(f"compare_results.py: losses differ by {most:.1e}, more than {chosen.tolerance:g}")


if __name__ == "__main__":
    main()
