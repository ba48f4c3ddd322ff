"""Which class does an event belong to?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from pidcam.analysis import accuracy, auc_one_vs_rest, delong, roc
from pidcam.batch import Batch
from pidcam.errors import InputError, MismatchError, UnknownNameError
from pidcam.predictions import Predictions
from pidcam.schema import ClassSelection, EventSchema, Spec
from pidcam.tasks.base import Task, tasks

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class ClassifyOptions(Spec):
    """`classes` selects, merges and orders classes as in `ClassSelection.of`. `signal` is the class whose AUC against
    all others is `auc`; by default the last of two classes, and the mean over classes where there are more."""

    classes: dict[str, list[str] | str] | list[str] | None = None
    signal: str | None = None
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0


@tasks.register("classify")
class Classify(Task):
    """Two classes have one output, `logit` = ln(p(last) / p(first)); K > 2 have `logits` of width K."""

    Options = ClassifyOptions
    kind = "classification"
    headline = "auc"
    sections = ("working_points", "cuts", "calibration", "overtraining", "confusion", "areas", "species")

    def __init__(self, schema: EventSchema, options: Spec):
        assert isinstance(options, ClassifyOptions)
        self.options: ClassifyOptions = options
        self.selection = ClassSelection.of(options.classes, schema)
        self.classes = self.selection.names
        if len(self.classes) < 2:
            raise InputError(
                f"classification needs two classes or more, got {', '.join(self.classes) or 'none'}",
                where="task.classes",
                fix=f"'{schema.name}' has {', '.join(schema.class_names) or 'no classes'}",
            )
        if options.signal is not None and options.signal not in self.classes:
            raise UnknownNameError("class", options.signal, self.classes, where="task.signal")
        self.binary = len(self.classes) == 2
        self.signal = options.signal or (self.classes[-1] if self.binary else None)
        self.signals = (self.signal,) if self.signal else self.classes
        self.outputs = {"logit": 1} if self.binary else {"logits": len(self.classes)}

    def loss(self, outputs: dict[str, Tensor], batch: Batch) -> Tensor:
        """(n,) cross entropy in nats, with the labels smoothed by `label_smoothing`."""
        smoothing = self.options.label_smoothing
        if not self.binary:
            return F.cross_entropy(outputs["logits"].float(), batch.label, reduction="none", label_smoothing=smoothing)
        target = batch.label.float() * (1 - smoothing) + smoothing / 2
        return F.binary_cross_entropy_with_logits(outputs["logit"].float()[:, 0], target, reduction="none")

    def columns(self, outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """`p_<class>` for every class; they sum to one and keep their relative precision near zero."""
        if self.binary:
            logit = outputs["logit"][:, 0].astype(np.float64)
            logits = np.stack([np.zeros_like(logit), logit], axis=1)
        else:
            logits = outputs["logits"].astype(np.float64)
        logits = logits - logits.max(axis=1, keepdims=True)
        weights = np.exp(logits)
        probabilities = weights / weights.sum(axis=1, keepdims=True)
        return {f"p_{name}": probabilities[:, k] for k, name in enumerate(self.classes)}

    def known(self, predictions: Predictions) -> np.ndarray:
        """(n,) where the class is known."""
        return predictions.label >= 0

    def metrics(self, predictions: Predictions) -> dict[str, Any]:
        """`n`, `n_per_class`, weighted mean `loss` (nats), `accuracy`, `auc`, each of the latter with its `_error`.

        `auc` is None where a class it needs has no events. More than two classes add `auc_per_class`, each class
        against the rest. Raises InputError where no event has a known class.
        """
        if predictions.classes != self.classes:
            raise MismatchError(
                f"predictions are of {', '.join(predictions.classes)}, expected {', '.join(self.classes)}",
                where="predictions",
            )
        known = predictions.label >= 0
        if not known.any():
            raise InputError("no event with a known class", where="predictions")
        label, weight = predictions.label[known], predictions.weight[known].astype(np.float64)
        probabilities = predictions.probabilities[known]
        nll = -np.log(np.maximum(probabilities[np.arange(len(label)), label], np.finfo(np.float64).tiny))
        right = accuracy(label, probabilities.argmax(axis=1), weight)
        counts = np.bincount(label, minlength=len(self.classes))
        return {
            "n": len(label),
            "n_per_class": dict(zip(self.classes, counts.tolist(), strict=True)),
            "loss": float(np.average(nll, weights=weight)),
            "accuracy": right.value,
            "accuracy_error": right.error,
            **self._areas(label, probabilities, weight),
        }

    def monitored(self, name: str, predictions: Predictions) -> float | None:
        """`efficiency@0.01`: of the signal where 1 % of the rest passes; of many signals the mean."""
        quantity, _, text = name.partition("@")
        try:
            fake_rate = float(text)
        except ValueError:
            fake_rate = math.nan
        if quantity != "efficiency" or not 0 < fake_rate < 1:
            return super().monitored(name, predictions)
        known = predictions.label >= 0
        label, weight = predictions.label[known], predictions.weight[known]
        values = []
        for signal in self.signals:
            k = self.classes.index(signal)
            curve = roc(label == k, predictions.probabilities[known, k], weight)
            values.append(float(curve.tpr_at(fake_rate)))
        return float(np.mean(values))

    def figures(self, predictions: Mapping[str, Predictions]) -> dict[str, Figure]:
        """ROC curves and score distributions of every split, confusion matrix of the test split."""
        from pidcam import reports

        shown = predictions.get("test") or next(iter(predictions.values()))
        return {
            "roc": reports.roc(predictions, signal=self.signal),
            "scores": reports.scores(predictions, signal=self.signal),
            "confusion": reports.confusion(shown),
        }

    def _areas(self, label: np.ndarray, probabilities: np.ndarray, weight: np.ndarray) -> dict[str, Any]:
        present = np.bincount(label, weights=weight, minlength=len(self.classes)) > 0
        areas: dict[str, Any] = {"auc": None, "auc_error": None}
        if present.sum() > 1 and self.binary:
            k = self.classes.index(self.signal or "")
            result = delong(label == k, probabilities[:, k], weight)
            return {"auc": _number(result.auc), "auc_error": _number(result.error)}
        if self.binary:
            return areas
        areas["auc_per_class"] = dict.fromkeys(self.classes)
        if present.sum() > 1:
            all_areas = auc_one_vs_rest(label, probabilities, self.classes, weight)
            per_class = dict(zip(self.classes, all_areas.per_class, strict=True))
            result = per_class[self.signal] if self.signal else all_areas.macro
            areas = {"auc": _number(result.auc), "auc_error": _number(result.error)}
            areas["auc_per_class"] = {name: _number(each.auc) for name, each in per_class.items()}
        return areas


def _number(value: float) -> float | None:
    """JSON has no NaN: what cannot be told is None."""
    return float(value) if np.isfinite(value) else None
