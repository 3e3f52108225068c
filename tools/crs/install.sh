#!/bin/sh
# Brings the OWASP Core Rule Set into the directory $1 (`crs-setup.conf.example`, `rules/`, and `SOURCE`, which says where it
# is from); the waf module is built with what is there. `make crs` and `make modules` call it. The first of these counts:
#
#   CRS_DIR                      a directory with crs-setup.conf.example and rules/
#   ../shared/data/crs           where the conformance data is
#   CRS_VERSION and CRS_SHA256   a release of github.com/coreruleset/coreruleset, `4.19.0` and the checksum of its
#                                coreruleset-4.19.0-minimal.tar.gz
#   Debian's modsecurity-crs     by apt-get download; nothing is installed
#
# CRS_FROM (dir, data, release, debian) leaves only one. With `--optional` it is no error that there is none.
set -eu
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
    elif wanted release && [ -n "${CRS_VERSION:-}" ]; then
        release
    elif wanted debian && debian; then :
    elif [ "$optional" = --optional ]; then
        # What an earlier call has brought stays.
        rm -rf "$part"
        mkdir -p "$target"
        [ -f "$target/SOURCE" ] || echo none >"$target/SOURCE"
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

release() {
    [ -n "${CRS_SHA256:-}" ] || fail "CRS_VERSION needs CRS_SHA256: what is not verified is not built in"
    name=coreruleset-$CRS_VERSION
    url=https://github.com/coreruleset/coreruleset/releases/download/v$CRS_VERSION/$name-minimal.tar.gz
    work=$(mktemp -d)
    curl --fail --silent --show-error --location --output "$work/crs.tar.gz" "$url" || fail "$url can't be fetched"
    echo "$CRS_SHA256  $work/crs.tar.gz" | sha256sum --check --quiet || fail "$url is not what CRS_SHA256 says"
    tar -xzf "$work/crs.tar.gz" -C "$work"
    take "$work/$name" "$url" || fail "$url has no rule set"
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
