#!/usr/bin/env python3
"""Writes the pages that train/train.py fits on, from a clone of their source.

    git clone https://github.com/Murrough-Foley/web-content-extraction-benchmark
    train/pages.py web-content-extraction-benchmark > PAGES.jsonl

Of the set only the development split is read, at the commit that train/manifest.json names. The
same clone gives the same bytes, and train.py checks their hash.
"""

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

MANIFEST = json.loads((Path(__file__).resolve().parent / "manifest.json").read_text())


class Commit:
    """Files of a git repository at a commit, whatever is checked out."""

    def __init__(self, repository, commit):
        self.git = ["git", "-C", repository]
        self.commit = commit
        self.reader = subprocess.Popen([*self.git, "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def names(self, folder):
        command = [*self.git, "ls-tree", "-r", "--name-only", self.commit, folder]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    def read(self, name):
        self.reader.stdin.write(f"{self.commit}:{name}\n".encode())
        self.reader.stdin.flush()
        size = int(self.reader.stdout.readline().split()[2])
        content = self.reader.stdout.read(size)
        self.reader.stdout.read(1)
        return content


def main(repository):
    source = MANIFEST["sources"][0]
    commit = Commit(repository, source["commit"])
    for name in commit.names("dev/ground-truth"):
        truth = json.loads(commit.read(name))
        id = Path(name).stem
        content = truth["ground_truth"].get("main_content") or ""
        page = {
            "id": id,
            "url": truth.get("url") or "",
            "type": truth["_internal"]["page_type"]["primary"],
            "html": gzip.decompress(commit.read(f"dev/html/{id}.html.gz")).decode("utf8", "replace"),
            "paras": [part.strip() for part in re.split(r"\n\n+", content) if part.strip()],
        }
        print(json.dumps(page))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
