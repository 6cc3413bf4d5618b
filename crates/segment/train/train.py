#!/usr/bin/env python3
"""Fits the forest that crates/segment judges blocks with, and says how well it does on unseen sites.

    train/train.py PAGES.jsonl [--work DIR] [--only-evaluate]

PAGES.jsonl is what `train/pages.py` makes of the sources in `train/manifest.json`: one page a line,
{"id", "url", "type", "source", "html", "paras": [the main content, paragraph by paragraph]}. Its
hash must be the manifest's. All features come from the extractor itself (`cargo run --example training`), so
that what is fitted is what runs; only the sums of the words' weights are made here as well, as they
are fitted first. Writes src/segment.forest, the same bytes for the same pages and
code, and train/words.tsv, the weights of words for people to read. See docs/guides/retrain-the-segmenter.md.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import re
import struct
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from urllib.parse import urlparse

import lightgbm
import numpy
from scipy import sparse
from scipy.optimize import minimize

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
FOREST = HERE.parent / "src" / "segment.forest"
WORDS = HERE / "words.tsv"
CODE = ["pages.py", "train.py", "requirements.txt", "manifest.json"]
GOLDEN = HERE.parent / "tests" / "golden.html"
GOLDEN_URL = "https://example.com/blog/kettle-care"
FOLDS = 5
# Blocks below this weight (the mean is 1) stand in for others like them: as many of them are drawn as
# they weigh, and each drawn weighs this much. Half of all blocks are links of menus.
LEAST_WEIGHT = 1.0
ROUNDS = 200  # trees
SETTINGS = dict(
    objective="cross_entropy", num_leaves=16, learning_rate=0.07, min_data_in_leaf=50,
    feature_fraction=0.3, bagging_fraction=0.7, bagging_freq=1, lambda_l2=20, max_bin=63,
    seed=1, deterministic=True, force_row_wise=True, num_threads=1, verbose=-1,
)  # fmt: skip

# The tables of src/words.rs: the groups that each serves, in the order of its weights, and the most
# words that it holds.
TABLES = [(["text", "heading"], 5000), (["own", "near", "far"], 2500)]
MIN_SITES = 6  # that a word must be on
RIDGE = {"text": 3e-5, "heading": 1e-4, "own": 1e-4, "near": 1e-4, "far": 1e-4}
UNIT = 1 / 16  # what a weight in the file counts

# A publisher's parser takes paragraphs and may pass over lists, quotes and boxes. What it leaves out
# though a forest that has only seen pages marked by people is this sure of it says nothing.
DOUBTED = 0.8
# People err as well, or marked what a page showed on another day: a block that forests which have not
# seen its site are this far from counts this much. Fewer and larger steps are enough to find them.
DISBELIEVED = 0.9
DISBELIEVED_WEIGHT = 0.25
QUICK = dict(learning_rate=0.14), 80


def words_of(text):
    return re.findall(r"\w+", text.lower())


def labels(paras, blocks):
    """For each block how much of it is main content, 0 to 1, by shingles of three words."""
    truth = words_of("\n".join(paras))
    shingles = {tuple(truth[at : at + 3]) for at in range(len(truth) - 2)}
    lines = Counter(tuple(words_of(line)) for part in paras for line in part.split("\n"))
    # Lines by their first and their last words, for blocks that are an edge of one.
    edges = defaultdict(set)
    for line in lines:
        for size in range(2, 4):
            edges[size] |= {line[:size], line[-size:]}
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
            is_edge = len(words) > 1 and words in edges[len(words)]
            found.append(1.0 if is_line else 0.5 if is_edge else 0.0)
        else:
            found.append(0.0)
    return found


def fit(rows, truth, weights, settings=None, rounds=ROUNDS):
    drawn = weights > 0
    data = lightgbm.Dataset(rows[drawn], truth[drawn], weight=weights[drawn])
    return lightgbm.train({**SETTINGS, **(settings or {})}, data, rounds)


def draw(weights):
    """The weights to fit with: 0 for blocks that were not drawn."""
    chances = numpy.minimum(weights / LEAST_WEIGHT, 1)
    drawn = numpy.random.default_rng(1).random(len(weights)) < chances
    return numpy.where(drawn, numpy.maximum(weights, LEAST_WEIGHT), 0)


def side_by_side(task, count):
    """What `task(0)` to `task(count - 1)` answer, each by one thread of a process of its own."""
    global TASK
    TASK = task
    with multiprocessing.get_context("fork").Pool(min(count, os.cpu_count())) as pool:
        return pool.map(run_task, range(count))


def run_task(index):
    return TASK(index)


def undoubted(rows, truth, weights, is_marked):
    """The weights without those of blocks that a parser seems to have passed over (see DOUBTED)."""
    drawn = draw(weights)

    def sure_of_others(_):
        forest = fit(rows[is_marked], truth[is_marked], drawn[is_marked], *QUICK)
        return forest.predict(rows[~is_marked]) >= DOUBTED

    # In a process of its own: the library's threads do not outlive a fork.
    [is_sure] = side_by_side(sure_of_others, 1)
    doubted = numpy.zeros(len(truth), bool)
    doubted[~is_marked] = is_sure & (truth[~is_marked] < 0.5)
    return numpy.where(doubted, 0, weights)


def out_of_fold(rows, truth, weights, folds, *how):
    """Scores of blocks by forests that have not seen their site."""

    def of_fold(fold):
        seen = folds != fold
        forest = fit(rows[seen], truth[seen], weights[seen], *how)
        return forest.predict(rows[~seen])

    scores = numpy.zeros(len(truth), numpy.float32)
    for fold, found in enumerate(side_by_side(of_fold, FOLDS)):
        scores[folds == fold] = found
    return scores


class Words:
    """The words of blocks by the groups of src/words.rs: for each table the hashes that it may hold
    (those of words on enough sites, or those of `known`), and for each of its groups a matrix of how
    often each block has each of them."""

    def __init__(self, hashes, counts, sites, known=None):
        groups = [group for names, _ in TABLES for group in names]
        owners = numpy.repeat(numpy.arange(len(counts)), counts)
        blocks, owners = owners // len(groups), owners % len(groups)
        self.known, self.matrices = [], {}
        for table, (names, _) in enumerate(TABLES):
            mine = numpy.isin(owners, [groups.index(name) for name in names])
            found, places = numpy.unique(hashes[mine], return_inverse=True)
            if known is None:
                pairs = numpy.unique(places * len(sites) + sites[blocks[mine]])
                site_counts = numpy.bincount(pairs // len(sites), minlength=len(found))
                self.known.append(found[site_counts >= MIN_SITES])
            else:
                self.known.append(known[table])
            at = numpy.searchsorted(self.known[table], found).clip(0, len(self.known[table]) - 1)
            columns = numpy.where(self.known[table][at] == found, at, -1)[places]
            for name in names:
                of_group = (owners[mine] == groups.index(name)) & (columns >= 0)
                cells = blocks[mine][of_group], columns[of_group]
                ones = numpy.ones(len(cells[0]), numpy.float32)
                shape = len(sites), len(self.known[table])
                self.matrices[name] = sparse.csr_matrix((ones, cells), shape)

    def out_of_fold(self, truth, weights, folds):
        """Scores of blocks by words that were weighed without their site, and the tables of all sites."""

        def of_fold(fold):
            tables = self.fit(folds != fold, truth, weights)
            return self.scores(tables, folds == fold), tables

        *found, (_, tables) = side_by_side(of_fold, FOLDS + 1)
        scores = numpy.zeros((len(truth), len(self.matrices)), numpy.float32)
        for fold, (mine, _) in enumerate(found):
            scores[folds == fold] = mine
        return scores, tables

    def fit(self, seen, truth, weights):
        """For each table (columns of the hashes it holds, a row of weights a group), from the blocks in `seen`."""
        tables = []
        for names, most in TABLES:
            columns = numpy.arange(self.matrices[names[0]].shape[1])
            for last in (False, True):
                found, worth = [], 0
                for name in names:
                    rows = scaled(self.matrices[name][seen][:, columns])
                    found.append(fit_ridge(rows, truth[seen], weights[seen], RIDGE[name]))
                    worth = worth + abs(found[-1]) * numpy.sqrt(rows.power(2).T @ weights[seen])
                if not last:
                    columns = columns[numpy.sort(numpy.argsort(-worth, kind="stable")[:most])]
            whole = numpy.clip(numpy.round(numpy.array(found) / UNIT), -127, 127)
            tables.append((columns, whole.astype(numpy.int8)))
        return tables

    def scores(self, tables, blocks):
        """The columns of the blocks' rows that src/words.rs writes, to the bit."""
        found = []
        for (names, _), (columns, weights) in zip(TABLES, tables):
            for name, mine in zip(names, weights):
                rows = self.matrices[name][blocks][:, columns]
                sums = (rows @ mine.astype(float)).astype(numpy.float32)
                counts = numpy.maximum(rows.sum(axis=1).A1, 1).astype(numpy.float32)
                found.append(sums / numpy.sqrt(counts) * numpy.float32(UNIT))
        return numpy.stack(found, axis=1)

    def tables_bytes(self, tables):
        """The format of `Tables::read` in src/words.rs."""
        out = b""
        for known, (columns, weights) in zip(self.known, tables):
            out += struct.pack("<H", len(columns))
            for column, mine in zip(columns, weights.T):
                out += struct.pack("<I", known[column]) + mine.tobytes()
        return out


def scaled(rows):
    """Rows of counts, each by the root of its sum: many words say more than few, but not as many times more."""
    return sparse.diags(1 / numpy.sqrt(numpy.maximum(rows.sum(axis=1).A1, 1))) @ rows


def fit_ridge(rows, truth, weights, ridge):
    """Weights of a logistic regression, one a column."""
    weights = weights / weights.sum()
    columns = rows.T.tocsr()

    def loss(found):
        scores = rows @ found[:-1] + found[-1]
        errors = weights * (1 / (1 + numpy.exp(-scores)) - truth)
        value = (weights * (numpy.logaddexp(0, scores) - truth * scores)).sum() + ridge * (found[:-1] ** 2).sum()
        return value, numpy.append(columns @ errors + 2 * ridge * found[:-1], errors.sum())

    start = numpy.zeros(rows.shape[1] + 1)
    return minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 30}).x[:-1]


def softmax(scores):
    powers = numpy.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def fit_types(rows, classes, count):
    """Weights of a softmax regression, a row a class: one a feature, then the intercept."""
    means, scales = rows.mean(axis=0), rows.std(axis=0)
    scales[scales < 1e-6] = 1
    scaled = numpy.hstack([(rows - means) / scales, numpy.ones((len(rows), 1))])
    wanted = numpy.eye(count)[classes]

    def loss(flat):
        weights = flat.reshape(count, -1)
        chances = softmax(scaled @ weights.T)
        penalty = 0.01 * (weights[:, :-1] ** 2).sum()
        gradient = (chances - wanted).T @ scaled / len(rows)
        gradient[:, :-1] += 0.02 * weights[:, :-1]
        return -numpy.log(chances[wanted == 1] + 1e-12).mean() + penalty, gradient.ravel()

    found = minimize(loss, numpy.zeros(count * scaled.shape[1]), jac=True, method="L-BFGS-B").x.reshape(count, -1)
    weights = found[:, :-1] / scales
    intercept = found[:, -1] - weights @ means
    # Rounded, so that the last bits of a sum do not show.
    return numpy.round(numpy.hstack([weights, intercept[:, None]]), 3)


def types_out_of_fold(rows, classes, folds, count):
    """How likely each page is of each type, by weights that have not seen its site."""
    chances = numpy.zeros((len(rows), count))
    for fold in range(FOLDS):
        weights = fit_types(rows[folds != fold], classes[folds != fold], count)
        chances[folds == fold] = softmax(rows[folds == fold] @ weights[:, :-1].T + weights[:, -1])
    return chances


def report_types(chances, classes):
    best, sure = chances.argmax(axis=1), chances.max(axis=1)
    print(f"type of page on sites left out: {numpy.mean(best == classes):.3f} right; by how sure:")
    for low in numpy.arange(0.2, 1, 0.1):
        mine = (sure >= low) & (sure < low + 0.1)
        if mine.any():
            print(f"  {low:.1f} to {low + 0.1:.1f}{mine.sum():>6}{numpy.mean(best[mine] == classes[mine]):>7.2f}")


def logits(scores):
    scores = numpy.clip(scores.astype(float), 1e-6, 1 - 1e-6)
    return numpy.log(scores / (1 - scores))


def calibrated(scores, chances, fitted):
    """What `calibrate` in src/model.rs makes of them; `chances` has a row a block."""
    slopes, offsets = (chances @ fitted).T
    return 1 / (1 + numpy.exp(-(slopes * logits(scores) + offsets)))


def fit_calibration(scores, chances, truth, weights):
    """A row a type of page, slope and offset, with which scores (as logits) are likelihoods (Platt)."""
    count = chances.shape[1]
    columns = numpy.hstack([chances * logits(scores)[:, None], chances])
    weights = weights / weights.sum()
    start = numpy.append(numpy.ones(count), numpy.zeros(count))

    def loss(found):
        sums = columns @ found
        errors = weights * (1 / (1 + numpy.exp(-sums)) - truth)
        value = (weights * (numpy.logaddexp(0, sums) - truth * sums)).sum() + 1e-3 * ((found - start) ** 2).sum()
        return value, columns.T @ errors + 2e-3 * (found - start)

    found = minimize(loss, start, jac=True, method="L-BFGS-B").x
    return numpy.round(found.reshape(2, count).T, 3)


def word_f1(predicted, truth):
    if not predicted or not truth:
        return float(not predicted and not truth)
    shared = sum((Counter(predicted) & Counter(truth)).values())
    return 2 * shared / (len(predicted) + len(truth))


def forest_bytes(forest):
    """The format of `Forest::read` in src/model.rs, the two children of a node side by side."""
    trees = forest.dump_model()["tree_info"]
    out = bytearray(struct.pack("<H", len(trees)))
    for tree in trees:
        queue, nodes = [tree["tree_structure"]], []
        for node in queue:
            if "leaf_value" in node:
                nodes.append((65535, node["leaf_value"], 0))
                continue
            # Rounded down, so that an f32 is at most the one just when it is at most the other.
            threshold = numpy.float32(node["threshold"])
            if float(threshold) > node["threshold"]:
                threshold = numpy.nextafter(threshold, numpy.float32(-numpy.inf))
            nodes.append((node["split_feature"], float(threshold), len(queue)))
            queue += [node["left_child"], node["right_child"]]
        out.append(len(nodes))
        for node in nodes:
            out += struct.pack("<HfB", *node)
    return bytes(out)


def sha256(*paths):
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    return digest.hexdigest()


def fnv(text):
    """FNV-1a, which the extractor's tests compute as well."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


class Extractor:
    """`cargo run --example training`, which reads the pages and answers in a folder."""

    def __init__(self, pages, work):
        self.pages, self.work = pages, Path(work)
        build = ["cargo", "build", "--release", "-q", "-p", "pageperfect-segment", "--example", "training"]
        subprocess.run(build, cwd=ROOT, check=True)
        target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
        self.command = target / "release" / "examples" / "training"

    @staticmethod
    def of_page(html, url, work):
        pages = Path(work) / "page.jsonl"
        pages.write_text(json.dumps({"id": "page", "url": url, "html": html}) + "\n")
        return Extractor(pages, work)

    def run(self, command, **numbers):
        for name, values in numbers.items():
            values.astype("<f4").tofile(self.work / f"{name.replace('_', '-')}.f32")
        with open(self.pages, "rb") as file:
            subprocess.run([self.command, command, self.work], stdin=file, check=True)

    def rows(self, name, width):
        return numpy.fromfile(self.work / f"{name}.f32", "<f4").reshape(-1, width)

    def hashes(self):
        """Those of all blocks' words, and how many each group of a block has."""
        return [numpy.fromfile(self.work / f"{name}.u32", "<u4") for name in ("hashes", "hash-counts")]

    def lines(self, name):
        with open(self.work / f"{name}.jsonl", encoding="utf8") as file:
            yield from map(json.loads, file)


def write_words(words, tables, extractor):
    """The weights of words for people to read: table, spelling, a weight a group (see UNIT)."""
    for table, (known, (columns, _)) in enumerate(zip(words.known, tables)):
        known[columns].astype("<u4").tofile(extractor.work / f"wanted-{table}.u32")
    extractor.run("spell")
    spelled = {(line["table"], line["hash"]): line["word"] for line in extractor.lines("spelled")}
    lines = []
    for table, ((names, _), known, (columns, weights)) in enumerate(zip(TABLES, words.known, tables)):
        for column, mine in zip(columns, weights.T):
            lines.append(["-".join(names), spelled[table, int(known[column])], *map(str, mine)])
    lines.sort()
    WORDS.write_text("".join("\t".join(line) + "\n" for line in lines), encoding="utf8")


def write_golden_scores(words, tables, forest, width):
    """What LightGBM says of the page in the tests, for the test that the extractor says the same."""
    with tempfile.TemporaryDirectory() as work:
        extractor = Extractor.of_page(GOLDEN.read_text(encoding="utf8"), GOLDEN_URL, work)
        extractor.run("rows")
        rows = extractor.rows("rows", width)
        found = Words(*extractor.hashes(), numpy.zeros(len(rows), int), words.known)
        rows[:, -len(found.matrices):] = found.scores(tables, slice(None))
        scores = [round(float(score), 6) for score in forest.predict(rows)]
    GOLDEN.with_name("golden_scores.json").write_text(json.dumps(scores) + "\n")


def kind_of(page):
    """What the report counts a page under."""
    return page["type"] if page["source"] == "wcxb" else page["source"]


def report(pages, kept, truth, scores, weights, types):
    """Word F1 by kind of page, and of the words scored about so, how many are content."""
    by_type = defaultdict(list)
    for answer in kept:
        page = pages[answer["id"]]
        score = word_f1(words_of("\n".join(answer["paragraphs"])), words_of("\n".join(page["paras"])))
        by_type[kind_of(page)].append(score)
    every = [score for scores in by_type.values() for score in scores]
    print(f"word F1 on sites left out, {len(every)} pages: {numpy.mean(every):.4f}")
    for name in sorted(by_type):
        print(f"  {name:<16}{len(by_type[name]):>5}{numpy.mean(by_type[name]):>8.4f}")
    print("share of content among the words scored about so (all, then by type)")
    names = sorted(by_type)
    for low in numpy.arange(0, 1, 0.1):
        row = []
        for mask in [numpy.ones(len(types), bool)] + [types == name for name in names]:
            mine = mask & (scores >= low) & (scores < low + 0.1)
            row.append(numpy.average(truth[mine], weights=weights[mine]) if mine.any() else float("nan"))
        print(f"  {low:.1f} to {low + 0.1:.1f}" + "".join(f"{value:>7.2f}" for value in row))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("pages")
    arguments.add_argument("--work", help="where the extractor's numbers go (a temporary folder)")
    arguments.add_argument("--only-evaluate", action="store_true", help="write no forest")
    options = arguments.parse_args()
    manifest = json.loads((HERE / "manifest.json").read_text())
    data_hash = sha256(options.pages)
    if data_hash != manifest["pages_sha256"]:
        sys.exit(f"{options.pages} has the hash {data_hash}; train/manifest.json names {manifest['pages_sha256']}")
    # The HTML is the extractor's; it is not held here.
    with open(options.pages, encoding="utf8") as file:
        pages = {page.pop("id"): {**page, "html": None} for page in map(json.loads, file)}
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or temporary
        extractor = Extractor(options.pages, work)
        extractor.run("rows")
        schema = json.loads((Path(work) / "schema.json").read_text())
        rows = extractor.rows("rows", len(schema))
        truth, weights, folds, types, sites, page_folds, page_types, sizes = [], [], [], [], [], [], [], []
        is_marked = []
        for answer in extractor.lines("blocks"):
            page = pages[answer["id"]]
            found = labels(page["paras"], answer["blocks"])
            mine = [len(words_of(block["text"])) for block in answer["blocks"]]
            content = max(sum(size * share for size, share in zip(mine, found)), 1)
            site = ".".join(urlparse(page["url"]).netloc.split(".")[-2:])
            fold = int(hashlib.md5(site.encode()).hexdigest(), 16) % FOLDS
            truth += found
            # A page weighs about the same however long it is; a word too many weighs less on a long one.
            weights += [max(size, 0.2) / (content + 0.3 * max(sum(mine), 1)) for size in mine]
            folds += [fold] * len(mine)
            types += [kind_of(page)] * len(mine)
            is_marked += [page["source"] == "wcxb"] * len(mine)
            sizes.append(len(mine))
            sites += [site] * len(mine)
            page_folds.append(fold)
            page_types.append(page["type"])
        truth, folds, types = numpy.array(truth), numpy.array(folds), numpy.array(types)
        weights = numpy.array(weights) * len(weights) / sum(weights)
        weights = undoubted(rows, truth, weights, numpy.array(is_marked))
        drawn = draw(weights)
        print(f"{len(pages)} pages, {len(truth)} blocks, {rows.shape[1]} features", flush=True)

        words = Words(*extractor.hashes(), numpy.unique(sites, return_inverse=True)[1])
        rows[:, -len(words.matrices):], tables = words.out_of_fold(truth, weights, folds)
        is_disbelieved = abs(out_of_fold(rows, truth, drawn, folds, *QUICK) - truth) > DISBELIEVED
        drawn = numpy.where(is_disbelieved, DISBELIEVED_WEIGHT * drawn, drawn)
        print(f"{is_disbelieved.mean():.3f} of the blocks are disbelieved", flush=True)
        scores = out_of_fold(rows, truth, drawn, folds)
        extractor.run("keep", scores=scores, chances=numpy.zeros(0))
        page_schema = json.loads((Path(work) / "page-schema.json").read_text())
        page_rows = extractor.rows("page", len(page_schema["features"])).astype(float)
        classes = numpy.array([page_schema["types"].index(name) for name in page_types])
        type_count = len(page_schema["types"])
        page_chances = types_out_of_fold(page_rows, classes, numpy.array(page_folds), type_count)
        chances = numpy.repeat(page_chances, sizes, axis=0)
        of_content = scores.copy()
        for fold in range(FOLDS):
            seen, mine = folds != fold, folds == fold
            fitted = fit_calibration(scores[seen], chances[seen], truth[seen], weights[seen])
            of_content[mine] = calibrated(scores[mine], chances[mine], fitted)
        extractor.run("keep", scores=of_content, chances=page_chances)
        report(pages, extractor.lines("kept"), truth, of_content, weights, types)
        report_types(page_chances, classes)
        if options.only_evaluate:
            return
        provenance = {
            "data_sha256": data_hash,
            # Of the files that a test reads as well.
            "code_fnv": fnv("".join((HERE / name).read_text() for name in CODE)),
            "rows_sha256": sha256(Path(work) / "rows.f32"),
            "schema_fnv": fnv("\n".join(schema + page_schema["features"])),
            "sizes": [len(schema), len(page_schema["features"])],
        }
        type_weights = fit_types(page_rows, classes, type_count)
        calibration = fit_calibration(scores, chances, truth, weights)
        forest = fit(rows, truth, drawn)
        write_words(words, tables, extractor)
    content = json.dumps(provenance).encode() + b"\n" + words.tables_bytes(tables) + forest_bytes(forest)
    for table in (type_weights, calibration):
        content += struct.pack("<HH", *table.shape) + table.astype("<f4").tobytes()
    FOREST.write_bytes(content)
    write_golden_scores(words, tables, forest, len(schema))
    print(f"{FOREST.relative_to(ROOT)}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
