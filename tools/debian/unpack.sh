#!/bin/sh
# Unpacks Debian packages into the directory $1, without installing anything: `unpack.sh DIRECTORY PACKAGE…`. apt checks their
# signatures. With OPTIONAL=1 it is no error when they can't be had: the tests that need them say that they were skipped.
set -eu
target=$1
shift

stop() {
    rm -rf "$target.part"
    if [ -n "${OPTIONAL:-}" ]; then
        echo "skipped: $1: the tests that need it are skipped"
        exit 0
    fi
    echo "$1" >&2
    exit 1
}

# What was unpacked before stays.
marks=$target/.packages
mkdir -p "$marks"
missing=
for package in "$@"; do
    [ -e "$marks/$package" ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    stop "apt-get is missing: these come from Debian's packages"
fi
echo "Fetching from Debian:$missing"
rm -rf "$target.part"
mkdir -p "$target.part"
fetch() {
    # shellcheck disable=SC2086
    (cd "$target.part" && apt-get download -qq $missing >/dev/null 2>&1)
}
# A machine that has never asked has no list of packages yet.
fetch || { [ "$(id -u)" = 0 ] && apt-get update -qq >/dev/null 2>&1 && fetch; } || stop "apt-get can't fetch$missing"
for package in "$target.part"/*.deb; do
    dpkg-deb --extract "$package" "$target"
done
for package in $missing; do
    touch "$marks/$package"
done
rm -rf "$target.part"
