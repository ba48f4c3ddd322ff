"""The ROC curve, its area with DeLong's error, and the paired comparison of two scores on the same events.

One sort gives everything: per distinct score the weight of signal and background there, and from those the curve, the
area (ties count one half) and the placements whose spread is DeLong's error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erfc

from pidcam.analysis._check import BoolArray, FloatArray, IndexArray, check_binary


@dataclass(frozen=True)
class Roc:
    """A ROC curve from (0, 0) to (1, 1): arrays of shape (points,); an event passes where score >= threshold."""

    fpr: FloatArray
    tpr: FloatArray
    thresholds: FloatArray
    n_signal: int
    n_background: int


@dataclass(frozen=True)
class AucResult:
    """An area under the ROC curve with its standard error (NaN where a class has too few events to tell)."""

    auc: float
    error: float
    n_signal: int
    n_background: int


@dataclass(frozen=True)
class AucComparison:
    """Two areas on the same events: difference = a - b, its error with their correlation, z and two-sided p-value."""

    auc_a: float
    auc_b: float
    difference: float
    error: float
    z: float
    p_value: float


def roc(truth: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> Roc:
    """Return the ROC curve with one point per distinct score, exact, tightest cut first.

    `truth` (n,) bool or 0/1 (1 = signal), `score` (n,), `weight` (n,) or None. The first threshold is +inf (nothing
    passes). Raises InputError for NaN, lengths that differ, one class only, a class of total weight <= 0.

    >>> curve = roc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> curve.fpr.tolist(), curve.tpr.tolist()
    ([0.0, 0.0, 0.5, 0.5, 1.0], [0.0, 0.5, 0.5, 1.0, 1.0])
    """
    ranked = _rank(*check_binary(truth, score, weight))
    return Roc(
        fpr=_from_the_top(ranked.background),
        tpr=_from_the_top(ranked.signal),
        thresholds=np.concatenate([[np.inf], ranked.score[::-1]]),
        n_signal=ranked.n_signal,
        n_background=ranked.n_background,
    )


def auc(truth: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Return the area under the ROC curve: the chance that signal scores above background, ties counting one half.

    Arguments and errors as for `roc`.

    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    return _area(_rank(*check_binary(truth, score, weight)))


def delong(truth: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> AucResult:
    """Return the AUC with DeLong's standard error, in O(n log n).

    Arguments and errors as for `roc`. E. R. DeLong et al., Biometrics 44 (1988) 837, by the midranks of X. Sun and
    W. Xu, IEEE Signal Process. Lett. 21 (2014) 1389. With weights the variance of each class is
    sum w^2 (V - AUC)^2 / (sum w)^2 * m / (m - 1), m = (sum w)^2 / sum w^2, which is DeLong's own for equal weights.

    >>> result = delong([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> result.auc, round(result.error, 4)
    (0.75, 0.3536)
    """
    flags, values, weights = check_binary(truth, score, weight)
    ranked = _rank(flags, values, weights)
    area = _area(ranked)
    signal2, background2 = ranked.totals(flags, None if weights is None else weights**2)
    variance = _spread(ranked.signal, signal2, _below(ranked.background) - area)
    variance += _spread(ranked.background, background2, 1 - _below(ranked.signal) - area)
    return AucResult(area, float(np.sqrt(variance)), ranked.n_signal, ranked.n_background)


def delong_compare(
    truth: ArrayLike, score_a: ArrayLike, score_b: ArrayLike, weight: ArrayLike | None = None
) -> AucComparison:
    """Return the difference of the AUCs of two scores of the same events, with DeLong's paired covariance.

    `score_a` and `score_b` (n,) in the same event order; the rest and the errors raised as for `roc`, the formula as
    for `delong`. Identical rankings give z = 0, p = 1.
    """
    flags, a, weights = check_binary(truth, score_a, weight, score_name="score_a")
    _, b, _ = check_binary(flags, score_b, score_name="score_b")
    auc_a, influence_a = influence(flags, a, weights)
    auc_b, influence_b = influence(flags, b, weights)
    difference = auc_a - auc_b
    error = float(np.sqrt(np.sum((influence_a - influence_b) ** 2)))
    z = 0.0 if difference == 0 else float(np.divide(difference, error))
    return AucComparison(auc_a, auc_b, difference, error, z, float(erfc(abs(z) / np.sqrt(2))))


def influence(truth: BoolArray, score: FloatArray, weight: FloatArray | None = None) -> tuple[float, FloatArray]:
    """Return the AUC and what each event contributes to its error, for arrays that were checked already.

    The variance of any linear combination of AUCs on the same events is the sum over events of the squared
    combination of their contributions: with one AUC that is DeLong's variance, with two his covariance.
    """
    ranked = _rank(truth, score, weight)
    area = _area(ranked)
    result = np.empty(len(score))
    for flags, own, placement in (
        (truth, ranked.signal, _below(ranked.background)),
        (~truth, ranked.background, 1 - _below(ranked.signal)),
    ):
        share = 1.0 / np.count_nonzero(flags) if weight is None else weight[flags] / own.sum()
        result[flags] = share * (placement[ranked.group[flags]] - area)
        result[flags] *= np.sqrt(_small_sample(1 / np.sum(np.broadcast_to(share, result[flags].shape) ** 2)))
    return area, result


@dataclass(frozen=True)
class _Ranked:
    score: FloatArray  # distinct scores, rising
    signal: FloatArray  # weight of signal at each
    background: FloatArray
    n_signal: int
    n_background: int
    order: IndexArray  # events by rising score
    ends: IndexArray  # one past the last event of each distinct score, in that order

    @property
    def group(self) -> IndexArray:
        """The distinct score that each event has."""
        result = np.empty_like(self.order)
        result[self.order] = np.repeat(np.arange(len(self.ends)), np.diff(self.ends, prepend=0))
        return result

    def totals(self, truth: BoolArray, weight: FloatArray | None) -> tuple[FloatArray, FloatArray]:
        """The weight of signal and of background at each distinct score."""
        return _totals(truth, weight, self.order, self.ends)


def _rank(truth: BoolArray, score: FloatArray, weight: FloatArray | None) -> _Ranked:
    order = np.argsort(score)
    rising = score[order]
    ends = np.append(np.flatnonzero(rising[1:] != rising[:-1]) + 1, len(rising))
    signal, background = _totals(truth, weight, order, ends)
    n_signal = int(np.count_nonzero(truth))
    return _Ranked(rising[ends - 1], signal, background, n_signal, len(truth) - n_signal, order, ends)


def _totals(
    truth: BoolArray, weight: FloatArray | None, order: IndexArray, ends: IndexArray
) -> tuple[FloatArray, FloatArray]:
    is_signal = truth[order]
    starts = np.concatenate([[0], ends[:-1]])
    if weight is None:
        signal = np.add.reduceat(is_signal, starts, dtype=np.float64)
        return signal, np.diff(ends, prepend=0) - signal
    weight = weight[order]
    return (
        np.add.reduceat(np.where(is_signal, weight, 0.0), starts),
        np.add.reduceat(np.where(is_signal, 0.0, weight), starts),
    )


def _area(ranked: _Ranked) -> float:
    return float(np.dot(ranked.signal, _below(ranked.background)) / ranked.signal.sum())


def _below(weight: FloatArray) -> FloatArray:
    """The fraction of a class that lies below each distinct score, ties counting one half."""
    return (np.cumsum(weight) - weight / 2) / weight.sum()


def _spread(own: FloatArray, own_squared: FloatArray, deviation: FloatArray) -> float:
    total, squares = own.sum(), own_squared.sum()
    return float(np.dot(own_squared, deviation**2) / total**2 * _small_sample(total**2 / squares))


def _small_sample(effective: float) -> float:
    return effective / (effective - 1) if effective > 1 + 1e-9 else np.nan


def _from_the_top(weight: FloatArray) -> FloatArray:
    return np.concatenate([[0.0], np.cumsum(weight[::-1]) / weight.sum()])
