#!/usr/bin/env python3
"""Fits crates/coverage/src/constants.rs to pages with sections taken away, and reports what is left out.

  fit.py --data GAPS --score target/release/pageperfect-score --models wordllama,minilm [--pages FILE …] [--write]

GAPS is a folder with eval_gaps.py (draws, embeddings, metrics) and dev.json.xz; --pages adds files of the same form.
Needs numpy and scikit-learn, and what the models need. Every data set counts the same, every model too. Reported
are: pages left out (a quarter at a time), data sets left out (with all translations of one), models left out.
"""
import argparse, hashlib, importlib.util, json, os, pickle, re, subprocess, sys, tempfile, warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np
from sklearn.linear_model import LogisticRegression

HERE = Path(__file__).resolve().parent
CONSTANTS = HERE.parent / "src" / "constants.rs"


def features(eval_gaps, pages, model, score, cache):
    """Rows of (features, truth, data set, page, rate) for all draws of the pages."""
    vectors = eval_gaps.embed_pages(pages, cache, model)
    draws, out = [d for page in pages for d in eval_gaps.draws(page)], []
    with tempfile.TemporaryFile() as lines:
        for page, pair in zip(pages, vectors):
            lines.writelines(line.encode() for line in eval_gaps.requests(page, *pair))
        lines.seek(0)
        answers = subprocess.run([score, "gaps", "--whole"], stdin=lines, stdout=subprocess.PIPE, check=True).stdout
    for draw, line in zip(draws, answers.splitlines(), strict=True):
        answer = json.loads(line)
        names = answer["feature_names"]
        out.append((np.array(answer["features"]), draw.lost, draw.page["dataset"], draw.page["id"], draw.rate))
    return names, out


def weights(*groups):
    """Every combination of the groups counts the same."""
    _, index, count = np.unique(["\t".join(map(str, g)) for g in zip(*groups)], return_inverse=True, return_counts=True)
    w = 1 / count[index]
    return w * len(w) / w.sum()


def fit(X, y, w):
    mean, scale = X.mean(0), X.std(0) + 1e-9
    model = LogisticRegression(C=0.3, max_iter=1000).fit((X - mean) / scale, y, sample_weight=w)
    slopes = model.coef_[0] / scale
    return slopes, model.intercept_[0] - slopes @ mean


def chance(X, fitted):
    return 1 / (1 + np.exp(-(X @ fitted[0] + fitted[1])))


def scores(chance, truth, rate, threshold):
    cut = rate > 0
    flag, t = chance > threshold, truth[cut]
    hits = (t & flag[cut]).sum()
    at = np.minimum((chance[cut] * 10).astype(int), 9)
    return (2 * hits / max(flag[cut].sum() + t.sum(), 1), flag[~cut].mean(),
            sum(abs((chance[cut] - t)[at == b].sum()) for b in range(10)) / cut.sum())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--score", required=True)
    parser.add_argument("--models", default="wordllama,minilm")
    parser.add_argument("--pages", action="append", default=[], help="more pages to fit on, not to report")
    parser.add_argument("--cache", default=str(Path(tempfile.gettempdir()) / "eval_gaps"))
    parser.add_argument("--threshold", type=float, default=0.47)
    parser.add_argument("--share", type=float, default=0.5, help="what the further pages count beside the others")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    spec = importlib.util.spec_from_file_location("eval_gaps", args.data / "eval_gaps.py")
    eval_gaps = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(eval_gaps)
    files = [args.data / "dev.json.xz", *map(Path, args.pages)]
    rows = []
    for number, file in enumerate(files):
        pages = eval_gaps.load_pages(file)
        for model in args.models.split(","):
            kept = Path(args.cache) / f"features-{file.stem}-{model}-{hashlib.sha256(Path(args.score).read_bytes()).hexdigest()[:12]}.npz"
            if kept.exists():
                names, found = pickle.loads(kept.read_bytes())
            else:
                names, found = features(eval_gaps, pages, model, args.score, args.cache)
                kept.write_bytes(pickle.dumps((names, found)))
            rows += [(number, model, *row) for row in found]
    column = lambda at: np.concatenate([np.full(len(row[2]), row[at]) for row in rows])
    X, y = np.concatenate([row[2] for row in rows]), np.concatenate([row[3] for row in rows])
    extra, model, dataset, page, rate = column(0) > 0, column(1), column(4), column(5), column(6)
    family = np.array([re.sub(r"^xquad-.*", "xquad", d) for d in dataset])
    quarter = np.array([hashlib.md5(p.encode()).digest()[0] % 4 for p in page])
    w = weights(model, np.where(extra, "extra", dataset)) * np.where(extra, args.share * len(set(dataset[~extra])), 1)
    everything = fit(X, y, w)
    print(dict(zip(names, everything[0].round(3).tolist())), "bias", round(everything[1], 3))
    for what, groups in (("nothing", None), ("pages", quarter), ("data sets", family), ("models", model)):
        p = np.zeros(len(y))
        if groups is None:
            p = chance(X, everything)
        else:
            for group in set(groups):
                out = groups == group
                p[out] = chance(X[out], fit(X[~out], y[~out], w[~out]))
        for threshold in sorted({args.threshold, 0.4, 0.5}):
            cells = []
            for m in sorted(set(model)):
                mine = [scores(p[k], y[k], rate[k], threshold) for d in sorted(set(dataset[~extra]))
                        if (k := (model == m) & (dataset == d)).any()]
                cells.append(f"{m} F1 {np.mean([s[0] for s in mine]):.3f} intact {np.mean([s[1] for s in mine]):.3f} ece {np.mean([s[2] for s in mine]):.3f}")
            print(f"left out: {what:10s} at {threshold:.2f}  " + "  |  ".join(cells))
    if args.write:
        digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
        numbers = "\n".join(f"    {value:.4f}, // {name}" for name, value in zip(names, everything[0]))
        CONSTANTS.write_text(f"""// Written by crates/coverage/fit/fit.py --models {args.models} --threshold {args.threshold:g} --share {args.share:g}: do not edit.
// {len(y)} queries of {len({(e, p) for e, p in zip(extra, page)})} pages in {len(set(dataset))} data sets, sha256 of the files {digest}.

/// Added to the weighted features.
pub(crate) const BIAS: f64 = {everything[1]:.4f};
/// In the order of `FEATURES`.
#[rustfmt::skip]
pub(crate) const WEIGHTS: [f64; {len(names)}] = [
{numbers}
];
/// A query is a gap when its probability is above this.
pub(crate) const THRESHOLD: f64 = {args.threshold:g};
""")


if __name__ == "__main__":
    warnings.filterwarnings("ignore", category=RuntimeWarning)
    main()
