"""Lines of a text file by number, without holding the file: every so many lines their place is remembered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pidcam.errors import DataError
from pidcam.formats.columns import AGAIN
from pidcam.formats.layout import TextOptions

BOM = b"\xef\xbb\xbf"
EVERY = 1024
BLOCK = 8 << 20


@dataclass(frozen=True)
class Lines:
    """What one pass over a file finds: `rows` lines of data; the byte where every 1024th of them begins; `first`, the
    first of them; `names` of the columns, where the file has them; `edges`, the rows before which separators stand."""

    rows: int
    places: np.ndarray
    first: str
    names: tuple[str, ...]
    edges: np.ndarray


def find_lines(path: Path, options: TextOptions, separator: str | None) -> Lines:
    """Look at the whole file once. Empty lines are no rows; neither are those that begin with the `separator`, or are a
    comment.

    Raises `DataError` if the file has fewer lines than `options.skip`, or is no text at all.
    """
    with open(path, "rb") as file:
        if file.read(len(BOM)) != BOM:
            file.seek(0)
        for _ in range(options.skip):
            if not file.readline():
                raise DataError(f"has fewer than {options.skip} lines", where=path, fix="correct text.skip")
        names = tuple(split(_decoded(file.readline(), path), options)) if options.header else ()
        rows, first = 0, ""
        places: list[np.ndarray] = []
        edges: list[np.ndarray] = []
        rest, begin = b"", file.tell()
        while True:
            block = file.read(BLOCK)
            data = rest + (block or b"\n")
            if b"\0" in data:
                raise DataError("is no text file (it holds zero bytes)", where=path, fix=AGAIN)
            starts, ends, rest = _line_ends(data)
            blank = _blank(data, starts, ends)
            parts = np.zeros(len(starts), bool)
            if separator is not None:
                parts = _marked(data, starts, separator.encode()) if separator else blank
            real = ~blank & ~parts
            if options.comment is not None:
                real &= ~_marked(data, starts, options.comment.encode())
            before = rows + np.concatenate([[0], np.cumsum(real)])
            edges.append(before[:-1][parts])
            places.append(begin + starts[real][before[:-1][real] % EVERY == 0])
            if not rows and real.any():
                line = int(real.argmax())
                first = _decoded(data[starts[line] : ends[line]], path)
            rows = int(before[-1])
            begin += len(data) - len(rest)
            if not block:
                break
    return Lines(rows, np.concatenate(places), first, names, np.unique(np.concatenate([[0], *edges, [rows]])))


def _line_ends(data: bytes) -> tuple[np.ndarray, np.ndarray, bytes]:
    """Where the complete lines begin and end, and what is left of an unfinished one."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
    if not len(ends):
        return ends, ends, data
    return np.concatenate([[0], ends[:-1] + 1]), ends, data[ends[-1] + 1 :]


def _blank(data: bytes, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Lines with nothing above the blank."""
    solid = np.concatenate([[0], np.cumsum(np.frombuffer(data, np.uint8) > ord(" "))])
    return solid[ends] == solid[starts]


def _marked(data: bytes, starts: np.ndarray, mark: bytes) -> np.ndarray:
    marked = np.frombuffer(data, np.uint8)[starts] == mark[0]
    for line in np.flatnonzero(marked):
        marked[line] = data.startswith(mark, int(starts[line]))
    return marked


def split(line: str, options: TextOptions) -> list[str]:
    """The fields of a line."""
    fields = line.strip().split(options.delimiter)
    return [field.strip().strip('"') for field in fields]


def _decoded(line: bytes, path: Path) -> str:
    try:
        return line.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise DataError("is no text file (it is not UTF-8)", where=path, fix=AGAIN) from error
