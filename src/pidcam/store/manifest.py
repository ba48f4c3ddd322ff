"""The manifest of a store: what is in it, where it came from and how it was split. Written last; without it a store is
incomplete and nothing reads it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import numpy as np

from pidcam.config import parse
from pidcam.errors import DataError, InputError
from pidcam.files import read_json
from pidcam.schema import EventSchema, Spec

NAME = "manifest.json"
LAYOUT = 1


class Source(Spec):
    """A raw file as it was read: `fingerprint` is a hash of its size, beginning and end."""

    name: str
    path: str
    rows: int
    bytes: int
    fingerprint: str


class Shard(Spec):
    """One Arrow IPC file of the store with its xxh3-128 checksum."""

    file: str
    events: int
    bytes: int
    checksum: str


class ChannelStatistics(Spec):
    """Of one channel over the training split: all cells, and the cells that were hit (any channel non-zero)."""

    cells: int
    hits: int
    mean: float
    std: float
    hit_mean: float
    hit_rms: float
    minimum: float
    maximum: float


class Accounting(Spec):
    """Every event of the input, by class: either in a split or dropped under a stated reason."""

    read: dict[str, int]
    kept: dict[str, dict[str, int]]
    dropped: dict[str, dict[str, int]]

    def adds_up(self) -> bool:
        parts = (*self.kept.values(), *self.dropped.values())
        return all(n == sum(part.get(name, 0) for part in parts) for name, n in self.read.items())


class Manifest(Spec):
    """See the fields; `storage` says how each image is kept, `fingerprint` identifies the split event by event."""

    layout: Literal[1] = LAYOUT
    pidcam: str
    detector: str
    event_schema: EventSchema
    storage: dict[str, Literal["dense", "cells", "points"]]
    sources: tuple[Source, ...]
    split: str
    seed: int
    shards: dict[str, tuple[Shard, ...]]
    accounting: Accounting
    statistics: dict[str, tuple[ChannelStatistics, ...]]
    fingerprint: str

    def events(self, split: str) -> int:
        return sum(s.events for s in self.shards[split])


def read_manifest(store: Path) -> Manifest:
    """The manifest of the store at `store`; one clear line if there is no complete store of a known layout."""
    if not store.is_dir():
        raise InputError(
            "no such store", where=store, fix="make one with: pidcam prepare DETECTOR FILES... --out STORE"
        )
    if not (store / NAME).exists():
        started = (store / "request.json").exists()
        what = "is an unfinished store" if started else f"is not a store (it has no {NAME})"
        fix = "call the same prepare command again to finish it" if started else "give the folder that prepare wrote"
        raise InputError(what, where=store, fix=fix)
    content = read_json(store / NAME)
    layout = content.get("layout") if isinstance(content, dict) else None
    if layout != LAYOUT:
        raise DataError(
            f"has store layout {layout}, this pidcam reads {LAYOUT}",
            where=store,
            fix="prepare it again from the raw files",
        )
    return parse(Manifest, content, where=store / NAME)


class Moments:
    """Sums from which `ChannelStatistics` follow; sums of shards add up to those of the split."""

    def __init__(self, channels: int):
        self.cells, self.hits = 0, 0
        self.total, self.square = np.zeros(channels), np.zeros(channels)
        self.minimum, self.maximum = np.full(channels, math.inf), np.full(channels, -math.inf)

    @classmethod
    def of_hits(cls, value: np.ndarray, cells: int) -> Moments:
        """value (hits, channels), `cells` the number of cells they were found in (the rest are zero)."""
        m = cls(value.shape[1])
        m.cells, m.hits = cells, len(value)
        wide = value.astype(np.float64)
        m.total, m.square = wide.sum(0), (wide**2).sum(0)
        if len(value):
            m.minimum, m.maximum = wide.min(0), wide.max(0)
        if m.hits < cells:
            m.minimum, m.maximum = np.minimum(m.minimum, 0), np.maximum(m.maximum, 0)
        return m

    def __add__(self, other: Moments) -> Moments:
        m = Moments(len(self.total))
        for name in ("cells", "hits", "total", "square"):
            setattr(m, name, getattr(self, name) + getattr(other, name))
        m.minimum = np.minimum(self.minimum, other.minimum)
        m.maximum = np.maximum(self.maximum, other.maximum)
        return m

    def statistics(self) -> tuple[ChannelStatistics, ...]:
        n, h = max(self.cells, 1), max(self.hits, 1)
        return tuple(
            ChannelStatistics(
                cells=self.cells,
                hits=self.hits,
                mean=t / n,
                std=math.sqrt(max(s / n - (t / n) ** 2, 0)),
                hit_mean=t / h,
                hit_rms=math.sqrt(s / h),
                minimum=lo if self.cells else 0,
                maximum=hi if self.cells else 0,
            )
            for t, s, lo, hi in zip(self.total, self.square, self.minimum, self.maximum, strict=True)
        )
