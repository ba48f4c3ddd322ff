"""A look at raw files: every column with what its numbers are like."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pidcam.errors import InputError
from pidcam.formats.columns import NUMBERS, TEXT, Column, Lists, RawFile
from pidcam.formats.layout import ColumnarFormat, Layout, formats

FILES = 8
"""Files of which images and hits are looked at; of scalars all files are."""

BYTES = 32 << 20
ROWS = 1_000_000
DISTINCT = 50
"""More different values than these are not told one by one."""


@dataclass
class Seen:
    """The numbers of a column: range, whether all are whole, and the different values if these are few."""

    low: float = math.inf
    high: float = -math.inf
    whole: bool = True
    zeros: int = 0
    count: int = 0
    distinct: set[float | str] | None = field(default_factory=set)

    def add(self, values: np.ndarray) -> None:
        """Take in more values (of any shape)."""
        values = values.reshape(-1)
        if not len(values):
            return
        if values.dtype.kind not in "biuf":
            self._names({v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values.tolist()})
            return
        finite = values[np.isfinite(values)]
        if len(finite):
            self.low, self.high = min(self.low, float(finite.min())), max(self.high, float(finite.max()))
        self.whole = self.whole and bool((finite == np.floor(finite)).all())
        self.zeros += int((values == 0).sum())
        self.count += len(values)
        if self.distinct is not None:
            self._names(set(np.unique(finite).tolist()))

    def _names(self, names: set[Any]) -> None:
        if self.distinct is not None:
            self.distinct |= names
            if len(self.distinct) > DISTINCT:
                self.distinct = None

    @property
    def words(self) -> str:
        """Their range."""
        return f"{'whole numbers' if self.whole else 'numbers'} from {self.low:g} to {self.high:g}"

    @property
    def occupancy(self) -> float:
        """Share of values that are not zero."""
        return 1 - self.zeros / max(self.count, 1)


@dataclass
class Found:
    """A column of the first file, and its numbers in all that were looked at."""

    key: str
    column: Column
    seen: Seen
    number: int = 0
    """Its place among the columns."""

    even: bool = True
    """Whether all its lists are of one length."""

    first: np.ndarray | None = None
    """Its first values in the first file, where it has one per row."""

    last: float | str | None = None
    """Its last value there, if it was looked at to the end."""

    @property
    def scalar(self) -> bool:
        """One number (or word) per row."""
        return not self.column.lists and math.prod(self.column.shape) == 1

    @property
    def text(self) -> bool:
        return self.column.holds == TEXT


@dataclass
class Look:
    """All that was seen of some raw files of one kind."""

    paths: list[Path]
    layout: Layout
    rows: int
    found: list[Found]
    unreadable: list[tuple[str, str]]


def look(paths: Sequence[Path], layout: Layout) -> Look:
    """Look at the files, which `layout` opens. Raises `InputError` or `DataError` for one that cannot be read."""
    columns: dict[str, Found] = {}
    unreadable: dict[str, str] = {}
    rows = 0
    for number, path in enumerate(paths):
        raw = open_raw(path, layout)
        try:
            for place, key in enumerate(raw.keys()):
                column = raw.column(key)
                if column is None or column.rows is None:
                    unreadable.setdefault(key, "a single value")
                elif column.holds not in (NUMBERS, TEXT):
                    unreadable.setdefault(key, column.holds)
                elif key in columns or number == 0:
                    found = columns.setdefault(key, Found(key, column, Seen(), place))
                    if found.scalar or number < FILES:
                        _add(raw, found, column)
            rows += max((c.rows or 0 for k in columns if (c := raw.column(k))), default=0)
        finally:
            raw.close()
    return Look(list(paths), layout, rows, list(columns.values()), list(unreadable.items()))


def open_raw(path: Path, layout: Layout) -> RawFile:
    """The columns of one file."""
    chosen = formats[layout.format]
    if not isinstance(chosen, ColumnarFormat):
        raise InputError(f"format '{layout.format}' has no columns to look at", where=path)
    return chosen.raw(path, layout)


def _add(raw: RawFile, found: Found, column: Column) -> None:
    assert column.rows is not None
    row_bytes = 8 * max(math.prod(column.shape), 1)
    most = min(column.rows, ROWS, max(BYTES // row_bytes, 1))
    step = max((4 << 20) // row_bytes, 1)
    first_file = found.first is None and found.scalar
    for start in range(0, most, step):
        values = raw.rows([found.key], start, min(start + step, most))[found.key]
        numbers = values.values if isinstance(values, Lists) else values
        if isinstance(values, Lists):
            found.even = found.even and bool((values.counts == column.shape[0]).all())
        found.seen.add(np.asarray(numbers))
        if found.first is None and found.scalar:
            found.first = np.asarray(numbers).reshape(-1)
        if first_file and start + step >= column.rows:
            found.last = np.asarray(numbers).reshape(-1).tolist()[-1]
