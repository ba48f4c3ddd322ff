"""Are the probabilities true? Reliability, ECE, Brier score, NLL, and the likelihood-ratio check.

Where a function takes `truth` and `probabilities`, binary ones are (n,) flags with the signal probability (n,), K
classes are (n,) class indices with (n, K).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import chi2

from pidcam.analysis._check import (
    BoolArray,
    FloatArray,
    IndexArray,
    check_binary,
    check_class_probabilities,
    check_fraction,
    check_total,
    check_unit,
    check_weight,
)
from pidcam.analysis.estimate import Estimate, Method, binomial_interval, mean
from pidcam.analysis.in_bins import quantile_edges
from pidcam.analysis.prior import prior_shift

BINS = 15
"""Bins of the reliability diagram and of ECE, as in C. Guo et al., ICML 2017."""


@dataclass(frozen=True)
class Reliability:
    """The reliability diagram and its summary; arrays (bins,), NaN in bins that hold no weight.

    `predicted` is the mean probability in the bin, `observed` the fraction that came true, with error and interval.
    `ece` is the mean of |observed - predicted| over events, `mce` its maximum over bins, `ece_null` what a perfectly
    calibrated model would show on average with these events, since ECE is never below zero.
    """

    edges: FloatArray
    predicted: FloatArray
    observed: FloatArray
    error: FloatArray
    low: FloatArray
    high: FloatArray
    n: IndexArray
    ece: float
    mce: float
    ece_null: float


@dataclass(frozen=True)
class LikelihoodRatioCheck:
    """Signal to background density ratio per bin of probability: measured, and as the probabilities claim; (bins,).

    `log_error` is the error on log(measured); a bin with fewer than 10 events of either class is NaN and does not
    count in `chi2`, the sum of squared pulls of the logarithms.
    """

    edges: FloatArray
    measured: FloatArray
    claimed: FloatArray
    log_error: FloatArray
    chi2: float
    bins: int
    p_value: float


def reliability(
    truth: ArrayLike,
    probabilities: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    bins: int = BINS,
    method: Method = "clopper-pearson",
) -> Reliability:
    """Return reliability diagram, ECE and MCE in equal bins (low, high] of probability.

    Binary: of the signal probability. K classes: of the highest probability, which came true where its class is the
    true one (Guo et al. 2017, eq. 3). Raises InputError for probabilities outside 0..1 or rows that do not sum to one,
    NaN, differing lengths, total weight <= 0.

    >>> round(reliability([0, 1, 1, 1], [0.1, 0.6, 0.6, 0.9]).ece, 3)
    0.25
    """
    came_true, confidence, weights = _top_label(truth, probabilities, weight)
    each = np.ones(len(confidence)) if weights is None else weights
    check_total(each, "all events")
    edges = np.linspace(0, 1, bins + 1)
    place = np.searchsorted(edges[1:-1], confidence, side="left")

    def total(values: FloatArray) -> FloatArray:
        return np.bincount(place, values, bins).astype(np.float64)

    weight_sum, squares = total(each), total(each**2)
    filled = np.where(weight_sum > 0, weight_sum, np.nan)
    predicted, observed = total(each * confidence) / filled, total(each * came_true) / filled
    effective = np.divide(weight_sum**2, squares, out=np.zeros(bins), where=squares > 0)
    low, high = binomial_interval(np.nan_to_num(np.clip(observed, 0, 1)) * effective, effective, method=method)
    error = np.sqrt(total((each * (came_true - np.nan_to_num(observed)[place])) ** 2)) / filled
    gap = np.abs(observed - predicted)
    null = np.sqrt(2 / np.pi * total(each**2 * confidence * (1 - confidence)))
    return Reliability(
        edges=edges,
        predicted=predicted,
        observed=observed,
        error=error,
        low=np.where(np.isnan(observed), np.nan, low),
        high=np.where(np.isnan(observed), np.nan, high),
        n=np.bincount(place, minlength=bins),
        ece=float(np.nansum(gap * weight_sum) / weight_sum.sum()),
        mce=float(np.nanmax(gap)),
        ece_null=float(null.sum() / weight_sum.sum()),
    )


def brier(truth: ArrayLike, probabilities: ArrayLike, weight: ArrayLike | None = None) -> Estimate:
    """Return the Brier score: the mean of (p - y)^2, for K classes of its sum over classes (G. W. Brier, 1950).

    The same events as two columns thus give twice the binary value. Errors raised as for `reliability`.

    >>> round(brier([0, 1], [0.2, 0.7]).value, 3)
    0.065
    """
    y, p, weights = _one_hot(truth, probabilities, weight)
    return mean(np.sum((p - y) ** 2, axis=1) / (2 if np.ndim(probabilities) == 1 else 1), weights)


def nll(truth: ArrayLike, probabilities: ArrayLike, weight: ArrayLike | None = None) -> Estimate:
    """Return the mean negative log likelihood (cross entropy) in nats; a probability of 0 counts as 2.2e-16.

    Errors raised as for `reliability`.

    >>> round(nll([0, 1], [0.5, 0.5]).value, 4)
    0.6931
    """
    y, p, weights = _one_hot(truth, probabilities, weight)
    return mean(-np.log(np.maximum(np.sum(p * y, axis=1), np.finfo(np.float64).eps)), weights)


def likelihood_ratio_check(
    truth: ArrayLike,
    probability: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    prevalence: float | None = None,
    bins: int = 20,
) -> LikelihoodRatioCheck:
    """Return whether p / (1 - p), freed of the class mixture, is the likelihood ratio of signal to background.

    Binary: `truth`, `probability`, `weight` (n,). `prevalence` is the signal fraction that the model learnt with, that
    of this sample unless given. In bins of equal population, the ratio of class densities is set against the one that
    the mean probability claims (K. Cranmer et al., arXiv:1506.02169). Errors raised as for `roc`, and InputError for
    probabilities outside 0..1.
    """
    flags, p, weights = check_binary(truth, probability, weight, score_name="probability")
    check_unit(p, "probability")
    each = np.ones(len(p)) if weights is None else weights
    signal, background = each[flags].sum(), each[~flags].sum()
    here = float(signal / (signal + background))
    if prevalence is not None:
        p = prior_shift(p, check_fraction(prevalence, "prevalence"), here)
    edges = quantile_edges(p, bins)
    size = len(edges) - 1
    place = np.searchsorted(edges[1:-1], p, side="right")

    def total(values: FloatArray, own: BoolArray) -> FloatArray:
        return np.bincount(place[own], values[own], size).astype(np.float64)

    s, b = total(each, flags), total(each, ~flags)
    enough = (np.bincount(place[flags], minlength=size) >= 10) & (np.bincount(place[~flags], minlength=size) >= 10)
    s, b = (np.where(enough & (s > 0) & (b > 0), each_, np.nan) for each_ in (s, b))
    everyone = np.ones(len(p), dtype=np.bool_)
    mean_p = total(each * p, everyone) / (s + b)
    with np.errstate(divide="ignore"):
        claimed = mean_p / (1 - mean_p) * background / signal
    measured = s / b * background / signal
    log_error = np.sqrt(total(each**2, flags) / s**2 + total(each**2, ~flags) / b**2)
    with np.errstate(divide="ignore"):
        pulls = (np.log(measured) - np.log(claimed)) / log_error
    used = int(np.count_nonzero(~np.isnan(pulls)))
    sum_of_squares = float(np.nansum(pulls**2))
    p_value = float(chi2.sf(sum_of_squares, used)) if used else np.nan
    return LikelihoodRatioCheck(edges, measured, claimed, log_error, sum_of_squares, used, p_value)


def _top_label(
    truth: ArrayLike, probabilities: ArrayLike, weight: ArrayLike | None
) -> tuple[BoolArray, FloatArray, FloatArray | None]:
    index, p = check_class_probabilities(truth, probabilities)
    weights = check_weight(weight, len(p))
    if np.ndim(probabilities) == 1:
        return index == 1, p[:, 1], weights
    return p.argmax(axis=1) == index, p.max(axis=1), weights


def _one_hot(
    truth: ArrayLike, probabilities: ArrayLike, weight: ArrayLike | None
) -> tuple[BoolArray, FloatArray, FloatArray | None]:
    index, p = check_class_probabilities(truth, probabilities)
    return index[:, None] == np.arange(p.shape[1]), p, check_weight(weight, len(p))
