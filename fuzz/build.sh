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
bins=(); counted=; for target; do
    if [ "$target" = hostile ]; then counted=1; else bins+=(--bin "$target"); fi
done
# The same versions as in the workspace.
cp "$(dirname "$0")/../Cargo.lock" "$(dirname "$0")/libfuzzer/Cargo.lock"
common=(--quiet --release --manifest-path "$(dirname "$0")/libfuzzer/Cargo.toml" --target "$host")
[ ${#bins[@]} = 0 ] || cargo build "${common[@]}" --target-dir "$folder" "${bins[@]}"
# This one counts how many blocks of code run, which makes others slow. libFuzzer has a function for it that does nothing.
if [ -n "$counted" ]; then
    RUSTFLAGS="$RUSTFLAGS -Cllvm-args=-sanitizer-coverage-trace-pc" cargo rustc "${common[@]}" --target-dir "$folder/counted" \
        --bin hostile -- -Clink-arg=-Wl,--allow-multiple-definition
    mkdir -p "$folder/$host/release"
    cp "$folder/counted/$host/release/hostile" "$folder/$host/release/hostile"
fi
echo "$folder/$host/release"
