#!/bin/sh
# Brings the OWASP Core Rule Set into the directory $1 (`crs-setup.conf.example`, `rules/`, and `SOURCE`, which says where it
# is from); the waf module is built with what is there. `make crs` and `make modules` call it. The first of these counts:
#
#   CRS_DIR                      a directory with crs-setup.conf.example and rules/
#   ../shared/data/crs           where the conformance data is
#   the release below            of github.com/coreruleset/coreruleset, verified by its checksum; another one with CRS_VERSION
#                                and CRS_SHA256, the checksum of its coreruleset-<version>-minimal.tar.gz
#   Debian's modsecurity-crs     where GitHub can't be reached: by apt-get download; nothing is installed
#
# CRS_FROM (dir, data, release, debian) leaves only one. With `--optional` it is no error that there is none, and nothing is fetched
# again.
set -eu
# Raising the release: `sha256sum` of the archive whose signature was verified (SECURITY.md of the rule set has the key).
pinned_version=4.29.0
pinned_sha256=1aa1c5c8fc29e532d35293bcea36bf72de61db8f6ed4716a0f91ab14552b7fed
target=$1
optional=${2:-}
data=../shared/data/crs
part=$target.part

main() {
    rm -rf "$part"
    mkdir -p "$part"
    if wanted dir && [ -n "${CRS_DIR:-}" ]; then
        take "$CRS_DIR" "$CRS_DIR" || fail "CRS_DIR=$CRS_DIR has no crs-setup.conf.example and rules/*.conf"
    elif wanted data && take "$data" "$data"; then :
    elif [ "$optional" = --optional ] && [ -z "${CRS_VERSION:-}${CRS_FROM:-}" ] && brought; then
        rm -rf "$part"
    elif wanted release && release; then :
    elif wanted debian && debian; then :
    elif [ "$optional" = --optional ]; then
        rm -rf "$part"
        mkdir -p "$target"
        brought || echo none >"$target/SOURCE"
    else
        fail "no Core Rule Set found: set CRS_DIR, or see $0"
    fi
    # What has not changed is left alone, so that the module is not built again.
    if [ ! -d "$part" ]; then :
    elif diff -rq "$part" "$target" >/dev/null 2>&1; then
        rm -rf "$part"
    else
        rm -rf "$target"
        mv "$part" "$target"
    fi
    if [ "$(cat "$target/SOURCE")" = none ]; then
        echo "No Core Rule Set found: @owasp_crs will be absent from the waf module (see tools/crs/install.sh)"
    else
        echo "Core Rule Set: $(cat "$target/SOURCE")"
    fi
}

brought() {
    [ -f "$target/SOURCE" ] && [ "$(cat "$target/SOURCE")" != none ]
}

wanted() {
    [ -z "${CRS_FROM:-}" ] || [ "$CRS_FROM" = "$1" ]
}

fail() {
    rm -rf "$part"
    echo "make crs: $1" >&2
    exit 1
}

# Copies what belongs to the rule set out of directory $1; $2 says where it is from.
take() {
    setup=$1/crs-setup.conf.example
    [ -f "$setup" ] || setup=$1/crs-setup.conf
    [ -f "$setup" ] && ls "$1"/rules/*.conf >/dev/null 2>&1 || return 1
    mkdir -p "$part/rules"
    cp "$setup" "$part/crs-setup.conf.example"
    cp "$1"/rules/*.conf "$1"/rules/*.data "$part/rules/"
    version=$(sed -nE 's/^# OWASP (ModSecurity Core Rule Set|CRS) ver\.([^ ]+).*/\2/p' "$setup" | head -n 1)
    echo "${version:-unknown version}, from $2" >"$part/SOURCE"
}

# What can't be fetched leaves the choice to the next source, unless this release was asked for; what is not what it should be
# never does.
release() {
    version=${CRS_VERSION:-$pinned_version}
    sha256=${CRS_SHA256:-}
    [ -n "$sha256" ] || [ "$version" != "$pinned_version" ] || sha256=$pinned_sha256
    [ -n "$sha256" ] || fail "CRS_VERSION=$version needs CRS_SHA256: what is not verified is not built in"
    name=coreruleset-$version
    url=${CRS_RELEASES:-https://github.com/coreruleset/coreruleset/releases/download}/v$version/$name-minimal.tar.gz
    work=$(mktemp -d)
    if ! curl --fail --silent --show-error --location --connect-timeout 10 --max-time 300 --output "$work/crs.tar.gz" "$url"; then
        rm -rf "$work"
        [ -z "${CRS_VERSION:-}" ] && [ "${CRS_FROM:-}" != release ] || fail "$url can't be fetched"
        return 1
    fi
    if ! echo "$sha256  $work/crs.tar.gz" | sha256sum --check --status; then
        found=$(sha256sum "$work/crs.tar.gz" | cut -d ' ' -f 1)
        rm -rf "$work"
        fail "$url has the checksum $found, expected $sha256"
    fi
    tar -xzf "$work/crs.tar.gz" -C "$work"
    take "$work/$name" "$url" || { rm -rf "$work"; fail "$url has no rule set"; }
    rm -rf "$work"
}

# Debian 12 has CRS 3.3; the signature of its archive is checked by apt.
debian() {
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || return 1
    work=$(mktemp -d)
    if ! (cd "$work" && apt-get download -qq modsecurity-crs >/dev/null 2>&1); then
        rm -rf "$work"
        return 1
    fi
    package=$(basename "$work"/*.deb)
    dpkg-deb --extract "$work/$package" "$work/root"
    mkdir "$work/crs"
    cp -r "$work/root/usr/share/modsecurity-crs/rules" "$work/crs/rules"
    cp "$work/root/etc/modsecurity/crs/crs-setup.conf" "$work/crs/crs-setup.conf"
    take "$work/crs" "Debian's package $package" || { rm -rf "$work"; return 1; }
    rm -rf "$work"
}

main
