"""How a quantity spreads, gathered from any number of values in bounded memory."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)

KEPT = 1 << 18
"""Values from which quantiles are taken: exact up to so many, beyond them from a random sample of so many, which finds
the median to 0.1 % of the values."""


@dataclass(frozen=True)
class Spread:
    """Of `n` finite values: moments, range and quantiles (by level); None where there are no values.

    `missing` counts the values that are not finite and take no part.
    """

    n: int
    missing: int
    mean: float | None
    std: float | None
    rms: float | None
    minimum: float | None
    maximum: float | None
    quantiles: dict[str, float]


class SpreadOf:
    """Takes values as they come, all in double precision; `result()` is their `Spread`.

    With `quantiles=False` it keeps no values at all. Means and variances of chunks are merged as in Chan, Golub and
    LeVeque (1983), so that a small spread around a large mean is not lost.
    """

    def __init__(self, *, quantiles: bool = True):
        self._n = self._missing = 0
        self._mean = self._square = 0.0
        self._minimum, self._maximum = math.inf, -math.inf
        self._sample = np.empty(0) if quantiles else None
        self._random = np.random.default_rng(0)

    def add(self, values: np.ndarray) -> None:
        """values (m,) of any number type."""
        values = np.asarray(values, np.float64)
        finite = values[np.isfinite(values)]
        self._missing += len(values) - len(finite)
        if not len(finite):
            return
        if self._sample is not None:
            self._keep(self._sample, finite)
        n, mean = self._n + len(finite), float(finite.mean())
        apart = mean - self._mean
        self._square += float(np.square(finite - mean).sum()) + apart**2 * self._n * len(finite) / n
        self._mean += apart * len(finite) / n
        self._n = n
        self._minimum = min(self._minimum, float(finite.min()))
        self._maximum = max(self._maximum, float(finite.max()))

    def _keep(self, sample: np.ndarray, values: np.ndarray) -> None:
        """A uniform sample of everything seen (Vitter's algorithm R): the i-th value takes a place with KEPT/i."""
        free = KEPT - len(sample)
        sample = np.concatenate([sample, values[:free]])
        rest = values[free:]
        place = self._random.integers(0, self._n + min(free, len(values)) + 1 + np.arange(len(rest)))
        sample[place[place < KEPT]] = rest[place < KEPT]
        self._sample = sample

    def result(self) -> Spread:
        if not self._n:
            return Spread(0, self._missing, None, None, None, None, None, {})
        variance = self._square / self._n
        quantiles = {}
        if self._sample is not None:
            found = np.quantile(self._sample, LEVELS)
            quantiles = {f"{level:g}": float(value) for level, value in zip(LEVELS, found, strict=True)}
        return Spread(
            self._n,
            self._missing,
            self._mean,
            math.sqrt(variance),
            math.sqrt(variance + self._mean**2),
            self._minimum,
            self._maximum,
            quantiles,
        )
