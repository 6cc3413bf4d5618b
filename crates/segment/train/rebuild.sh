#!/usr/bin/env bash
# Fits the forest anew from what manifest.json names: fetches the pages, makes a Python of the pinned
# requirements, trains, and writes src/segment.forest. The same manifest and code give the same bytes.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: crates/segment/train/rebuild.sh [--clones DIR] [--work DIR] [--check]

  --clones DIR          a folder with clones of the pages' repositories by their keys in manifest.json;
                        what it lacks is cloned into it (default: a folder in the work folder)
  --work DIR            where the pages, the Python and the extractor's numbers go, and are found again
                        (default: a folder in the system's for temporary files)
  --check               exit 1 when the file is not the bytes that were there before
TEXT
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
forest=$here/../src/segment.forest
clones= work=${TMPDIR:-/tmp}/segment-training check=
while [ $# -gt 0 ]; do
  case $1 in
    --clones) clones=${2:?--clones names a folder}; shift 2 ;;
    --work) work=${2:?--work names a folder}; shift 2 ;;
    --check) check=1; shift ;;
    -h | --help) usage; exit ;;
    *) usage >&2; exit 2 ;;
  esac
done
mkdir -p "$work"
of_manifest() { python3 -c "import json; print(json.load(open('$here/manifest.json'))$1)"; }

python=$work/python-$(sha256sum <"$here/requirements.txt" | cut -c1-12)
[ -d "$python" ] || { python3 -m venv "$python" && "$python/bin/pip" install --quiet -r "$here/requirements.txt"; }
if ! [ -f "$work/pages.jsonl" ] || [ "$(sha256sum <"$work/pages.jsonl" | cut -d' ' -f1)" != "$(of_manifest "['pages_sha256']")" ]; then
  clones=${clones:-$work/clones}
  mkdir -p "$clones"
  for number in 0 1; do
    source=$clones/$(of_manifest "['sources'][$number]['key']")
    [ -d "$source" ] || git clone --quiet "$(of_manifest "['sources'][$number]['repository']")" "$source"
  done
  "$python/bin/python" "$here/pages.py" "$clones" >"$work/pages.jsonl"
fi

before=$(sha256sum <"$forest")
mkdir -p "$work/numbers"
# One thread a sum, so that its order is the same however many processors there are.
OPENBLAS_NUM_THREADS=1 "$python/bin/python" "$here/train.py" "$work/pages.jsonl" --work "$work/numbers"
if [ "$(sha256sum <"$forest")" = "$before" ]; then
  echo "segment.forest is the bytes that were there before"
elif [ -n "$check" ]; then
  echo "segment.forest is not the bytes that were there before" >&2
  exit 1
fi
