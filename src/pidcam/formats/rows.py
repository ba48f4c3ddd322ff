"""Which rows of a file belong to which event: one row each, flat hits with offsets, or a table with a row per hit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pidcam.errors import ConfigError, DataError
from pidcam.formats.columns import AGAIN, RawFile, element, pick
from pidcam.formats.layout import Layout
from pidcam.formats.match import Matcher

BLOCK = 4 << 20
"""Rows of an event column that are looked at together."""


class HitColumns(Protocol):
    """The columns of one image of hits."""

    all: list[str]
    offsets: str | None


@dataclass(frozen=True)
class Take:
    """What to read for some events: `rows` [start, stop) of the file; in a table of hits also `offsets` (n+1,)."""

    rows: tuple[int, int]
    offsets: np.ndarray | None = None

    def firsts(self, values: np.ndarray) -> np.ndarray:
        """The first row of every event."""
        return values if self.offsets is None else values[self.offsets[:-1]]


class Rows:
    """Events of a file. `edges` (events + 1,) are their first rows where a row is a hit, else None."""

    def __init__(self, events: int, hits: int = 0, edges: np.ndarray | None = None):
        self.events, self.hits, self.edges = events, hits, edges

    def __len__(self) -> int:
        return self.events

    @property
    def table(self) -> bool:
        return self.edges is not None

    @property
    def hits_per_event(self) -> float:
        """On average; a guess where the file does not say."""
        return self.hits / max(self.events, 1) if self.hits else 100.0

    def take(self, start: int, stop: int) -> Take:
        """What to read for the events [start, stop)."""
        if self.edges is None:
            return Take((start, stop))
        edges = self.edges[start : stop + 1]
        return Take((int(edges[0]), int(edges[-1])), edges - edges[0])


def find_rows(
    raw: RawFile, layout: Layout, matcher: Matcher, events: Sequence[str], hits: Sequence[HitColumns]
) -> Rows:
    """How many events the file holds and where; columns that must agree in length do. `DataError` if it holds none."""
    of_hits = [h for h in hits if h.offsets is not None]
    lists = [key for h in hits if h.offsets is None for key in h.all]
    rows = _agree(raw, matcher, [*events, *lists])
    if layout.rows is not None:
        edges = _edges(raw, layout, matcher, rows or 0)
        result = Rows(len(edges) - 1, rows or 0, edges)
    elif of_hits:
        result = _with_offsets(raw, matcher, of_hits, rows)
    else:
        result = Rows(rows or 0)
    if not len(result):
        raise DataError("holds no events", where=raw.path, fix="leave this file out")
    return result


def _agree(raw: RawFile, matcher: Matcher, keys: Sequence[str]) -> int | None:
    """The length that all columns have."""
    first: tuple[str, int] | None = None
    for key in keys:
        rows = _length(raw, key)
        if first is not None and rows != first[1]:
            what = f"'{first[0]}' has {first[1]} events but '{key}' has {rows}"
            raise matcher.error(what, AGAIN)
        first = first or (key, rows)
    return first[1] if first else None


def _with_offsets(raw: RawFile, matcher: Matcher, hits: Sequence[HitColumns], rows: int | None) -> Rows:
    total = 0
    for columns in hits:
        assert columns.offsets is not None
        entries = _length(raw, columns.offsets)
        if rows is not None and entries != rows + 1:
            what = f"'{columns.offsets}' has {entries} entries, expected {rows + 1} for {rows} events"
            raise matcher.error(what, AGAIN)
        rows = entries - 1
        if rows < 1:
            continue
        last = int(np.asarray(raw.rows([columns.offsets], rows, rows + 1)[columns.offsets]).reshape(-1)[0])
        for key in columns.all:
            if _length(raw, key) != last:
                what = f"'{key}' has {_length(raw, key)} hits but '{columns.offsets}' ends at {last}"
                raise matcher.error(what, AGAIN)
        total = max(total, last)
    return Rows(max(rows or 0, 0), total)


def _edges(raw: RawFile, layout: Layout, matcher: Matcher, rows: int) -> np.ndarray:
    assert layout.rows is not None
    if layout.rows.event is None:
        if layout.rows.separator is None:
            return np.array([0, rows])
        found = raw.edges()
        if found is None:
            raise ConfigError(f"format '{layout.format}' has no separators between events", where=raw.path)
        return found
    key = matcher.scalar(layout.rows.event, "the number of the event")[0]
    name, number = element(raw, key)
    starts, last = [np.zeros(1, np.int64)], None
    for start in range(0, rows, BLOCK):
        values = pick(np.asarray(raw.rows([name], start, min(start + BLOCK, rows))[name]), number).reshape(-1)
        changes = np.flatnonzero(values[1:] != values[:-1]) + 1
        if last is not None and values[0] != last:
            changes = np.concatenate([[0], changes])
        starts.append(changes + start)
        last = values[-1]
    return np.concatenate([*starts, [rows]]) if rows else np.zeros(1, np.int64)


def _length(raw: RawFile, key: str) -> int:
    column = raw.column(element(raw, key)[0])
    assert column is not None
    assert column.rows is not None
    return column.rows
