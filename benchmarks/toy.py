"""How close the default model comes to the best possible classifier of the toy, whose likelihood is known exactly.

python benchmarks/toy.py [--events 100000] [--models resnet ...] [--work FOLDER] prints the optimum, a Monte Carlo over
the exact likelihood ratio of fresh events, and a line per model; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import pidcam
from pidcam.analysis import delong
from pidcam.detectors.toy import GRID, expected_counts, log_likelihood
from pidcam.events import Dense, EventBatch


def optimum(events: int, seed: int = 1) -> tuple[float, float]:
    """AUC of the exact likelihood ratio on `events` fresh events of each class, with its statistical error."""
    rng, scores = np.random.default_rng(seed), []
    for expected in expected_counts():
        parts = []
        for n in [20_000] * (events // 20_000):
            counts = rng.poisson(expected[rng.integers(len(expected), size=n)]).reshape(n, 1, GRID, GRID)
            log = log_likelihood(EventBatch({"counts": Dense(counts)}, {}, {}, np.zeros(n), np.arange(n)))
            parts.append(log[:, 1] - log[:, 0])
        scores.append(np.concatenate(parts))
    result = delong(np.repeat([False, True], [len(s) for s in scores]), np.concatenate(scores))
    return float(result.auc), float(result.error)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000, help="training events, both classes together")
    parser.add_argument("--models", nargs="+", default=["auto"])
    parser.add_argument("--set", nargs="*", default=[], help="key.sub=value, for every model")
    parser.add_argument("--work", default=None, help="folder for raw files, store and runs (default: a temporary one)")
    options = parser.parse_args()
    best, error = optimum(400_000)
    print(f"optimum: AUC {best:.5f} ± {error:.5f}, exact likelihood ratio of 800,000 events")
    result: dict[str, Any] = {"optimum": best, "optimum_error": error, "models": {}}
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(options.work or temporary)
        test = 40_000
        each = (options.events + test // 2 + test) // 2
        raw = pidcam.simulate("toy", each, work / "raw", seed=1)
        split = [options.events / (2 * each), test / 2 / (2 * each), test / (2 * each)]
        store = pidcam.prepare("toy", raw.files, work / "store", split="/".join(f"{s:.6f}" for s in split), seed=1)
        for name in options.models:
            run = pidcam.train(store.path, work / name, model=name, set=options.set)
            metrics = pidcam.evaluate(run)
            share, spread = metrics["optimum"]["share"], metrics["optimum"]["share_error"]
            auc, seconds = metrics["test"]["auc"], run.about["fit_seconds"]
            same = metrics["optimum"]["splits"]["test"]["auc"]
            told = f"AUC {auc:.5f} (optimum on the same events {same:.5f}), {100 * share:.2f} ± {100 * spread:.2f} %"
            print(f"{name:16} {told} of the way, {seconds:.0f} s")
            result["models"][name] = {"auc": auc, "share": share, "share_error": spread, "fit_seconds": seconds}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
