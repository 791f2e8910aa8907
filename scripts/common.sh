# shellcheck shell=bash
# What the scripts share; sourced, not run. Sets `repository`, the root of the checkout, and `fashion_mnist`.

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# One of the four files of Debian's dataset-fashion-mnist, to see whether it is installed.
# shellcheck disable=SC2034
fashion_mnist=/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz

# Open MPI refuses to start as root, the usual user of containers and CI machines, unless both of these are set.
if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

say() { printf '\n== %s\n' "$*"; }

# with_ranks COUNT COMMAND...: runs COMMAND under mpirun. Ranks beyond the CPUs share them, and then a rank that waits
# yields its CPU instead of spinning on it.
with_ranks() {
    local ranks=$1
    shift
    local options=(-np "$ranks")
    if [ "$ranks" -gt "$(nproc)" ]; then
        options+=(--oversubscribe --bind-to none --mca mpi_yield_when_idle 1)
    fi
    mpirun "${options[@]}" "$@"
}

# build_program: the release program in build/, unless it is there and up to date.
build_program() { "$repository/scripts/setup.sh" --program-only; }

# needs_argument "$@": prints usage() and ends where there is no argument, or help is asked for.
needs_argument() {
    case ${1:-} in
    '')
        usage >&2
        exit 2
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    esac
}
