"""AUC among K classes: one against the rest, one against one, micro and macro averages, each with its error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pidcam.analysis._check import (
    BoolArray,
    FloatArray,
    IndexArray,
    check_classes,
    check_index,
    check_probabilities,
    check_weight,
)
from pidcam.analysis.roc import AucComparison, AucResult, influence, z_and_p
from pidcam.errors import InputError


@dataclass(frozen=True)
class OneVsRest:
    """The AUC of each class against all others, `per_class` in the order of `classes`, and their averages.

    `macro` is the plain mean over classes, `micro` pools every (event, class) pair. A class that cannot be measured
    has AUC NaN, is named in `warnings` and left out of `macro`.
    """

    classes: tuple[str, ...]
    per_class: tuple[AucResult, ...]
    macro: AucResult
    micro: AucResult
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class OneVsRestComparison:
    """Two models on the same events: the AUC of each class against all others (None where unknown), and of `macro`."""

    classes: tuple[str, ...]
    per_class: tuple[AucComparison | None, ...]
    macro: AucComparison
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class OneVsOne:
    """The AUC of every pair: `auc[a, b]` (K, K) ranks class a (signal) against b by the score of a; NaN where unknown.

    `macro` is the mean over all ordered pairs.
    """

    classes: tuple[str, ...]
    auc: FloatArray
    error: FloatArray
    macro: AucResult
    warnings: tuple[str, ...]


def auc_one_vs_rest(
    truth_index: ArrayLike,
    probabilities: ArrayLike,
    classes: Sequence[str] | None = None,
    weight: ArrayLike | None = None,
) -> OneVsRest:
    """Return the AUC of each class against the rest, with macro and micro averages.

    `truth_index` (n,) class indices, `probabilities` (n, K), `weight` (n,) or None. Errors are DeLong's; those of the
    averages keep the correlation of the terms, which share events. Raises InputError for NaN, differing lengths, an
    index that is no class, fewer than two classes with events.

    >>> result = auc_one_vs_rest([0, 1, 2, 2], [[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.3, 0.6], [0.3, 0.4, 0.3]])
    >>> [round(each.auc, 3) for each in result.per_class], round(result.macro.auc, 3)
    ([1.0, 1.0, 0.875], 0.958)
    """
    names, truth, scores, weights = _check(truth_index, probabilities, classes, weight)
    usable, warnings = _usable(names, truth, weights)
    areas, influences = [], []
    per_class = []
    for k in range(len(names)):
        n_signal = int(np.count_nonzero(truth == k))
        if not usable[k]:
            per_class.append(AucResult(np.nan, np.nan, n_signal, len(truth) - n_signal))
            continue
        area, part = influence(truth == k, scores[:, k], weights)
        areas.append(area)
        influences.append(part)
        per_class.append(AucResult(area, _norm(part), n_signal, len(truth) - n_signal))
    macro = AucResult(
        float(np.mean(areas)), _norm(np.mean(influences, axis=0)), len(truth), len(truth) * (len(areas) - 1)
    )
    return OneVsRest(names, tuple(per_class), macro, _micro(truth, scores, weights), warnings)


def compare_one_vs_rest(
    truth_index: ArrayLike,
    probabilities_a: ArrayLike,
    probabilities_b: ArrayLike,
    classes: Sequence[str] | None = None,
    weight: ArrayLike | None = None,
) -> OneVsRestComparison:
    """Return how the one-vs-rest AUCs of two models differ (a - b) on the same events, with DeLong's paired covariance.

    `probabilities_a` and `probabilities_b` (n, K) in the same event order; the rest and the errors raised as for
    `auc_one_vs_rest`. The error of `macro` keeps the correlation of its terms.
    """
    names, truth, a, weights = _check(truth_index, probabilities_a, classes, weight)
    _, _, b, _ = _check(truth, probabilities_b, names, None)
    if b.shape != a.shape:
        raise InputError(f"{b.shape[1]} classes against {a.shape[1]}", where="probabilities_b")
    usable, warnings = _usable(names, truth, weights)
    per_class: list[AucComparison | None] = [None] * len(names)
    areas, parts = [], []
    for k in np.flatnonzero(usable):
        (auc_a, part_a), (auc_b, part_b) = (influence(truth == k, each[:, k], weights) for each in (a, b))
        per_class[k] = _comparison(auc_a, auc_b, part_a - part_b)
        areas.append((auc_a, auc_b))
        parts.append(part_a - part_b)
    mean_a, mean_b = np.mean(areas, axis=0).tolist()
    macro = _comparison(mean_a, mean_b, np.mean(parts, axis=0))
    return OneVsRestComparison(names, tuple(per_class), macro, warnings)


def auc_one_vs_one(
    truth_index: ArrayLike,
    probabilities: ArrayLike,
    classes: Sequence[str] | None = None,
    weight: ArrayLike | None = None,
) -> OneVsOne:
    """Return the AUC of every ordered pair of classes and their mean (D. J. Hand and R. J. Till, 2001).

    Arguments and errors as for `auc_one_vs_rest`.
    """
    names, truth, scores, weights = _check(truth_index, probabilities, classes, weight)
    usable, warnings = _usable(names, truth, weights)
    size = len(names)
    area, error = np.full((size, size), np.nan), np.full((size, size), np.nan)
    total, pairs = np.zeros(len(truth)), 0
    for a in range(size):
        for b in range(size):
            if a == b or not (usable[a] and usable[b]):
                continue
            here = (truth == a) | (truth == b)
            area[a, b], part = influence(truth[here] == a, scores[here, a], None if weights is None else weights[here])
            error[a, b] = _norm(part)
            total[here] += part
            pairs += 1
    n_used = int(np.count_nonzero(usable[truth]))
    macro = AucResult(float(np.nanmean(area)), _norm(total / pairs), n_used, n_used * (int(usable.sum()) - 1))
    return OneVsOne(names, area, error, macro, warnings)


def _check(
    truth_index: ArrayLike, probabilities: ArrayLike, classes: Sequence[str] | None, weight: ArrayLike | None
) -> tuple[tuple[str, ...], IndexArray, FloatArray, FloatArray | None]:
    scores = check_probabilities(probabilities)
    truth = check_index(truth_index, "truth_index", scores.shape[1], len(scores))
    return check_classes(classes, scores.shape[1]), truth, scores, check_weight(weight, len(truth))


def _usable(names: tuple[str, ...], truth: IndexArray, weight: FloatArray | None) -> tuple[BoolArray, tuple[str, ...]]:
    counts = np.bincount(truth, minlength=len(names))
    totals = counts if weight is None else np.bincount(truth, weight, len(names))
    usable = (counts > 0) & (totals > 0)
    warnings = tuple(
        f"{name}: no events" if count == 0 else f"{name}: the weights sum to {total:g}, must be above zero"
        for name, count, total, good in zip(names, counts, totals, usable, strict=True)
        if not good
    )
    if np.count_nonzero(usable) < 2:
        raise InputError(
            f"fewer than two classes with events ({'; '.join(warnings)})",
            where="truth_index",
            fix="give two or more",
        )
    return usable, warnings


def _micro(truth: IndexArray, scores: FloatArray, weight: FloatArray | None) -> AucResult:
    n, size = scores.shape
    flags = (truth[:, None] == np.arange(size)).ravel()
    area, part = influence(flags, scores.ravel(), None if weight is None else np.repeat(weight, size))
    return AucResult(area, _norm(part.reshape(n, size).sum(axis=1)), n, n * (size - 1))


def _comparison(auc_a: float, auc_b: float, part: FloatArray) -> AucComparison:
    difference, error = auc_a - auc_b, _norm(part)
    return AucComparison(auc_a, auc_b, difference, error, *z_and_p(difference, error))


def _norm(part: FloatArray) -> float:
    return float(np.sqrt(np.sum(part**2)))
