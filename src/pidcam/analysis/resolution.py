"""How well a quantity is measured: bias, effective resolution, pulls, and the resolution as a function of energy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import least_squares

from pidcam.analysis._check import FloatArray, check_total, check_values, check_weight
from pidcam.analysis.estimate import ONE_SIGMA, Estimate, effective_events
from pidcam.analysis.resampling import bootstrap
from pidcam.errors import InputError

MOST = 20_000
"""Errors of larger samples follow from so many of their events, and 1 / sqrt(n)."""
REPLICAS = 100
COLUMNS = ("n", "mean", "bias", "bias_error", "resolution", "resolution_error")


@dataclass(frozen=True)
class ResolutionFit:
    """sigma/E = sqrt(a^2/E + b^2 + (c/E)^2), fitted for `low` <= E <= `high`: stochastic, constant and noise term.

    `values` and `errors` are those of a, b, c, with their `covariance` (3, 3); a term that comes out as zero stands at
    its bound, and has error and covariance NaN. a and c are strongly correlated over a short range of energies.
    """

    values: FloatArray
    errors: FloatArray
    covariance: FloatArray
    chi2: float
    ndf: int
    low: float
    high: float

    def __call__(self, energy: ArrayLike) -> FloatArray:
        return resolution_curve(np.asarray(energy, np.float64), self.values)


@dataclass(frozen=True)
class BinnedResolution:
    """Per bin of `edges`: events `n`, `mean` of what it is binned in, bias and resolution with errors; NaN where a bin
    has fewer than `least` events."""

    edges: FloatArray
    n: FloatArray
    mean: FloatArray
    bias: FloatArray
    bias_error: FloatArray
    resolution: FloatArray
    resolution_error: FloatArray
    least: int


def effective_width(values: ArrayLike, weight: ArrayLike | None = None, *, level: float = ONE_SIGMA) -> float:
    """Return sigma_eff: half the width of the shortest interval that holds `level` of the weight; `values` (n,).

    Of a normal distribution it is the standard deviation; tails do not move it. Raises InputError for NaN, no events,
    or negative weights.

    >>> round(effective_width(np.random.default_rng(0).normal(size=100_000)), 2)
    1.0
    """
    each, weights = _checked(values, weight)
    order = np.argsort(each, kind="stable")
    return _width(each[order], weights[order], level)


def median(values: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Return the weighted median: where half of the weight lies below. Raises as `effective_width`.

    >>> median([3.0, 1.0, 2.0])
    2.0
    """
    return quantile(values, 0.5, weight)


def quantile(values: ArrayLike, level: float, weight: ArrayLike | None = None) -> float:
    """Return the value below which lies the share `level` of the weight. Raises as `effective_width`."""
    each, weights = _checked(values, weight)
    order = np.argsort(each, kind="stable")
    return _quantile(each[order], weights[order], level)


def bias_and_width(values: ArrayLike, weight: ArrayLike | None = None, *, seed: int = 0) -> tuple[Estimate, Estimate]:
    """Return median and sigma_eff of residuals (n,), with errors from a Poisson bootstrap.

    Raises InputError for NaN, no events, negative weights.
    """
    each, weights = _checked(values, weight)
    order = np.argsort(each, kind="stable")
    ordered, w = each[order], weights[order]
    step = -(-len(each) // MOST)  # every k-th of sorted values is a fair sample of them
    some, some_w = ordered[::step], w[::step]

    def statistic(draw: FloatArray) -> tuple[float, float]:
        return _quantile(some, draw, 0.5), _width(some, draw, ONE_SIGMA)

    errors = bootstrap(statistic, len(some), some_w, replicas=REPLICAS, seed=seed).error
    errors = errors * np.sqrt(len(some) / len(each))
    n_effective = effective_events(weights)
    return tuple(  # type: ignore[return-value]
        Estimate(value, float(error), value - float(error), value + float(error), len(each), n_effective)
        for value, error in zip((_quantile(ordered, w, 0.5), _width(ordered, w, ONE_SIGMA)), errors, strict=True)
    )


def resolution_in_bins(
    residual: ArrayLike, x: ArrayLike, edges: ArrayLike, weight: ArrayLike | None = None, *, least: int = 20
) -> BinnedResolution:
    """Return bias and sigma_eff of `residual` (n,) in bins of `x` (n,); the last bin includes its upper edge.

    Raises InputError for NaN, differing lengths, negative weights, edges that do not rise.
    """
    values, weights = _checked(residual, weight)
    at, bounds = check_values(x, "x"), np.asarray(edges, np.float64)
    if len(at) != len(values):
        raise InputError(f"{len(values)} residuals for {len(at)} values of x", where="x")
    if len(bounds) < 2 or not (np.diff(bounds) > 0).all():
        raise InputError("must rise", where="edges")
    which = np.searchsorted(bounds, at, side="right") - 1
    which[at == bounds[-1]] = len(bounds) - 2
    columns: dict[str, list[float]] = {name: [] for name in COLUMNS}
    for k in range(len(bounds) - 1):
        inside = which == k
        n = int(np.count_nonzero(inside & (weights > 0)))
        row = [np.nan] * 4
        if n >= least:
            bias, width = bias_and_width(values[inside], weights[inside], seed=k)
            row = [bias.value, bias.error, width.value, width.error]
        mean = float(np.average(at[inside], weights=weights[inside])) if n else float("nan")
        for column, value in zip(columns.values(), (n, mean, *row), strict=True):
            column.append(value)
    return BinnedResolution(bounds, **{name: np.array(of, np.float64) for name, of in columns.items()}, least=least)


def resolution_curve(energy: FloatArray, terms: ArrayLike) -> FloatArray:
    """sigma/E at energies (n,) for (a, b, c): a in sqrt(unit of E), b without unit, c in the unit of E.

    >>> resolution_curve(np.array([100.0]), (0.028, 0.003, 0.128)).round(5)
    array([0.00431])
    """
    a, b, c = np.asarray(terms, np.float64)
    curve: FloatArray = np.sqrt(a**2 / energy + b**2 + (c / energy) ** 2)
    return curve


def fit_resolution(energy: ArrayLike, resolution: ArrayLike, error: ArrayLike) -> ResolutionFit:
    """Return the least-squares fit of `resolution_curve` to sigma/E (n,) with errors (n,) at energies (n,).

    Raises InputError for fewer than four points, an energy or error that is not above zero, NaN.
    """
    e, y, s = (check_values(x, name) for x, name in ((energy, "energy"), (resolution, "resolution"), (error, "error")))
    if len(e) < 4:
        raise InputError(f"three terms need four points or more, got {len(e)}", where="resolution")
    if not ((e > 0) & (s > 0)).all():
        raise InputError("must be above zero", where="energy and error")
    # squares are linear in (a^2, b^2, c^2): a start that does not get stuck
    design = np.stack([1 / e, np.ones_like(e), 1 / e**2], axis=1)
    weight = 1 / (2 * y * s)
    start = _best_start(design * weight[:, None], y**2 * weight)
    found = least_squares(
        lambda terms: (resolution_curve(e, terms) - y) / s, start, bounds=(0, np.inf), x_scale=np.maximum(start, 1e-6)
    )
    free = np.array([_matters(e, found.x, k) for k in range(3)])
    values = np.where(free, found.x, 0.0)
    # derivatives of the curve: term / (E sigma), term / sigma, term / (E^2 sigma)
    jacobian = design * values / resolution_curve(e, values)[:, None] / s[:, None]
    covariance = np.full((3, 3), np.nan)
    covariance[np.ix_(free, free)] = np.linalg.pinv(jacobian[:, free].T @ jacobian[:, free])
    residual = (resolution_curve(e, values) - y) / s
    return ResolutionFit(
        values,
        np.sqrt(np.diag(covariance)),
        covariance,
        float(residual @ residual),
        len(e) - int(free.sum()),
        float(e.min()),
        float(e.max()),
    )


def _best_start(design: FloatArray, target: FloatArray) -> FloatArray:
    """sqrt of the non-negative least-squares solution, moved a little away from zero, where the slope vanishes."""
    from scipy.optimize import nnls

    squares, _ = nnls(design, target)
    start: FloatArray = np.sqrt(squares)
    return np.maximum(start, 1e-3 * max(start.max(), 1e-6))


def _matters(energy: FloatArray, terms: FloatArray, k: int) -> bool:
    """Whether a term changes the curve anywhere by more than rounding."""
    without = terms.copy()
    without[k] = 0
    full = resolution_curve(energy, terms)
    return bool((np.abs(full - resolution_curve(energy, without)) > 1e-4 * full).any())


def _checked(values: ArrayLike, weight: ArrayLike | None) -> tuple[FloatArray, FloatArray]:
    each = check_values(values, "values")
    weights = check_weight(weight, len(each))
    weights = np.ones(len(each)) if weights is None else weights
    check_total(weights, "all events")
    if (weights < 0).any():
        raise InputError("weights of a distribution must not be negative", where="weight")
    return each, weights


def _quantile(ordered: FloatArray, weight: FloatArray, level: float) -> float:
    """Of sorted values: where the sum of weights, counted to the middle of each, reaches the level."""
    cumulative = np.cumsum(weight) - weight / 2
    return float(np.interp(level * weight.sum(), cumulative, ordered))


def _width(ordered: FloatArray, weight: FloatArray, level: float) -> float:
    """Of sorted values: half the shortest distance that holds `level` of the weight."""
    cumulative = np.concatenate([[0.0], np.cumsum(weight)])
    wanted = level * cumulative[-1]
    last = np.searchsorted(cumulative, cumulative[:-1] + wanted * (1 - 1e-12)) - 1
    inside = last < len(ordered)
    return float((ordered[last[inside]] - ordered[inside.nonzero()[0]]).min() / 2)
