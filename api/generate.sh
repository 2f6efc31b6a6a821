#!/usr/bin/env bash
# generate.sh PROTOC OUT PROTO...: C++ of the API in OUT. A file that would not change is left alone, so that one new
# field does not build all again.
set -euo pipefail
protoc="$1" out="$2"
shift 2
mkdir -p "$out.new"
"$protoc" -I . --cpp_out="$out.new" "$@"
# A field of it has the name of what is a keyword since C++20; protoc doesn't know. Lines of texts are the descriptor's.
keyword="$out.new/envoy/extensions/filters/http/jwt_authn/v3/config.pb"
sed -i '/^ *"/!s/\brequires\b/requires_/g' "$keyword.h" "$keyword.cc"
cd "$out.new"
find . -type f -print0 | while IFS= read -r -d '' file; do
  cmp -s "$file" "$out/$file" && continue
  mkdir -p "$out/$(dirname "$file")"
  cp "$file" "$out/$file"
done
rm -rf "$out.new"
