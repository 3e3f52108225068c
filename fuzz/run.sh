#!/usr/bin/env bash
# Fuzzes: `fuzz/run.sh <seconds> [<target>]`, all targets in turn by default. What is found goes to target/fuzz/found/<target>/,
# and the inputs that reach new code stay in target/fuzz/corpus/<target>/ for the next time.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1 chosen=${2:-}
work=${CARGO_TARGET_DIR:-target}/fuzz
corpus() { cargo run --quiet --package portcullis-fuzz --bin corpus -- "$@"; }
targets=$(corpus)
[ -z "$chosen" ] || targets=$(grep "^$chosen " <<<"$targets") || { corpus "$chosen" "$work"; exit 2; }
readarray -t names < <(cut -d' ' -f1 <<<"$targets")
echo "Building ${names[*]} with libFuzzer's instrumentation"
binaries=$(fuzz/build.sh "$work" "${names[@]}")
while read -r name longest; do
    mkdir -p "$work/corpus/$name" "$work/found/$name"
    [ -e "$work/corpus/$name/seed-00000" ] || corpus "$name" "$work/corpus/$name"
    echo "Fuzzing $name for $seconds s"
    "$binaries/$name" -max_total_time="$seconds" -max_len="$longest" -timeout=20 -rss_limit_mb=3000 -print_final_stats=1 \
        -verbosity=0 -artifact_prefix="$work/found/$name/" "$work/corpus/$name" || {
        echo "Broken by the file above. Make it small and keep it with the fix:"
        echo "  $binaries/$name -minimize_crash=1 -runs=100000 -exact_artifact_path=fuzz/regressions/$name/<what-was-wrong> <file>"
        exit 1
    }
done <<<"$targets"
