"""Time to quality: how soon pidcam's network is as good as the reference notebook's own Keras model, and how it ends.

python benchmarks/quality.py [--events 100000] [--seeds 3] [--epochs 50] [--keras PYTHON] [--set KEY=VALUE ...]

Simulated electrons and photons of cms-ecal, one split for all: Keras trains the notebook's model by the notebook's
recipe, once; pidcam trains its network for such images once a seed, and boosted trees. The last line is one JSON
object: AUC on the test events with DeLong errors, seconds of training; `time_ratio` is the time after which the
validation AUC of pidcam's network has passed the best one of the reference, over the time that the reference took for
its best; differences are paired, on the same events.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

import pidcam
from pidcam.analysis import delong, delong_compare
from pidcam.jobs import available_cores
from pidcam.models.choice import by_rule
from pidcam.predictions import Predictions
from pidcam.store.store import Store
from study import print_study
from training import make_environment


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000, help="training events, both classes together")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=50, help="at most, of the reference")
    parser.add_argument("--threads", type=int, default=min(2, available_cores()))
    parser.add_argument("--keras", type=Path, help="Python of an environment with tensorflow")
    parser.add_argument("--set", nargs="*", default=[], help="key.sub=value, for pidcam's network")
    print_study(parser, study)


def study(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    each = round(options.events / 2 / 0.7)
    raw = pidcam.simulate("cms-ecal", each, work / "raw", seed=1)
    store = pidcam.prepare("cms-ecal", raw.files, work / "store", split="0.7/0.1/0.2", seed=1)
    network, _ = by_rule(store.schema)
    reference = keras_run(store, work, options)
    models: dict[str, Any] = {}
    for seed in range(1, options.seeds + 1):
        given = [f"training.seed={seed}", f"training.threads={options.threads}", *options.set]
        run = pidcam.train(store.path, work / f"{network}-{seed}", model=network, set=given)
        models[f"{network}, seed {seed}"] = beside(run, reference)
    trees = pidcam.train(store.path, work / "bdt", model="bdt")
    models["bdt"] = beside(trees, reference)
    told = {name: reference[name] for name in ("auc", "auc_error", "best_seconds", "seconds", "epochs")}
    events = {split: store.manifest.events(split) for split in ("train", "valid", "test")}
    about = {"benchmark": "quality", "events": events, "threads": options.threads, "load": os.getloadavg()[0]}
    return about | {"reference": told, "models": models}


def keras_run(store: Store, work: Path, options: argparse.Namespace) -> dict[str, Any]:
    """The reference's history, and its scores on the test events by raw row."""
    folder = work / "reference"
    folder.mkdir(exist_ok=True)
    test = store.to_numpy("test")
    if not (folder / "scores.npy").exists():
        for split in ("train", "valid", "test"):
            of = store.to_numpy(split)
            np.save(folder / f"{split}_x.npy", np.moveaxis(of["ecal"], 1, -1))
            np.save(folder / f"{split}_y.npy", of["label"].astype(np.float32))
        python = options.keras or make_environment(work / "keras")
        script = Path(__file__).with_name("quality_keras.py")
        command = [str(python), str(script), str(folder), str(options.threads), "1", str(options.epochs)]
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"TF_CPP_MIN_LOG_LEVEL": "3"}
        with (
            (folder / "history.jsonl").open("w", encoding="utf-8") as history,
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process,
        ):
            assert process.stdout is not None
            for line in process.stdout:
                print(f"reference: {line}", end="", flush=True)
                history.write(line)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    lines = (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()
    epochs = [json.loads(line) for line in lines]
    best = min(epochs, key=lambda epoch: epoch["val_loss"])
    scores = np.load(folder / "scores.npy")
    found = delong(test["label"] == 1, scores)
    return {
        "auc": round(found.auc, 5),
        "auc_error": round(found.error, 5),
        "valid_auc": max(epoch["val_auc"] for epoch in epochs),
        "best_seconds": round(best["seconds"], 1),
        "seconds": round(epochs[-1]["seconds"], 1),
        "epochs": len(epochs),
        "scores": {(f, r): s for f, r, s in zip(test["file"].tolist(), test["row"].tolist(), scores, strict=True)},
    }


def beside(run: Any, reference: dict[str, Any]) -> dict[str, Any]:
    """What a run gave, alone and paired with the reference."""
    metrics = pidcam.evaluate(run)["test"]
    told = Predictions.load(run.path / "predictions" / "test.parquet")
    theirs = np.array([reference["scores"][key] for key in zip(told.file.tolist(), told.row.tolist(), strict=True)])
    truth, ours = told.label == told.classes.index("electron"), told.columns["p_electron"]
    paired = delong_compare(truth, ours, theirs)
    spent, reached = 0.0, None
    for line in run.history:
        spent += line["seconds"]
        if reached is None and line.get("valid_auc", 0.0) >= reference["valid_auc"]:
            reached = spent
    seconds = run.about["fit_seconds"]
    print(f"{run.path.name}: AUC {metrics['auc']:.4f} ± {metrics['auc_error']:.4f}, {seconds:.0f} s", flush=True)
    return {
        "auc": round(metrics["auc"], 5),
        "auc_error": round(metrics["auc_error"], 5),
        "minus_reference": round(paired.difference, 5),
        "error_of_difference": round(paired.error, 5),
        "seconds": round(seconds, 1),
        "seconds_to_reference": None if reached is None else round(reached, 1),
        "time_ratio": None if reached is None else round(reached / reference["best_seconds"], 3),
    }


if __name__ == "__main__":
    main()
