"""Shape of tracks in voxels, for the benchmarks of next-tpc: a graph of touching voxels and the two ends of its longest
path, as NEXT does it (P. Ferrario et al., JHEP 01 (2016) 104)."""

from __future__ import annotations

import numpy as np
from numba import njit

NAMES = (
    "voxels", "energy", "voxel_energy", "voxel_spread", "largest_voxel", "parts", "share_of_main", "length",
    "straightness", "larger_blob", "smaller_blob", "extent", "rms", "elongation",
)  # fmt: skip


def shapes(place: np.ndarray, energy: np.ndarray, offsets: np.ndarray, pitch: np.ndarray, blob: float) -> np.ndarray:
    """(events, len(NAMES)) of points `place` (hits, 3) mm and `energy` (hits,) MeV; blobs are spheres of `blob` mm."""
    table = np.zeros((len(offsets) - 1, len(NAMES)))
    place = np.ascontiguousarray(place, np.float64)
    _shapes(place, np.ascontiguousarray(energy, np.float64), offsets, np.asarray(pitch, np.float64), blob, table)
    return table


@njit(nogil=True, cache=True)
def _distances(p, pitch, start, distance, done):  # type: ignore[no-untyped-def]
    """Dijkstra over voxels that touch, in O(n^2)."""
    n = len(p)
    distance[:n] = np.inf
    done[:n] = False
    distance[start] = 0.0
    while True:
        best, at = np.inf, -1
        for i in range(n):
            if not done[i] and distance[i] < best:
                best, at = distance[i], i
        if at < 0:
            return
        done[at] = True
        for i in range(n):
            if not done[i]:
                dx, dy, dz = abs(p[i, 0] - p[at, 0]), abs(p[i, 1] - p[at, 1]), abs(p[i, 2] - p[at, 2])
                if dx < 1.1 * pitch[0] and dy < 1.1 * pitch[1] and dz < 1.1 * pitch[2]:
                    d = best + np.sqrt(dx * dx + dy * dy + dz * dz)
                    if d < distance[i]:
                        distance[i] = d


@njit(nogil=True, cache=True)
def _shapes(place, energy, offsets, pitch, blob, table):  # type: ignore[no-untyped-def]
    room = 0
    for k in range(len(offsets) - 1):
        room = max(room, offsets[k + 1] - offsets[k])
    distance, done, part = np.zeros(room), np.zeros(room, np.bool_), np.zeros(room, np.int64)
    for k in range(len(offsets) - 1):
        p, e = place[offsets[k] : offsets[k + 1]], energy[offsets[k] : offsets[k + 1]]
        n = len(e)
        total = e.sum()
        part[:n] = 0
        parts, main, most = 0, 0, 0.0
        for i in range(n):
            if part[i] == 0:
                parts += 1
                _distances(p, pitch, i, distance, done)
                inside = 0.0
                for j in range(n):
                    if distance[j] < np.inf:
                        part[j] = parts
                        inside += e[j]
                if inside > most:
                    most, main = inside, parts
        first = 0
        while part[first] != main:
            first += 1
        for _ in range(2):
            _distances(p, pitch, first, distance, done)
            last, far = first, 0.0
            for j in range(n):
                if distance[j] < np.inf and distance[j] > far:
                    far, last = distance[j], j
            start, first = first, last
        ends = np.zeros(2)
        straight = np.sqrt(((p[start] - p[first]) ** 2).sum())
        for j in range(n):
            if ((p[j] - p[start]) ** 2).sum() < blob * blob:
                ends[0] += e[j]
            if ((p[j] - p[first]) ** 2).sum() < blob * blob:
                ends[1] += e[j]
        centre = np.zeros(3)
        for j in range(n):
            centre += p[j] * e[j] / total
        moment, extent = np.zeros((3, 3)), 0.0
        for j in range(n):
            d = p[j] - centre
            moment += np.outer(d, d) * e[j] / total
            if part[j] == main:
                extent = max(extent, np.sqrt((d * d).sum()))
        axes = np.linalg.eigvalsh(moment)
        row = table[k]
        row[0], row[1], row[2], row[3], row[4] = n, total, e.mean(), e.std(), e.max()
        row[5], row[6], row[7], row[8] = parts, most / total, far, straight / max(far, pitch.max())
        row[9], row[10], row[11] = ends.max(), ends.min(), extent
        row[12], row[13] = np.sqrt(np.trace(moment)), np.sqrt(max(axes[1], 0.0) / max(axes[2], 1e-9))
