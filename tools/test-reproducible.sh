#!/usr/bin/env bash
# Whether the same commit makes the same modules and images wherever it is built: builds it twice, in clones at paths of different
# length, each with a Cargo home of its own, and compares digests: tools/test-reproducible.sh FILTER…
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
home=${CARGO_HOME:-$HOME/.cargo}
commit=$(git -C "$repository" rev-parse HEAD)

build() {
    local copy=$1
    shift
    mkdir -p "$(dirname "$copy")"
    git clone --quiet "$repository" "$copy"
    git -C "$copy" checkout --quiet --detach "$commit"
    # Only where the sources of the dependencies are seen to be: nothing is fetched again.
    mkdir -p "$copy.home"
    ln -s "$home/registry" "$copy.home/registry"
    mkdir "$copy/.tools"
    for tool in "$repository"/.tools/*; do
        ln -s "$tool" "$copy/.tools/"
    done
    (
        cd "$copy"
        export CARGO_HOME=$copy.home
        unset CARGO_TARGET_DIR
        # The rule set of this checkout, not whatever there is to be had from there.
        if [ -z "${CRS_DIR:-}" ] && [ -f "$repository/.tools/crs/crs-setup.conf.example" ]; then
            export CRS_DIR=$repository/.tools/crs
        fi
        if [ $# = 4 ]; then
            make --silent images EXAMPLES=
        else
            make --silent modules FILTERS="$*" EXAMPLES=
        fi
        find dist -type f -exec sha256sum {} + | sort -k 2 >"$copy.sums"
    )
    rm -rf "$copy"
}

build "$scratch/a" "$@"
build "$scratch/somewhere/else/altogether" "$@"
cat "$scratch/a.sums"
diff "$scratch/a.sums" "$scratch/somewhere/else/altogether.sums"
echo "The same in both places."
