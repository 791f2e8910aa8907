#!/usr/bin/env bash
# The checks that read the source without running it: clang-format, clang-tidy, shellcheck.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
    cat <<'USAGE'
usage: scripts/check_style.sh [--all | --since COMMIT] [--fix]
Formats are checked of every file. clang-tidy, which is slow, looks at the files changed since COMMIT: by default since
the branch left origin's main line, or, on that line itself, since the commit before. --all: at every file.
--fix puts the format right instead of complaining about it.
Needs build/compile_commands.json (scripts/setup.sh). A tool that is not installed is named and passed over.
USAGE
}

# Other versions of clang-format break lines in other places.
format_version=14

everything=no
since=
fix=no
while [ $# -gt 0 ]; do
    case $1 in
    --all) everything=yes ;;
    --since) since=${2:?--since wants a commit} && shift ;;
    --fix) fix=yes ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
    esac
    shift
done

cd "$repository"
failures=0
fail() {
    printf '%s\n' "$*" >&2
    failures=$((failures + 1))
}

mapfile -t sources < <(git ls-files '*.h' '*.cpp' '*.inl')
mapfile -t shell_scripts < <(git ls-files '*.sh' '*.sbatch' '*.pbs' .ci/run)

check_format() {
    local tool
    tool=$(command -v clang-format-$format_version || command -v clang-format || true)
    if [ -z "$tool" ] || ! "$tool" --version | grep -q "version $format_version\."; then
        echo "clang-format: not checked, version $format_version is not installed"
        return
    fi
    if [ "$fix" = yes ]; then
        "$tool" -i "${sources[@]}"
        return
    fi
    "$tool" --dry-run --Werror "${sources[@]}" || fail 'clang-format: run scripts/check_style.sh --fix'
    echo "clang-format: ${#sources[@]} files"
}

check_shell() {
    if ! command -v shellcheck >/dev/null; then
        echo 'shellcheck: not checked, not installed'
        return
    fi
    shellcheck -x "${shell_scripts[@]}" || fail 'shellcheck: see above'
    echo "shellcheck: ${#shell_scripts[@]} scripts"
}

# The commit that "changed" is counted from; empty where there is none, as in the first commit.
base_commit() {
    local base
    base=$since
    if [ -z "$base" ]; then
        base=$(git merge-base HEAD origin/HEAD 2>/dev/null || git merge-base HEAD origin/main 2>/dev/null || true)
        if [ -z "$base" ] || [ "$base" = "$(git rev-parse HEAD)" ]; then
            base=$(git rev-parse --verify -q HEAD~ || true)
        fi
    fi
    echo "$base"
}

# Translation units to look at: the changed .cpp files, and those that include a changed header.
changed_units() {
    local base file
    base=$(base_commit)
    if [ -z "$base" ]; then
        git ls-files '*.cpp'
        return
    fi
    git diff --name-only --diff-filter=d "$base" -- '*.h' '*.cpp' '*.inl' | while read -r file; do
        case $file in
        *.cpp) echo "$file" ;;
        *) git grep -lF "#include \"$file\"" -- '*.cpp' || true ;;
        esac
    done | sort -u
}

check_tidy() {
    if ! command -v clang-tidy >/dev/null; then
        echo 'clang-tidy: not checked, not installed'
        return
    fi
    if [ ! -e build/compile_commands.json ]; then
        fail 'clang-tidy: no build/compile_commands.json; run scripts/setup.sh'
        return
    fi
    local units file
    if [ "$everything" = yes ]; then
        mapfile -t units < <(git ls-files '*.cpp')
    else
        mapfile -t units < <(changed_units)
    fi
    # Only what this build compiles has flags to be read with.
    local known=()
    for file in "${units[@]}"; do
        if grep -qF "\"file\": \"$repository/$file\"" build/compile_commands.json; then known+=("$file"); fi
    done
    if [ ${#known[@]} -eq 0 ]; then
        echo 'clang-tidy: no file changed'
        return
    fi
    printf '%s\n' "${known[@]}" |
        xargs -P "$(nproc)" -n 1 clang-tidy -p build --quiet --warnings-as-errors='*' 2> >(grep -v 'warnings\? generated' >&2) ||
        fail 'clang-tidy: see above'
    echo "clang-tidy: ${#known[@]} files"
}

check_format
check_shell
check_tidy
[ "$failures" -eq 0 ] || die "$failures of the checks failed"
