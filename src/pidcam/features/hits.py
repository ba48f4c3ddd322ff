"""The hits of an image, of one of its channels, and sums over the hits of each event.

Every sum runs over the hits of one event alone, in float64: features do not depend on how events are batched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pidcam.batch import SparseImage

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class ImageHits:
    """Hits of `n` events on the grid `shape`: `event` (hits,) ascends, `place` (axes, hits) is the cell index along
    every axis, `value` (hits, channels)."""

    n: int
    shape: tuple[int, ...]
    event: Integers
    place: Integers
    value: np.ndarray

    @classmethod
    def of(cls, dense: np.ndarray) -> ImageHits:
        """The cells of (n, channels, *shape) with any non-zero channel."""
        index = np.nonzero((dense != 0).any(axis=1))
        return cls(len(dense), dense.shape[2:], index[0], np.stack(index[1:]), np.moveaxis(dense, 1, -1)[index])

    @classmethod
    def of_batch(cls, hits: SparseImage) -> ImageHits:
        """The hits of an image of a batch, on its grid."""
        hits = hits.on_grid()
        event, place, value = (x.numpy(force=True) for x in (hits.event, hits.place.T, hits.value))
        return cls(len(hits.offsets) - 1, hits.shape, event, place, value)

    def parts(self, size: int) -> Iterator[ImageHits]:
        """Runs of events that have at most `size` hits, be it one event; one run at least."""
        edges = np.searchsorted(self.event, np.arange(self.n + 1))
        first, done = 0, False
        while not done:
            last = max(first + 1, int(np.searchsorted(edges, edges[first] + size, side="right")) - 1)
            last = min(last, self.n)
            mine, done = slice(edges[first], edges[last]), last == self.n
            yield ImageHits(last - first, self.shape, self.event[mine] - first, self.place[:, mine], self.value[mine])
            first = last

    def channel(self, number: int) -> tuple[Hits, np.ndarray]:
        """Hits of one channel, and the values (hits, channels) of all channels there; zero and NaN are no hits."""
        with np.errstate(invalid="ignore"):
            energy = np.abs(self.value[:, number])
            mask = energy > 0
        hits = Hits(self.n, self.shape, self.event[mask], energy[mask].astype(np.float64), self.place[:, mask])
        return hits, self.value[mask].astype(np.float64)


@dataclass(frozen=True)
class Hits:
    """Hits of `n` events: `event` (hits,) ascends, `energy` (hits,) > 0 is the absolute value of the cell, `place`
    (axes, hits) the cell index along every axis of the grid `shape`."""

    n: int
    shape: tuple[int, ...]
    event: Integers
    energy: Floats
    place: Integers

    def sum(self, values: Floats) -> Floats:
        """(n,) sum of per-hit `values` over the hits of each event."""
        return self.reduce(np.add, values)

    def reduce(self, function: np.ufunc, values: np.ndarray) -> Floats:
        """(n,) `function` (np.add, np.maximum, ...) of per-hit `values` over each event; zero where it has no hits."""
        some, first = self._begins
        out = np.zeros(self.n)
        if len(some):
            out[some] = function.reduceat(values, first, dtype=np.float64)
        return out

    @cached_property
    def _begins(self) -> tuple[Integers, Integers]:
        """Numbers of the events that have hits, and of the first hit of each."""
        first = np.flatnonzero(np.diff(self.event, prepend=-1))
        return self.event[first], first

    def where(self, mask: Mask) -> Hits:
        """Only the hits in `mask`."""
        return Hits(self.n, self.shape, self.event[mask], self.energy[mask], self.place[:, mask])

    def fraction(self, mask: Mask) -> Floats:
        """(n,) share of the total energy that lies in the hits in `mask`."""
        return ratio(self.sum(self.energy * mask), self.total)

    @cached_property
    def total(self) -> Floats:
        """(n,) summed energy."""
        return self.sum(self.energy)

    @cached_property
    def ranked(self) -> tuple[Integers, Integers]:
        """(order, rank): hits sorted by event, then falling energy, and the rank of each sorted hit in its event.

        Of equal energies the lower cell number comes first.
        """
        order = np.lexsort((-self.energy, self.event))
        first = np.searchsorted(self.event, np.arange(self.n))
        return order, np.arange(len(order)) - first[self.event[order]]

    def nth(self, k: int) -> tuple[Floats, Integers]:
        """Energy (n,) and place (axes, n) of the k-th most energetic hit; zeros where there is none."""
        order, rank = self.ranked
        hit = order[rank == k]
        energy, place = np.zeros(self.n), np.zeros((len(self.shape), self.n), dtype=np.int64)
        energy[self.event[hit]] = self.energy[hit]
        place[:, self.event[hit]] = self.place[:, hit]
        return energy, place

    def mean(self, values: Floats, weight: Floats | None = None) -> Floats:
        """(n,) mean of per-hit `values`, weighted by energy unless told otherwise; zero for events without weight."""
        weight = self.energy if weight is None else weight
        return ratio(self.sum(values * weight), self.sum(weight))


def ratio(a: Floats, b: Floats) -> Floats:
    """a / b, and zero where b is not above zero."""
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=b > 0)
