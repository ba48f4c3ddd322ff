"""Hits -> dense images: the inner loops of the loader, compiled."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def scatter_cells(offsets, cell, value, rows, slots, out):  # type: ignore[no-untyped-def]
    """Put the hits of events `rows` into `out[slots]`; out (n, channels, cells) is zero before."""
    for k in range(len(rows)):
        image = out[slots[k]]
        for hit in range(offsets[rows[k]], offsets[rows[k] + 1]):
            for channel in range(value.shape[1]):
                image[channel, cell[hit]] = value[hit, channel]


@njit(nogil=True, cache=True)
def scatter_points(offsets, position, value, rows, slots, low, pitch, shape, out):  # type: ignore[no-untyped-def]
    """Sum the hits of events `rows` into the voxels of `out[slots]`; hits outside the grid are left out."""
    for k in range(len(rows)):
        image = out[slots[k]]
        for hit in range(offsets[rows[k]], offsets[rows[k] + 1]):
            cell = 0
            inside = True
            for axis in range(len(shape)):
                index = int(np.floor((position[hit, axis] - low[axis]) / pitch[axis]))
                inside = inside and 0 <= index < shape[axis]
                cell = cell * shape[axis] + index
            if inside:
                for channel in range(value.shape[1]):
                    image[channel, cell] += value[hit, channel]


def densify(images, image, rows, slots, out):  # type: ignore[no-untyped-def]
    """Events `rows` of one shard's `images` (dense, cells or points) into `out[slots]`, (n, channels, cells) zeros."""
    from pidcam.events import Cells, Dense

    if isinstance(images, Dense):
        out[slots] = images.values[rows].reshape(len(rows), *out.shape[1:])
    elif isinstance(images, Cells):
        scatter_cells(images.offsets, images.place, images.value, rows, slots, out)
    else:
        low, pitch = np.array(image.low, np.float64), np.array(image.pitch, np.float64)
        grid = np.array(image.shape, np.int64)
        scatter_points(images.offsets, images.place, images.value, rows, slots, low, pitch, grid, out)
