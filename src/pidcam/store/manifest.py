"""The manifest of a store: what is in it, where it came from and how it was split. Written last; without it a store is
incomplete and nothing reads it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pidcam.config import parse
from pidcam.errors import DataError, InputError
from pidcam.files import read_json
from pidcam.formats.layout import Layout
from pidcam.schema import EventSchema, Spec
from pidcam.sparse import sums
from pidcam.store.rounding import Rounding

NAME = "manifest.json"
REQUEST = "request.json"
LAYOUT = 1


class Source(Spec):
    """A raw file as it was read: `fingerprint` is a hash of its size, beginning and end; `test`: all is to test on."""

    name: str
    path: str
    rows: int
    bytes: int
    fingerprint: str
    test: bool = False


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


class ClassWeight(Spec):
    """Of the events of a class: their number, total weight, and how many equal weights would be worth the same."""

    events: int
    total: float
    effective: float


class Manifest(Spec):
    """See the fields.

    `raw_layout` says how raw files of the detector are read, `storage` how each image is kept; `fingerprint` identifies
    the split event by event. `folds` has sums over the images of each fold, where there are folds; `options` is what
    was asked for beside defaults; `weights` are told where they were changed, `rounding` where values are float16.
    """

    layout: Literal[1] = 1
    pidcam: str
    detector: str
    event_schema: EventSchema
    raw_layout: Layout
    storage: dict[str, Literal["dense", "cells", "points"]]
    sources: tuple[Source, ...]
    split: str
    seed: int
    shards: dict[str, tuple[Shard, ...]]
    accounting: Accounting
    statistics: dict[str, tuple[ChannelStatistics, ...]]
    folds: dict[str, dict[str, Moments]] = {}
    options: dict[str, Any] = {}
    weights: dict[str, dict[str, ClassWeight]] = {}
    rounding: dict[str, tuple[Rounding, ...]] = {}
    fingerprint: str

    def events(self, split: str) -> int:
        return sum(s.events for s in self.shards[split])


def is_store(path: Path) -> bool:
    """Whether a folder is a store, finished or not."""
    return (path / NAME).exists() or (path / REQUEST).exists()


def read_manifest(store: Path) -> Manifest:
    """The manifest of the store at `store`; one clear line if there is no complete store of a known layout."""
    if not store.is_dir():
        raise InputError(
            "no such store", where=store, fix="make one with: pidcam prepare DETECTOR FILES... --out STORE"
        )
    if not (store / NAME).exists():
        started = (store / REQUEST).exists()
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


class Moments(Spec):
    """Sums from which `ChannelStatistics` follow, one entry per channel; sums of shards add up to those of the split.

    `minimum` and `maximum` are None where there are no cells.
    """

    cells: int
    hits: int
    total: tuple[float, ...]
    square: tuple[float, ...]
    minimum: tuple[float, ...] | None
    maximum: tuple[float, ...] | None

    @classmethod
    def of_hits(cls, value: np.ndarray, cells: int) -> Moments:
        """value (hits, channels), `cells` the number of cells they were found in (the rest are zero)."""
        zeros = np.zeros((1, value.shape[1]))
        total, square, low, high = sums(value if len(value) else zeros)
        if len(value) < cells:
            low, high = np.minimum(low, 0), np.maximum(high, 0)
        return cls(
            cells=cells,
            hits=len(value),
            total=tuple(total.tolist()),
            square=tuple(square.tolist()),
            minimum=tuple(low.tolist()) if cells else None,
            maximum=tuple(high.tolist()) if cells else None,
        )

    @classmethod
    def sum(cls, parts: Sequence[Moments]) -> Moments:
        """Of one or more."""

        def each(name: str, reduce: Callable[..., Any]) -> Any:
            values = [getattr(p, name) for p in parts if getattr(p, name) is not None]
            return tuple(reduce(v) for v in zip(*values, strict=True)) if values else None

        return cls(
            cells=sum(p.cells for p in parts),
            hits=sum(p.hits for p in parts),
            total=each("total", math.fsum),
            square=each("square", math.fsum),
            minimum=each("minimum", min),
            maximum=each("maximum", max),
        )

    def statistics(self) -> tuple[ChannelStatistics, ...]:
        n, h = max(self.cells, 1), max(self.hits, 1)
        channels = len(self.total)
        lowest, highest = self.minimum or (0.0,) * channels, self.maximum or (0.0,) * channels
        return tuple(
            ChannelStatistics(
                cells=self.cells,
                hits=self.hits,
                mean=t / n,
                std=math.sqrt(max(s / n - (t / n) ** 2, 0)),
                hit_mean=t / h,
                hit_rms=math.sqrt(s / h),
                minimum=low,
                maximum=high,
            )
            for t, s, low, high in zip(self.total, self.square, lowest, highest, strict=True)
        )


def statistics(parts: Sequence[dict[str, Moments]]) -> dict[str, tuple[ChannelStatistics, ...]]:
    """Of every image over several splits or folds."""
    return {name: Moments.sum([part[name] for part in parts]).statistics() for name in parts[0]}
