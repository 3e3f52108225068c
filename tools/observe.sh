#!/bin/bash
# Serves the demonstration $1, with a Prometheus that scrapes it. `make observe` calls it.
set -euo pipefail
prometheus=.tools/debian/usr/bin/prometheus
[ -x "$prometheus" ] || { echo "make observe: no Prometheus: Debian's package could not be fetched" >&2; exit 1; }
data=${CARGO_TARGET_DIR:-target}/prometheus
mkdir -p "$data"
"$prometheus" --config.file=envoy-configs/observability/prometheus.yaml --storage.tsdb.path="$data" \
    --web.listen-address=127.0.0.1:9090 --log.level=warn &
trap 'kill $! 2>/dev/null' EXIT
echo "Prometheus: http://127.0.0.1:9090/graph?g0.expr=waf_decisions_total&g0.tab=1"
PORTCULLIS_SERVE=1 "$1"
