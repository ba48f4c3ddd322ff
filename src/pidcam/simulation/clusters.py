"""Clusters of neighbouring pixels, described by six numbers."""

from __future__ import annotations

import numpy as np

from pidcam.compiled import compiled
from pidcam.simulation.ionisation import Floats

COLUMNS = ("total_charge", "seed_charge", "minimum_charge", "size", "size_u", "size_v")


def largest_clusters(windows: np.ndarray) -> dict[str, Floats]:
    """Of each window (n, v, u) of whole counts the cluster around the highest pixel, in which pixels touch at a side or
    corner: its charge, the charge of its highest and lowest pixel, its pixels, columns and rows."""
    table = np.zeros((len(windows), len(COLUMNS)))
    _describe(np.ascontiguousarray(windows, np.int64), table)
    return dict(zip(COLUMNS, table.T, strict=True))


@compiled
def _describe(windows: np.ndarray, table: np.ndarray) -> None:
    rows, columns = windows.shape[1:]
    waiting = np.zeros((rows * columns, 2), np.int64)
    for event in range(len(windows)):
        left = windows[event].copy()
        best = np.argmax(left)
        waiting[0, 0], waiting[0, 1] = best // columns, best % columns
        seed = left[waiting[0, 0], waiting[0, 1]]
        if seed == 0:
            continue
        left[waiting[0, 0], waiting[0, 1]] = 0
        total, lowest, taken, found = seed, seed, 0, 1
        while taken < found:
            row, column = waiting[taken, 0], waiting[taken, 1]
            taken += 1
            for j in range(max(row - 1, 0), min(row + 2, rows)):
                for i in range(max(column - 1, 0), min(column + 2, columns)):
                    if left[j, i] > 0:
                        total, lowest = total + left[j, i], min(lowest, left[j, i])
                        left[j, i] = 0
                        waiting[found, 0], waiting[found, 1] = j, i
                        found += 1
        v, u = waiting[:found, 0], waiting[:found, 1]
        table[event, 0], table[event, 1], table[event, 2], table[event, 3] = total, seed, lowest, found
        table[event, 4], table[event, 5] = u.max() - u.min() + 1, v.max() - v.min() + 1
