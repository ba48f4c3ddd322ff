"""Hits among the columns: lists per event, ends of events in `offsets`, or a table with a row per hit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pidcam.cards.look import Found
from pidcam.cards.names import CELL, EVENT, is_axis, tail
from pidcam.formats.layout import HitRows, Layout

CELLS = 1 << 24
"""A grid of more cells than these is too large to begin with."""

GRID = 32
"""Cells along an axis whose coordinates are no whole numbers, to begin with."""


@dataclass
class Hits:
    """An image of hits as a card says it, and the columns that went into it."""

    fields: dict[str, object]
    channels: list[str]
    used: set[str]
    rows: HitRows | None = None
    name: str = "hits"
    remarks: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


def find_hits(found: Sequence[Found], layout: Layout, events: int) -> Hits | None:
    """The hits of the first kind that is there; None if there are none."""
    numbers = [f for f in found if not f.text]
    lists = [f for f in numbers if f.column.lists and (not f.even or is_axis(f.key))]
    if layout.rows is None and lists:
        return _image(lists, {}, set(), None, "every event has lists of its hits")
    ends = _offsets(numbers)
    if layout.rows is None and ends:
        flat = [f for f in numbers if f.scalar and f.column.rows == ends[1] and f.key != ends[0].key]
        said = f"'{ends[0].key}' says where the hits of every event begin"
        return _image(flat, {"offsets": ends[0].key}, {ends[0].key}, None, said)
    rows, used, said = _rows(numbers, layout)
    if rows is None:
        return None
    return _image([f for f in numbers if f.scalar and f.key not in used], {}, used, rows, said)


def _offsets(found: Sequence[Found]) -> tuple[Found, int] | None:
    """A column that ascends from 0 to the length of others."""
    lengths = {f.column.rows for f in found}
    for f in found:
        first = f.first
        if first is None or not f.seen.whole or len(first) < 2 or first[0] != 0 or (np.diff(first) < 0).any():
            continue
        if isinstance(f.last, int) and f.last != (f.column.rows or 0) - 1 and f.last in lengths:
            return f, f.last
    return None


def _rows(found: Sequence[Found], layout: Layout) -> tuple[HitRows | None, set[str], str]:
    """Whether a row is a hit: by separators, by a column that numbers events, or by the look of `x y value`."""
    if layout.rows is not None:
        lines = "lines that begin with '#'" if layout.rows.separator else "empty lines"
        return layout.rows, set(), f"{lines} stand between events, every other line is a hit"
    scalars = [f for f in found if f.scalar]
    named = [f for f in scalars if EVENT.fullmatch(f.key) and _repeats(f)]
    if named and any(is_axis(f.key) or CELL.fullmatch(f.key) for f in scalars):
        return HitRows(event=named[0].key), {named[0].key}, f"'{named[0].key}' numbers the events, every row is a hit"
    if layout.format == "text" and not layout.text.header and len(found) == len(scalars) and 3 <= len(scalars) <= 5:
        whole = [f.seen.whole and f.seen.low >= 0 for f in scalars]
        if len(scalars) > 3 and all(whole[:3]) and _repeats(scalars[0]):
            return HitRows(event="0"), {"0"}, "column 0 looks like the number of the event, every line is a hit"
        if len(scalars) == 3 and all(whole[:2]):
            return HitRows(), set(), "lines look like hits (x y value), a whole file is one event"
    return None, set(), ""


def _repeats(f: Found) -> bool:
    """Equal values stand together, several at a time: so events are numbered."""
    if f.first is None or len(f.first) < 2 or not f.seen.whole:
        return False
    runs = f.first[np.concatenate([[True], np.diff(f.first) != 0])]
    return len(runs) == len(np.unique(runs)) and 2 * len(runs) <= len(f.first)


def _image(
    found: Sequence[Found], fields: dict[str, object], used: set[str], rows: HitRows | None, said: str
) -> Hits | None:
    """Coordinates by their names, or where columns are only numbered the first two; the others are values."""
    places = [f for f in found if is_axis(f.key)]
    cells = [f for f in found if CELL.fullmatch(f.key) and f.seen.whole]
    if not places and not cells and all(f.key.isdecimal() for f in found) and len(found) > 1:
        places = list(found[:2])
    if not places and not cells:
        return None
    values = [f for f in found if f not in places and f not in cells]
    if places:
        keys: dict[str, object] = {"coordinates": [f.key for f in places]}
    else:
        keys, places = {"cell": cells[0].key}, cells[:1]
    remarks = [f"{f.key}: {f.seen.words}" for f in (*places, *values)]
    grid, guessed = _grid(places)
    channels = [f"value_{f.key}" if f.key.isdecimal() else tail(f.key) for f in values] or ["count"]
    if len(values) == 1 and values[0].key.isdecimal():
        channels = ["value"]
    return Hits(
        {**keys, "values": [f.key for f in values], **fields, **grid},
        channels,
        used | {f.key for f in (*places, *values)},
        rows,
        remarks=remarks,
        said=[said, guessed],
    )


def _grid(places: Sequence[Found]) -> tuple[dict[str, object], str]:
    """A grid that holds all that was seen."""
    if all(f.seen.whole for f in places):
        low = [min(int(f.seen.low), 0) for f in places]
        shape = [_size(int(f.seen.high) - lo + 1) for f, lo in zip(places, low, strict=True)]
        begin = {"low": low, "pitch": [1] * len(places)} if any(low) else {}
        if math.prod(shape) <= CELLS:
            asked = f"the grid {'x'.join(map(str, shape))} holds every hit that was seen: is it so large?"
            return {"shape": shape, **begin}, asked
    # one cell to spare, because the grid begins at a multiple of its pitch
    pitch = [_round(max(f.seen.high - f.seen.low, 1e-6) / (GRID - 1)) for f in places]
    start = [float(f"{math.floor(f.seen.low / p) * p:.6g}") for f, p in zip(places, pitch, strict=True)]
    grid = {"shape": [GRID] * len(places), "pitch": pitch, "low": start, "storage": "points"}
    return grid, "coordinates are kept as they are, the grid (pitch, low) is a guess"


def _size(cells: int) -> int:
    """A sensor is seldom hit to its very last pixel: the next power of two, where it is near."""
    power = 1 << (cells - 1).bit_length()
    return power if power <= 1.15 * cells else cells


def _round(value: float) -> float:
    """To two digits, upwards."""
    scale = 10 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / scale) * scale:.6g}")
