"""The default model beside the reference CNN and the BDT, three seeds on one split: AUC, paired difference, fit time.

python benchmarks/egamma.py [--seeds 3] [--files ...] prints a table and, last, one JSON object:
models -> mean test AUC, spread over seeds, statistical error, mean fit time; differences to the reference in units of
their paired DeLong error, seed by seed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import pidcam
from pidcam.analysis import delong_compare
from pidcam.predictions import Predictions

REFERENCE = "reference-cnn"
MODELS = ("resnet", REFERENCE, "bdt")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--files", nargs="+", default=sorted(Path("examples/data").glob("Single*.hdf5")))
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--work", default=None, help="folder for stores and runs (default: a temporary one)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        print(
            json.dumps(study(options.files, options.models, options.seeds, Path(options.work or temporary)), indent=2)
        )


def study(files: list[Path], models: list[str], seeds: int, work: Path) -> dict[str, Any]:
    store = pidcam.prepare("cms-ecal", files, work / "store", seed=7)
    tests: dict[str, list[Predictions]] = {name: [] for name in models}
    auc: dict[str, list[float]] = {name: [] for name in models}
    errors: dict[str, list[float]] = {name: [] for name in models}
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for seed in range(seeds):
        for name in models:
            run = pidcam.train(store.path, work / f"{name}-{seed}", model=name, set=[f"training.seed={seed}"])
            metrics = pidcam.evaluate(run)["test"]
            tests[name].append(Predictions.load(run.path / "predictions" / "test.parquet"))
            auc[name].append(metrics["auc"])
            errors[name].append(metrics["auc_error"])
            seconds[name].append(run.about["fit_seconds"])
            value = f"{metrics['auc']:.4f} ± {metrics['auc_error']:.4f}"
            print(f"seed {seed} {name:14} AUC {value} in {seconds[name][-1]:.0f} s")
    result: dict[str, Any] = {"events": store.manifest.accounting.kept, "models": {}, "differences": {}}
    for name in models:
        result["models"][name] = {
            "auc": round(statistics.mean(auc[name]), 4),
            "spread_over_seeds": round(statistics.stdev(auc[name]), 4) if seeds > 1 else None,
            "statistical_error": round(statistics.mean(errors[name]), 4),
            "fit_seconds": round(statistics.mean(seconds[name]), 1),
        }
        if name != REFERENCE and REFERENCE in models:
            pairs = [compare(ours, base) for ours, base in zip(tests[name], tests[REFERENCE], strict=True)]
            result["differences"][name] = pairs
    return result


def compare(ours: Predictions, base: Predictions) -> dict[str, float]:
    signal = f"p_{base.classes[-1]}"
    c = delong_compare(base.label == 1, ours.columns[signal], base.columns[signal], base.weight)
    return {"difference": round(c.difference, 4), "error": round(c.error, 4), "sigma": round(c.z, 2)}


if __name__ == "__main__":
    main()
