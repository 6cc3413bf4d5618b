#!/usr/bin/env bash
# The fuzz targets of fuzz/, each for a short while from the same seeds: a bounded search, not a proof.
# usage: tests/fuzz.sh [--seconds N] [TARGET [INPUT]]     (html, base64, …; default: all, 15 s each)
# With INPUT it only runs the target on that file: this is how a crash is reproduced.
# Installs cargo-fuzz into the cache and, on Debian, a C++ compiler; ends with `N passed, M failed`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo_fuzz_version=0.13.2
seconds=15
if [ "${1:-}" = --seconds ]; then
  seconds=${2:?how many}
  shift 2
fi

die() { printf 'tests/fuzz.sh: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

toolchain=$(./build.sh --toolchain)
eval "$toolchain"

if ! have c++; then
  have apt-get || die "needs a C++ compiler (c++ on PATH) for libFuzzer"
  sudo=()
  [ "$(id -u)" = 0 ] || sudo=(sudo)
  echo "installing g++" >&2
  "${sudo[@]}" apt-get update -qq >&2
  "${sudo[@]}" apt-get install -y -qq --no-install-recommends g++ >&2 ||
    die "could not install a C++ compiler: apt-get install g++"
fi

root=$PAGEPERFECT_CACHE/cargo/cargo-fuzz-$cargo_fuzz_version
if ! [ -x "$root/bin/cargo-fuzz" ]; then
  echo "installing cargo-fuzz $cargo_fuzz_version (once, about a minute)" >&2
  CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_TARGET_DIR=$PAGEPERFECT_CACHE/cargo/target \
    cargo install -q cargo-fuzz --locked --version "$cargo_fuzz_version" --root "$root" >&2 ||
    die "cargo-fuzz $cargo_fuzz_version did not install"
  rm -rf "$PAGEPERFECT_CACHE/cargo/target"
fi
PATH=$root/bin:$PATH
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}/fuzz

# The address sanitizer needs a nightly compiler; the coverage that guides the search does not.
fuzz() { RUST_BACKTRACE=0 cargo fuzz "$1" --sanitizer none "${@:2}"; }

if [ -n "${2:-}" ]; then fuzz run "$1" "$2"; exit; fi

targets=("$@")
[ ${#targets[@]} != 0 ] || targets=($(cargo fuzz list))
echo "building ${targets[*]}"
if [ ${#targets[@]} = 1 ]; then fuzz build "${targets[0]}"; else fuzz build; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "${targets[@]/#/$work/}"
for target in "${targets[@]}"; do
  case $target in
    html | charset) split -b 4000 cli/sample/index.html "$work/$target/" ;;
    csv) split -b 2000 cli/sample/queries.csv "$work/$target/" ;;
    base64) printf '\3AACAPwAAAEAAAEBA\nAACAPw==' >"$work/$target/rows" ;;
    vector_text) printf '[1,-0.5,3.4e38,1e-45]' >"$work/$target/row" ;;
  esac
done

run() {
  local target=$1 options=(-max_total_time="$seconds" -seed=1 -max_len=4096 -timeout=10)
  [ ! -f "fuzz/$target.dict" ] || options+=(-dict="fuzz/$target.dict")
  echo "$target: $seconds s"
  if fuzz run "$target" "$work/$target" -- "${options[@]}" >"$work/$target.log" 2>&1; then
    touch "$work/$target.passed"
    echo "$target: $(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$work/$target.log") inputs, none that fails"
  else
    grep -A 3 'panicked at\|ERROR: ' "$work/$target.log" | head -n 12 || tail -n 30 "$work/$target.log"
    sed -n "s|.*Test unit written to $PWD/|$target: reproduce with tests/fuzz.sh $target |p" "$work/$target.log"
  fi
}
for target in "${targets[@]}"; do
  while [ "$(jobs -pr | wc -l)" -ge 2 ]; do sleep 0.2; done
  run "$target" &
done
wait
passed=$(find "$work" -name '*.passed' | wc -l)
echo "$passed passed, $((${#targets[@]} - passed)) failed"
[ "$passed" = ${#targets[@]} ]
