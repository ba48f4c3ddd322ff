"""Which of two ways to the same result is the quicker, found while they are used."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import quantiles
from typing import Generic, TypeVar

Way = TypeVar("Way")

RUN, RUNS, WARM = 8, 4, 3
"""Each way is used so often in a row, in so many turns; the first uses of a turn do not count: they compile, meet new
memory, or find in the caches what the other way has left there."""


class Quickest(Generic[Way]):
    """Takes `ways` in turns and times them, then keeps to the one that took less time per amount of work, in the lower
    quartile: much of the median may be waiting for new pages, and the least is that of memory that happens to lie in a
    cache."""

    def __init__(self, ways: tuple[Way, ...]):
        self._ways = ways
        self._taken: list[list[float]] = [[] for _ in ways]
        self._best: Way | None = None

    @contextmanager
    def chosen(self, work: float) -> Iterator[Way]:
        """The way to take for so much `work`, done within the block."""
        if self._best is not None:
            yield self._best
            return
        turn = sum(map(len, self._taken)) // RUN % len(self._ways)  # work that fails is tried again
        start = time.perf_counter()
        yield self._ways[turn]
        self._taken[turn].append((time.perf_counter() - start) / max(work, 1))
        if len(self._taken[-1]) == RUN * RUNS:
            usual = [quantiles((t for i, t in enumerate(taken) if i % RUN >= WARM), n=4)[0] for taken in self._taken]
            self._best = self._ways[usual.index(min(usual))]
