#!/bin/sh
# Puts the playground into the directory $1: the page, the filters, and, where there is one in $2, the Core Rule Set as a
# file of its own. $3 has wasm-bindgen and zopfli.
set -eu
target=$1
crs=$2
tools=$3
page=$(dirname "$0")/page
wasm=${CARGO_TARGET_DIR:-target}/playground/wasm32-unknown-unknown/playground/portcullis_playground.wasm

# A directory of its own: the modules are built with the Core Rule Set inside.
PORTCULLIS_WITHOUT_CRS=1 CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/playground cargo build --quiet \
    --package portcullis-playground --lib --target wasm32-unknown-unknown --profile playground
mkdir -p "$target"
rm -f "$target"/*
"$tools/wasm-bindgen" --target web --no-typescript --out-dir "$target" "$wasm" 2>/dev/null
# Packed here, so that it is small whatever a server compresses; the worker unpacks it.
"$tools/zopfli" "$target/portcullis_playground_bg.wasm"
mv "$target/portcullis_playground_bg.wasm.gz" "$target/filters.bin"
rm "$target/portcullis_playground_bg.wasm"
cp "$page"/* "$target"/
python3 "$(dirname "$0")/crs.py" "$crs" "$target/crs.json"
python3 "$(dirname "$0")/size.py" "$target"
