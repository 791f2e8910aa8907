#!/usr/bin/env bash
# The PV021 course task in one go: trains on the CSV files of a folder, evaluates, and writes the two prediction files.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
    cat <<'USAGE'
usage: scripts/pv021.sh DATA_DIR [--section.key value ...]
DATA_DIR holds *_train_vectors.csv, *_train_labels.csv, *_test_vectors.csv and *_test_labels.csv.
Writes train_predictions.csv and test_predictions.csv into the current folder, one class a line in input order.
What follows DATA_DIR overrides configs/pv021.ini, for example --training.epochs 2.
Environment: RANKS (2): how many processes; OUT (.): the folder for predictions and the run;
PROGRAM: the lockstep to use instead of building it.
USAGE
}

needs_argument "$@"
[ -d "$1" ] || die "$1 is not a folder"
[ -d "${OUT:-.}" ] || die "OUT=$OUT is not a folder"
data=$(realpath -- "$1")
out=$(realpath -- "${OUT:-.}")
shift
overrides=("$@")

lockstep=${PROGRAM:-$repository/build/lockstep}
[ -n "${PROGRAM:-}" ] || build_program
config=$repository/configs/pv021.ini
run=$out/pv021-$(date +%Y%m%d-%H%M%S)

say "training on $data"
with_ranks "${RANKS:-2}" "$lockstep" train "$config" --data.dir "$data" --run.dir "$run" "${overrides[@]}"

say 'on the test set'
"$lockstep" eval "$config" --data.dir "$data" --model "$run/model.lockstep" "${overrides[@]}"
for set in train test; do
    "$lockstep" predict "$config" --data.dir "$data" --model "$run/model.lockstep" --set "$set" \
        --out "$out/${set}_predictions.csv" "${overrides[@]}"
done

say "written: $out/train_predictions.csv, $out/test_predictions.csv; the run is in $run"
