"""How well two samples of images are told apart: 0.5 if alike. By boosted trees on shapes of the images,
and by pidcam's ResNet on the images themselves, along pidcam's own road; both 5-fold, so that every event is scored
by a model that has not seen it.

The network is that of the recipe `egamma`, which sees the 12 x 20 crystals around the highest and the shapes that trees
see (without these it finds nothing in a few thousand events), with the energy given twice, as it is and as
asinh(E / 40 MeV), which shows small hits, and mirrored at random, which the physics does not change.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import lightgbm
import numpy as np
from sklearn.model_selection import StratifiedKFold

import pidcam
from pidcam.analysis import delong
from pidcam.evaluation.scores import score_split
from pidcam.features import image_features
from pidcam.progress import set_quiet
from pidcam.simulators.cms_ecal import UNIT
from pidcam.training.run import Run

FOLDS = 5
NOISE = 0.04 / UNIT
TREES = {
    "objective": "binary", "num_leaves": 15, "learning_rate": 0.04, "min_data_in_leaf": 40, "feature_fraction": 0.4,
    "bagging_fraction": 0.7, "bagging_freq": 1, "lambda_l2": 5, "verbose": -1, "num_threads": 1, "seed": 1,
}  # fmt: skip
CARD = {
    "name": "apart",
    "format": "hdf5",
    "images": {
        "ecal": {
            "key": "X",
            "order": "channel-last",
            "shape": [32, 32],
            "axes": ["eta", "phi"],
            "channels": ["energy", "small"],
        }
    },
    "label": {"files": {"one.h5": "one", "other.h5": "other"}},
}
NETWORK: dict[str, Any] = {
    "model": {"name": "resnet", "dense": [64]},
    "transforms": [
        {"name": "flip", "axes": ["eta", "phi"], "about": "cell"},
        {"name": "shapes"},
        {"name": "scale", "by": "rms"},
        {"name": "crop", "image": "ecal", "cells": {"eta": 12, "phi": 20}},
    ],
    "training": {"epochs": 12, "optimiser": {"lr": 1e-3}},
}


class Apart(NamedTuple):
    """AUC with its statistical error."""

    auc: float
    error: float

    def __str__(self) -> str:
        return f"{self.auc:.3f} ± {self.error:.3f}"


def features(hits: np.ndarray) -> np.ndarray:
    """Shapes of the energies of hits (n, 2, 32, 32)."""
    return image_features({"e": hits[:, :1]}, {"e": ("energy",)}, {"e": ("eta", "phi")})[1]


def fit(x: np.ndarray, y: np.ndarray, trees: int) -> lightgbm.Booster:
    return lightgbm.train(TREES, lightgbm.Dataset(x, y), trees)


def judged(truth: np.ndarray, scores: np.ndarray) -> Apart:
    result = delong(truth, scores)
    return Apart(float(result.auc), float(result.error))


def tree_scores(one: np.ndarray, other: np.ndarray, trees: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Of hits (n, 2, 32, 32), one sample after the other: which are of the other, and what the trees say."""
    x, y = np.concatenate([features(one), features(other)]), np.repeat([0, 1], [len(one), len(other)])
    scores = np.zeros(len(y))
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=1).split(x, y):
        scores[test] = fit(x[train], y[train], trees).predict(x[test])
    return y == 1, scores


def by_network(one: np.ndarray, other: np.ndarray, work: Path) -> Apart:
    """Of hits (n, 2, 32, 32), the mean of the folds; `work` is a new folder for files, store and runs."""
    work.mkdir(parents=True)
    set_quiet(True)
    for name, hits in (("one", one), ("other", other)):
        with h5py.File(work / f"{name}.h5", "w") as file:
            file["X"] = np.stack([hits[:, 0], np.arcsinh(hits[:, 0] / NOISE)], axis=-1).astype(np.float32)
    (work / "apart.yaml").write_text(json.dumps(CARD), encoding="utf-8")  # JSON is YAML
    files = [work / "one.h5", work / "other.h5"]
    store = pidcam.prepare(work / "apart.yaml", files, work / "store", split=f"folds:{FOLDS}", seed=1)
    group = pidcam.train_group(store.path, work / "runs", folds=FOLDS, config=NETWORK)
    folds = []
    for member in group.members:
        run = Run.load(member)
        predictions = score_split(run, run.store(), "test")
        folds.append(delong(predictions.label == 1, predictions.probabilities[:, 1]))
    return Apart(float(np.mean([f.auc for f in folds])), float(np.mean([f.error for f in folds])) / FOLDS**0.5)
