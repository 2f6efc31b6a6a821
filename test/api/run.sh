#!/usr/bin/env bash
# Compares our .proto files with the official ones (those of istio/proxy have none to read): exit 77 when those cannot be had.  test/api/run.sh BINARY
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
set_file="$root/build/tools/official-apis.fds"
mkdir -p "${set_file%/*}"
[ -s "$set_file" ] || python3 "$root/test/api/official.py" "$set_file"
mapfile -t protos < <(cd "$root/api" && find . -name '*.proto' -not -path './istio/proxy/*' -printf '%P\n' | sort)
exec "$1" "$set_file" "${protos[@]}"
