"""Everything against a variable (energy, angle, hits): AUC, efficiency, fake rate, cuts of fixed efficiency.

Bins are half open, the last one closed; events outside the edges are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pidcam.analysis._check import (
    BoolArray,
    FloatArray,
    IndexArray,
    check_binary,
    check_edges,
    check_flags,
    check_values,
    check_weight,
)
from pidcam.analysis.estimate import Method, fraction
from pidcam.analysis.roc import delong
from pidcam.analysis.working_points import threshold_at_efficiency, threshold_at_fake_rate
from pidcam.errors import InputError

MIN_EVENTS = 10
"""A bin with fewer events (of either class, where both count) is left a gap and named."""


@dataclass(frozen=True)
class InBins:
    """A quantity per bin of a variable: `edges` (bins + 1,), the rest (bins,); NaN in a gap, which `warnings` names.

    `n` counts the events that make up the quantity, [low, high] is its 68.27 % interval.
    """

    edges: FloatArray
    value: FloatArray
    error: FloatArray
    low: FloatArray
    high: FloatArray
    n: IndexArray
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class BinnedCut:
    """One threshold per bin of a variable: `edges` (bins + 1,), `thresholds` (bins,)."""

    edges: FloatArray
    thresholds: FloatArray
    warnings: tuple[str, ...]

    def passes(self, score: ArrayLike, variable: ArrayLike) -> BoolArray:
        """Return which events pass; `score`, `variable` (n,). Beyond the edges the outermost bins go on."""
        values = check_values(score, "score")
        return values >= self.thresholds[_nearest(check_values(variable, "variable", len(values)), self.edges)]


def quantile_edges(variable: ArrayLike, bins: int = 10) -> FloatArray:
    """Return edges of at most `bins` bins with equal numbers of events; fewer where many values are equal.

    Raises InputError for NaN and where all values are equal.

    >>> quantile_edges([1, 2, 3, 4, 5], 2).tolist()
    [1.0, 3.0, 5.0]
    """
    values = check_values(variable, "variable")
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)))
    if len(edges) < 2:
        raise InputError(f"all values are {edges[0]:g}, no bins can be made", where="variable")
    return edges


def auc_in_bins(
    truth: ArrayLike, score: ArrayLike, variable: ArrayLike, edges: ArrayLike, weight: ArrayLike | None = None
) -> InBins:
    """Return the AUC with DeLong's error in bins of `variable` (n,), other arguments and errors as for `roc`.

    A bin with fewer than 10 signal or background events is a gap.
    """
    flags, values, weights = check_binary(truth, score, weight)

    def measure(here: IndexArray) -> tuple[float, float, float, float]:
        n_signal = int(np.count_nonzero(flags[here]))
        _enough(n_signal, "signal events")
        _enough(len(here) - n_signal, "background events")
        result = delong(flags[here], values[here], _take(weights, here))
        low, high = np.clip([result.auc - result.error, result.auc + result.error], 0, 1)
        return result.auc, result.error, low, high

    return _collect(check_values(variable, "variable", len(values)), check_edges(edges), measure)


def fraction_in_bins(
    passed: ArrayLike,
    variable: ArrayLike,
    edges: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    method: Method = "clopper-pearson",
) -> InBins:
    """Return the fraction of events that pass in bins of `variable`; `passed` (n,) bool or 0/1, errors as `fraction`.

    A bin with fewer than 10 events is a gap.

    >>> result = fraction_in_bins([1, 0] * 10, np.arange(20), [0, 10, 20])
    >>> result.value.tolist(), result.n.tolist()
    ([0.5, 0.5], [10, 10])
    """
    flags = check_flags(passed, "passed")
    weights = check_weight(weight, len(flags))

    def measure(here: IndexArray) -> tuple[float, float, float, float]:
        _enough(len(here), "events")
        result = fraction(flags[here], _take(weights, here), method=method)
        return result.value, result.error, result.low, result.high

    return _collect(check_values(variable, "variable", len(flags)), check_edges(edges), measure)


def efficiency_in_bins(
    truth: ArrayLike,
    score: ArrayLike,
    variable: ArrayLike,
    edges: ArrayLike,
    threshold: float,
    weight: ArrayLike | None = None,
    *,
    method: Method = "clopper-pearson",
) -> InBins:
    """Return the efficiency of score >= threshold for signal in bins of `variable`; for a `BinnedCut`, see `passes`.

    Arguments and errors as for `roc` and `fraction_in_bins`.
    """
    return _of_one_class(True, truth, score, variable, edges, threshold, weight, method)


def fake_rate_in_bins(
    truth: ArrayLike,
    score: ArrayLike,
    variable: ArrayLike,
    edges: ArrayLike,
    threshold: float,
    weight: ArrayLike | None = None,
    *,
    method: Method = "clopper-pearson",
) -> InBins:
    """Return the fraction of background with score >= threshold in bins of `variable`; see `efficiency_in_bins`."""
    return _of_one_class(False, truth, score, variable, edges, threshold, weight, method)


def cut_in_bins(
    truth: ArrayLike,
    score: ArrayLike,
    variable: ArrayLike,
    edges: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    efficiency: float | None = None,
    fake_rate: float | None = None,
) -> BinnedCut:
    """Return the thresholds that give one efficiency, or one fake rate, in every bin; choose on validation.

    Give one of the two. A bin with fewer than 10 signal or background events takes the threshold of the whole sample
    and is named. Other arguments and errors as for `roc`.
    """
    if (efficiency is None) == (fake_rate is None):
        raise InputError("give one target, either efficiency or fake_rate", where="cut_in_bins")
    flags, values, weights = check_binary(truth, score, weight)

    def choose(here: IndexArray | slice) -> float:
        if efficiency is not None:
            return threshold_at_efficiency(flags[here], values[here], efficiency, _take(weights, here))
        assert fake_rate is not None
        return threshold_at_fake_rate(flags[here], values[here], fake_rate, _take(weights, here))

    def measure(here: IndexArray) -> tuple[float, float, float, float]:
        n_signal = int(np.count_nonzero(flags[here]))
        _enough(n_signal, "signal events")
        _enough(len(here) - n_signal, "background events")
        return choose(here), np.nan, np.nan, np.nan

    overall = choose(slice(None))
    result = _collect(check_values(variable, "variable", len(values)), check_edges(edges), measure)
    warnings = tuple(f"{line}; it takes the threshold of the whole sample" for line in result.warnings)
    return BinnedCut(result.edges, np.where(np.isnan(result.value), overall, result.value), warnings)


def _of_one_class(
    signal: bool,
    truth: ArrayLike,
    score: ArrayLike,
    variable: ArrayLike,
    edges: ArrayLike,
    threshold: float,
    weight: ArrayLike | None,
    method: Method,
) -> InBins:
    flags, values, weights = check_binary(truth, score, weight)
    own = flags == signal
    places = check_values(variable, "variable", len(values))[own]
    return fraction_in_bins(values[own] >= threshold, places, edges, _take(weights, own), method=method)


def _collect(
    variable: FloatArray, edges: FloatArray, measure: Callable[[IndexArray], tuple[float, float, float, float]]
) -> InBins:
    """Measure bin after bin; one that cannot be measured is a gap with its reason."""
    rows, counts, warnings = [], [], []
    for k, here in enumerate(_bins(variable, edges)):
        counts.append(len(here))
        try:
            rows.append(measure(here))
        except InputError as error:
            rows.append((np.nan,) * 4)
            warnings.append(f"bin {edges[k]:g} to {edges[k + 1]:g}: {error}")
    value, error_, low, high = np.array(rows, dtype=np.float64).T
    return InBins(edges, value, error_, low, high, np.array(counts), tuple(warnings))


def _bins(variable: FloatArray, edges: FloatArray) -> Iterator[IndexArray]:
    inside = np.flatnonzero((variable >= edges[0]) & (variable <= edges[-1]))
    number = _nearest(variable[inside], edges)
    order = np.argsort(number, kind="stable")
    yield from np.split(inside[order], np.searchsorted(number[order], np.arange(1, len(edges) - 1)))


def _nearest(variable: FloatArray, edges: FloatArray) -> IndexArray:
    return (np.searchsorted(edges, variable, side="right") - 1).clip(0, len(edges) - 2)


def _enough(count: int, name: str) -> None:
    if count < MIN_EVENTS:
        raise InputError(f"{count} {name}, fewer than {MIN_EVENTS}")


def _take(weight: FloatArray | None, here: IndexArray | BoolArray | slice) -> FloatArray | None:
    return None if weight is None else weight[here]
