"""A raw file seen as named columns: a format says how they are found and read, `EventReader` makes events of them."""

from __future__ import annotations

import math
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pidcam.errors import DataError

AGAIN = "fetch or write it again"

NUMBERS = "numbers"
TEXT = "text"


class MissingColumnError(DataError):
    """A raw file has no column of the name that the layout asks for."""


@dataclass(frozen=True)
class Column:
    """What a file says about a column without reading it.

    rows: how many (None: it is a single value); shape: of one row; lists: rows are lists whose length may vary, `shape`
    is then only that of the first row; holds: `numbers`, `text`, or what else in words; dtype: of a number.
    """

    rows: int | None
    shape: tuple[int, ...] = ()
    lists: bool = False
    holds: str = NUMBERS
    dtype: np.dtype | None = None


@dataclass(frozen=True)
class Lists:
    """Rows of varying length: `counts` (n,) and all numbers end to end."""

    counts: np.ndarray
    values: np.ndarray


Values = np.ndarray | Lists


class RawFile(ABC):
    """One raw file. Nothing stays open across processes: what a fork or a pickle brings along is opened anew.

    Constructing it looks at the file and raises `InputError` or `DataError` if it cannot be read at all.
    """

    noun: ClassVar[str] = "column"

    flat: ClassVar[bool] = False
    """Whether the format knows no axes: all images lie in one row of numbers."""

    chunk: int = 1
    """Rows that the file keeps together: reading one costs as much as reading all."""

    def __init__(self, path: Path):
        self.path = path
        self._handle: Any = None
        self._pid = 0

    @abstractmethod
    def keys(self) -> list[str]:
        """Names of all columns, in the order of the file."""

    @abstractmethod
    def column(self, key: str) -> Column | None:
        """What the file says about `key`; None if there is no such column."""

    @abstractmethod
    def read(self, keys: Collection[str], start: int, stop: int) -> dict[str, Values]:
        """Rows [start, stop): arrays (n, *shape), or `Lists` where the column has lists of numbers."""

    def rows(self, keys: Collection[str], start: int, stop: int) -> dict[str, Values]:
        """`read`, and `DataError` if the file holds fewer rows than it says."""
        values = self.read(keys, start, stop)
        for key, found in values.items():
            n = len(found.counts) if isinstance(found, Lists) else len(found)
            if n != stop - start:
                what = f"'{key}' has {n} rows where {stop - start} should be, from row {start}"
                raise DataError(what, where=self.path, fix=AGAIN)
        return values

    def edges(self) -> np.ndarray | None:
        """(events + 1,) first rows of the events, where the file itself separates them; else None."""
        return None

    @abstractmethod
    def _open(self) -> Any:
        """What `handle` gives."""

    @property
    def handle(self) -> Any:
        """The file, opened in this process at the first use."""
        if self._handle is None or self._pid != os.getpid():
            self._handle, self._pid = self._open(), os.getpid()
        return self._handle

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        if self._handle is not None and self._pid == os.getpid() and hasattr(self._handle, "close"):
            self._handle.close()
        self._handle = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_handle": None}


_ELEMENT = re.compile(r"(.+)\[(\d+)\]")


def element(raw: RawFile, key: str) -> tuple[str, int | None]:
    """`name[3]` as (name, 3), and any other key, or one that the file has as it is, as (key, None)."""
    match = _ELEMENT.fullmatch(key)
    if match is None or raw.column(key) is not None:
        return key, None
    return match[1], int(match[2])


def pick(values: np.ndarray, number: int | None) -> np.ndarray:
    """One number of every row (n,), or the rows as they are."""
    return values if number is None else values.reshape(len(values), math.prod(values.shape[1:]))[:, number]


def listed(names: Iterable[str]) -> str:
    """`'a', 'b' and 7 more`."""
    names = list(names)
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(f"'{n}'" for n in names[:20]) + more if names else "none"
