"""A liquid-argon chamber with two planes of wires: tables made once, and one event after the other through them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pidcam.compiled import compiled
from pidcam.simulation.decays import Product
from pidcam.simulation.electron_transport import Heap, Volume, inside, new_heap
from pidcam.simulation.matter_transport import Primary, Switches, Tables, propagate
from pidcam.simulation.voxels import VoxelTable, add_segment, add_to_voxel, new_voxel_table, take_voxels
from pidcam.simulation.wire_planes import Drift, Wires, clear, collect, escaped, new_charge, respond
from pidcam.simulation.wire_readout import Pulse, Readout, read_everything, read_hits

SHORT = 0.3
"""Parts of a voxel below which a piece of track is taken at its middle."""


@dataclass
class Chamber:
    """What stays from event to event; `pulse` as `wire_readout.pulses`, `pulse_step` ticks of drift to its next width;
    `voxel` mm of the true deposits."""

    tables: Tables
    volume: Volume
    drift: Drift
    wires: Wires
    readout: Readout
    switches: Switches
    pulse: Pulse
    pulse_step: float
    voxel: float

    def __post_init__(self) -> None:
        self._heap = new_heap(1 << 14, 1 << 20)
        self._charge = new_charge(self.wires.wires, self.wires.ticks)
        self._signal = new_charge(self.wires.wires, self.wires.ticks)
        self._scratch = np.zeros((2, self.wires.ticks))
        self._room = 1 << 15
        self._energy, self._electrons = new_voxel_table(), new_voxel_table()

    def expose(self, rng: np.random.Generator, products: list[Product], at: tuple[float, float, float]) -> Primary:
        """Particles from one point make an event, and its signals without noise."""
        self._heap.used[:] = 0
        primary = propagate(rng, self.tables, self.volume, self._heap, products, at, self.switches)
        clear(self._charge)
        clear(self._signal)
        collect(self._heap, self.volume, self.drift, self.wires, self._charge)
        respond(self._charge, self.pulse.shape, self.pulse.lead, self.drift.offset, self.pulse_step, self._signal)
        return primary

    def deposits(self) -> tuple[np.ndarray, np.ndarray]:
        """Of the event: centres (voxels, 3) in mm, and (voxels, 2) the electrons that did not recombine and the energy
        in MeV."""
        room = len(self._energy.used)
        place, values = np.empty((room, 3), np.int64), np.empty((room, 2))
        count = true_deposits(
            self._heap, self.volume, self.drift, self.voxel, self._electrons, self._energy, place, values
        )
        return (place[:count] + 0.5) * self.voxel + np.array(self.volume.low), values[:count]

    def samples(self, rng: np.random.Generator, out: np.ndarray) -> None:
        """Fills `out` (planes, wires, ticks) int16 with all samples of the event."""
        read_everything(rng, self._signal, self.readout, out)

    def hits(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Flat cells (hits,) and counts (hits, planes) of the samples that zero suppression keeps."""
        state = rng.bit_generator.state
        while True:
            cell, value = np.empty(self._room, np.uint32), np.empty((self._room, 2), np.float32)
            end = read_hits(rng, self._signal, self.readout, self._scratch, cell, value, 0)
            if end >= 0:
                return cell[:end], value[:end]
            self._room *= 2
            rng.bit_generator.state = state


@compiled
def true_deposits(
    heap: Heap, volume: Volume, drift: Drift, voxel: float, electrons: VoxelTable, energy: VoxelTable,
    place: np.ndarray, values: np.ndarray,
) -> int:  # fmt: skip
    """Fills `place` with numbers of voxels from the low corner of the volume, and `values` with the electrons that did
    not recombine and MeV in each. Returns how many there are."""
    low, count = volume.low, 0
    for n in range(heap.used[1]):
        row = heap.deposits[n]
        if row[6] <= 0 or not (inside(volume, row[0], row[1], row[2]) and inside(volume, row[3], row[4], row[5])):
            continue
        start = (row[0] - low[0]) / voxel, (row[1] - low[1]) / voxel, (row[2] - low[2]) / voxel
        end = (row[3] - low[0]) / voxel, (row[4] - low[1]) / voxel, (row[5] - low[2]) / voxel
        parts = np.sqrt((end[0] - start[0]) ** 2 + (end[1] - start[1]) ** 2 + (end[2] - start[2]) ** 2)
        free = escaped(drift, row[6], parts * voxel)
        if parts > SHORT:
            add_segment(electrons, count, start, end, free)
            count = add_segment(energy, count, start, end, row[6])
        else:
            i, j, k = int((start[0] + end[0]) / 2), int((start[1] + end[1]) / 2), int((start[2] + end[2]) / 2)
            add_to_voxel(electrons, count, i, j, k, free)
            count = add_to_voxel(energy, count, i, j, k, row[6])
    take_voxels(electrons, count, place, values[:, 0])
    take_voxels(energy, count, place, values[:, 1])
    return count
