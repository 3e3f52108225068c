#!/bin/bash
# Runs the tests that need Envoy on every version that tools/envoy/ pins, or on those named as arguments, and writes the table in
# the README. `make test-matrix` calls it.
set -euo pipefail
here=$(dirname "$0")
logs=${CARGO_TARGET_DIR:-target}/matrix
begin='<!-- versions: written by `make test-matrix` -->'
end='<!-- end of versions -->'
mkdir -p "$logs"

versions=("$@")
if [ ${#versions[@]} = 0 ]; then
    mapfile -t versions < <(cd "$here" && ls ./*.txt | sed 's|^\./||; s|\.txt$||' | sort -V)
fi

cargo test --quiet --package integration --test main --no-run
failed=0
table=$'| Envoy | tests in Envoy |\n|---|---|'
for version in "${versions[@]}"; do
    envoy=.tools/envoy-$version
    [ -x "$envoy/bin/envoy" ] || "$here/install.sh" "$version" "$envoy"
    echo "Envoy $version: the log is $logs/$version.log"
    status=0
    PORTCULLIS_ENVOY=$envoy/bin/envoy cargo test --quiet --package integration --test main >"$logs/$version.log" 2>&1 || status=$?
    # "test result: ok. 131 passed; 0 failed; …"
    result=$(sed -nE 's/^test result: [a-zA-Z]+\. ([0-9]+) passed; ([0-9]+) failed;.*/\1 passed, \2 failed/p' "$logs/$version.log" | tail -n 1)
    echo "Envoy $version: ${result:-no result}"
    table+=$'\n'"| $version | ${result:-did not run} |"
    if [ "$status" != 0 ]; then
        failed=1
        grep -E '^    [a-z_:]+$' "$logs/$version.log" | sort -u || tail -n 20 "$logs/$version.log"
    fi
done

if [ $# = 0 ]; then
    awk -v begin="$begin" -v end="$end" -v table="$table" '
        $0 == begin { print; print table; skip = 1 }
        $0 == end { skip = 0 }
        !skip' README.md >README.md.part
    mv README.md.part README.md
fi
exit $failed
