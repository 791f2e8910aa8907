#!/usr/bin/env bash
# From a fresh checkout to a trained network: installs, builds, trains on images of clothes on two ranks, and shows
# that one rank gives the same bits.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

if [ $# -gt 0 ]; then
    echo 'usage: scripts/quickstart.sh    (no options; installs, builds, trains configs/pv021.ini on two ranks and on one)' >&2
    exit 2
fi

build_program

cd "$repository"
lockstep=build/lockstep
run=runs/quickstart-$(date +%Y%m%d-%H%M%S)
# The folder of another set, which a variable may name, is not meant.
unset LOCKSTEP_DATA_DIR

if [ -e "$fashion_mnist" ]; then
    experiment=(configs/pv021.ini --training.epochs 5)
    about='Fashion-MNIST, 28 x 28 grey pixels of clothes, five epochs'
else
    experiment=(configs/alvinn.ini)
    about='drawn images of roads to steer a car by; real images need the package dataset-fashion-mnist'
fi

say "training on 2 ranks: $about"
with_ranks 2 "$lockstep" train "${experiment[@]}" --run.dir "$run"

say 'the same on 1 rank'
"$lockstep" train "${experiment[@]}" --training.threads "$(nproc)" --run.dir "$run-alone"

say 'the digests of their weights'
digest_of() { "$lockstep" digest "$1/model.lockstep" | cut -d' ' -f1; }
echo "2 ranks  $(digest_of "$run")"
echo "1 rank   $(digest_of "$run-alone")"
[ "$(digest_of "$run")" = "$(digest_of "$run-alone")" ] || die 'they differ, which must never be'
echo 'equal: the same bits on any number of ranks'

if "$lockstep" report --help >/dev/null 2>&1; then
    say 'the report'
    "$lockstep" report "$run"
fi

say 'what to try next'
cat <<NEXT
More ranks than CPUs, and the same digest:   mpirun -np 3 --oversubscribe $lockstep train ${experiment[*]} --run.dir runs/three && $lockstep digest runs/three/model.lockstep
What a run would do, without doing it:       $lockstep plan ${experiment[0]} --ranks 8
Any key of a configuration is also a flag:   $lockstep train configs/xor.ini --optimizer.learning_rate 0.2
The whole course task, with predictions:     scripts/pv021.sh
Handwritten digits (downloads 11 MB):        scripts/fetch_mnist.sh data/mnist && mpirun -np 2 $lockstep train configs/mnist.ini --data.dir data/mnist
The tests:                                   scripts/test.sh
NEXT
if [ "$(id -u)" -eq 0 ]; then
    echo 'As root, mpirun wants:                       export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1'
fi
