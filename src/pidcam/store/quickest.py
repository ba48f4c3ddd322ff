"""Which of two ways to the same result is the quicker, found while they are used."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Generic, TypeVar

Way = TypeVar("Way")

TRIALS = 12
"""Uses of each way before the choice; the first, which compiles or meets new memory, does not count."""


class Quickest(Generic[Way]):
    """Takes `ways` in turn and times them, then keeps to the one that took less time per amount of work, in the median:
    the least is that of memory that happens to lie in a cache."""

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
        turn = min(range(len(self._ways)), key=lambda i: len(self._taken[i]))
        start = time.perf_counter()
        yield self._ways[turn]
        self._taken[turn].append((time.perf_counter() - start) / max(work, 1))
        if all(len(taken) >= TRIALS for taken in self._taken):
            usual = [median(taken[1:]) for taken in self._taken]
            self._best = self._ways[usual.index(min(usual))]
