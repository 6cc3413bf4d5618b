#!/usr/bin/env python3
"""Writes the pages that train/train.py fits on, from clones of their sources.

    train/pages.py CLONES > PAGES.jsonl

CLONES is a folder with a clone of each repository of train/manifest.json, named by its key; each is
read at the commit that the manifest names. Of WCXB only the development split is read. Of Fundus
the pages that its tests hold are read by its own parsers, one a publisher. The same clones give the
same bytes, and train.py checks their hash.
"""

import gzip
import json
import logging
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

MANIFEST = json.loads((Path(__file__).resolve().parent / "manifest.json").read_text())
# A page with less is a teaser of what only subscribers read.
LEAST_NEWS_CHARS = 800


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


def wcxb(commit):
    for name in commit.names("dev/ground-truth"):
        truth = json.loads(commit.read(name))
        id = Path(name).stem
        content = truth["ground_truth"].get("main_content") or ""
        yield {
            "id": id,
            "url": truth.get("url") or "",
            "type": truth["_internal"]["page_type"]["primary"],
            "html": gzip.decompress(commit.read(f"dev/html/{id}.html.gz")).decode("utf8", "replace"),
            "paras": [part.strip() for part in re.split(r"\n\n+", content) if part.strip()],
        }


def news(commit):
    from fundus import PublisherCollection

    logging.disable()
    publishers = {publisher.__name__: publisher for publisher in PublisherCollection}
    folder = "tests/resources/parser/test_data"
    names = commit.names(folder)
    urls = {}
    for name in names:
        if name.endswith("meta.info"):
            told = json.loads(commit.read(name))
            urls |= {f"{Path(name).parent}/{page}": fact["url"] for page, fact in told.items()}
    for name in sorted(names):
        found = re.fullmatch(rf"{folder}/(\w+)/((\w+?)_(\d+)_(\d+)_(\d+))\.html\.gz", name)
        publisher = found and publishers.get(found[3])
        if not publisher:
            continue
        html = gzip.decompress(commit.read(name)).decode("utf8", "replace")
        day = datetime(*map(int, found.groups()[3:]), 12)
        body = publisher.parser(day).parse(html, error_handling="suppress").get("body")
        if not body:
            continue
        paras = list(body.summary)
        for section in body.sections:
            paras += [*section.headline, *section.paragraphs]
        if sum(map(len, paras)) >= LEAST_NEWS_CHARS:
            id = f"{found[1]}-{found[2]}"
            yield {"id": id, "url": urls.get(name, ""), "type": "article", "html": html, "paras": paras}


def main(clones):
    for source in MANIFEST["sources"]:
        key = source["key"]
        pages = {"wcxb": wcxb, "news": news}[key](Commit(f"{clones}/{key}", source["commit"]))
        for page in pages:
            print(json.dumps({**page, "source": key}))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
