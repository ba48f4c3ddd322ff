"""Areas of a part of the ROC curve: partial AUC, and the area of background rejection between two efficiencies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pidcam.analysis._check import FloatArray
from pidcam.analysis.resampling import percentiles, roc_replicas
from pidcam.analysis.roc import Roc, roc
from pidcam.errors import InputError


@dataclass(frozen=True)
class PartialArea:
    """An area between two ends of an axis; `mean` is the area over the width, with bootstrap error and interval."""

    start: float
    stop: float
    area: float
    mean: float
    error: float
    low: float
    high: float


def partial_auc(
    truth: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    efficiency: tuple[float, float] | None = None,
    fake_rate: tuple[float, float] | None = None,
    replicas: int = 400,
    seed: int = 0,
) -> PartialArea:
    """Return the area under the ROC curve between two fake rates, or of 1 - fake rate between two efficiencies.

    Give one of the two ranges; the whole range 0..1 of either gives the AUC. `mean` is the mean efficiency over the
    fake rates, or the mean of 1 - fake rate over the efficiencies. Other arguments and errors raised as for `roc`.

    >>> partial_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], fake_rate=(0, 0.5)).area
    0.25
    """
    if (efficiency is None) == (fake_rate is None):
        raise InputError("give one range, either efficiency=(low, high) or fake_rate=(low, high)", where="partial_auc")
    if fake_rate is not None:
        start, stop = _ends(fake_rate, "fake_rate")

        def area(curve: Roc) -> float:
            width, left, right = _pieces(curve.fpr, curve.tpr, start, stop)
            return float(np.dot(width, left + right) / 2)

    else:
        start, stop = _ends(efficiency, "efficiency")

        def area(curve: Roc) -> float:
            width, left, right = _pieces(curve.tpr, 1 - curve.fpr, start, stop)
            return float(np.dot(width, left + right) / 2)

    return _measure(area, start, stop, roc(truth, score, weight), roc_replicas(truth, score, weight, replicas, seed))


def rejection_area(
    truth: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    efficiency: tuple[float, float],
    replicas: int = 400,
    seed: int = 0,
) -> PartialArea:
    """Return the area of 1 / fake rate between two efficiencies; `mean` is the mean background rejection there.

    Where less than one background event passes, the fake rate counts as 1 / n_background, which keeps the area finite.
    Other arguments and errors raised as for `roc`.

    >>> rejection_area([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], efficiency=(0.5, 1)).mean
    2.0
    """
    start, stop = _ends(efficiency, "efficiency")

    def area(curve: Roc) -> float:
        width, left, right = _pieces(curve.tpr, np.maximum(curve.fpr, 1 / curve.n_background), start, stop)
        return float(np.dot(width, _mean_inverse(left, right)))

    return _measure(area, start, stop, roc(truth, score, weight), roc_replicas(truth, score, weight, replicas, seed))


def _measure(
    area: Callable[[Roc], float], start: float, stop: float, curve: Roc, replicas: Iterator[Roc]
) -> PartialArea:
    value, width = area(curve), stop - start
    draws = np.array([area(each) for each in replicas]) / width
    low, high = percentiles(draws)
    return PartialArea(start, stop, value, value / width, float(draws.std(ddof=1)), float(low), float(high))


def _ends(ends: tuple[float, float] | None, name: str) -> tuple[float, float]:
    start, stop = (float(end) for end in ends or ())
    if not 0 <= start < stop <= 1:
        raise InputError(f"{start:g}..{stop:g} is no range inside 0..1", where=name)
    return start, stop


def _pieces(x: FloatArray, y: FloatArray, start: float, stop: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The straight pieces of a curve between two x: their widths, and y at their left and right ends."""
    x = np.maximum.accumulate(x)
    rising = np.flatnonzero(np.diff(x) > 0)
    x0, x1, y0, y1 = x[rising], x[rising + 1], y[rising], y[rising + 1]
    left, right = np.clip(start, x0, x1), np.clip(stop, x0, x1)
    slope = (y1 - y0) / (x1 - x0)
    return right - left, y0 + slope * (left - x0), y0 + slope * (right - x0)


def _mean_inverse(left: FloatArray, right: FloatArray) -> FloatArray:
    """The mean of 1 / y where y goes straight from `left` to `right`, both above zero."""
    excess = right / left - 1
    flat = np.abs(excess) < 1e-6
    return np.where(flat, 1 - excess / 2, np.log1p(excess) / np.where(flat, 1, excess)) / left
