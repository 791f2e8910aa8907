#!/usr/bin/env bash
# From a fresh checkout to a trained network: installs, builds, and trains the lecture's ALVINN example on two ranks.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

if [ $# -gt 0 ]; then
    echo 'usage: scripts/quickstart.sh    (no options; installs, builds, trains configs/alvinn.ini on two ranks)' >&2
    exit 2
fi

build_program

cd "$repository"
lockstep=build/lockstep
run=runs/quickstart-$(date +%Y%m%d-%H%M%S)

say "training configs/alvinn.ini on 2 ranks: steering a car from 30 x 32 grey pixels of road"
with_ranks 2 "$lockstep" train configs/alvinn.ini --run.dir "$run"

say 'the trained network'
"$lockstep" eval configs/alvinn.ini --model "$run/model.lockstep"
"$lockstep" digest "$run/model.lockstep"

say 'what to try next'
cat <<NEXT
The digest is that of the weights, and it does not depend on the number of ranks. See for yourself:
  mpirun -np 1 $lockstep train configs/alvinn.ini --run.dir runs/alone && $lockstep digest runs/alone/model.lockstep
  mpirun -np 3 --oversubscribe $lockstep train configs/alvinn.ini --run.dir runs/three && $lockstep digest runs/three/model.lockstep
What a run would do, without doing it:       $lockstep plan configs/alvinn.ini --ranks 8
Any key of a configuration is also a flag:   $lockstep train configs/xor.ini --optimizer.learning_rate 0.2
Handwritten digits (downloads 11 MB):        scripts/fetch_mnist.sh data/mnist && mpirun -np 2 $lockstep train configs/mnist.ini --data.dir data/mnist
The tests:                                   scripts/test.sh
NEXT
if [ "$(id -u)" -eq 0 ]; then
    echo 'As root, mpirun wants:                       export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1'
fi
