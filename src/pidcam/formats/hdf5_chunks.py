"""Chunks of an HDF5 data set, read as they lie in the file and inflated here: several times as fast as the library."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import math
from typing import Any

import h5py
import numpy as np

# the extra `fast`: the same bytes, sooner
zlib: Any = importlib.import_module("zlib_ng.zlib_ng" if importlib.util.find_spec("zlib_ng") else "zlib")

SMALL = 1 << 16
"""Bytes for which the library is quick enough."""
DEFLATE, SHUFFLE = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE


Chunks = dict[tuple[int, ...], np.ndarray]
"""Inflated chunks by their first corner."""


def read_chunks(data: h5py.Dataset, start: int, stop: int, kept: Chunks) -> np.ndarray | None:
    """Rows [start, stop), or None where the library must read them: it knows all filters, and what damage is.

    `kept` holds the chunks in which the last read ended, so that reads that follow each other inflate none twice.
    """
    row = math.prod(data.shape[1:]) * data.dtype.itemsize
    if not data.chunks or data.dtype.kind not in "iuf" or ((stop - start) * row < SMALL and not kept) or not row:
        return None
    plan = data.id.get_create_plist()
    filters = [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]
    if filters not in ([DEFLATE], [SHUFFLE, DEFLATE]):
        return None
    out = np.empty((stop - start, *data.shape[1:]), data.dtype)
    length = data.chunks[0]
    corners = [range(start // length * length, stop, length)]
    corners += [range(0, size, step) for size, step in zip(data.shape[1:], data.chunks[1:], strict=True)]
    ended: Chunks = {}
    for corner in itertools.product(*corners):
        chunk = kept[corner] if corner in kept else _chunk(data, corner, SHUFFLE in filters)
        if chunk is None:
            return None
        if corner[0] + length > stop:
            ended[corner] = chunk
        first, last = max(start - corner[0], 0), min(stop - corner[0], length)
        into = [slice(corner[0] + first - start, corner[0] + last - start)]
        taken = [slice(first, last)]
        for begin, size, step in zip(corner[1:], data.shape[1:], data.chunks[1:], strict=True):
            into.append(slice(begin, min(begin + step, size)))
            taken.append(slice(0, min(step, size - begin)))
        out[tuple(into)] = chunk[tuple(taken)]
    kept.clear()
    kept.update(ended)
    return out


def _chunk(data: h5py.Dataset, corner: tuple[int, ...], shuffled: bool) -> np.ndarray | None:
    size = math.prod(data.chunks)
    try:
        mask, packed = data.id.read_direct_chunk(corner)
        plain = b"" if mask else zlib.decompress(packed, bufsize=size * data.dtype.itemsize)
    except (OSError, RuntimeError, ValueError, zlib.error):  # never written, or damaged
        return None
    if len(plain) != size * data.dtype.itemsize:
        return None
    if shuffled:
        plain = np.frombuffer(plain, np.uint8).reshape(data.dtype.itemsize, size).T.tobytes()
    return np.frombuffer(plain, data.dtype).reshape(data.chunks)
