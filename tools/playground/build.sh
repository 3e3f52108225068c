#!/bin/sh
# Puts the playground into the directory $1: the page, the filters, and, where there is one in $2, the Core Rule Set as a
# file of its own. $3 has wasm-bindgen.
set -eu
target=$1
crs=$2
bindgen=$3
page=$(dirname "$0")/page
built=${CARGO_TARGET_DIR:-target}
triple=wasm32-unknown-unknown
# The same module wherever it is built: messages of panics name files, not whose home they are in.
std="$(rustc --print sysroot)/lib/rustlib/src/rust=/rustc/$(rustc -vV | sed -n 's/^commit-hash: //p')"
remap="\"--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo\",\"--remap-path-prefix=$PWD=/portcullis\",\"--remap-path-prefix=$std\""

# A directory of its own: the modules are built with the Core Rule Set inside.
PORTCULLIS_WITHOUT_CRS=1 CARGO_TARGET_DIR=$built/playground cargo build --quiet --locked --target "$triple" \
    --config "target.$triple.rustflags=[$remap]" --profile playground --lib \
    --package portcullis-playground --package portcullis-playground-unpack
cargo build --quiet --locked --package portcullis-playground-unpack --features pack --bin pack
mkdir -p "$target"
rm -f "$target"/*
for module in portcullis_playground portcullis_playground_unpack; do
    "$bindgen" --target web --no-typescript --out-dir "$target" \
        "$built/playground/$triple/playground/$module.wasm" 2>/dev/null
done
cp "$page"/* "$target"/
python3 "$(dirname "$0")/crs.py" "$crs" "$target/crs.json"
# Packed here, so that it is small whatever a server compresses; the worker unpacks it.
"$built/debug/pack" "$target/portcullis_playground_bg.wasm" "$target/filters.bin"
rm "$target/portcullis_playground_bg.wasm"
if [ -f "$target/crs.json" ]; then
    "$built/debug/pack" "$target/crs.json" "$target/crs.bin"
    rm "$target/crs.json"
fi
python3 "$(dirname "$0")/size.py" "$target"
