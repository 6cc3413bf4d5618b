#!/usr/bin/env python3
"""Fits the forests that crates/segment judges blocks with, and says how well they do on unseen sites.

    cargo build --release -p pageperfect-segment --example features
    train.py PAGES.jsonl target/release/examples/features

PAGES.jsonl: one page a line, {"id", "url", "html", "paras": [the main content, paragraph by
paragraph]}. The forests in src/ were fitted on 300 pages of the dev split of Murrough-Foley's
web-content-extraction-benchmark (CC-BY-4.0). Needs numpy and lightgbm 4.
"""

import hashlib
import json
import os
import re
import struct
import subprocess
import sys
from collections import Counter
from urllib.parse import urlparse

import lightgbm
import numpy

FOLDS = 5
ROUNDS = (80, 50)  # trees of the first and of the second forest
SETTINGS = dict(
    objective="cross_entropy", num_leaves=15, learning_rate=0.09, min_data_in_leaf=60,
    feature_fraction=0.35, bagging_fraction=0.7, bagging_freq=1, lambda_l2=20, max_bin=63,
    seed=1, deterministic=True, num_threads=2, verbose=-1,
)  # fmt: skip
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "src")


def words_of(text):
    return re.findall(r"\w+", text.lower())


def labels(page, blocks):
    """For each block how much of it is main content, 0 to 1, by shingles of three words."""
    truth = words_of("\n".join(page["paras"]))
    shingles = {tuple(truth[at : at + 3]) for at in range(len(truth) - 2)}
    lines = Counter(tuple(words_of(line)) for part in page["paras"] for line in part.split("\n"))
    used = Counter()
    found = []
    for block in blocks:
        words = tuple(words_of(block["text"]))
        if len(words) >= 4:
            mine = [words[at : at + 3] for at in range(len(words) - 2)]
            share = sum(shingle in shingles for shingle in mine) / len(mine)
            found.append(1.0 if share > 0.6 else 0.0 if share < 0.3 else share)
        elif words:
            # So short that it must be a line of its own, as often as it is one.
            is_line = lines[words] > used[words]
            used[words] += 1
            is_edge = len(words) > 1 and any(
                words in (line[: len(words)], line[-len(words) :]) for line in lines
            )
            found.append(1.0 if is_line else 0.5 if is_edge else 0.0)
        else:
            found.append(0.0)
    return found


def context(blocks, parents, scores):
    """The columns of `context_features` in src/features.rs."""
    words = numpy.array([max(block["words"], 1) for block in blocks], float)
    exact = numpy.array([block["words"] for block in blocks], float)
    score_sums, word_sums = numpy.zeros(len(parents)), numpy.zeros(len(parents))
    for block, score, count in zip(blocks, scores, words):
        score_sums[block["element"]] += score * count
        word_sums[block["element"]] += count
    for element in range(len(parents) - 1, 0, -1):
        score_sums[parents[element]] += score_sums[element]
        word_sums[parents[element]] += word_sums[element]
    scores_to = numpy.concatenate([[0], numpy.cumsum(scores * exact)])
    words_to = numpy.concatenate([[0], numpy.cumsum(exact)])
    rows, before = [], 0.0
    for at, block in enumerate(blocks):
        row = [scores[at]]
        for offset in (-4, -3, -2, -1, 1, 2, 3, 4):
            row.append(scores[at + offset] if 0 <= at + offset < len(blocks) else -1)
        for reach in (3, 8, 20):
            first, last = max(0, at - reach), min(len(blocks), at + reach + 1)
            score = scores_to[last] - scores_to[first] - scores[at] * exact[at]
            row.append(score / max(words_to[last] - words_to[first] - exact[at], 1))
        own, element = scores[at] * words[at], block["element"]
        for _ in range(7):
            others = word_sums[element] - words[at]
            row.append((score_sums[element] - own) / others if others > 0.5 else -1)
            element = parents[element]
        row += [before / max(score_sums[0], 1), score_sums[0] / max(word_sums[0], 1), score_sums[0], max(scores)]
        before += own
        rows.append(row)
    return rows


def fit(rows, truth, weights, rounds):
    data = lightgbm.Dataset(rows, truth, weight=weights)
    return lightgbm.train(SETTINGS, data, rounds)


def out_of_fold(rows, truth, weights, folds, rounds):
    """Scores of blocks by forests that have not seen their site."""
    scores = numpy.zeros(len(truth))
    for fold in range(FOLDS):
        seen = folds != fold
        forest = fit(rows[seen], truth[seen], weights[seen], rounds)
        scores[~seen] = forest.predict(rows[~seen])
    return scores


def kept(blocks, scores):
    """`threshold` of src/model.rs."""
    words = numpy.array([block["words"] for block in blocks], float)
    order = numpy.argsort(-scores, kind="stable")
    hits, sizes = numpy.cumsum((scores * words)[order]), numpy.cumsum(words[order])
    f1 = 2 * hits / numpy.maximum(sizes + (scores * words).sum(), 1)
    return scores >= min(max(scores[order[int(numpy.argmax(f1))]], 0.2), 0.6)


def word_f1(predicted, truth):
    if not predicted or not truth:
        return float(not predicted and not truth)
    shared = sum((Counter(predicted) & Counter(truth)).values())
    return 2 * shared / (len(predicted) + len(truth))


def write(forest, path):
    """The format of `Forest::read` in src/model.rs, the two children of a node side by side."""
    out = bytearray()
    for tree in forest.dump_model()["tree_info"]:
        queue, nodes = [tree["tree_structure"]], []
        for node in queue:
            if "leaf_value" in node:
                nodes.append((255, node["leaf_value"], 0))
                continue
            # Rounded down, so that an f32 is at most the one just when it is at most the other.
            threshold = numpy.float32(node["threshold"])
            if float(threshold) > node["threshold"]:
                threshold = numpy.nextafter(threshold, numpy.float32(-numpy.inf))
            nodes.append((node["split_feature"], float(threshold), len(queue)))
            queue += [node["left_child"], node["right_child"]]
        out.append(len(nodes))
        for node in nodes:
            out += struct.pack("<BfB", *node)
    with open(path, "wb") as file:
        file.write(out)
    print(f"{os.path.relpath(path)}: {len(out)} bytes")


def main(pages_path, command):
    with open(pages_path, encoding="utf8") as file:
        pages = {page["id"]: page for page in map(json.loads, file)}
    with open(pages_path, "rb") as file:
        answers = subprocess.run([command], stdin=file, stdout=subprocess.PIPE, check=True).stdout
    answers = [answer for answer in map(json.loads, answers.splitlines()) if answer["blocks"]]
    rows, truth, weights, folds = [], [], [], []
    for answer in answers:
        page = pages[answer["id"]]
        found = labels(page, answer["blocks"])
        sizes = [len(words_of(block["text"])) for block in answer["blocks"]]
        content = max(sum(size * share for size, share in zip(sizes, found)), 1)
        site = ".".join(urlparse(page["url"]).netloc.split(".")[-2:])
        fold = int(hashlib.md5(site.encode()).hexdigest(), 16) % FOLDS
        rows += answer["features"]
        truth += found
        # A page weighs about the same however long it is; a word too many weighs less on a long one.
        weights += [max(size, 0.2) / (content + 0.3 * max(sum(sizes), 1)) for size in sizes]
        folds += [fold] * len(sizes)
    rows, truth, folds = numpy.array(rows, numpy.float32), numpy.array(truth), numpy.array(folds)
    weights = numpy.array(weights) * len(weights) / sum(weights)

    first_scores = out_of_fold(rows, truth, weights, folds, ROUNDS[0])
    at, contexts = 0, []
    for answer in answers:
        scores = first_scores[at : at + len(answer["blocks"])]
        contexts += context(answer["blocks"], answer["elements"], scores)
        at += len(answer["blocks"])
    both = numpy.hstack([rows, numpy.array(contexts, numpy.float32)])

    scores = out_of_fold(both, truth, weights, folds, ROUNDS[1])
    at, f1 = 0, [float(not words_of("\n".join(pages[id]["paras"]))) for id in pages.keys() - {a["id"] for a in answers}]
    for answer in answers:
        mine = scores[at : at + len(answer["blocks"])]
        text = "\n".join(b["text"] for b, keep in zip(answer["blocks"], kept(answer["blocks"], mine)) if keep)
        f1.append(word_f1(words_of(text), words_of("\n".join(pages[answer["id"]]["paras"]))))
        at += len(answer["blocks"])
    print(f"{len(f1)} pages, word F1 on sites left out: {numpy.mean(f1):.4f}")

    write(fit(rows, truth, weights, ROUNDS[0]), os.path.join(SOURCE, "first.forest"))
    write(fit(both, truth, weights, ROUNDS[1]), os.path.join(SOURCE, "second.forest"))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
