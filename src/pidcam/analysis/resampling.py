"""Errors by resampling: any statistic of weighted events, and error bands on the ROC curve.

The Poisson bootstrap gives every event a Poisson(1) number of copies, so a statistic that honours weights needs no
other change (G. Chamandy et al., Google, 2012).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from pidcam.analysis._check import FloatArray, IndexArray, check_binary, check_values, check_weight
from pidcam.analysis._ranking import from_the_top, rank
from pidcam.analysis.estimate import ONE_SIGMA
from pidcam.analysis.roc import Roc, roc
from pidcam.errors import InputError

GROUPS = 20_000
"""Above so many distinct scores, neighbours share their draw: curves of millions of events cost what small ones do."""


@dataclass(frozen=True)
class Bootstrap:
    """The statistic on the sample, its spread over replicas and their central 68.27 % interval; floats or arrays."""

    value: Any
    error: Any
    low: Any
    high: Any
    replicas: int


@dataclass(frozen=True)
class RocBand:
    """A quantity at given values of another along the ROC curve, with a pointwise 68.27 % band; arrays (points,)."""

    along: str
    at: FloatArray
    value: FloatArray
    error: FloatArray
    low: FloatArray
    high: FloatArray
    replicas: int


def bootstrap(
    statistic: Callable[[FloatArray], ArrayLike],
    n: int,
    weight: ArrayLike | None = None,
    *,
    replicas: int = 200,
    seed: int = 0,
) -> Bootstrap:
    """Return a statistic of n events with its Poisson-bootstrap error and percentile interval.

    `statistic(weights (n,))` returns a float or an array; close over the data. Two models are compared on the same
    events by a statistic that is their difference. A replica that leaves a class without events is drawn again.
    Raises InputError where the statistic does so for the sample itself, or for every one of 100 draws.

    >>> from pidcam.analysis import auc
    >>> truth, score = np.arange(200) < 100, np.arange(200) % 7 + 3 * (np.arange(200) < 100)
    >>> result = bootstrap(lambda w: auc(truth, score, w), n=200)
    >>> round(result.value, 3), 0.015 < result.error < 0.03
    (0.834, True)
    """
    weights = check_weight(weight, n)
    base = np.ones(n) if weights is None else weights
    value = statistic(base)
    rng = np.random.default_rng(seed)
    draws = np.array([_redraw(statistic, base, rng) for _ in range(replicas)], dtype=np.float64)
    low, high = percentiles(draws)
    return Bootstrap(value, _plain(draws.std(axis=0, ddof=1)), _plain(low), _plain(high), replicas)


def roc_band(
    truth: ArrayLike,
    score: ArrayLike,
    weight: ArrayLike | None = None,
    *,
    along: Literal["fake_rate", "efficiency"] = "fake_rate",
    at: ArrayLike | None = None,
    replicas: int = 400,
    seed: int = 0,
) -> RocBand:
    """Return the ROC curve with a pointwise bootstrap band at the values `at` of its `along` axis.

    Along `fake_rate` the value is the efficiency there (for a linear plot); along `efficiency` it is the fake rate
    (take 1 / value for rejection). `at` defaults to 201 points, on the fake rate evenly and below 0.1 also
    logarithmically. Arguments and errors raised as for `roc`; a few background events make a band too narrow. Without
    `replicas` it is the curve alone: `error`, `low` and `high` are NaN.
    """
    curve = roc(truth, score, weight)
    if along not in ("fake_rate", "efficiency"):
        raise InputError(f"unknown axis '{along}'", where="along", fix="known: fake_rate, efficiency")
    grid = _grid(along, curve.n_background) if at is None else check_values(at, "at")
    read = Roc.tpr_at if along == "fake_rate" else Roc.fpr_at
    if replicas == 0:
        unknown = np.full(len(grid), np.nan)
        return RocBand(along, grid, read(curve, grid), unknown, unknown, unknown, replicas)
    draws = np.array([read(each, grid) for each in roc_replicas(truth, score, weight, replicas, seed)])
    low, high = percentiles(draws)
    return RocBand(along, grid, read(curve, grid), draws.std(axis=0, ddof=1), low, high, replicas)


def roc_replicas(
    truth: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, replicas: int = 400, seed: int = 0
) -> Iterator[Roc]:
    """Yield the ROC curves of Poisson-bootstrap replicas; arguments and errors as for `roc`.

    Above `GROUPS` distinct scores, neighbours are pooled (finely at the tight end) and each pool draws its sum of
    weights from a scaled Poisson of the same mean and variance (G. Bohm and G. Zech, 2014), exact without weights.
    """
    flags, values, weights = check_binary(truth, score, weight)
    ranked = rank(flags, values, weights)
    squares = ranked.squares(flags, weights)
    starts = _pool(len(ranked.score), GROUPS)
    thresholds = np.concatenate([[np.inf], ranked.score[starts][::-1]])
    signal, background, signal2, background2 = (
        np.add.reduceat(each, starts) for each in (ranked.signal, ranked.background, *squares)
    )
    rng = np.random.default_rng(seed)
    for _ in range(replicas):
        yield Roc(
            from_the_top(_poisson_sum(background, background2, rng)),
            from_the_top(_poisson_sum(signal, signal2, rng)),
            thresholds,
            ranked.n_signal,
            ranked.n_background,
        )


def percentiles(draws: FloatArray, level: float = ONE_SIGMA) -> tuple[FloatArray, FloatArray]:
    """Return the central interval of replicas along the first axis."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def _redraw(statistic: Callable[[FloatArray], ArrayLike], base: FloatArray, rng: np.random.Generator) -> ArrayLike:
    for _ in range(100):
        try:
            return statistic(base * rng.poisson(1.0, len(base)))
        except InputError as error:
            fault = error
    raise fault


def _poisson_sum(total: FloatArray, squares: FloatArray, rng: np.random.Generator) -> FloatArray:
    while True:
        scale = np.divide(squares, total, out=np.zeros_like(total), where=total != 0)
        mean = np.divide(total, scale, out=np.zeros_like(total), where=scale != 0)
        draw: FloatArray = scale * rng.poisson(mean)
        if draw.sum() > 0:
            return draw


def _pool(size: int, groups: int) -> IndexArray:
    """Where pools of distinct scores (rising) start: at most `groups`, single scores at the tight end."""
    if size <= groups:
        return np.arange(size)
    even = np.linspace(0, size - 1, groups // 2)
    from_top = size - np.geomspace(1, size, groups // 2)
    return np.unique(np.concatenate([even, from_top]).astype(np.intp))


def _grid(along: str, n_background: int) -> FloatArray:
    even = np.linspace(0, 1, 101)
    if along == "efficiency":
        return np.linspace(0, 1, 201)
    return np.unique(np.concatenate([even, np.geomspace(min(0.05, 1 / n_background), 0.1, 100)]))


def _plain(values: FloatArray) -> Any:
    return float(values) if np.ndim(values) == 0 else values
