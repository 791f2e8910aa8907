#!/usr/bin/env bash
# The PV021 course task in one go: trains on Fashion-MNIST, or on the CSV files of a folder, evaluates, and writes the
# two prediction files.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
    cat <<'USAGE'
usage: scripts/pv021.sh [DATA_DIR] [--section.key value ...]
DATA_DIR holds *_train_vectors.csv, *_train_labels.csv, *_test_vectors.csv and, to be judged by, *_test_labels.csv.
Without DATA_DIR: Fashion-MNIST of Debian's package dataset-fashion-mnist.
Writes train_predictions.csv and test_predictions.csv into the current folder, one class a line in input order.
What follows DATA_DIR overrides configs/pv021.ini, for example --training.epochs 2.
Environment: RANKS (2): how many processes; OUT (.): the folder for predictions and the run;
PROGRAM: the lockstep to use instead of building it.
USAGE
}

case ${1:-} in
-h | --help)
    usage
    exit 0
    ;;
'' | --*)
    [ -n "${1-unset}" ] || die 'DATA_DIR is empty'
    data=
    ;;
*)
    [ -d "$1" ] || die "$1 is not a folder"
    data=$(realpath -- "$1")
    shift
    ;;
esac
[ -d "${OUT:-.}" ] || die "OUT=$OUT is not a folder"
out=$(realpath -- "${OUT:-.}")
overrides=("$@")

lockstep=${PROGRAM:-$repository/build/lockstep}
[ -n "${PROGRAM:-}" ] || build_program
run=$out/pv021-$(date +%Y%m%d-%H%M%S)

experiment=("$repository/configs/pv021.ini")
judged=yes
if [ -n "$data" ]; then
    experiment+=(--data.source csv --data.dir "$data")
    # Labels lie beside the vectors, or are named by a flag; a test set without them is predicted all the same.
    [ -n "$(compgen -G "${data//[\[\]*?\\]/\\&}/*_test_labels.csv*")" ] || [[ " $* " == *" --data.test_labels"* ]] || judged=no
else
    # The folder of another set, which a variable may name, is not meant.
    unset LOCKSTEP_DATA_DIR
fi
experiment+=("${overrides[@]}")

say "training on ${data:-Fashion-MNIST}"
with_ranks "${RANKS:-2}" "$lockstep" train "${experiment[@]}" --run.dir "$run"

if [ "$judged" = yes ]; then
    say 'on the test set'
    "$lockstep" eval "${experiment[@]}" --model "$run/model.lockstep"
else
    say 'there are no labels of the test set to judge by: it is predicted alone'
fi
for set in train test; do
    "$lockstep" predict "${experiment[@]}" --model "$run/model.lockstep" --set "$set" --out "$out/${set}_predictions.csv"
done

say "written: $out/train_predictions.csv, $out/test_predictions.csv; the run is in $run"
