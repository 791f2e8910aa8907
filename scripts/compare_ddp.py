#!/usr/bin/python3
"""Compares strong scaling on one machine with PyTorch's DistributedDataParallel (DDP) by gloo.

For each network: the time of a training step by one process and by several, each on a CPU of its own with one thread,
the same global batch shared among them. The four take turns in every round: PyTorch alone, DDP, lockstep alone,
lockstep under mpirun. Printed are medians over the rounds, the speed-up of each (one process over several), and how many
times faster lockstep's several are than DDP's.

DDP runs as its tutorials do: processes by torch.multiprocessing, gradients averaged while backward runs. The networks,
the data and the optimizer (SGD with momentum) are those of compare_pytorch.py.

usage: compare_ddp.py [--ranks 2] [--network 784-800-10:128] ... [--rounds 5] [--json]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from common import add_networks, add_program, check_program, chosen_networks
from compare_pytorch import TorchSteps, import_torch

NETWORKS = [
    ("784-800-10", 128),
    ("784-256-128-10", 64),
    ("784-2500-2000-1500-1000-500-10", 128),
    ("784-2500-2000-1500-1000-500-10", 1024),
]
PORT = "29511"
LIMIT_SECONDS = 300  # for one turn of one contender


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    add_program(parser)
    parser.add_argument("--ranks", type=int, default=2, help="processes, and as many CPUs; default 2")
    add_networks(parser, "four")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each of the four in a round")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")
    chosen = parser.parse_args()
    if chosen.rounds < 1 or chosen.ranks < 2 or chosen.seconds <= 0:
        parser.error("--rounds and --seconds must be above 0, --ranks above 1")
    chosen.networks = chosen_networks(parser, chosen, NETWORKS)
    if any(batch % chosen.ranks for _, batch in chosen.networks):
        parser.error("--network: DDP gives every process the same share, so --ranks must divide the batch")
    check_program(parser, chosen)
    return chosen


def run_torch(rank, cpus, layers, batch, seconds, result, done):
    """One process of PyTorch's, with its share of the batch; rank 0 puts its median step into `result`."""
    ranks = len(cpus)
    os.sched_setaffinity(0, {cpus[rank]})
    torch = import_torch(1)
    steps = TorchSteps(torch, layers, batch // ranks, "sgd", "fp32")
    if ranks > 1:
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=PORT)
        torch.distributed.init_process_group("gloo", rank=rank, world_size=ranks)
        model = torch.nn.parallel.DistributedDataParallel(steps.model)
        steps.replace_model(model)

        def all_go_on(measured):
            # Rank 0 decides, so that all make the same number of steps.
            more = torch.tensor([1 if measured < seconds else 0])
            torch.distributed.broadcast(more, 0)
            return bool(more.item())

        median = steps.median_seconds(seconds, all_go_on)
    else:
        median = steps.median_seconds(seconds)
    if rank == 0:
        result.put(median)
    done.wait()
    # Nothing is taken down: DDP's destructor holds Python's lock while it waits for gloo's threads, one of which may be
    # waiting for that lock to drop a tensor.
    os._exit(0)


def torch_seconds(chosen, cpus, ranks, layers, batch):
    context = import_torch(1).multiprocessing.get_context("spawn")
    result, done = context.SimpleQueue(), context.Barrier(ranks)
    processes = [context.Process(target=run_torch, args=(rank, cpus[:ranks], layers, batch, chosen.seconds, result, done))
                 for rank in range(ranks)]
    for process in processes:
        process.start()
    deadline = time.monotonic() + LIMIT_SECONDS
    for process in processes:
        process.join(deadline - time.monotonic())
    outcomes = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
    if None in outcomes:
        sys.exit(f"compare_ddp.py: PyTorch's processes did not end within {LIMIT_SECONDS} s")
    if any(outcomes):
        sys.exit(f"compare_ddp.py: PyTorch's processes ended with {outcomes}")
    return result.get()


def lockstep_seconds(chosen, cpus, ranks, layers, batch):
    command = ["taskset", "-c", ",".join(str(cpu) for cpu in cpus[:ranks]), "mpirun", "-np", ranks]
    command += ["--cpu-set", ",".join(str(cpu) for cpu in cpus[:ranks]), "--bind-to", "core"] if ranks > 1 else []
    command += [chosen.program, "bench", "step", "--layers", layers, "--global_batch", batch, "--seconds", chosen.seconds,
                "--threads", 1, "--json"]
    try:
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        sys.exit(f"compare_ddp.py: {' '.join(str(word) for word in command)} did not end within {LIMIT_SECONDS} s")
    if done.returncode != 0:
        sys.exit(f"compare_ddp.py: {' '.join(str(word) for word in command)} ended with {done.returncode}")
    return json.loads(done.stdout)["step_seconds"]


def compare(chosen, cpus, layers, batch):
    contenders = [(torch_seconds, 1), (torch_seconds, chosen.ranks), (lockstep_seconds, 1),
                  (lockstep_seconds, chosen.ranks)]
    rounds = [[seconds(chosen, cpus, ranks, layers, batch) for seconds, ranks in contenders]
              for _ in range(chosen.rounds)]
    torch_one, ddp, own_one, own = (statistics.median(values) for values in zip(*rounds))
    return {"layers": layers, "global_batch": batch, "ranks": chosen.ranks, "pytorch_seconds": torch_one,
            "ddp_seconds": ddp, "lockstep_one_seconds": own_one, "lockstep_seconds": own,
            "ddp_speed_up": torch_one / ddp, "lockstep_speed_up": own_one / own, "ratio": ddp / own}


def main():
    chosen = arguments()
    torch = import_torch(1)
    if not (torch.distributed.is_available() and torch.distributed.is_gloo_available()):
        sys.exit("compare_ddp.py: this PyTorch was built without gloo; Debian's python3-torch has it")
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < chosen.ranks:
        sys.exit(f"compare_ddp.py: {chosen.ranks} ranks, but only CPUs {cpus} may be used")
    networks = []
    if not chosen.json:
        print(f"PyTorch {torch.__version__}, gloo; fp32, SGD with momentum, {chosen.ranks} ranks of one thread; "
              f"{chosen.rounds} rounds in turn; milliseconds of a step, medians")
        print(f"{'network':<32} {'batch':>5} {'PyTorch':>9} {'DDP':>9} {'speed-up':>8}   {'lockstep':>9} {'ranks':>9} "
              f"{'speed-up':>8}   {'DDP/ours':>8}")
    for layers, batch in chosen.networks:
        row = compare(chosen, cpus, layers, batch)
        networks.append(row)
        if not chosen.json:
            print(f"{layers:<32} {batch:>5} {1e3 * row['pytorch_seconds']:>9.3f} {1e3 * row['ddp_seconds']:>9.3f} "
                  f"{row['ddp_speed_up']:>8.2f}   {1e3 * row['lockstep_one_seconds']:>9.3f} "
                  f"{1e3 * row['lockstep_seconds']:>9.3f} {row['lockstep_speed_up']:>8.2f}   {row['ratio']:>8.2f}",
                  flush=True)
    if chosen.json:
        print(json.dumps({"pytorch": torch.__version__, "rounds": chosen.rounds, "networks": networks}))


if __name__ == "__main__":
    main()
