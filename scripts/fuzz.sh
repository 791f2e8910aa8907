#!/usr/bin/env bash
# Gives arbitrary bytes to everything of lockstep that reads bytes: tests/fuzz, built with clang's libFuzzer.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
    cat <<'USAGE'
usage: scripts/fuzz.sh [SECONDS] [READER...]
Runs the fuzz targets of READERs (all of tests/fuzz) for SECONDS each (60), as many at once as there are CPUs.
What they find that is new stays in build-fuzz/corpus, and the next run begins with it. A finding ends with exit code 1, its
input is build-fuzz/findings/READER-*, and `build-fuzz/tests/fuzz/fuzz_READER FILE` shows it again.
Wants clang with libFuzzer and OpenMP (Debian: clang libomp-dev); ends with 77 where they are missing.
USAGE
}

seconds=60
case ${1:-} in
-h | --help) usage && exit 0 ;;
-*) usage >&2 && exit 2 ;;
[0-9]*)
    seconds=$1
    shift
    ;;
esac

if ! printf 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }\n' |
    clang++ -fsanitize=fuzzer,address -fopenmp -x c++ - -o /dev/null 2>/dev/null; then
    echo 'skipped: no clang++ here with libFuzzer and OpenMP (Debian: clang libomp-dev)' >&2
    exit 77
fi

cd "$repository"
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz
readers=("$@")
if [ ${#readers[@]} -eq 0 ]; then
    for target in tests/fuzz/fuzz_*.cpp; do
        target=${target#tests/fuzz/fuzz_}
        readers+=("${target%.cpp}")
    done
fi

mkdir -p build-fuzz/findings
/usr/bin/python3 tests/fuzz/seeds.py build-fuzz/corpus

# Files are in memory; the largest legitimate allocation is a reader's block. gzip makes at most 1032 bytes of one.
run_target() {
    local log=build-fuzz/findings/$2.log
    local scratch
    scratch=$(mktemp -d --tmpdir="$([ -w /dev/shm ] && echo /dev/shm || echo /tmp)")
    if TMPDIR=$scratch "build-fuzz/tests/fuzz/fuzz_$2" -max_total_time="$1" -max_len=4096 -timeout=10 \
        -rss_limit_mb=512 -malloc_limit_mb=16 -print_final_stats=1 \
        -artifact_prefix="build-fuzz/findings/$2-" "build-fuzz/corpus/$2" >"$log" 2>&1; then
        printf '%-12s no finding in %s inputs\n' "$2" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
    else
        printf '%-12s FINDING, see %s\n' "$2" "$log"
        tail -n 40 "$log"
    fi
    rm -rf "$scratch"
}
export -f run_target

say "fuzzing for $seconds s each: ${readers[*]}"
report=$(printf '%s\n' "${readers[@]}" | xargs -P "$(nproc)" -I '{}' bash -c "run_target $seconds {}")
printf '%s\n' "$report"
[[ $report != *FINDING* ]]
