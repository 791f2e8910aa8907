#!/usr/bin/env bash
# Downloads MNIST's four files, 11 MB, and checks that they are the original ones.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# The original site answers no more; these mirrors carry its files unchanged, which the checksums below make sure of.
mirrors=(
    https://ossci-datasets.s3.amazonaws.com/mnist
    https://storage.googleapis.com/cvdf-datasets/mnist
)

usage() {
    cat <<'USAGE'
usage: scripts/fetch_mnist.sh DIR [MIRROR_URL]
Who has the files needs no download: --data.dir FOLDER, in place of DIR, reads them, packed or not.
Files that are in DIR already are checked, not fetched again. MIRROR_URL: a folder to fetch from (also file:///...).
Then: build/lockstep train configs/mnist.ini --data.dir DIR
USAGE
}

needs_argument "$@"
[ $# -lt 2 ] || mirrors=("$2")
mkdir -p -- "$1"
cd -- "$1"

# Of the files unpacked: copies that were packed anew are as good.
sums='0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7  t10k-images-idx3-ubyte.gz
ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2  t10k-labels-idx1-ubyte.gz
ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db  train-images-idx3-ubyte.gz
65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5  train-labels-idx1-ubyte.gz'

is_genuine() {
    local file=$1 sum=$2
    [ "$(gunzip -c -- "$file" 2>/dev/null | sha256sum | cut -d' ' -f1)" = "$sum" ]
}

fetch() {
    local name=$1 sum=$2 mirror
    command -v curl >/dev/null || die 'curl is needed: apt-get install curl ca-certificates'
    for mirror in "${mirrors[@]}"; do
        echo "fetching $mirror/$name"
        if curl -fsSL --retry 3 -o "$name.part" "$mirror/$name"; then
            if is_genuine "$name.part" "$sum"; then
                mv -- "$name.part" "$name"
                return
            fi
            echo "  that is not MNIST's $name (sha256 of its contents differs)" >&2
        fi
        rm -f -- "$name.part"
    done
    die "$name could be had from none of: ${mirrors[*]}; who has the files gives their folder: --data.dir FOLDER"
}

all_there() {
    local sum name
    while read -r sum name; do [ -e "$name" ] || return 1; done <<<"$sums"
}
all_there || echo 'Who has the four files needs no download: lockstep train configs/mnist.ini --data.dir FOLDER reads them.'

while read -r sum name; do
    if [ ! -e "$name" ]; then
        fetch "$name" "$sum"
    elif ! is_genuine "$name" "$sum"; then
        die "$PWD/$name is damaged (sha256 of its contents differs): delete it and run this again"
    fi
done <<<"$sums"
echo "MNIST is complete in $PWD"
