"""What format raw files are of, seen from their first bytes, and how a text file is cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from pidcam.errors import InputError, MismatchError
from pidcam.formats.layout import FolderFormat, HitRows, Layout, TextOptions, formats
from pidcam.formats.raw import read_head
from pidcam.formats.text_lines import split

MAGIC = {
    b"\x89HDF": "hdf5",
    b"PAR1": "parquet",
    b"root": "root",
    b"PK\x03\x04": "npz",
    b"\x93NUMPY": "npz",
    b"\x89PNG": "pictures",
    b"II*\x00": "pictures",
    b"MM\x00*": "pictures",
    b"\xff\xd8\xff": "pictures",
}

HIT_COLUMNS = 8
"""Lines of more numbers are no hits: empty lines and those that begin with '#' do not stand between events."""

LINES = 2000
"""Lines of a text file that are looked at."""


def raw_paths(paths: Sequence[Path | str], kind: str | None = None) -> list[Path]:
    """The raw files among what a user names: of a folder all that lie in it and below, of format `kind` if it is known.

    A folder with pictures in it is one raw file. Raises `InputError` where there are none.
    """
    kinds = [formats[name] for name in ([kind] if kind else formats)]
    pictures = {s for each in kinds if isinstance(each, FolderFormat) and each.folders for s in each.suffixes}
    files = {s for each in kinds for s in each.suffixes} - pictures
    result: list[Path] = []
    for path in map(Path, paths):
        found = list(_inside(path, pictures, files)) if path.is_dir() else [path]
        if not found:
            wanted = ", ".join(sorted(pictures | files))
            raise InputError(f"is a folder without raw files ({wanted})", where=path, fix="name the files themselves")
        result += found
    if not result:
        raise InputError("no raw files were given", fix="give at least one file")
    return list(dict.fromkeys(result))


def _inside(folder: Path, pictures: Set[str], files: Set[str]) -> Iterator[Path]:
    """The raw files that a folder is or holds: whatever is called otherwise (a log, a picture of a plot) is none."""
    inside = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    if any(p.suffix.lower() in pictures for p in inside):
        yield folder
        return
    for path in inside:
        if path.is_dir():
            yield from _inside(path, pictures, files)
        elif path.suffix.lower() in files:
            yield path


def format_of(paths: Sequence[Path]) -> str:
    """The one format of all files. Raises `MismatchError` if they have several, `InputError` for an unreadable file."""
    found = {path: _format(path) for path in paths}
    first, kind = next(iter(found.items()))
    for path, other in found.items():
        if other != kind:
            raise MismatchError(f"is of format {other}, but {first} is {kind}", where=path, fix="make a card for each")
    return kind


def _format(path: Path) -> str:
    if path.is_dir():
        return "pictures"
    head = read_head(path)
    return next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), "text")


@dataclass(frozen=True)
class Cut:
    """How a text file is cut: into columns, and (where it is) into events by separators."""

    text: TextOptions
    separator: str | None = None


def cut_text(path: Path) -> Cut:
    """Delimiter, header and separators of a text file, seen from its first lines."""
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        lines = [line.strip() for line, _ in zip(file, range(LINES), strict=False)]
    start = next((i for i, line in enumerate(lines) if line and not line.startswith("#")), 0)
    body = lines[start:]
    data = [line for line in body if line and not line.startswith("#")]
    delimiter = next((mark for mark in ",;" if data and mark in data[0]), None)
    options = TextOptions(delimiter=delimiter)
    header = len(data) > 1 and not any(map(is_number, split(data[0], options)))
    header = header and any(map(is_number, split(data[1], options)))
    wide = bool(data) and len(split(data[-1], options)) > HIT_COLUMNS
    remarks = len(data) < len([line for line in body if line])
    if remarks and not wide:
        return Cut(TextOptions(delimiter=delimiter), "#")
    gap = not wide and any(not a and b for a, b in pairwise(body))
    comment = "#" if remarks else None
    return Cut(TextOptions(delimiter=delimiter, skip=start, header=header, comment=comment), "" if gap else None)


def is_number(field: str) -> bool:
    """Whether a field of a text file is a number."""
    try:
        float(field)
    except ValueError:
        return False
    return True


def start_layout(paths: Sequence[Path]) -> Layout:
    """A layout with which the files open: their format, and how text is cut."""
    kind = format_of(paths)
    if kind != "text":
        return Layout(format=kind)
    cut = cut_text(paths[0])
    rows = HitRows(separator=cut.separator) if cut.separator is not None else None
    return Layout(format="text", text=cut.text, rows=rows)
