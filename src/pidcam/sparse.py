"""Dense images to hits, and hits of chosen events, in single passes over memory: compiled loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from pidcam.compiled import compiled

BLOCK = 32
"""Numbers that are looked at together: most blocks of a detector image hold nothing."""
TOGETHER = 4 << 20
"""Bytes of dense images that are searched before their hits are put away."""
VALUE = np.uint32(0x7FFFFFFF)


def nonzero_cells(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """offsets (n+1,), cell (hits,) and value (hits, channels) float32 of the cells of `values` (n, channels, cells)
    with any non-zero channel (NaN is not zero), in ascending order. Channels may lie first or last in memory."""
    n, channels, cells = values.shape
    last = np.moveaxis(values, 1, 2).flags.c_contiguous
    lying = np.ascontiguousarray(np.moveaxis(values, 1, 2) if last else values, np.float32)
    words = lying.reshape(n, channels * cells).view(np.uint32)
    search = _channels_last if last else _channels_first
    step = min(max(1, TOGETHER // max(1, 4 * channels * cells)), max(n, 1))
    cell, value = np.empty(step * cells, np.uint32), np.empty((step * cells, channels), np.uint32)
    offsets, kind = np.zeros(n + 1, np.int64), np.uint16 if cells <= 1 << 16 else np.uint32
    places, found = [np.empty(0, kind)], [np.empty((0, channels), np.float32)]
    for first in range(0, n, step):
        edges = offsets[first : first + step + 1]
        search(words[first : first + step], channels, edges, cell, value)
        hits = int(edges[-1] - edges[0])
        places.append(cell[:hits].astype(kind))
        found.append(value[:hits].view(np.float32).copy())
    return offsets, np.concatenate(places), np.concatenate(found)


def sums(value: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Total, sum of squares, minimum and maximum float64 of every column of (n, columns) in one pass, n > 0."""
    out = np.zeros((4, value.shape[1]))
    _sums(np.ascontiguousarray(value, np.float32), out)
    return out[0], out[1], out[2], out[3]


def taken_runs(source: np.ndarray, start: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Runs of rows of `source`, the i-th from `start[i]` on, end to end: to `[offsets[i]:offsets[i+1]]`."""
    source = np.ascontiguousarray(source)
    out = np.empty((offsets[-1], *source.shape[1:]), source.dtype)
    step = source.nbytes // max(len(source), 1)
    if step and len(out):
        copy_runs(as_bytes(source), start * step, offsets * step, as_bytes(out))
    return out


def as_bytes(array: np.ndarray) -> np.ndarray:
    """The bytes of an array in C order, copied only where it does not lie so."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def copy_runs(source: np.ndarray, start: np.ndarray, offsets: np.ndarray, out: np.ndarray, into: Any = None) -> None:
    """Bytes of `source` from `start[i]` on, `offsets[i+1] - offsets[i]` of them, to `out` at `into[i]` (default: end to
    end)."""
    begin = offsets[:-1] if into is None else into
    _copy(source, np.ascontiguousarray(start, np.int64), np.diff(offsets), out, np.ascontiguousarray(begin, np.int64))


# A word is the bits of a float, which is zero, of either sign, if all but the first are 0. Both put the hits into
# `cells` and `values` from their beginning, and say in `offsets` where those of an event end, counted on from [0].


@compiled
def _channels_last(words, channels, offsets, cells, values):  # type: ignore[no-untyped-def]
    size, hit = words.shape[1], 0
    for event in range(words.shape[0]):
        before = -1
        for first in range(0, size, BLOCK):
            seen = np.uint32(0)
            if first + BLOCK <= size:  # a loop of known length is a few instructions
                for k in range(BLOCK):
                    seen |= words[event, first + k]
            else:
                seen = VALUE
            if not seen & VALUE:
                continue
            for k in range(first, min(first + BLOCK, size)):
                if words[event, k] & VALUE:
                    cell = k // channels
                    if cell == before:
                        continue
                    before = cell
                    cells[hit] = cell
                    for channel in range(channels):
                        values[hit, channel] = words[event, cell * channels + channel]
                    hit += 1
        offsets[event + 1] = offsets[0] + hit


@compiled
def _channels_first(words, channels, offsets, cells, values):  # type: ignore[no-untyped-def]
    size, hit = words.shape[1] // channels, 0
    for event in range(words.shape[0]):
        for first in range(0, size, BLOCK):
            seen = np.uint32(0)
            if first + BLOCK <= size:
                for channel in range(channels):
                    for k in range(BLOCK):
                        seen |= words[event, channel * size + first + k]
            else:
                seen = VALUE
            if not seen & VALUE:
                continue
            for cell in range(first, min(first + BLOCK, size)):
                found = np.uint32(0)
                for channel in range(channels):
                    found |= words[event, channel * size + cell]
                if found & VALUE:
                    cells[hit] = cell
                    for channel in range(channels):
                        values[hit, channel] = words[event, channel * size + cell]
                    hit += 1
        offsets[event + 1] = offsets[0] + hit


@compiled
def _sums(value, out):  # type: ignore[no-untyped-def]
    hits, columns = value.shape
    for column in range(columns):
        total, square = 0.0, 0.0
        low, high = np.float64(value[0, column]), np.float64(value[0, column])
        for i in range(hits):
            x = np.float64(value[i, column])
            total += x
            square += x * x
            low, high = min(low, x), max(high, x)
        out[0, column], out[1, column], out[2, column], out[3, column] = total, square, low, high


@compiled
def _copy(source, start, size, out, into):  # type: ignore[no-untyped-def]
    for i in range(len(start)):
        a, b, n = into[i], start[i], size[i]
        if b < 0 or b + n > len(source) or a + n > len(out):
            raise IndexError("a run lies outside of what it is taken from")
        out[a : a + n] = source[b : b + n]
