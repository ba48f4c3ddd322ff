"""A measured number with its error: binomial fractions and their intervals, weighted or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta, norm

from pidcam.analysis._check import BoolArray, FloatArray, check_flags, check_total, check_values, check_weight
from pidcam.errors import InputError

ONE_SIGMA = 0.6826894921370859
"""The probability inside one standard deviation of a normal: the level of every interval unless told otherwise."""

Method = Literal["clopper-pearson", "wilson", "bootstrap"]
REPLICAS = 400


@dataclass(frozen=True)
class Estimate:
    """A value, its standard error and its 68.27 % interval [low, high], from n events (n_effective where weighted)."""

    value: float
    error: float
    low: float
    high: float
    n: int
    n_effective: float


def effective_events(weight: FloatArray) -> float:
    """Return (sum w)^2 / sum w^2, the number of unweighted events of the same relative precision (L. Kish, 1965)."""
    return float(weight.sum() ** 2 / np.sum(weight**2))


def binomial_interval(
    passed: ArrayLike, total: ArrayLike, *, level: float = ONE_SIGMA, method: str = "clopper-pearson"
) -> tuple[FloatArray, FloatArray]:
    """Return (low, high) for the fraction passed / total; any shape, effective (non-integer) counts allowed.

    Clopper-Pearson (Biometrika 26 (1934) 404) covers at least `level`; Wilson (JASA 22 (1927) 209) does on average.
    Both equal SciPy's `binomtest(...).proportion_ci` for integers. `bootstrap` is here the limit of many replicas, as
    `fraction` has it. A total of zero gives [0, 1]. Raises InputError for a passed count outside 0..total.

    >>> low, high = binomial_interval(8, 10)
    >>> round(float(low), 3), round(float(high), 3)
    (0.595, 0.928)
    """
    k, n = np.broadcast_arrays(np.asarray(passed, dtype=np.float64), np.asarray(total, dtype=np.float64))
    if not ((k >= 0) & (k <= n)).all():
        raise InputError("passed counts must lie between 0 and the total", where="passed")
    tail = (1 - level) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        if method == "clopper-pearson":
            low, high = beta.ppf(tail, k, n - k + 1), beta.ppf(1 - tail, k + 1, n - k)
        elif method == "wilson":
            z = norm.ppf(1 - tail)
            centre = (k + z**2 / 2) / (n + z**2)
            half = z / (n + z**2) * np.sqrt(k * (n - k) / n + z**2 / 4)
            low, high = centre - half, centre + half
        elif method == "bootstrap":
            low, high = beta.ppf(tail, k + 0.5, n - k + 0.5), beta.ppf(1 - tail, k + 0.5, n - k + 0.5)
        else:
            known = ", ".join(get_args(Method))
            raise InputError(f"unknown interval '{method}'", where="method", fix=f"known: {known}")
    return np.where(k == 0, 0.0, low), np.where(k == n, 1.0, high)


def fraction(
    passed: ArrayLike, weight: ArrayLike | None = None, *, method: Method = "clopper-pearson", seed: int = 0
) -> Estimate:
    """Return the fraction of events that pass, `passed` (n,) bool or 0/1, `weight` (n,) or None.

    The error is sqrt(sum w^2 (c - p)^2) / sum w, which is sqrt(p (1 - p) / n) without weights; the interval is that
    of p n_effective among n_effective events. The `bootstrap` interval resamples the events with weights Exp(1)
    (D. B. Rubin, Ann. Stat. 9 (1981) 130) and adds half an event on either side: its coverage averaged over p is
    68-69 % from ten events on, where plain Poisson copies give 59-67 % below a hundred. Raises InputError for NaN,
    differing lengths, total weight <= 0.

    >>> result = fraction([1, 1, 1, 0])
    >>> result.value, round(result.error, 4)
    (0.75, 0.2165)
    """
    flags = check_flags(passed, "passed")
    weights = check_weight(weight, len(flags))
    if weights is None:
        n_effective = float(len(flags))
        value = int(np.count_nonzero(flags)) / n_effective
        error = float(np.sqrt(value * (1 - value) / n_effective))
    else:
        check_total(weights, "all events")
        total = weights.sum()
        n_effective = effective_events(weights)
        value = float(weights[flags].sum() / total)
        error = float(np.sqrt(np.sum((weights * (flags - value)) ** 2)) / total)
    if weights is not None and method == "bootstrap":
        low, high = _resample(flags, weights, seed)
    else:
        low, high = binomial_interval(np.clip(value, 0, 1) * n_effective, n_effective, method=method)
    return Estimate(value, error, float(low), float(high), len(flags), n_effective)


def mean(values: ArrayLike, weight: ArrayLike | None = None) -> Estimate:
    """Return the mean of `values` (n,) with its standard error sqrt(sum w^2 (v - mean)^2) / sum w and value +- error.

    Raises InputError for NaN, differing lengths, total weight <= 0.
    """
    each = check_values(values, "values")
    weights = check_weight(weight, len(each))
    weights = np.ones(len(each)) if weights is None else weights
    check_total(weights, "all events")
    value = float(np.dot(weights, each) / weights.sum())
    error = float(np.sqrt(np.sum((weights * (each - value)) ** 2)) / weights.sum())
    return Estimate(value, error, value - error, value + error, len(each), effective_events(weights))


def _resample(passed: BoolArray, weight: FloatArray, seed: int) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    half = np.sum(weight**2) / weight.sum() * rng.gamma(0.5, size=(2, REPLICAS))
    sums = np.array([_exponential_sums(passed, weight, rng) for _ in range(REPLICAS)]).T + half
    low, high = np.quantile(sums[0] / sums.sum(axis=0), [(1 - ONE_SIGMA) / 2, (1 + ONE_SIGMA) / 2])
    return (np.where(passed.any(), low, 0.0), np.where(passed.all(), 1.0, high))


def _exponential_sums(passed: BoolArray, weight: FloatArray, rng: np.random.Generator) -> tuple[float, float]:
    draw = weight * rng.standard_exponential(len(weight))
    inside = float(np.dot(draw, passed))
    return inside, float(draw.sum()) - inside
