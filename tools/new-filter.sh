#!/bin/sh
# Makes the filter custom/NAME from the SDK's template and adds it to the workspace: tools/new-filter.sh NAME [ROOT].
# ROOT is where the workspace is, this repository unless given.
set -eu

name=${1:-}
repository=$(dirname "$0")/..
root=${2:-$repository}
directory=$root/custom
template=$repository/sdk-shim/template

case $name in
'' | [!a-z]* | *[!a-z0-9-]* | *-)
    echo "new-filter: found name '$name', expected lower-case letters, digits and dashes, as NAME=my-filter" >&2
    exit 2
    ;;
esac
case $name in
sdk-shim* | portcullis-* | integration | xtask)
    echo "new-filter: a package of this repository is named so: $name" >&2
    exit 2
    ;;
esac
if [ -e "$directory/$name" ]; then
    echo "new-filter: custom/$name is there already" >&2
    exit 2
fi

mkdir -p "$directory/$name/src"
for file in Cargo.toml README.md envoy.yaml scenarios.toml src/lib.rs src/tests.rs; do
    sed "s/{{project-name}}/$name/g" "$template/$file" >"$directory/$name/$file"
done
# The first list in the file is the members'.
awk -v member="    \"custom/$name\"," '!done && /^\]/ { print member; done = 1 } { print }' "$root/Cargo.toml" >"$root/Cargo.toml.new"
mv "$root/Cargo.toml.new" "$root/Cargo.toml"
echo "custom/$name is made. Next: make test-filter NAME=$name"
