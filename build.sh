#!/usr/bin/env bash
# Builds every crates/<name>-wasm and generates functions/_shared/wasm/<name>.{ts,js,d.ts,wasm.ts}.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
  cat <<'TEXT'
usage: ./build.sh [--quick] [--check | --toolchain | --help | NAME..]

  (nothing)     build what changed and print the sizes; nothing changed: says so at once
  NAME..        only these modules (segment, cluster, ..); the others stay as they are, so the next --check wants a whole build
  --quick       compile in half the time to modules that do the same more slowly; those of a whole build will do as well
  --check       exit 1 with the reason when the generated files are missing or stale; builds nothing
  --toolchain   only prepare the toolchain; prints `export` lines for eval (tests/wasm.sh uses them)

environment
  WASM_TOOLCHAIN=rustup   the target of rustup (default); where it cannot be fetched: debian
  WASM_TOOLCHAIN=debian   the distribution's rustc-web, with a standard library built once (1 min)
  PAGEPERFECT_CACHE=DIR   where tools are kept between builds
  CARGO_TARGET_DIR=DIR    cargo's own (default: target)
TEXT
}

say() { printf '\033[2m[build %3ds]\033[0m %s\n' "$SECONDS" "$*" >&2; }
die() { printf 'build.sh: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
hash_of() { if have sha256sum; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }

profile=release
if [ "${1:-}" = --quick ]; then
  profile=quick
  shift
fi
target=wasm32-unknown-unknown
out=functions/_shared/wasm
stamp=$out/.stamp
if [ -n "${PAGEPERFECT_CACHE:-}" ]; then cache=$PAGEPERFECT_CACHE
elif [ "$(id -u)" = 0 ]; then cache=/var/cache/pageperfect
else cache=${XDG_CACHE_HOME:-$HOME/.cache}/pageperfect; fi

is_partial=
names=()
for manifest in crates/*-wasm/Cargo.toml; do
  [ -f "$manifest" ] || die "no crates/<name>-wasm/Cargo.toml here: is the checkout complete?"
  crate=$(basename "$(dirname "$manifest")")
  names+=("${crate%-wasm}")
done

# --- stamp: a hash of everything the generated files depend on, then the hash of each of them -----

compiler_version() {
  if [ "$1" = debian ]; then /usr/bin/rustc --version; else rustc --version; fi 2>/dev/null || echo none
}
inputs_hash() { # inputs_hash KIND COMPILER
  {
    printf 'toolchain %s %s\n' "$1" "$2"
    find -L crates local/tools/bindgen \( -name target -o -name tests -o -name fuzz -o -name benches \) -prune -o \
      -type f -print | cat - <(printf '%s\n' Cargo.toml Cargo.lock .cargo/config.toml build.sh) |
      LC_ALL=C sort | while IFS= read -r file; do [ ! -f "$file" ] || hash_of "$file"; done
  } | hash_of | cut -d' ' -f1
}
stale_reason() {
  [ -f "$stamp" ] || { echo "they were never built"; return; }
  local kind recorded built compiler now
  read -r kind recorded built compiler <"$stamp"
  [ "${WASM_TOOLCHAIN:-$kind}" = "$kind" ] || { echo "they were built with $kind"; return; }
  # Modules that are current need no compiler to be used.
  now=$(compiler_version "$kind")
  [ "$now" = none ] && now=$compiler
  [ "$(inputs_hash "$kind" "$now")" = "$recorded" ] || { echo "sources changed since the build"; return; }
  tail -n +2 "$stamp" | hash_of -c >/dev/null 2>&1 || { echo "a generated file is missing or was edited"; return; }
  [ "$profile" = quick ] || [ "$built" = release ] || echo "they were built with --quick"
}

# --- toolchain: puts a cargo on PATH that can compile to $target ----------------------------------

apt_install() {
  have apt-get || die "needs the packages $* (only known for Debian and Ubuntu)"
  local sudo=()
  [ "$(id -u)" = 0 ] || { have sudo && sudo=(sudo); } || die "install as root: apt-get install $*"
  say "installing $*"
  # A fresh image has no package lists; an old list names versions that are gone.
  "${sudo[@]}" apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 ||
    { "${sudo[@]}" apt-get update -qq >&2 &&
      "${sudo[@]}" apt-get install -y -qq --no-install-recommends "$@" >&2; } ||
    die "apt-get could not install: $*"
}

# Of packages that are installed but too old: the lists may be as old as they.
apt_upgrade() {
  local sudo=()
  [ "$(id -u)" = 0 ] || { have sudo && sudo=(sudo); } || die "install as root: apt-get install $*"
  "${sudo[@]}" apt-get update -qq >&2 && "${sudo[@]}" apt-get install -y -qq --no-install-recommends "$@" >&2 ||
    die "apt-get could not upgrade: $*"
}

# The distribution's compiler lacks wasm's standard library. It is built once from the packaged
# source into a sysroot of symbolic links in the cache, so nothing is written below /usr.
use_debian() {
  local wanted
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  if [ -x /usr/bin/rustc ] && [ "$(printf '%s\n' "$wanted" "$(/usr/bin/rustc --version | cut -d' ' -f2)" | sort -V | head -n 1)" != "$wanted" ]; then
    say "the installed $(/usr/bin/rustc --version) is older than $wanted"
    apt_upgrade rustc-web cargo-web rust-web-src
  fi
  if ! [ -x /usr/bin/rustc ] || ! [ -x /usr/bin/cargo ] || ! [ -d /usr/lib/rustlib/src/rust/library ]; then
    apt_install rustc-web cargo-web rust-web-src gcc libc6-dev
  fi
  local version host root lld tool
  version=$(/usr/bin/rustc --version | cut -d' ' -f2)
  host=$(/usr/bin/rustc -vV | sed -n 's/^host: //p')
  # The last number goes up when what is built here changes.
  root=$cache/rust-debian-$version-2
  # Two builds at once would each replace the library under the other's compiled crates.
  mkdir -p "$cache"
  exec 9>"$root.lock"
  flock 9
  if ! [ -f "$root/ready" ]; then
    lld=$(ls "${RUSTUP_HOME:-$HOME/.rustup}"/toolchains/*/lib/rustlib/"$host"/bin/rust-lld \
      /usr/bin/wasm-ld-[0-9]* 2>/dev/null | tail -n 1 || true)
    if [ -z "$lld" ]; then
      apt_install lld-22
      lld=/usr/bin/wasm-ld-22
    fi
    say "building wasm's standard library for rustc $version (once, about a minute)"
    rm -rf "$root"
    mkdir -p "$root"/bin "$root/lib/rustlib/$host/bin" "$root/lib/rustlib/$target/lib" "$root/std/src"
    ln -s /usr/lib/rustlib/src "$root/lib/rustlib/src"
    ln -s "/usr/lib/rustlib/$host/lib" "$root/lib/rustlib/$host/lib"
    ln -s "$lld" "$root/lib/rustlib/$host/bin/rust-lld"
    for tool in rustc rustdoc; do
      printf '#!/bin/sh\nexec /usr/bin/%s --sysroot "%s" "$@"\n' $tool "$root" >"$root/bin/$tool"
    done
    printf '#!/bin/sh\nRUSTC="%s/bin/rustc" RUSTDOC="%s/bin/rustdoc" exec /usr/bin/cargo "$@"\n' \
      "$root" "$root" >"$root/bin/cargo"
    chmod +x "$root"/bin/*
    printf '[package]\nname = "std-build"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n' >"$root/std/Cargo.toml"
    : >"$root/std/src/lib.rs"
    # It uses one processor.
    if [ "$wants_bindgen" = 1 ]; then PATH=$root/bin:$PATH build_bindgen 9>&- & bindgen=$!; fi
    # Bitcode stays in, or the release profile's link-time optimisation cannot use these libraries.
    (cd "$root/std" && env -u RUSTUP_TOOLCHAIN RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR="$root/std/target" \
      RUSTFLAGS="-Cembed-bitcode=yes -Ctarget-feature=+simd128" "$root/bin/cargo" build -q --release \
      -Zbuild-std=std,panic_abort,test --target $target) ||
      die "the standard library did not build"
    cp "$root/std/target/$target/release/deps/"*.rlib "$root/lib/rustlib/$target/lib/"
    rm -rf "$root/std" "$root/lib/rustlib/$target/lib"/libstd_build*
    touch "$root/ready"
  fi
  exec 9>&-
  kind=debian
  tool_path=$root/bin
}

use_rustup() {
  have rustc && have cargo || { echo "there is no rustc and cargo on PATH"; return 1; }
  local sysroot error
  sysroot=$(rustc --print sysroot)
  if ! [ -d "$sysroot/lib/rustlib/$target" ]; then
    have rustup || { echo "rustc has no $target library and there is no rustup"; return 1; }
    say "rustup target add $target"
    error=$(rustup target add $target 2>&1) || { echo "rustup: $(tail -n 1 <<<"$error")"; return 1; }
  fi
}

# Whether the bindgen step is needed, and the process that builds it.
wants_bindgen=0 bindgen=

choose_toolchain() {
  local reason
  case "${WASM_TOOLCHAIN:-rustup}" in
    debian) use_debian ;;
    rustup)
      kind=rustup tool_path=
      if ! reason=$(use_rustup); then
        have apt-get || die "$reason. Install rustup (https://rustup.rs), then run this again."
        say "$reason; falling back to WASM_TOOLCHAIN=debian"
        use_debian
      fi ;;
    *) die "WASM_TOOLCHAIN is rustup or debian, not '$WASM_TOOLCHAIN'" ;;
  esac
  export PATH="${tool_path:+$tool_path:}$PATH"
}

# The generated glue and the crate speak a private format: what makes the glue must be of the crate's version.
wasm_bindgen_version() {
  awk '$1 == "name" { found = $3 == "\"wasm-bindgen-shared\"" } found && $1 == "version" { gsub(/"/, "", $3); print $3; exit }' "$1"
}

# The bindgen step alone: a crate of our own that compiles in a third of the time of wasm-bindgen-cli.
bindgen_home() {
  printf '%s/cargo/bindgen-%s' "$cache" \
    "$(hash_of local/tools/bindgen/Cargo.toml local/tools/bindgen/Cargo.lock local/tools/bindgen/src/main.rs | hash_of | cut -c1-12)"
}
build_bindgen() {
  local home folder
  home=$(bindgen_home)
  [ "$(wasm_bindgen_version Cargo.lock)" = "$(wasm_bindgen_version local/tools/bindgen/Cargo.lock)" ] ||
    die "Cargo.lock and local/tools/bindgen/Cargo.lock name different versions of wasm-bindgen"
  if [ -x "$home" ]; then return; fi
  folder=$cache/cargo/bindgen-target.$$
  mkdir -p "$cache/cargo"
  cargo build -q --locked --manifest-path local/tools/bindgen/Cargo.toml --target-dir "$folder" >&2 ||
    die "local/tools/bindgen did not build"
  mv -f "$folder/debug/pageperfect-bindgen" "$home"
  rm -rf "$folder"
  say "compiled the bindgen step (once)"
}

# The whole command, for the test runner that is a part of it. Its default features are TLS, which it needs for drivers elsewhere.
choose_wasm_bindgen() {
  local version root
  version=$(wasm_bindgen_version Cargo.lock)
  [ -n "$version" ] || die "wasm-bindgen is not in Cargo.lock"
  if [ "$(wasm-bindgen --version 2>/dev/null)" = "wasm-bindgen $version" ]; then return; fi
  root=$cache/cargo/wasm-bindgen-$version
  if ! [ -x "$root/bin/wasm-bindgen" ]; then
    say "installing wasm-bindgen-cli $version for its test runner (once, a minute or two)"
    CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_TARGET_DIR=$cache/cargo/target \
      cargo install -q wasm-bindgen-cli --version "$version" --no-default-features --root "$root" >&2 ||
      die "wasm-bindgen-cli $version did not install"
    rm -rf "$cache/cargo/target"
  fi
  tool_path="${tool_path:+$tool_path:}$root/bin"
  export PATH="$root/bin:$PATH"
}

# --- generate -------------------------------------------------------------------------------------

kilobytes() { awk -v bytes="$1" 'BEGIN { printf "%8.1f", bytes / 1000 }'; }

# What an export throws is a panic or a trap (errors are returned), which leaves the instance in no
# known state and deaf to further panics. The glue can replace the instance, but would do so between
# copying a call's arguments into the old one and calling the new one; so it is told at the throw.
replace_after_throw() {
  awk '
    /^    wasm = (wasmInstance|instance)\.exports;$/ {
      sub(/= /, "= __wbg_replaced_after_throw("); sub(/;$/, ");"); patched++
    }
    { print }
    /^    free\(\) \{$/ {
      print "        if (this.__wbg_inst !== undefined && this.__wbg_inst !== __wbg_instance_id) return;"
    }
    END { if (patched != 2) exit 1 }
  ' "$1" && cat <<'JS'

// Added by build.sh.
function __wbg_replaced_after_throw(exports) {
    const replaced = Object.create(null);
    for (const [name, value] of Object.entries(exports)) {
        // Copying arguments fails before anything has begun.
        const isPlain = typeof value !== "function" || name.startsWith("__wbindgen_");
        replaced[name] = isPlain ? value : (...args) => {
            try {
                return value(...args);
            } catch (error) {
                if (wasm === replaced) __wbg_reset_state();
                throw error;
            }
        };
    }
    return replaced;
}
JS
}

generate() {
  local name=$1 wasm=$2 raw zipped encoded
  "$(bindgen_home)" "$work" "$name" "$wasm"
  replace_after_throw "$work/$name.js" >"$work/$name.patched" ||
    die "the glue of wasm-bindgen has changed: replace_after_throw does not know it"
  mv "$work/$name.patched" "$work/$name.js"
  {
    printf '// Generated by build.sh: do not edit.\n// deno-fmt-ignore-file\nexport const wasmBase64: string =\n  "'
    base64 <"$work/${name}_bg.wasm" | tr -d '\n'
    printf '";\n'
  } >"$work/$name.wasm.ts"
  cat >"$work/$name.ts" <<TS
// Generated by build.sh: do not edit.
// deno-lint-ignore-file
// deno-fmt-ignore-file
// Importing this module compiles and starts the wasm of crates/$name-wasm; all is ready to call.
import { initSync } from "./$name.js";
import { wasmBase64 } from "./$name.wasm.ts";

// Deno 2.1 lacks Uint8Array.fromBase64; Uint8Array.from with a callback is twenty times slower.
const binary = atob(wasmBase64);
const bytes = new Uint8Array(binary.length);
for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
initSync({ module: bytes });

export * from "./$name.js";
TS
  raw=$(wc -c <"$work/${name}_bg.wasm")
  zipped=$(gzip -9 <"$work/${name}_bg.wasm" | wc -c)
  encoded=$(wc -c <"$work/$name.wasm.ts")
  printf '%-10s %s %s %s\n' "$name" "$(kilobytes "$raw")" "$(kilobytes "$zipped")" "$(kilobytes "$encoded")"
  rm "$work/${name}_bg.wasm" "$work/${name}_bg.wasm.d.ts"
}

build() {
  local packages=() name file target_dir compiler inputs
  wants_bindgen=1
  choose_toolchain
  # Beside the crates, whose last steps leave a processor idle.
  if [ -z "$bindgen" ]; then build_bindgen & bindgen=$!; fi
  for name in "${names[@]}"; do packages+=(-p "pageperfect-$name-wasm"); done
  say "compiling ${names[*]} with $(rustc --version) ($kind)"
  # Before the compiler reads them: what is edited meanwhile is not in the modules.
  compiler=$(compiler_version "$kind")
  inputs=$(inputs_hash "$kind" "$compiler")
  cargo build -q --profile "$profile" --lib --target $target "${packages[@]}"
  say "compiled the crates"
  wait $bindgen || exit 1
  target_dir=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')

  say "generating $out"
  # Within the folder, so that each file is replaced at once: a stack may be running on the old ones.
  mkdir -p "$out"
  work=$(mktemp -d "$out/.new.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  printf '\nkB         %8s %8s %8s\n' raw gzip base64
  for name in "${names[@]}"; do
    generate "$name" "$target_dir/$target/$profile/pageperfect_${name}_wasm.wasm"
  done
  echo
  rm -f "$stamp"
  if [ -n "$is_partial" ]; then
    mv -f "$work"/* "$out/"
    say "done; ./build.sh builds the others"
    return
  fi
  for file in "$out"/*; do [ -e "$work/${file##*/}" ] || rm -f "$file"; done
  mv -f "$work"/* "$out/"
  {
    printf '%s %s %s %s\n' "$kind" "$inputs" "$profile" "$compiler"
    hash_of "$out"/*.ts "$out"/*.js
  } >"$stamp"
  say "done"
}

case "${1:-}" in
  '')
    reason=$(stale_reason)
    if [ -z "$reason" ]; then say "up to date (${names[*]})"; else say "building: $reason"; build; fi ;;
  --check)
    reason=$(stale_reason)
    [ -z "$reason" ] || die "$out is stale: $reason. Run ./build.sh" ;;
  --toolchain)
    choose_toolchain
    choose_wasm_bindgen
    printf 'export PATH=%q:"$PATH"\nexport PAGEPERFECT_CACHE=%q\n' "${tool_path:-$cache/cargo/bin}" "$cache" ;;
  -h | --help) usage ;;
  -*) usage >&2; exit 2 ;;
  *)
    for name in "$@"; do
      [[ " ${names[*]} " == *" $name "* ]] || die "there is no module $name, only ${names[*]}"
    done
    is_partial=1
    names=("$@")
    build ;;
esac
