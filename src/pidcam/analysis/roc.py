"""The ROC curve, its area with DeLong's error, and the paired comparison of two scores on the same events.

One sort gives everything: per distinct score the weight of signal and background there, and from those the curve, the
area (ties count one half) and the placements whose spread is DeLong's error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erfc

from pidcam.analysis._check import BoolArray, FloatArray, check_binary
from pidcam.analysis._ranking import auc_of, below, from_the_top, rank


@dataclass(frozen=True)
class Roc:
    """A ROC curve from (0, 0) to (1, 1): arrays of shape (points,); an event passes where score >= threshold."""

    fpr: FloatArray
    tpr: FloatArray
    thresholds: FloatArray
    n_signal: int
    n_background: int

    def tpr_at(self, fpr: ArrayLike) -> FloatArray:
        """The efficiency at given fake rates: the highest on a step, linear where tied scores make a slope."""
        return np.interp(np.asarray(fpr, dtype=np.float64), np.maximum.accumulate(self.fpr), self.tpr)

    def fpr_at(self, tpr: ArrayLike) -> FloatArray:
        """The fake rate at given efficiencies: the lowest on a step, linear where tied scores make a slope."""
        falling = np.maximum.accumulate(self.tpr)[::-1]
        return -np.interp(-np.asarray(tpr, dtype=np.float64), -falling, -self.fpr[::-1])

    def thin(self, points: int = 1500) -> Roc:
        """The same curve with at most `points` + 2 points, dense in efficiency, in fake rate and in its logarithm.

        No two neighbours are further apart than 3 / `points` in either fraction unless the full curve jumps so far.
        """
        if len(self.fpr) <= points:
            return self
        count = points // 3
        tpr, fpr = np.maximum.accumulate(self.tpr), np.maximum.accumulate(self.fpr)
        even, small = np.linspace(0, 1, count), np.geomspace(1 / self.n_background, 1, count)
        picked = [np.searchsorted(tpr, even), np.searchsorted(fpr, even), np.searchsorted(fpr, small)]
        keep = np.unique(np.concatenate([[0], *picked, [len(fpr) - 1]]).clip(0, len(fpr) - 1))
        return Roc(self.fpr[keep], self.tpr[keep], self.thresholds[keep], self.n_signal, self.n_background)


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
    ranked = rank(*check_binary(truth, score, weight))
    return Roc(
        fpr=from_the_top(ranked.background),
        tpr=from_the_top(ranked.signal),
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
    ranked = rank(*check_binary(truth, score, weight))
    return auc_of(ranked.signal, ranked.background)


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
    ranked = rank(flags, values, weights)
    area, error = area_and_error(ranked.signal, ranked.background, *ranked.squares(flags, weights))
    return AucResult(area, error, ranked.n_signal, ranked.n_background)


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
    return AucComparison(auc_a, auc_b, difference, error, *z_and_p(difference, error))


def z_and_p(difference: float, error: float) -> tuple[float, float]:
    """Return a difference in units of its error and the two-sided p-value of a normal one."""
    with np.errstate(divide="ignore"):  # two curves without any spread, such as AUC 1 and AUC 0, differ surely
        z = 0.0 if difference == 0 else float(np.divide(difference, error))
    return z, float(erfc(abs(z) / np.sqrt(2)))


def area_and_error(
    signal: FloatArray, background: FloatArray, signal_squares: FloatArray, background_squares: FloatArray
) -> tuple[float, float]:
    """Return AUC and DeLong error from the sums of weights, and of their squares, at each rising distinct score."""
    area = auc_of(signal, background)
    variance = _spread(signal, signal_squares, below(background) - area)
    variance += _spread(background, background_squares, 1 - below(signal) - area)
    return area, float(np.sqrt(variance))


def influence(truth: BoolArray, score: FloatArray, weight: FloatArray | None = None) -> tuple[float, FloatArray]:
    """Return the AUC and what each event contributes to its error, for arrays that were checked already.

    The variance of any linear combination of AUCs on the same events is the sum over events of the squared
    combination of their contributions: with one AUC that is DeLong's variance, with two his covariance.
    """
    ranked = rank(truth, score, weight)
    area = auc_of(ranked.signal, ranked.background)
    result = np.empty(len(score))
    for flags, own, placement in (
        (truth, ranked.signal, below(ranked.background)),
        (~truth, ranked.background, 1 - below(ranked.signal)),
    ):
        share = 1.0 / np.count_nonzero(flags) if weight is None else weight[flags] / own.sum()
        result[flags] = share * (placement[ranked.group[flags]] - area)
        result[flags] *= np.sqrt(_small_sample(1 / np.sum(np.broadcast_to(share, result[flags].shape) ** 2)))
    return area, result


def _spread(own: FloatArray, own_squared: FloatArray, deviation: FloatArray) -> float:
    total, squares = own.sum(), own_squared.sum()
    return float(np.dot(own_squared, deviation**2) / total**2 * _small_sample(total**2 / squares))


def _small_sample(effective: float) -> float:
    return effective / (effective - 1) if effective > 1 + 1e-9 else np.nan
