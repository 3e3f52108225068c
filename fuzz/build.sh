#!/usr/bin/env bash
# Builds fuzz targets with libFuzzer's instrumentation: `fuzz/build.sh <folder> <target>…`. The flags are those of `cargo fuzz
# --sanitizer none`, which rustc has on its stable channel; the sanitizers would need nightly, and look for what safe Rust
# rules out. debug-assertions and overflow checks are on.
set -euo pipefail
folder=$1; shift
command -v c++ >/dev/null || { echo "libFuzzer needs a C++ compiler: apt-get install g++" >&2; exit 2; }
host=$(rustc -vV | sed -n 's/^host: //p')
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares"
bins=(); for target; do bins+=(--bin "$target"); done
# The same versions as in the workspace.
cp "$(dirname "$0")/../Cargo.lock" "$(dirname "$0")/libfuzzer/Cargo.lock"
cargo build --quiet --release --manifest-path "$(dirname "$0")/libfuzzer/Cargo.toml" --target "$host" \
    --target-dir "$folder" "${bins[@]}"
echo "$folder/$host/release"
