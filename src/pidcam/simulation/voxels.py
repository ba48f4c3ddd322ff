"""Deposits of an event summed in voxels: a hash table, because a chamber has millions and a track meets hundreds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pidcam.compiled import compiled

EMPTY = -1
AXIS_BITS = 20
"""Voxels along one axis are numbered in 20 bits: a million."""


class VoxelTable(NamedTuple):
    """Open addressing: `key` (a power of two,) is EMPTY where free, `energy` the sum, `used` the slots in use."""

    key: np.ndarray
    energy: np.ndarray
    used: np.ndarray


def new_voxel_table(size: int = 1 << 16) -> VoxelTable:
    """Room for three quarters of `size` voxels."""
    return VoxelTable(np.full(size, EMPTY, np.int64), np.zeros(size), np.zeros(size * 3 // 4, np.int64))


@compiled
def add_to_voxel(table: VoxelTable, count: int, i: int, j: int, k: int, energy: float) -> int:
    """Adds energy to voxel (i, j, k), all from 0. Returns the new number of voxels in use."""
    key = (i << (2 * AXIS_BITS)) | (j << AXIS_BITS) | k
    mask = len(table.key) - 1
    slot = ((key * 0x9E3779B97F4A7C1) >> 20) & mask
    while table.key[slot] != key:
        if table.key[slot] == EMPTY:
            if count >= len(table.used):
                raise RuntimeError("more voxels in one event than there is room for")
            table.key[slot], table.energy[slot] = key, 0.0
            table.used[count] = slot
            count += 1
            break
        slot = (slot + 1) & mask
    table.energy[slot] += energy
    return count


@compiled
def add_segment(
    table: VoxelTable, count: int, start: tuple[float, float, float], end: tuple[float, float, float], energy: float
) -> int:
    """Adds energy spread evenly from start to end (both in voxels, from 0), to every voxel its share of the length.

    J. Amanatides, A. Woo, Proc. Eurographics (1987) 3. Returns the new number of voxels in use.
    """
    x, y, z = start
    dx, dy, dz = end[0] - x, end[1] - y, end[2] - z
    i, j, k = int(x), int(y), int(z)
    last_i, last_j, last_k = int(end[0]), int(end[1]), int(end[2])
    # at which part of the way the next wall of each axis is met
    tx = (i + (dx > 0) - x) / dx if i != last_i else np.inf
    ty = (j + (dy > 0) - y) / dy if j != last_j else np.inf
    tz = (k + (dz > 0) - z) / dz if k != last_k else np.inf
    done = 0.0
    while True:
        wall = min(tx, ty, tz, 1.0)
        if wall > done:
            count = add_to_voxel(table, count, i, j, k, energy * (wall - done))
            done = wall
        if tx == wall and i != last_i:
            i += 1 if dx > 0 else -1
            tx = (i + (dx > 0) - x) / dx if i != last_i else np.inf
        elif ty == wall and j != last_j:
            j += 1 if dy > 0 else -1
            ty = (j + (dy > 0) - y) / dy if j != last_j else np.inf
        elif tz == wall and k != last_k:
            k += 1 if dz > 0 else -1
            tz = (k + (dz > 0) - z) / dz if k != last_k else np.inf
        else:
            if done == 0.0:  # a point
                count = add_to_voxel(table, count, i, j, k, energy)
            return count


@compiled
def take_voxels(table: VoxelTable, count: int, index: np.ndarray, energy: np.ndarray) -> None:
    """Writes the voxels in their order to `index` (count, 3) and `energy` (count,), and empties the table."""
    keys = np.empty(count, np.int64)
    for n in range(count):
        keys[n] = table.key[table.used[n]]
    order = np.argsort(keys)
    for n in range(count):
        slot, key = table.used[order[n]], keys[order[n]]
        index[n, 0] = key >> (2 * AXIS_BITS)
        index[n, 1] = (key >> AXIS_BITS) & ((1 << AXIS_BITS) - 1)
        index[n, 2] = key & ((1 << AXIS_BITS) - 1)
        energy[n] = table.energy[slot]
    for n in range(count):
        table.key[table.used[n]] = EMPTY
