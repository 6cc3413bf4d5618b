#!/usr/bin/env bash
# The wasm crates in a real browser: wasm-pack test in headless Chrome, crate after crate.
# usage: tests/wasm.sh [NAME..]     (segment, cluster, …; default: all)
# Installs wasm-pack into the cache and, on Debian, Chromium; ends with `N passed, N failed`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

wasm_pack_version=0.15.1

die() { printf 'tests/wasm.sh: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

toolchain=$(./build.sh --toolchain)
eval "$toolchain"

if ! have chromedriver || ! { have chromium || have google-chrome || have google-chrome-stable; }; then
  have apt-get || die "needs Chrome or Chromium, and its chromedriver, on PATH"
  sudo=()
  [ "$(id -u)" = 0 ] || sudo=(sudo)
  echo "installing Chromium" >&2
  "${sudo[@]}" apt-get update -qq >&2
  "${sudo[@]}" apt-get install -y -qq --no-install-recommends chromium chromium-driver >&2 ||
    die "could not install Chromium: apt-get install chromium chromium-driver"
fi

pack=$(command -v wasm-pack || true)
if [ -z "$pack" ]; then
  root=$PAGEPERFECT_CACHE/cargo/wasm-pack-$wasm_pack_version
  pack=$root/bin/wasm-pack
  if ! [ -x "$pack" ]; then
    echo "installing wasm-pack $wasm_pack_version (once, one to four minutes)" >&2
    CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_TARGET_DIR=$PAGEPERFECT_CACHE/cargo/target \
      cargo install -q wasm-pack --locked --version "$wasm_pack_version" --root "$root" >&2
    rm -rf "$PAGEPERFECT_CACHE/cargo/target"
  fi
fi

names=("$@")
if [ ${#names[@]} = 0 ]; then
  for crate in crates/*-wasm; do
    name=$(basename "$crate")
    names+=("${name%-wasm}")
  done
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0
for name in "${names[@]}"; do
  status=0
  # Only tests/web.rs: documentation tests would need a rustdoc that knows wasm, and there are none.
  "$pack" --log-level warn test --headless --chrome --chromedriver "$(command -v chromedriver)" \
    --mode no-install "crates/$name-wasm" --test web >"$log" 2>&1 || status=$?
  counts=$(sed -n 's/^test result: .* \([0-9]*\) passed; \([0-9]*\) failed;.*/\1 \2/p' "$log" |
    awk '{ passed += $1; failed += $2 } END { print passed + 0, failed + 0 }')
  read -r crate_passed crate_failed <<<"$counts"
  # A crate that does not compile, or whose browser did not start, has no failed test to count.
  if [ $status != 0 ] && [ "$crate_failed" = 0 ]; then crate_failed=1; fi
  if [ $((crate_passed + crate_failed)) = 0 ]; then crate_failed=1; echo "no tests ran" >>"$log"; fi
  [ "$crate_failed" = 0 ] || cat "$log"
  printf '%-10s %3d passed, %d failed\n' "$name" "$crate_passed" "$crate_failed"
  passed=$((passed + crate_passed)) failed=$((failed + crate_failed))
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
