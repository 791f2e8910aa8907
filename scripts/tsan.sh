#!/usr/bin/env bash
# Looks for data races between the training and what goes on beside it: the thread that writes checkpoints, the watchdog.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
    cat <<'USAGE'
usage: scripts/tsan.sh
Builds the program with ThreadSanitizer into build-tsan, then trains a small network on one rank and on several, with a
checkpoint every other step, and goes on from one. A race ends with exit code 66 and both threads' stacks.
One thread computes on each rank: libgomp's barriers are unknown to ThreadSanitizer.
USAGE
}

case ${1:-} in
'') ;;
-h | --help) usage && exit 0 ;;
*) usage >&2 && exit 2 ;;
esac

cd "$repository"
cmake --preset tsan >/dev/null
cmake --build --preset tsan --target lockstep

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# called_from_lib wants every library that it names to be there, which is so in the program alone.
export TSAN_OPTIONS="suppressions=$repository/tests/support/mpi_races.supp exitcode=66 halt_on_error=1"
export LOCKSTEP_TRAINING_THREADS=1 LOCKSTEP_RUN_CHECKPOINT_EVERY=2 LOCKSTEP_RUN_HANG_TIMEOUT=20
program=build-tsan/lockstep
network=(configs/sine.ini --training.epochs 4)

for how in '1 none' '2 none' '3 optimizer' '2 parameters'; do
    read -r ranks shard <<<"$how"
    say "ranks: $ranks, comm.shard: $shard"
    run=$folder/$ranks-$shard
    with_ranks "$ranks" "$program" train "${network[@]}" --comm.shard "$shard" --run.dir "$run"
    rm "$run/model.lockstep"
    with_ranks "$ranks" "$program" resume "$run"
done
say 'no data race'
