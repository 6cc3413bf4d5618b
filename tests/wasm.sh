#!/usr/bin/env bash
# The wasm crates in a real browser: wasm-pack test in headless Chrome.
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

# test_crates CRATE..: sets passed and failed; fails when wasm-pack does. One call compiles all of them side by side, and with
# one set of features; wasm-pack hands the packages on to cargo.
test_crates() {
  local packages=() name status=0
  for name in "$@"; do packages+=(-p "pageperfect-$name-wasm"); done
  # Only tests/web.rs: documentation tests would need a rustdoc that knows wasm, and there are none.
  "$pack" --log-level warn test --headless --chrome --chromedriver "$(command -v chromedriver)" \
    --mode no-install "crates/$1-wasm" "${packages[@]}" --test web >"$log" 2>&1 || status=$?
  read -r passed failed < <(sed -n 's/^test result: .* \([0-9]*\) passed; \([0-9]*\) failed;.*/\1 \2/p' "$log" |
    awk '{ passed += $1; failed += $2 } END { print passed + 0, failed + 0 }')
  return $status
}

if ! test_crates "${names[@]}" || [ "$(grep -c '^test result: .* [1-9][0-9]* passed' "$log")" != ${#names[@]} ]; then
  # cargo has stopped at the first crate that fails: each is told apart now.
  all_passed=0 all_failed=0
  for name in "${names[@]}"; do
    status=0
    test_crates "$name" || status=$?
    # A crate that does not compile, or whose browser did not start, has no failed test to count.
    if [ $status != 0 ] && [ "$failed" = 0 ]; then failed=1; fi
    if [ $((passed + failed)) = 0 ]; then failed=1; echo "no tests ran" >>"$log"; fi
    [ "$failed" = 0 ] || cat "$log"
    printf '%-10s %3d passed, %d failed\n' "$name" "$passed" "$failed"
    all_passed=$((all_passed + passed)) all_failed=$((all_failed + failed))
  done
  passed=$all_passed failed=$all_failed
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
