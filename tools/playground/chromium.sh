#!/bin/sh
# Prints where Chromium is; installs Debian's where there is none, which needs root.
set -eu
for name in chromium chromium-browser google-chrome; do
    if command -v "$name"; then
        exit 0
    fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    { apt-get install -y -qq --no-install-recommends chromium || { apt-get update -qq &&
        apt-get install -y -qq --no-install-recommends chromium; }; } >&2
    command -v chromium
    exit 0
fi
echo "Chromium is missing: install it, for example with apt-get install chromium" >&2
exit 1
