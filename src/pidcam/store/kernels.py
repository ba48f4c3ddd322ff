"""The inner loops of the loader, compiled: events picked from many mapped shards at once, hits put into dense images.

Shards are given as tables of addresses, so that one call serves a batch however many shards its events lie in. Whoever
calls keeps the arrays alive that the addresses point to.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic


def _to_pointer(typing_context: Any, address: Any) -> Any:
    """An address as a void pointer, which `carray` turns into an array."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.uintp), code


_pointer: Any = intrinsic(_to_pointer)


def _compiled(function: Any) -> Any:
    """Compiled once, and kept on disk for the next process where there is a place to keep it."""
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # a read-only installation, used by somebody without a home to write in
        return njit(nogil=True)(function)


@_compiled
def pick(address, shard, row, like, out):  # type: ignore[no-untyped-def]
    """`out[k]` = element `row[k]` of the column at `address[shard[k]]`, whose type is that of `like`."""
    for k in range(len(row)):
        out[k] = carray(_pointer(address[shard[k]]), row[k] + 1, like.dtype)[row[k]]


@_compiled
def pick_dense(address, shard, row, out):  # type: ignore[no-untyped-def]
    """`out[k]` = event `row[k]` of the dense float32 images at `address[shard[k]]`; out (n, values)."""
    size = out.shape[1]
    for k in range(len(row)):
        values = carray(_pointer(address[shard[k]]), (row[k] + 1, size), np.float32)
        for i in range(size):  # assigning slices would take seconds longer to compile
            out[k, i] = values[row[k], i]


@_compiled
def hit_ranges(offsets, hits, shard, row, first, last):  # type: ignore[no-untyped-def]
    """Where the hits of every event begin and end in its shard; False if a shard tells nonsense."""
    for k in range(len(row)):
        edges = carray(_pointer(offsets[shard[k]]), row[k] + 2, np.int64)
        first[k], last[k] = edges[row[k]], edges[row[k] + 1]
        if not 0 <= first[k] <= last[k] <= hits[shard[k]]:
            return False
    return True


@_compiled
def scatter_cells(place, value, shard, first, last, like, out):  # type: ignore[no-untyped-def]
    """Dense images of hits on cells; out (n, channels, cells) need not be zero before.

    False if a shard holds a cell that is not on the grid.
    """
    channels, cells = out.shape[1], out.shape[2]
    for k in range(len(first)):
        image = out[k]
        image[:] = 0  # here, so that it is still in the cache when the hits come
        cell = carray(_pointer(place[shard[k]]), last[k], like.dtype)
        values = carray(_pointer(value[shard[k]]), (last[k], channels), np.float32)
        for hit in range(first[k], last[k]):
            if cell[hit] >= cells:
                return False
            for channel in range(channels):
                image[channel, cell[hit]] = values[hit, channel]
    return True


@_compiled
def scatter_points(place, value, shard, first, last, low, pitch, shape, out):  # type: ignore[no-untyped-def]
    """Dense images of points: values in one voxel add up, points outside the grid are left out."""
    channels, axes = out.shape[1], len(shape)
    for k in range(len(first)):
        image = out[k]
        image[:] = 0
        position = carray(_pointer(place[shard[k]]), (last[k], axes), np.float32)
        values = carray(_pointer(value[shard[k]]), (last[k], channels), np.float32)
        for hit in range(first[k], last[k]):
            cell = 0
            inside = True
            for axis in range(axes):
                place_on_axis = (position[hit, axis] - low[axis]) / pitch[axis]
                inside = inside and 0 <= place_on_axis < shape[axis]
                cell = cell * shape[axis] + (int(place_on_axis) if inside else 0)
            if inside:
                for channel in range(channels):
                    image[channel, cell] += values[hit, channel]


@_compiled
def copy_hits(address, shard, first, last, like, out):  # type: ignore[no-untyped-def]
    """Rows [first, last) of each event's (hits, width) array end to end into `out` (hits, width)."""
    width = out.shape[1]
    start = 0
    for k in range(len(first)):
        hits = carray(_pointer(address[shard[k]]), (last[k], width), like.dtype)
        for hit in range(first[k], last[k]):
            for i in range(width):
                out[start, i] = hits[hit, i]
            start += 1
