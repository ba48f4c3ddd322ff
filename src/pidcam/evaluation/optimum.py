"""How far a model is from the best possible one, on detectors whose likelihood is known (`Detector.likelihood`)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import logsumexp

from pidcam.detectors.base import detectors
from pidcam.evaluation.paired import compare_scores
from pidcam.evaluation.saliency import stored_events
from pidcam.evaluation.sections import Judged, Warn
from pidcam.predictions import Predictions
from pidcam.schema import EventSchema
from pidcam.store.store import Store

STEP = 4096
"""Events whose likelihood is computed at once."""


def optimum(store: Store, judged: Judged, warn: Warn) -> dict[str, Any] | None:
    """The task's metrics of the exact posterior probabilities on the same events, per split; None where the likelihood
    is not known.

    `share` of the way from AUC 0.5 to the optimum that the model went on the test split, with its paired error.
    """
    name = store.manifest.detector
    likelihood = detectors[name]().likelihood if name in detectors else None
    if likelihood is None or not judged.signals:
        return None
    splits: dict[str, Any] = {}
    section: dict[str, Any] = {"splits": splits}
    for split, predictions in judged.splits.items():
        log = np.empty((len(predictions), len(store.schema.classes)))
        for start in range(0, len(log), STEP):
            rows = np.arange(start, min(start + STEP, len(log)))
            log[rows] = likelihood(stored_events(store, split, predictions, rows))
        best = replace(predictions, columns=posterior(log, store.schema, judged, predictions))
        splits[split] = judged.task.metrics(best)
        if split == "test":
            section |= _share(judged, predictions, best, splits[split]["auc"], warn)
    return section


def posterior(log: np.ndarray, schema: EventSchema, judged: Judged, predictions: Predictions) -> dict[str, np.ndarray]:
    """`p_<class>` (n,) by Bayes from logarithms of likelihoods (n, classes of the schema).

    Classes of the task weigh as much as their events do in the sample, members of a merged class alike.
    """
    known, groups = predictions.label >= 0, judged.task.selection.groups
    prior = np.bincount(predictions.label[known], predictions.weight[known], minlength=len(groups))
    columns = [[schema.class_names.index(member) for member in members] for _, members in groups]
    with np.errstate(divide="ignore"):
        evidence = [
            logsumexp(log[:, of], axis=1) + np.log(weight / len(of)) for of, weight in zip(columns, prior, strict=True)
        ]
    total = logsumexp(evidence, axis=0)
    return {f"p_{name}": np.exp(each - total) for (name, _), each in zip(groups, evidence, strict=True)}


def _share(judged: Judged, model: Predictions, best: Predictions, auc: float | None, warn: Warn) -> dict[str, Any]:
    difference = compare_scores(judged.task, best, model, warn, where="optimum").auc
    if auc is None or difference is None or auc <= 0.5:
        return {}
    return {"share": 1 + difference.difference / (auc - 0.5), "share_error": difference.error / (auc - 0.5)}
