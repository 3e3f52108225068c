#!/usr/bin/env bash
# The newcomer's path in a fresh copy of this checkout, Envoy included: the template by `cargo generate` and by `make new-filter`, and
# docs/sdk/tutorial.md to the letter, with the code that stands in it: tools/test-template.sh CARGO-GENERATE TARGET-DIR.
set -euo pipefail
generate=$(realpath "$1")
target=$(realpath "$2")
repository=$(cd "$(dirname "$0")/.." && pwd)
# At the same place each time, so that what was built is there the next time.
copy=$target/template/checkout
envoy=
trap '[ -z "$envoy" ] || kill "$envoy" 2>/dev/null || true' EXIT

rm -rf "$copy"
mkdir -p "$copy"
cd "$repository"
git ls-files -z --cached --others --exclude-standard | grep -zv '^custom/.*/' | tar --create --null --ignore-failed-read -T - |
    tar --extract --directory "$copy"
ln -s "$repository/.tools" "$copy/.tools"
cd "$copy"
# cargo-generate wants to know who the author is, and fails where nothing says so.
export USER=${USER:-$(id -un)}
export CARGO_TARGET_DIR=$target/template/target

step() { printf '\n== %s\n' "$*"; }
# What the tutorial shows in a language.
blocks() { awk -v fence="\`\`\`$1" '$0 == fence { shown = 1; next } /^```$/ { shown = 0 } shown' docs/sdk/tutorial.md; }
# `make run-NAME` on ports that nobody else is likely to have.
run() {
    sed -i 's/\b1000\([01]\)\b/2713\1/' "custom/$1/envoy.yaml"
    make "module-$1"
    .tools/envoy/bin/envoy --config-path "custom/$1/envoy.yaml" --concurrency 1 --log-level warn --use-dynamic-base-id &
    envoy=$!
    curl --silent --retry 60 --retry-connrefused --retry-delay 1 --output "$copy/answer" localhost:27130
}
stop() {
    kill "$envoy"
    wait "$envoy" || true
    envoy=
}
status() { curl --silent --output "$copy/answer-$BASHPID" --write-out '%{http_code}\n' localhost:27130 "$@"; }
expect() {
    if [ "$2" != "$3" ]; then
        echo "$1: found '$2', expected '$3'" >&2
        exit 1
    fi
    echo "$1: $2"
}

step "cargo generate, and make new-filter: the same but for the name"
cp Cargo.toml before.toml
"$generate" generate --silent --path sdk-shim/template --destination custom --name generated
make new-filter NAME=made
cmp Cargo.toml before.toml
find custom/made -type f -exec sed -i 's/\bmade\b/generated/g' {} +
diff --recursive custom/made custom/generated
rm -r custom/made

step "make test-filter, make run-generated"
make test-filter NAME=generated
run generated
expect "without the header" "$(status)" 403
expect "with it" "$(status -H 'x-key: 1')" 200
stop

step "names that cannot be"
for name in generated Generated serde match integration; do
    if make --silent new-filter "NAME=$name" 2>refusal; then
        echo "new-filter takes the name $name" >&2
        exit 1
    fi
    head -n 1 refusal
done

step "the tutorial"
make new-filter NAME=my-fault
make test-filter NAME=my-fault
rm custom/my-fault/src/tests.rs
blocks rust >custom/my-fault/src/lib.rs
blocks toml >custom/my-fault/scenarios.toml
make test-filter NAME=my-fault
cp custom/my-fault/envoy.yaml before.yaml
line=$(blocks yaml) awk '/ value: / { print ENVIRON["line"]; next } { print }' before.yaml >custom/my-fault/envoy.yaml
run my-fault
expect "without the header" "$(status)" 200
expect "with it, half of them" "$(for _ in $(seq 16); do status -H 'x-fault: 1' & done | sort -u | tr '\n' ' ')" "200 503 "
stop
