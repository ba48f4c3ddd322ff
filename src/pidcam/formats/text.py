"""Text: one event (or hit) per line, columns by number or by the names in the first line, windows as ranges."""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from pidcam.errors import DataError
from pidcam.formats.columns import AGAIN, TEXT, Column, RawFile, Values
from pidcam.formats.layout import Layout, Reader, TextOptions, Writer, formats
from pidcam.formats.memo import remembered
from pidcam.formats.raw import known_format, other_format, read_head
from pidcam.formats.reader import EventReader
from pidcam.formats.text_lines import EVERY, Lines, find_lines, split
from pidcam.formats.text_writer import TextWriter
from pidcam.schema import EventSchema


class Text:
    """The format `text`: keys are the numbers of columns, from 0, or their names; `2:83` are columns 2 to 82."""

    suffixes: tuple[str, ...] = (".txt", ".csv", ".tsv", ".dat", ".t3pa", ".xyc")

    def reader(self, path: Path, layout: Layout, schema: EventSchema, *, truth: bool = True) -> Reader:
        """See `EventReader`."""
        return EventReader(self.raw(path, layout), layout, schema, truth=truth)

    def raw(self, path: Path, layout: Layout) -> RawFile:
        """See `TextFile`."""
        here = layout.of(path)
        return TextFile(path, here.text, here.rows.separator if here.rows else None)

    def writer(self, path: Path, layout: Layout, schema: EventSchema, *, about: dict[str, Any] | None = None) -> Writer:
        """See `TextWriter`. Text has no place for `about`."""
        return TextWriter(path, layout, schema)


formats.add("text", Text())


class TextFile(RawFile):
    """The columns of a text file. One pass finds its lines; reading then begins anywhere."""

    flat = True

    def __init__(self, path: Path, options: TextOptions, separator: str | None = None):
        super().__init__(path)
        head = read_head(path)
        if known_format(head):
            raise other_format(path, head, "a text file")
        self._options, self._separator = options, separator
        what = ("lines", options, separator)
        self._lines: Lines = remembered(path, what, lambda: find_lines(path, options, separator))
        self._first = split(self._lines.first, options) if self._lines.rows else []
        self._names = list(self._lines.names) or [str(i) for i in range(len(self._first))]
        self._require_columns()

    def _require_columns(self) -> None:
        found = len(self._first)
        if self._lines.rows and self._lines.names and found != len(self._names):
            what = f"has {found} columns in the first line of data, and {len(self._names)} names"
            raise DataError(what, where=self.path, fix="check delimiter, skip and header in the layout")
        expected = self._options.columns
        if expected is not None and self._lines.rows and found != expected:
            fix = "check that it is the right file, and the delimiter in the layout"
            raise DataError(f"has {found} columns, expected {expected}", where=self.path, fix=fix)

    def _open(self) -> None:
        return None  # every read opens the file for itself

    def keys(self) -> list[str]:
        return list(self._names)

    def column(self, key: str) -> Column | None:
        numbers = self._numbers(key)
        if numbers is None:
            return None
        shape = (len(numbers),) if ":" in key and key not in self._names else ()
        texts = any(not _is_number(self._first[i]) for i in numbers) if self._first else False
        return Column(self._lines.rows, shape, holds=TEXT if texts else "numbers")

    def _numbers(self, key: str) -> list[int] | None:
        """Which columns a key means; None if the file has not all of them."""
        width = len(self._names)
        if key in self._names:
            return [self._names.index(key)]
        if key.isdecimal():
            return [int(key)] if int(key) < width else None
        ends = re.fullmatch(r"(\d+):(\d+)", key)
        if ends is None:
            return None
        numbers = list(range(int(ends[1]), int(ends[2])))
        return numbers if numbers and numbers[-1] < width else None

    def edges(self) -> np.ndarray | None:
        return self._lines.edges

    def read(self, keys: Collection[str], start: int, stop: int) -> dict[str, Values]:
        wanted = {key: self._numbers(key) or [] for key in keys}
        text = self._text(start, stop)
        texts = {key for key in keys if (column := self.column(key)) and column.holds == TEXT}
        result: dict[str, Values] = {}
        if len(texts) < len(wanted):
            table, place = self._table(text, start, [n for key in wanted.keys() - texts for n in wanted[key]])
            for key in wanted.keys() - texts:
                values = table[:, [place[n] for n in wanted[key]]]
                result[key] = values if ":" in key and key not in self._names else values[:, 0]
        for key in texts:
            result[key] = np.array([split(line, self._options)[wanted[key][0]] for line in text], dtype=object)
        return result

    def _table(self, text: list[str], start: int, columns: list[int]) -> tuple[np.ndarray, dict[int, int]]:
        """(n, some columns) float64, and where in it each column is. Files of numbers alone are read whole, so that a
        line with more or fewer of them is found."""
        all_numbers = all(_is_number(field) for field in self._first)
        chosen = list(range(len(self._first))) if all_numbers else sorted(set(columns))
        place = {column: i for i, column in enumerate(chosen)}
        if not text:
            return np.empty((0, len(chosen))), place
        try:
            table = np.loadtxt(
                text,
                delimiter=self._options.delimiter,
                comments=None,
                quotechar='"',
                ndmin=2,
                usecols=None if all_numbers else chosen,
            )
            if table.shape == (len(text), len(chosen)):
                return table, place
        except ValueError:
            pass
        raise self._fault(text, start, chosen)

    def _fault(self, text: list[str], start: int, columns: list[int]) -> DataError:
        """What is wrong, found line by line."""
        for row, line in enumerate(text, start):
            fields = split(line, self._options)
            if len(fields) != len(self._first):
                what = f"has {len(fields)} columns in row {row}, the first row has {len(self._first)}"
                return DataError(what, where=self.path, fix=AGAIN)
            for column in columns:
                if not _is_number(fields[column]):
                    what = f"column {self._names[column]} holds '{fields[column]}' in row {row}, expected a number"
                    return DataError(what, where=self.path, fix="correct it, or write nan for a missing value")
        return DataError("cannot be read as a table of numbers", where=self.path, fix=AGAIN)

    def _text(self, start: int, stop: int) -> list[str]:
        """The lines of the rows [start, stop)."""
        if start >= stop:
            return []
        marks = tuple(mark.encode() for mark in (self._separator, self._options.comment) if mark)
        with open(self.path, "rb") as file:
            file.seek(int(self._lines.places[start // EVERY]))
            rows = (line for line in file if not line.isspace() and not line.startswith(marks))
            lines = [line.rstrip(b"\r\n") for line in islice(rows, start % EVERY, start % EVERY + stop - start)]
        try:
            return [line.decode() for line in lines]
        except UnicodeDecodeError as error:
            what = f"is no text file (it is not UTF-8) in rows {start} to {stop - 1}"
            raise DataError(what, where=self.path, fix=AGAIN) from error


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
