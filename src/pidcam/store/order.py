"""Which event comes when. An order is a function of its key and of the events alone, and is made a window at a time, so
that a store of any size needs neither an index in memory nor random reads all over the disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import numpy as np

from pidcam.errors import ConfigError, UnknownNameError
from pidcam.store.shuffle import Key, permutation

BLOCKS = 64
"""Blocks in a window: each is read in one stroke."""


Balance = Mapping[str, float] | Literal["equal"]


class Order(Protocol):
    """Positions 0 ... len - 1 of an epoch, and the number of the event at each of them."""

    def __len__(self) -> int: ...

    def between(self, start: int, stop: int) -> np.ndarray:
        """(stop - start,) int64 event numbers at these positions."""

    def ranges(self, start: int, stop: int) -> tuple[np.ndarray, int]:
        """(blocks, 2) event numbers [first, last) among which those of the windows at these positions lie, and the
        position where these windows end."""


class Stored:
    """The events as they come."""

    def __init__(self, events: np.ndarray, window: int):
        self._events, self._window = events, window

    def __len__(self) -> int:
        return len(self._events)

    def between(self, start: int, stop: int) -> np.ndarray:
        return self._events[start:stop].astype(np.int64)

    def ranges(self, start: int, stop: int) -> tuple[np.ndarray, int]:
        end = min(-(-stop // self._window) * self._window, len(self))
        return _span(self._events[start // self._window * self._window : end]), end


class Shuffled:
    """Random order: blocks of events are drawn at random into windows of `window` events, which are shuffled.

    Up to `window` events are one window, and any order of them is as likely. The events of a split lie in random order
    already, so that a batch of a window is a random sample too.
    """

    def __init__(self, events: np.ndarray, window: int, *key: Key):
        self._events, self._key = events, key
        self._block = max(1, window // BLOCKS)
        blocks = -(-len(events) // self._block)
        if len(events) <= window:
            self._blocks, self._per_window = np.arange(blocks), max(1, blocks)
        else:
            self._blocks, self._per_window = permutation(blocks, "blocks", *key), BLOCKS
        sizes = np.minimum(self._block, len(events) - self._blocks * self._block)
        windows = [np.sum(sizes[i : i + self._per_window]) for i in range(0, blocks, self._per_window)]
        self._edges = np.concatenate([[0], np.cumsum(windows)]).astype(np.int64)
        self._last: tuple[int, np.ndarray] = -1, np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self._events)

    def between(self, start: int, stop: int) -> np.ndarray:
        parts = [np.empty(0, np.int64)]
        for window in self._windows(start, stop):
            low = self._edges[window]
            parts.append(self._window(window)[max(start - low, 0) : stop - low])
        return np.concatenate(parts)

    def ranges(self, start: int, stop: int) -> tuple[np.ndarray, int]:
        found, end = [np.empty((0, 2), np.int64)], start
        for window in self._windows(start, stop):
            end = int(self._edges[window + 1])
            for block in self._of_window(window):
                found.append(_span(self._events[block * self._block : (block + 1) * self._block]))
        return np.concatenate(found), end

    def _windows(self, start: int, stop: int) -> range:
        first, last = np.searchsorted(self._edges, [start, min(stop, len(self)) - 1], side="right") - 1
        return range(first, last + 1 if stop > start else first)

    def _of_window(self, window: int) -> np.ndarray:
        return self._blocks[window * self._per_window : (window + 1) * self._per_window]

    def _window(self, window: int) -> np.ndarray:
        if self._last[0] != window:
            blocks = [self._events[b * self._block : (b + 1) * self._block] for b in self._of_window(window)]
            inside = np.concatenate(blocks).astype(np.int64)
            key = self._key if len(self._edges) == 2 else (*self._key, window)
            self._last = window, inside[permutation(len(inside), *key)]
        return self._last[1]


class Balanced:
    """An epoch of `length` events of which every class is a stated fraction, classes at random places.

    Every class is an endless row of passes through its events, each in an order of its own, of which an epoch takes
    the next piece: over the epochs every event of a class comes equally often (to within one), few or many as they are.
    """

    def __init__(
        self,
        classes: Mapping[str, np.ndarray],
        fractions: Mapping[str, float],
        length: int,
        window: int,
        seed: int,
        epoch: int,
    ):
        self._classes, self._seed, self._window, self._length = dict(classes), seed, window, length
        self._share = shares([fractions[name] for name in self._classes], length)
        self._first = [epoch * n for n in self._share]
        slots = np.repeat(np.arange(len(self._share), dtype=np.int16), self._share)
        self._slots = slots[permutation(length, "balance", seed, epoch)]
        self._passes: dict[str, tuple[int, Shuffled]] = {}
        self._seen = (0, np.zeros(len(self._share), np.int64))

    def __len__(self) -> int:
        return self._length

    def between(self, start: int, stop: int) -> np.ndarray:
        slots, before = self._slots[start:stop], self._before(start)
        out = np.empty(len(slots), np.int64)
        for number, name in enumerate(self._classes):
            mine = slots == number
            first = self._first[number] + int(before[number])
            out[mine] = self._drawn(name, first, first + int(mine.sum()))
        self._seen = start + len(slots), before + np.bincount(slots, minlength=len(before))
        return out

    def ranges(self, start: int, stop: int) -> tuple[np.ndarray, int]:
        # classes lie mixed in the store: what is read for one window of each is too scattered to be asked for ahead
        return np.empty((0, 2), np.int64), stop

    def _before(self, start: int) -> np.ndarray:
        """(classes,) how many of each come before position `start`."""
        if self._seen[0] != start:
            self._seen = start, np.bincount(self._slots[:start], minlength=len(self._share))
        return self._seen[1]

    def _drawn(self, name: str, first: int, last: int) -> np.ndarray:
        events, parts = self._classes[name], [np.empty(0, np.int64)]
        while first < last:
            number, start = divmod(first, len(events))
            stop = min(start + last - first, len(events))
            if self._passes.get(name, (-1,))[0] != number:
                self._passes[name] = number, Shuffled(events, self._window, "class", self._seed, name, number)
            parts.append(self._passes[name][1].between(start, stop))
            first += stop - start
        return np.concatenate(parts)


def fractions_of(balance: Balance, names: Sequence[str], labels: np.ndarray, *, shuffle: bool) -> dict[str, float]:
    """The fraction of every class that is wanted; `ConfigError` if they make no epoch of these labels."""
    where = "loader, balance"
    if not shuffle:
        raise ConfigError("classes are balanced only in random order", where=where, fix="shuffle=True")
    wanted = dict.fromkeys(names, 1 / len(names)) if balance == "equal" else dict(balance)
    for name in wanted:
        if name not in names:
            raise UnknownNameError("class", name, names, where=where)
    total = sum(wanted.values())
    if min(wanted.values(), default=-1) < 0 or abs(total - 1) > 1e-6:
        raise ConfigError(f"fractions {wanted} add up to {total:g}", where=where, fix="give those of every class, of 1")
    for name, fraction in wanted.items():
        if fraction and not (labels == names.index(name)).any():
            raise ConfigError(f"there are no events of class '{name}' to make {fraction:g} of them", where=where)
    return {name: wanted[name] for name in names if wanted.get(name)}


def shares(fractions: list[float], length: int) -> list[int]:
    """How many of `length` events each class gets: rounded so that they add up (largest remainders)."""
    exact = np.array(fractions) / np.sum(fractions) * length
    share = np.floor(exact).astype(int)
    share[np.argsort(share - exact, kind="stable")[: length - share.sum()]] += 1
    return [int(n) for n in share]


def _span(events: np.ndarray) -> np.ndarray:
    return np.array([[events[0], events[-1] + 1]], np.int64) if len(events) else np.empty((0, 2), np.int64)
