"""Tracks of electrons in xenon gas: events of one or two electrons, deposited, diffused and summed in voxels."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pidcam.compiled import compiled
from pidcam.simulation.directions import isotropic, turned
from pidcam.simulation.electron_tables import ElectronTable
from pidcam.simulation.electron_transport import ELECTRON, Heap, Volume, follow_electron, inside, push
from pidcam.simulation.ionisation import Floats
from pidcam.simulation.photon_transport import PhotonTable, follow_photon
from pidcam.simulation.voxels import EMPTY, VoxelTable, add_segment, add_to_voxel, take_voxels

WORK = 21.9e-6
"""MeV per ionisation electron in xenon."""

PACKET = 10
"""Ionisation electrons that diffuse together."""


class Readout(NamedTuple):
    """`pitch` of the voxels, mm, counted from the low corner of the volume; spread of the drifting charge, mm per root
    of a mm, across and along z; `drift` mm from the origin to the anode, a range."""

    pitch: tuple[float, float, float]
    across: float
    along: float
    drift: tuple[float, float]


@compiled
def simulate_tracks(
    rng: np.random.Generator,
    electrons: ElectronTable,
    photons: PhotonTable,
    volume: Volume,
    readout: Readout,
    heap: Heap,
    voxels: VoxelTable,
    kinetic: Floats,
    cosine: Floats,
    vertex: Floats,
    direction: Floats,
    offsets: np.ndarray,
    place: np.ndarray,
    energy: np.ndarray,
    start: int,
) -> int:
    """Fills `direction` (n, 2, 3), `offsets` (n + 1,), and voxels' numbers `place` (room, 3) and `energy` (room,).

    Starts from `kinetic` (n, 2) MeV (the second 0 where there is one electron), the `cosine` (n,) between them, and the
    `vertex` (n, 3) mm, at event `start`. Returns the number of the first event for which there was no room, or n.
    """
    total = offsets[start]
    for event in range(start, len(kinetic)):
        heap.used[:] = 0
        x, y, z = vertex[event, 0], vertex[event, 1], vertex[event, 2]
        first = isotropic(rng)
        second = turned(first[0], first[1], first[2], cosine[event], 2 * math.pi * rng.random())
        for axis in range(3):
            direction[event, 0, axis] = first[axis]
        push(heap, ELECTRON, kinetic[event, 0], x, y, z, first)
        if kinetic[event, 1] > 0:
            for axis in range(3):
                direction[event, 1, axis] = second[axis]
            push(heap, ELECTRON, kinetic[event, 1], x, y, z, second)
        while heap.used[0] > 0:
            heap.used[0] -= 1
            row = heap.rows[heap.used[0]]
            kind, t, x, y, z, towards = row[0], row[1], row[2], row[3], row[4], (row[5], row[6], row[7])
            if kind == ELECTRON:
                follow_electron(rng, electrons, volume, heap, t, x, y, z, towards)
            else:
                follow_photon(rng, photons, volume, heap, t, x, y, z, towards)
        count = _read_out(rng, volume, readout, heap, voxels)
        if total + count > len(energy):
            voxels.key[:] = EMPTY
            return event
        take_voxels(voxels, count, place[total : total + count], energy[total : total + count])
        total += count
        offsets[event + 1] = total
    return len(kinetic)


@compiled
def _read_out(rng: np.random.Generator, volume: Volume, readout: Readout, heap: Heap, voxels: VoxelTable) -> int:
    """Number of voxels that were hit."""
    low, pitch = volume.low, readout.pitch
    if readout.across > 0 or readout.along > 0:
        return _diffused(rng, volume, readout, heap, voxels)
    count = 0
    for n in range(heap.used[1]):
        row = heap.deposits[n]
        if row[6] > 0 and inside(volume, row[3], row[4], row[5]):
            start = (row[0] - low[0]) / pitch[0], (row[1] - low[1]) / pitch[1], (row[2] - low[2]) / pitch[2]
            end = (row[3] - low[0]) / pitch[0], (row[4] - low[1]) / pitch[1], (row[5] - low[2]) / pitch[2]
            count = add_segment(voxels, count, start, end, row[6])
    return count


@compiled
def _diffused(rng: np.random.Generator, volume: Volume, readout: Readout, heap: Heap, voxels: VoxelTable) -> int:
    low, pitch, count = volume.low, readout.pitch, 0
    drift = readout.drift[0] + rng.random() * (readout.drift[1] - readout.drift[0])
    for n in range(heap.used[1]):
        row = heap.deposits[n]
        packets = int(row[6] / (WORK * PACKET)) + 1
        for _ in range(packets):
            share = rng.random()
            x, y = row[0] + share * (row[3] - row[0]), row[1] + share * (row[4] - row[1])
            z = row[2] + share * (row[5] - row[2])
            root = math.sqrt(max(drift - z, 0.0))
            x += rng.standard_normal() * readout.across * root
            y += rng.standard_normal() * readout.across * root
            z += rng.standard_normal() * readout.along * root
            if row[6] > 0 and inside(volume, x, y, z):
                i, j, k = int((x - low[0]) / pitch[0]), int((y - low[1]) / pitch[1]), int((z - low[2]) / pitch[2])
                count = add_to_voxel(voxels, count, i, j, k, row[6] / packets)
    return count
