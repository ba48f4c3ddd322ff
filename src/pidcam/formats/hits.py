"""Hits of raw files: from coordinates or flat cell numbers to what the schema's image is kept as."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pidcam.errors import DataError
from pidcam.events import Cells
from pidcam.schema import Image


def on_grid(coordinates: np.ndarray, image: Image) -> tuple[np.ndarray, np.ndarray]:
    """Flat cell numbers (hits,) int64 of coordinates (hits, axes), and whether each hit is on the grid at all.

    The grid begins at `image.low` (default 0) in steps of `image.pitch` (default 1): whole numbers are cell indices.
    """
    low = np.array(image.low or (0.0,) * len(image.shape))
    pitch = np.array(image.pitch or (1.0,) * len(image.shape))
    with np.errstate(invalid="ignore"):
        index = np.floor((coordinates - low) / pitch)
        inside = ((index >= 0) & (index < image.shape)).all(axis=1)
    cell = np.zeros(len(index), np.int64)
    for axis, size in enumerate(image.shape):
        cell = cell * size + np.where(inside, index[:, axis], 0).astype(np.int64)
    return cell, inside


def to_cells(offsets: np.ndarray, cell: np.ndarray, value: np.ndarray, image: Image) -> Cells:
    """Cells from hits in any order: sorted within their event, those of one cell summed, zeros left out."""
    events = len(offsets) - 1
    event = np.repeat(np.arange(events), np.diff(offsets))
    place = event * image.cells + cell
    if len(place) and not (np.diff(place) > 0).all():
        place, group = np.unique(place, return_inverse=True)
        value = np.stack([np.bincount(group, value[:, c], len(place)) for c in range(value.shape[1])], axis=1)
    hit = (value != 0).any(axis=1)
    place, value = place[hit], value[hit]
    event, cell = np.divmod(place, image.cells)
    dtype = np.uint16 if image.cells <= 1 << 16 else np.uint32
    counts = np.bincount(event, minlength=events)
    return Cells(np.concatenate([[0], np.cumsum(counts)]), cell.astype(dtype), value.astype(np.float32))


def require_inside(
    inside: np.ndarray, offsets: np.ndarray, place: np.ndarray, image: Image, first_row: int, path: Path
) -> None:
    """`DataError` naming file, event and place of the first hit outside the grid."""
    if inside.all():
        return
    hit = int(np.flatnonzero(~inside)[0])
    event = first_row + int(np.searchsorted(offsets, hit, side="right")) - 1
    where = ", ".join(f"{x:g}" for x in np.atleast_1d(place[hit]))
    what = f"image '{image.name}' has a hit at ({where}) in event {event}, outside its grid of {_grid(image)}"
    raise DataError(what, where=path, fix="correct shape, low or pitch, or leave such hits out with outside: drop")


def _grid(image: Image) -> str:
    return "x".join(map(str, image.shape))
