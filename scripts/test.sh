#!/usr/bin/env bash
# Everything that is tested: style, the sanitised build of the unit tests, then all tests of the release build.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
    cat <<'USAGE'
usage: scripts/test.sh [--quick]
--quick leaves out style and sanitisers: the release build and its tests alone.
LOCKSTEP_DATA_DIR names a folder with MNIST's four files (scripts/fetch_mnist.sh); tests that want them are skipped without.
USAGE
}

# Tests wait more than they compute: tests/CMakeLists.txt.
slots=$((3 * $(nproc)))

quick=no
case ${1:-} in
'') ;;
--quick) quick=yes ;;
-h | --help) usage && exit 0 ;;
*) usage >&2 && exit 2 ;;
esac

say 'packages and the release build'
"$repository/scripts/setup.sh"
cd "$repository"

if [ "$quick" = no ]; then
    say 'style'
    scripts/check_style.sh

    # The release build runs everything; this one looks for what a right answer can hide. Three ranks reach every
    # branch of the collectives (a power of two, an odd one out), and the promise itself is release's business.
    say 'unit tests and bad input under AddressSanitizer and UndefinedBehaviorSanitizer'
    cmake --preset asan
    cmake --build --preset asan
    ctest --preset asan --parallel "$slots" --no-tests=error --label-exclude release_only
fi

say 'all tests of the release build'
ctest --preset release --parallel "$slots" --no-tests=error
