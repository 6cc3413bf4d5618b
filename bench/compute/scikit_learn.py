"""scikit-learn on the same vectors: prints CPU seconds and the labels' hash as case.ts does."""

import json
import os
import resource
import sys

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import numpy as np
from sklearn.cluster import DBSCAN


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


rows = np.fromfile(sys.argv[1], dtype=np.float32).reshape(-1, 1536)
start = cpu()
labels = DBSCAN(eps=0.3, min_samples=2, metric="cosine", algorithm="brute", n_jobs=1).fit_predict(rows)
seconds = cpu() - start
value = 0x811C9DC5
for label in labels.tolist():
    value = ((value ^ (label + 1)) * 0x01000193) & 0xFFFFFFFF
print(json.dumps({"cpu_s": seconds, "check": value}))
