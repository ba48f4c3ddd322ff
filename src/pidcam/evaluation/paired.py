"""Two sets of scores for the same events: how they differ, with errors that know the events are the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pidcam import analysis
from pidcam.analysis import AucComparison
from pidcam.analysis.roc import z_and_p
from pidcam.errors import InputError
from pidcam.evaluation.sample import against_rest, align, clean, weights
from pidcam.evaluation.sections import Warn
from pidcam.predictions import Predictions
from pidcam.tasks.base import Task


@dataclass(frozen=True)
class Difference:
    """A difference of paired quantities with its error, in units of it, and its two-sided p-value."""

    difference: float
    error: float
    z: float
    p_value: float


@dataclass(frozen=True)
class Paired:
    """`other` minus `reference` on n common events.

    `auc` is of the task's signal, or the mean over classes where it has none; None where it cannot be told.
    `per_class` has each class against the rest, of more than two classes.
    """

    n: int
    auc: AucComparison | None
    accuracy: Difference
    per_class: dict[str, AucComparison | None]


def compare_scores(task: Task, reference: Predictions, other: Predictions, warn: Warn, *, where: str) -> Paired:
    """Compare two predictions of a classification, matched by (file, row).

    Events without a finite score in either are left out of both and told to `warn`. Raises `MismatchError` for other
    classes or other events, `InputError` for a task without classes.
    """
    if not task.signals:
        raise InputError("only classifications can be compared", where=where)
    other = align(reference, other, where=where)
    both = np.isfinite(reference.probabilities).all(axis=1) & np.isfinite(other.probabilities).all(axis=1)
    if not both.all():
        warn(f"{np.count_nonzero(~both)} of {len(both)} events have a score that is not finite and are left out")
    (a, _), (b, _) = (clean(task, each.take(both), where) for each in (other, reference))
    weight = weights(b)
    right_a, right_b = (each.probabilities.argmax(axis=1) == each.label for each in (a, b))
    gain = analysis.mean(right_a.astype(np.float64) - right_b, weight)
    accuracy = Difference(gain.value, gain.error, *z_and_p(gain.value, gain.error))
    auc, per_class = _areas(task, a, b, warn)
    return Paired(len(b), auc, accuracy, per_class)


def _areas(
    task: Task, a: Predictions, b: Predictions, warn: Warn
) -> tuple[AucComparison | None, dict[str, AucComparison | None]]:
    try:
        if len(a.classes) == 2:
            first, second = (against_rest(each, task.signals[0]) for each in (a, b))
            return analysis.delong_compare(first.truth, first.score, second.score, first.weight), {}
        both = (a.probabilities, b.probabilities)
        result = analysis.compare_one_vs_rest(a.label, *both, a.classes, weights(a))
    except InputError as error:
        warn(f"AUC: {error}")
        return None, {}
    for line in result.warnings:
        warn(line)
    per_class = dict(zip(result.classes, result.per_class, strict=True))
    return (per_class[task.signals[0]] if len(task.signals) == 1 else result.macro), per_class
