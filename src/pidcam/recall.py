"""What was computed of an event in one epoch, told again in the next.

Some features of an image take longer than a network on a GPU takes to train on it, and are the same in every epoch as
long as nothing random happened to the image before. The loader that numbers the events remembers them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST_BYTES = 1 << 30
"""What would take more is computed anew every time."""


class Recall:
    """Features of `events` numbered events, by the name of what made them; memory is taken as events come by."""

    def __init__(self, events: int):
        self._events = events
        self._tables: dict[str, tuple[tuple[str, ...], np.ndarray, np.ndarray]] = {}

    def of(self, numbers: np.ndarray) -> Recalled:
        """What there is, and will be, of the events `numbers` (n,)."""
        return Recalled(self, numbers)

    def get(self, maker: str, numbers: np.ndarray) -> tuple[tuple[str, ...], np.ndarray] | None:
        if maker not in self._tables:
            return None
        names, table, known = self._tables[maker]
        return (names, table[numbers]) if known[numbers].all() else None

    def put(self, maker: str, numbers: np.ndarray, names: tuple[str, ...], matrix: np.ndarray) -> None:
        if maker not in self._tables:
            if self._events * matrix[:1].nbytes > MOST_BYTES:
                return
            table = np.empty((self._events, matrix.shape[1]), matrix.dtype)
            self._tables[maker] = names, table, np.zeros(self._events, bool)
        _, table, known = self._tables[maker]
        table[numbers], known[numbers] = matrix, True


@dataclass(frozen=True)
class Recalled:
    """The part of a `Recall` that is about the events of one batch, in their order."""

    memory: Recall
    numbers: np.ndarray

    def get(self, maker: str) -> tuple[tuple[str, ...], np.ndarray] | None:
        """Names and matrix (n, features) as `put` was given them, or None unless they are known of every event."""
        return self.memory.get(maker, self.numbers)

    def put(self, maker: str, names: tuple[str, ...], matrix: np.ndarray) -> None:
        """Remember the matrix (n, features) that `maker` computed."""
        self.memory.put(maker, self.numbers, names, matrix)
