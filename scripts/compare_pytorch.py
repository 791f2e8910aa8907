#!/usr/bin/python3
"""Compares the time of a training step with PyTorch's, for the same networks on the same CPU.

The two take turns: a round is so many seconds of PyTorch's steps in this process, then as many of
`lockstep bench step`, on the same CPU. The result is the median over the rounds of each round's median step, and
the ratio of the two medians, PyTorch's over lockstep's: above 1 where lockstep is faster.

Both train a batch that is in memory already: inputs in [0, 1), half of them zero, random classes; ReLU, then softmax
with cross-entropy; SGD with momentum 0.9 or Adam. PyTorch runs as its tutorials do: nn.Sequential, cross_entropy,
backward, optimizer.step, with bf16 by torch.autocast. lockstep keeps its promise meanwhile: leaves of 32, one order.

usage: compare_pytorch.py [--arithmetic fp32|bf16] [--optimizer sgd|adam] [--network 784-800-10:128] ...
"""

import argparse
import ctypes
import json
import os
import statistics
import sys
import time

from common import add_networks, add_program, check_program, chosen_networks, lockstep

NETWORKS = [
    ("784-800-10", 128),
    ("784-256-128-10", 64),
    ("784-2500-2000-1500-1000-500-10", 128),
    ("784-2500-2000-1500-1000-500-10", 1024),
    ("1024-4096-4096-1024", 512),
    ("2-8-2", 4),
]
WARM_UP_STEPS = 5
FEWEST_STEPS = 5
LEARNING_RATE = 1e-3
MOMENTUM = 0.9


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    add_program(parser)
    parser.add_argument("--arithmetic", default="fp32", help="fp32; bf16 is torch.autocast on PyTorch's side")
    parser.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd")
    add_networks(parser, "six")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each of the two in a round")
    parser.add_argument("--threads", type=int, default=1, help="and as many CPUs, the last that may be used")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")
    chosen = parser.parse_args()
    if chosen.rounds < 1 or chosen.threads < 1 or chosen.seconds <= 0:
        parser.error("--rounds, --threads and --seconds must be above 0")
    chosen.networks = chosen_networks(parser, chosen, NETWORKS)
    check_program(parser, chosen)
    return chosen


def hold_to_cpus(count):
    """Binds this process and what it starts to the last `count` CPUs it may use; returns them."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < count:
        sys.exit(f"compare_pytorch.py: {count} threads, but only CPUs {allowed} may be used")
    os.sched_setaffinity(0, allowed[-count:])
    return allowed[-count:]


def import_torch(threads):
    """PyTorch at its best on this CPU, or the end with what is missing."""
    # A machine may be set up to hold the libraries back that PyTorch multiplies by.
    for name in [name for name in os.environ if name.startswith(("OPENBLAS_", "DNNL_"))]:
        del os.environ[name]
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(threads)
    try:
        import torch
    except ImportError:
        sys.exit("compare_pytorch.py needs PyTorch for this Python: apt-get install python3-torch, and run "
                 "/usr/bin/python3")
    torch.set_num_threads(threads)
    # As lockstep does: otherwise a denormal could slow PyTorch down by a hundred times.
    torch.set_flush_denormal(True)
    return torch


def openblas_kernels():
    """The CPU that OpenBLAS takes this one for, where PyTorch multiplies by it; None elsewhere."""
    if "openblas" not in Path("/proc/self/maps").read_text():
        return None
    corename = ctypes.CDLL("libopenblas.so.0").openblas_get_corename
    corename.restype = ctypes.c_char_p
    return corename().decode()


class TorchSteps:
    """Training steps of one network in PyTorch."""

    def __init__(self, torch, layers, batch, optimizer, arithmetic):
        sizes = [int(size) for size in layers.split("-")]
        torch.manual_seed(1)
        modules = []
        for inputs, units in zip(sizes, sizes[1:]):
            modules += [torch.nn.Linear(inputs, units), torch.nn.ReLU()]
        self.torch = torch
        self.model = torch.nn.Sequential(*modules[:-1])
        if optimizer == "sgd":
            self.optimizer = torch.optim.SGD(self.model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)
        else:
            self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE)
        self.autocast = arithmetic == "bf16"
        uniform = torch.rand(batch, sizes[0])
        self.x = torch.where(uniform < 0.5, torch.zeros_like(uniform), uniform)
        self.labels = torch.randint(sizes[-1], (batch,))

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        if self.autocast:
            with self.torch.autocast("cpu", dtype=self.torch.bfloat16):
                loss = self.torch.nn.functional.cross_entropy(self.model(self.x), self.labels)
        else:
            loss = self.torch.nn.functional.cross_entropy(self.model(self.x), self.labels)
        loss.backward()
        self.optimizer.step()

    def replace_model(self, wrapped):
        """Steps of `wrapped` instead, which holds the same parameters."""
        self.model = wrapped

    def median_seconds(self, seconds, goes_on=None):
        """goes_on(measured) decides after every FEWEST_STEPS whether there are more."""
        goes_on = goes_on or (lambda measured: measured < seconds)
        for _ in range(WARM_UP_STEPS):
            self.step()
        times = []
        while len(times) % FEWEST_STEPS or not times or goes_on(sum(times)):
            start = time.perf_counter()
            self.step()
            times.append(time.perf_counter() - start)
        return statistics.median(times)


def lockstep_bench(chosen, layers, batch):
    return json.loads(lockstep(chosen.program, "bench", "step", "--layers", layers, "--global_batch", batch, "--optimizer",
                               chosen.optimizer, "--arithmetic", chosen.arithmetic, "--threads", chosen.threads,
                               "--seconds", chosen.seconds, "--json"))


def compare(torch, chosen, layers, batch):
    peer = TorchSteps(torch, layers, batch, chosen.optimizer, chosen.arithmetic)
    rounds = []
    for _ in range(chosen.rounds):
        rounds.append((peer.median_seconds(chosen.seconds), lockstep_bench(chosen, layers, batch)["step_seconds"]))
    torch_seconds, lockstep_seconds = (statistics.median(values) for values in zip(*rounds))
    ratios = [of_torch / of_lockstep for of_torch, of_lockstep in rounds]
    return {"layers": layers, "global_batch": batch, "pytorch_seconds": torch_seconds,
            "lockstep_seconds": lockstep_seconds, "ratio": torch_seconds / lockstep_seconds,
            "ratio_least": min(ratios), "ratio_most": max(ratios)}


def main():
    chosen = arguments()
    cpus = hold_to_cpus(chosen.threads)
    torch = import_torch(chosen.threads)
    result = {"pytorch": torch.__version__, "openblas_kernels": openblas_kernels(),
              "arithmetic": chosen.arithmetic, "optimizer": chosen.optimizer, "threads": chosen.threads, "cpus": cpus,
              "rounds": chosen.rounds, "networks": []}
    if not chosen.json:
        print(f"PyTorch {torch.__version__} (OpenBLAS kernels: {result['openblas_kernels']}), {chosen.arithmetic}, "
              f"{chosen.optimizer}, {chosen.threads} thread(s); {chosen.rounds} rounds in turn; milliseconds of a step, medians")
        print(f"{'network':<32} {'batch':>5} {'PyTorch':>10} {'lockstep':>10} {'ratio':>7}   in the rounds")
    for layers, batch in chosen.networks:
        row = compare(torch, chosen, layers, batch)
        result["networks"].append(row)
        if not chosen.json:
            print(f"{layers:<32} {batch:>5} {1e3 * row['pytorch_seconds']:>10.3f} {1e3 * row['lockstep_seconds']:>10.3f} "
                  f"{row['ratio']:>7.2f}   {row['ratio_least']:.2f} to {row['ratio_most']:.2f}", flush=True)
    if chosen.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
