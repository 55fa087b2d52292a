#!/usr/bin/env bash
# A new room builds and passes: new_room_test.sh SOURCE_DIR
#
# In a copy of the tree, with the compiler cache (where there is one) making the
# libraries free.
set -euo pipefail
source_dir="$1"
copy="$(mktemp -d)"
trap 'rm -rf "$copy"' EXIT
cd "$source_dir"
{ git ls-files -co --exclude-standard 2>/dev/null || find . -type f -not -path './build/*' -printf '%P\n'; } |
  { while read -r f; do [[ -e "$f" ]] && printf '%s\n' "$f"; done; } |
  grep -vE '^tests/data/' | tar -cf - -T - | tar -xf - -C "$copy"
mkdir -p "$copy/tests/data"
"$copy/tools/new_room" returns-desk
if "$copy/tools/new_room" returns-desk 2>/dev/null; then echo "a second room of the name was made"; exit 1; fi
if "$copy/tools/new_room" "Returns Desk" 2>/dev/null; then echo "a bad name was taken"; exit 1; fi
python3 "$copy/tools/check_layers"
cd "$copy"
cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Dev >/dev/null
CCACHE_BASEDIR="$copy" CCACHE_NOHASHDIR=1 cmake --build build -- returns_desk_test weft-returns-desk rpc_test >/dev/null
build/services/returns-desk/returns_desk_test
build/bin/weft-returns-desk --config=deploy/config/returns-desk.yaml --check_config
