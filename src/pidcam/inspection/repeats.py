"""Events that occur more than once, found by the 128-bit hash of their content."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

UNKNOWN = "(no class)"
"""What events without truth are listed under."""

MOST = 1 << 22
"""Hashes kept (about 100 MB). Beyond, only contents whose hash ends in so many zero bits, with all their copies: the
numbers are then estimates."""


@dataclass(frozen=True)
class Repeats:
    """Events whose content was there before; estimates where `exact` is False.

    `events` by class name; `across`: contents that occur in more than one file (of a store: split); `contradictory`:
    contents that occur under more than one class; `one_pair_in`: of so many pairs of events one is equal, `hits` and
    `hits_of_all`: mean hits of the repeated events and of all.
    """

    events: dict[str, int]
    across: int
    contradictory: int
    one_pair_in: float | None
    hits: float | None
    hits_of_all: float | None
    exact: bool

    @property
    def total(self) -> int:
        return sum(self.events.values())


class RepeatsOf:
    """Takes the hashes of events as they come; `result()` is what repeats among them."""

    def __init__(self, classes: tuple[str, ...]):
        self._classes = classes
        self._bits = 0
        self._columns: list[tuple[np.ndarray, ...]] = []
        self._size = 0

    def add(self, content: np.ndarray, label: np.ndarray, hits: np.ndarray, part: int) -> None:
        """content (n, 2) uint64, label (n,) with -1 for unknown, hits (n,); `part` is their file or split."""
        columns = (content, label.astype(np.int16), hits.astype(np.int32), np.full(len(label), part, np.int16))
        self._columns.append(self._thinned(columns))
        self._size += len(self._columns[-1][0])
        while self._size > MOST:
            self._bits += 1
            self._columns = [self._thinned(c) for c in self._columns]
            self._size = sum(len(c[0]) for c in self._columns)

    def _thinned(self, columns: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        if not self._bits:
            return columns
        keep = columns[0][:, 0] & np.uint64((1 << self._bits) - 1) == 0
        return tuple(c[keep] for c in columns)

    def result(self) -> Repeats:
        if not self._size:
            return Repeats(dict.fromkeys(self._classes, 0), 0, 0, None, None, None, True)
        content, label, hits, part = (np.concatenate(c) for c in zip(*self._columns, strict=True))
        order = np.lexsort((content[:, 1], content[:, 0]))  # stable: the first event of a content stays first
        content = content[order]
        again = np.concatenate([[False], (content[1:] == content[:-1]).all(1)])
        label, part = label[order], part[order]
        scale = 1 << self._bits
        counts = np.bincount(label[again] % (len(self._classes) + 1), minlength=len(self._classes) + 1)
        names = (*self._classes, UNKNOWN) if counts[-1] else self._classes
        first = np.flatnonzero(~again)
        copies = np.diff(np.append(first, len(again)))
        pairs = (copies * (copies - 1) // 2).sum()

        def mixed(low: np.ndarray, high: np.ndarray) -> int:
            return int((np.minimum.reduceat(low, first) < np.maximum.reduceat(high, first)).sum()) * scale

        return Repeats(
            {name: int(n) * scale for name, n in zip(names, counts, strict=False)},
            mixed(part, part),
            mixed(np.where(label < 0, len(self._classes), label), label),  # an unknown class contradicts none
            # a sample that keeps one content in `scale` holds one pair in `scale` of the equal ones
            float(len(label) * (len(label) - 1) / 2 * scale / pairs) if pairs else None,
            float(hits[order][again].mean()) if again.any() else None,
            float(hits.mean()),
            self._bits == 0,
        )
