"""Time the analysis of many scores beside scikit-learn; the last line is one JSON object.

python benchmarks/analysis.py [events]     # 10,000,000 unless told otherwise
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from pidcam.analysis import auc, delong, delong_compare, roc, roc_band, score_histogram, working_points


def main(events: int) -> None:
    rng = np.random.default_rng(0)
    truth = rng.random(events) < 0.5
    score = 1 / (1 + np.exp(-rng.normal(size=events) - truth))
    other = np.clip(score + rng.normal(0, 0.05, events), 0, 1)
    weight = rng.uniform(0.5, 1.5, events)
    seconds: dict[str, float] = {}

    def timed(name: str, function: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = function()
        seconds[name] = round(time.perf_counter() - start, 3)
        print(f"{name:35s} {seconds[name]:8.3f} s")
        return result

    theirs = timed("scikit-learn AUC", lambda: roc_auc_score(truth, score))
    ours = timed("AUC", lambda: auc(truth, score))
    exact = timed("AUC and DeLong error", lambda: delong(truth, score))
    timed("AUC and DeLong error, weighted", lambda: delong(truth, score, weight))
    timed("two models, paired", lambda: delong_compare(truth, score, other))
    timed("ROC curve", lambda: roc(truth, score))
    timed("ROC band, 400 replicas", lambda: roc_band(truth, score))
    half = events // 2
    timed(
        "six working points",
        lambda: working_points((truth[:half], score[:half]), (truth[half:], score[half:])),
    )
    binned = timed("AUC and error from a histogram", lambda: score_histogram(truth, score).auc())
    result = {
        "events": events,
        "cores": os.cpu_count(),
        "seconds": seconds,
        "auc": exact.auc,
        "error": exact.error,
        "difference_to_scikit_learn": ours - theirs,
        "binned_difference": binned.auc - exact.auc,
        "binning_error": binned.binning_error,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(int(float(sys.argv[1])) if len(sys.argv) > 1 else 10_000_000)
