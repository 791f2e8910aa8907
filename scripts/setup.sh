#!/usr/bin/env bash
# Installs what lockstep is built from (Debian or Ubuntu), then builds the release preset into build/.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
    cat <<'USAGE'
usage: scripts/setup.sh [--program-only] [--packages-only]
  --program-only   build the program without its tests, and install nothing that only the tests need
  --packages-only  install packages, build nothing
Installs only what is missing, so it needs no root where all is there. Running it again is harmless.
USAGE
}

program_only=no
packages_only=no
for argument in "$@"; do
    case $argument in
    --program-only) program_only=yes ;;
    --packages-only) packages_only=yes ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        usage >&2
        exit 2
        ;;
    esac
done

# Each line: Debian package, how to see that it is there (a command, a header, one of MPI's, a Python module), and its name.
program_needs='
g++                        command g++
cmake                      command cmake
ninja-build                command ninja
pkg-config                 command pkg-config
libopenmpi-dev             wrapped mpi.h
openmpi-bin                command mpirun
libboost-program-options-dev header boost/program_options.hpp
libboost-serialization-dev header boost/archive/binary_oarchive.hpp
libfmt-dev                 header fmt/format.h
nlohmann-json3-dev         header nlohmann/json.hpp
zlib1g-dev                 header zlib.h
libxxhash-dev              header xxhash.h
libprotobuf-dev            header google/protobuf/message_lite.h
protobuf-compiler          command protoc
libonnx-dev                header onnx/onnx.proto
libhdf5-dev                header hdf5/serial/hdf5.h'
# Images to train on, and the charts of reports, which the program does without: where they cannot be had, a word and no
# error.
wants='
dataset-fashion-mnist      file '"$fashion_mnist"'
libjs-chart.js             file /usr/share/javascript/chart.js/chart.min.js
'
test_needs='
git                        command git
iproute2                   command ip
doctest-dev                header doctest/doctest.h
mandoc                     command mandoc
python3                    command /usr/bin/python3
python3-numpy              module numpy
python3-h5py               module h5py'

needs=$program_needs
[ "$program_only" = yes ] || needs+=$test_needs

is_there() {
    case $1 in
    command) command -v "$2" >/dev/null ;;
    file) [ -e "$2" ] ;;
    # A header that MPI's compiler finds: openmpi-bin has mpicxx without any.
    wrapped) mpicxx -fsyntax-only -include "$2" -x c++ /dev/null >/dev/null 2>&1 ;;
    header) printf '#if !__has_include(<%s>)\n#error\n#endif\n' "$2" | g++ -E -x c++ - >/dev/null 2>&1 ;;
    module) /usr/bin/python3 -c "import $2" 2>/dev/null ;;
    esac
}

missing=()
# list_missing TABLE: sets `missing`.
list_missing() {
    missing=()
    local package kind what
    while read -r package kind what; do
        [ -n "$package" ] || continue
        is_there "$kind" "$what" || missing+=("$package")
    done <<<"$1"
}

install_missing() {
    command -v apt-get >/dev/null ||
        die "missing, and no apt-get here to install it: ${missing[*]} (Debian's names; any source will do)"
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "missing: ${missing[*]}. Run as root: apt-get install ${missing[*]}"
        as_root=(sudo)
    fi
    say "installing ${missing[*]}"
    local log
    log=$(mktemp)
    if ! { "${as_root[@]}" apt-get update -qq && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        cat "$log" >&2
        die "apt-get could not install ${missing[*]}"
    fi
    rm -f "$log"
}

list_missing "$needs"
if [ ${#missing[@]} -gt 0 ]; then
    install_missing
    list_missing "$needs"
    [ ${#missing[@]} -eq 0 ] || die "installed, but still not found: ${missing[*]}"
fi
list_missing "$wants"
if [ ${#missing[@]} -gt 0 ]; then
    (install_missing) || say "going on without ${missing[*]}: data.source = fashion_mnist wants a data.dir," \
        "reports have tables without charts"
fi
[ "$packages_only" = no ] || exit 0

cd "$repository"
if [ "$program_only" = yes ]; then
    # A build folder that has its tests keeps them.
    [ -e build/CMakeCache.txt ] || cmake --preset release -DBUILD_TESTING=OFF
    cmake --build --preset release --target lockstep
else
    cmake --preset release -DBUILD_TESTING=ON
    cmake --build --preset release
fi
