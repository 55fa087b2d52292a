#!/usr/bin/env bash
# Every configuration in deploy/ starts its process: deploy_config_test.sh BIN_DIR
set -euo pipefail
bin="$1"
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
bad="$(mktemp)"
trap 'rm -f "$bad"' EXIT
printf 'service:\n  grpc_adress: x\n' > "$bad"
for file in "$root"/deploy/config/*.yaml; do
  room="$(basename "$file" .yaml)"
  "$bin/weft-$room" --config="$file" --check_config >/dev/null || { echo "$file is refused"; exit 1; }
  if "$bin/weft-$room" --config="$bad" --check_config 2>/dev/null; then
    echo "$room takes an unknown key"; exit 1
  fi
done
