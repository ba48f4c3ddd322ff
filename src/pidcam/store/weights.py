"""Weights that make classes alike where they should be: in a kinematic spectrum, and in their totals."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np

from pidcam.errors import ConfigError, DataError
from pidcam.schema import Spec

WHERE = "--reweight"
MOST_BINS = 10_000_000


class Spectrum(Spec):
    """A column and how it is binned: `edges`, or `bins` of equal width from its smallest to its largest value."""

    column: str
    bins: int = 20
    edges: tuple[float, ...] = ()

    @classmethod
    def of(cls, text: str) -> Spectrum:
        """From `energy`, `energy:30` or `energy:0,10,50`."""
        column, colon, rest = text.partition(":")
        if not colon:
            return cls(column=column)
        if rest.isdecimal() and 0 < int(rest) <= MOST_BINS:
            return cls(column=column, bins=int(rest))
        try:
            edges = tuple(float(part) for part in rest.split(","))
        except ValueError:
            edges = ()
        rising = all(a < b for a, b in itertools.pairwise(edges)) and all(map(math.isfinite, edges))
        if len(edges) < 2 or not rising:
            what = f"'{text}' gives neither a number of bins nor their rising edges"
            raise ConfigError(what, where=WHERE, fix="write for example energy:20 or energy:0,10,50")
        return cls(column=column, edges=edges)

    def bin(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(bin of every value, edges). `DataError` for a missing value or one beyond the edges that were given."""
        if np.isnan(values).any():
            fix = "leave such events out with --select 'isfinite(...)', or choose another column"
            raise DataError(f"'{self.column}' is missing in {np.isnan(values).sum()} events", where=WHERE, fix=fix)
        edges = np.array(self.edges or np.linspace(values.min(), values.max(), self.bins + 1))
        if edges[0] == edges[-1]:
            raise DataError(f"'{self.column}' is {edges[0]:g} in every event", where=WHERE, fix="choose another column")
        place = np.searchsorted(edges, values, side="right") - 1
        place[values == edges[-1]] -= 1  # the last bin holds its upper edge
        beyond = int(np.count_nonzero((place < 0) | (place >= len(edges) - 1)))
        if beyond:
            raise DataError(
                f"{beyond} events have '{self.column}' outside {edges[0]:g} to {edges[-1]:g}",
                where=WHERE,
                fix=f"widen the edges, or --select '{edges[0]:g} <= {self.column} <= {edges[-1]:g}'",
            )
        return place, edges


def reweight(
    label: np.ndarray,
    columns: Mapping[str, np.ndarray],
    weight: np.ndarray,
    fitted: np.ndarray,
    spectra: Sequence[Spectrum],
    reference: int | None,
    names: Mapping[int, str],
) -> np.ndarray:
    """(n,) weights that make the joint spectrum of every class flat, or that of class `reference`.

    `weight` (n,) are the weights before. Densities are those of the `fitted` events (n,) bool, and a bin of a class
    that holds none of them gives weight 0. The mean weight of a class over the fitted events stays what it was.
    """
    flat, density = np.zeros(len(label), np.int64), np.ones(1)
    for spectrum in spectra:
        place, edges = spectrum.bin(columns[spectrum.column])
        flat = flat * (len(edges) - 1) + place
        density = np.multiply.outer(density, np.diff(edges)).reshape(-1)
        if len(density) > MOST_BINS:
            raise ConfigError(f"more than {MOST_BINS:,} bins", where=WHERE, fix="take fewer bins or columns")
    if reference is not None:
        mine = fitted & (label == reference)
        density = np.bincount(flat[mine], weight[mine], len(density)).astype(np.float64)
    result = weight.astype(np.float64)
    for number in np.unique(label).tolist():
        mine = label == number
        if number == reference:
            continue
        own = np.bincount(flat[mine & fitted], weight[mine & fitted], len(density))
        ratio = np.divide(density, own, out=np.zeros(len(own)), where=own > 0)
        result[mine] *= ratio[flat[mine]]
        before, after = weight[mine & fitted].sum(), result[mine & fitted].sum()
        if after <= 0:
            other = "" if reference is None else f" that '{names[reference]}' has too"
            what = f"class '{names[number]}' has no training event of positive weight in a bin{other}"
            raise DataError(what, where=WHERE, fix="take wider bins, or select events where both are")
        result[mine] *= before / after
    return result


def effective(weight: np.ndarray) -> float:
    """Events without weights that would have the same relative statistical error, (sum w)^2 / sum w^2 (Kish 1965)."""
    square = float((weight.astype(np.float64) ** 2).sum())
    return float(weight.sum(dtype=np.float64)) ** 2 / square if square else 0.0
