"""The inner loops of the loader, compiled: events picked from many mapped shards at once, hits put into dense images.

Shards are given as tables of addresses, so that one call serves a batch however many shards its events lie in. Whoever
calls keeps the arrays alive that the addresses point to. Values are float32, or the bits of float16: `bits` is an empty
array of either type. `each_channel` is a tuple whose length, known when compiling, unrolls the innermost loops; `like`
is an empty array of the type that an address points to.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from pidcam.compiled import compiled
from pidcam.store.intrinsics import LANES, WIDTH, clear, fence, move, pointer, prefetch, to_float

AHEAD = 6
"""Events whose hits are on their way from memory while one is put into its image."""
FAR = 48
"""The same for what is read in less time than it is on its way: one number of an event."""
LINE = 64
"""Bytes that memory sends at once."""
IN_CACHE = 256 << 10
"""Bytes of an image that is made in a cache before it is written."""


def scratch_for(out: np.ndarray, past: bool) -> np.ndarray:
    """Memory that the kernels need to fill `out` (n, channels, cells); a thread must not lend it to another."""
    floats = out.shape[1] * out.shape[2]
    if not past or not 0 < 4 * floats <= IN_CACHE:
        return np.empty(0, np.float32)
    memory = np.zeros(floats + 2 * LANES, np.float32)
    return memory[-memory.ctypes.data % WIDTH // 4 :]


@compiled
def _prefetch_range(address, first, last, size):  # type: ignore[no-untyped-def]
    """Elements [first, last) of `size` bytes."""
    for place in range(address + first * size, address + last * size, LINE):
        prefetch(place)


@compiled
def _begin(scratch, out, k, past):  # type: ignore[no-untyped-def]
    """Where the image of event k is made, flat and zero.

    In `scratch`, which is zero, holds `LANES` floats more than an image and fits in a cache; or, if it is empty, in
    `out` itself. Either way `out` is written `past` the caches, or not. Where a batch is larger than the caches,
    reading lines that are overwritten anyway is what takes the time; where it fits, writing to memory is.
    """
    floats = out.shape[1] * out.shape[2]
    target = out.ctypes.data + 4 * k * floats
    if past and len(scratch):
        return carray(pointer(scratch.ctypes.data + target % WIDTH), floats, np.float32)
    image = carray(pointer(target), floats, np.float32)
    if not past:
        for i in range(floats):
            image[i] = 0
        return image
    i = 0
    while i < floats and (target + 4 * i) % WIDTH:
        image[i] = 0
        i += 1
    while i + LANES <= floats:
        clear(target + 4 * i)
        i += LANES
    while i < floats:
        image[i] = 0
        i += 1
    return image


@compiled
def _finish(scratch, out, k, past):  # type: ignore[no-untyped-def]
    """Move the image of event k from `scratch`, if it was made there, to `out`, and leave zeros there."""
    if not past or not len(scratch):
        return
    floats = out.shape[1] * out.shape[2]
    target = out.ctypes.data + 4 * k * floats
    source = scratch.ctypes.data + target % WIDTH  # both are aligned alike
    image = carray(pointer(target), floats, np.float32)
    made = carray(pointer(source), floats, np.float32)
    i = 0
    while i < floats and (target + 4 * i) % WIDTH:
        image[i] = made[i]
        made[i] = 0
        i += 1
    while i + LANES <= floats:
        move(source + 4 * i, target + 4 * i)
        i += LANES
    while i < floats:
        image[i] = made[i]
        made[i] = 0
        i += 1


@compiled
def find(edges, event, shard, row):  # type: ignore[no-untyped-def]
    """Where events lie: `event[k]` is number `row[k]` of `shard[k]`, which holds [edges[shard], edges[shard + 1])."""
    for k in range(len(event)):
        low, high = 0, len(edges) - 1
        while high - low > 1:
            middle = (low + high) >> 1
            if edges[middle] <= event[k]:
                low = middle
            else:
                high = middle
        shard[k], row[k] = low, event[k] - edges[low]


@compiled
def pick(address, shard, row, like, out):  # type: ignore[no-untyped-def]
    """`out[k]` = element `row[k]` of the column at `address[shard[k]]`."""
    for k in range(len(row)):
        if k + FAR < len(row):
            prefetch(address[shard[k + FAR]] + row[k + FAR] * like.itemsize)
        out[k] = carray(pointer(address[shard[k]]), row[k] + 1, like.dtype)[row[k]]


@compiled
def pick_dense(address, shard, row, bits, out):  # type: ignore[no-untyped-def]
    """`out[k]` = event `row[k]` of the dense images at `address[shard[k]]`; out (n, channels, cells)."""
    _, channels, cells = out.shape
    for k in range(len(row)):
        values = carray(pointer(address[shard[k]]), (row[k] + 1, channels, cells), bits.dtype)
        for channel in range(channels):
            for cell in range(cells):  # assigning slices would take seconds longer to compile
                out[k, channel, cell] = to_float(values[row[k], channel, cell])


@compiled
def hit_ranges(offsets, hits, shard, row, first, last):  # type: ignore[no-untyped-def]
    """Where the hits of every event begin and end in its shard; False if a shard tells nonsense."""
    for k in range(len(row)):
        if k + FAR < len(row):
            prefetch(offsets[shard[k + FAR]] + row[k + FAR] * 8)
        edges = carray(pointer(offsets[shard[k]]), row[k] + 2, np.int64)
        first[k], last[k] = edges[row[k]], edges[row[k] + 1]
        if not 0 <= first[k] <= last[k] <= hits[shard[k]]:
            return False
    return True


@compiled
def scatter_cells(place, value, shard, first, last, each_channel, bits, like, scratch, past, out):  # type: ignore[no-untyped-def]
    """Dense images of hits on cells; out (n, channels, cells) need not be zero before.

    False if a shard holds a cell that is not on the grid. `scratch`, `past`: as `_begin` says.
    """
    channels, cells = len(each_channel), out.shape[2]
    for k in range(len(first)):
        if k + AHEAD < len(first):
            _prefetch_range(place[shard[k + AHEAD]], first[k + AHEAD], last[k + AHEAD], like.itemsize)
            _prefetch_range(value[shard[k + AHEAD]], first[k + AHEAD], last[k + AHEAD], bits.itemsize * channels)
        image = _begin(scratch, out, k, past)
        cell = carray(pointer(place[shard[k]]), last[k], like.dtype)
        values = carray(pointer(value[shard[k]]), (last[k], channels), bits.dtype)
        for hit in range(first[k], last[k]):
            c = np.int64(cell[hit])  # as an index that needs no conversion
            if c >= cells:
                return False
            for channel in range(channels):
                image[channel * cells + c] = to_float(values[hit, channel])
        _finish(scratch, out, k, past)
    fence()
    return True


@compiled
def scatter_points(place, value, shard, first, last, each_channel, bits, low, pitch, shape, scratch, past, out):  # type: ignore[no-untyped-def]
    """Dense images of points: values in one voxel add up, points outside the grid are left out.

    low, pitch and shape are tuples, one entry for each axis; `scratch`, `past`: as `_begin` says.
    """
    channels, axes, cells = len(each_channel), len(shape), out.shape[2]
    for k in range(len(first)):
        if k + AHEAD < len(first):
            _prefetch_range(place[shard[k + AHEAD]], first[k + AHEAD], last[k + AHEAD], 4 * axes)
            _prefetch_range(value[shard[k + AHEAD]], first[k + AHEAD], last[k + AHEAD], bits.itemsize * channels)
        image = _begin(scratch, out, k, past)
        position = carray(pointer(place[shard[k]]), (last[k], axes), np.float32)
        values = carray(pointer(value[shard[k]]), (last[k], channels), bits.dtype)
        for hit in range(first[k], last[k]):
            cell = 0
            inside = True
            for axis in range(axes):
                index = (position[hit, axis] - low[axis]) / pitch[axis]
                inside = inside and 0 <= index < shape[axis]
                cell = cell * shape[axis] + (int(index) if inside else 0)
            if inside:
                for channel in range(channels):
                    image[channel * cells + cell] += to_float(values[hit, channel])
        _finish(scratch, out, k, past)
    fence()


@compiled
def copy_hits(address, shard, first, last, like, out):  # type: ignore[no-untyped-def]
    """Rows [first, last) of each event's (hits, width) array end to end into `out` (hits, width)."""
    width = out.shape[1]
    start = 0
    for k in range(len(first)):
        hits = carray(pointer(address[shard[k]]), (last[k], width), like.dtype)
        for hit in range(first[k], last[k]):
            for i in range(width):
                out[start, i] = hits[hit, i]
            start += 1


@compiled
def copy_values(address, shard, first, last, bits, out):  # type: ignore[no-untyped-def]
    """As `copy_hits`, values that become float32."""
    width = out.shape[1]
    start = 0
    for k in range(len(first)):
        hits = carray(pointer(address[shard[k]]), (last[k], width), bits.dtype)
        for hit in range(first[k], last[k]):
            for i in range(width):
                out[start, i] = to_float(hits[hit, i])
            start += 1
