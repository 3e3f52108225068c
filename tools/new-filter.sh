#!/bin/sh
# Makes the filter custom/NAME from the SDK's template, a member of the workspace like all in custom/: tools/new-filter.sh NAME
# [ROOT]. ROOT is where the workspace is, this repository unless given.
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
# As `cargo new` has it: what Rust calls its own, and directories of Cargo.
case $name in
as | async | await | break | const | continue | crate | dyn | else | enum | extern | false | fn | for | gen | if | impl | in | let | \
    loop | match | mod | move | mut | pub | ref | return | self | static | struct | super | trait | true | type | unsafe | use | \
    where | while | abstract | become | box | do | final | macro | override | priv | try | typeof | unsized | virtual | yield | \
    alloc | core | proc-macro | std | test | build | deps | examples | incremental)
    echo "new-filter: found name '$name', which Rust or Cargo has for itself; expected another, such as $name-filter" >&2
    exit 2
    ;;
sdk-shim* | portcullis-*)
    echo "new-filter: packages of this repository are named so: $name" >&2
    exit 2
    ;;
esac
# The workspace's own packages are in it, too. A second one of a name could not be told from the first.
if grep -qsx "name = \"$name\"" "$root/Cargo.lock"; then
    echo "new-filter: found name '$name', which is a package that this workspace has already; expected another" >&2
    exit 2
fi
if [ -e "$directory/$name" ]; then
    echo "new-filter: custom/$name is there already" >&2
    exit 2
fi

mkdir -p "$directory/$name/src"
for file in Cargo.toml README.md envoy.yaml scenarios.toml src/lib.rs src/tests.rs; do
    sed "s/{{project-name}}/$name/g" "$template/$file" >"$directory/$name/$file"
done
echo "custom/$name is made. Next: make test-filter NAME=$name"
