"""The way of an electron through matter, and of all that it sets free: compiled, one event at a time.

Lengths in mm, energies in MeV. What is deposited is handed out as straight pieces of track; everything random comes
from one generator.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pidcam.compiled import compiled
from pidcam.simulation.constants import ELECTRON_MASS
from pidcam.simulation.delta_rays import draw_moller, emission_cosine
from pidcam.simulation.directions import turned
from pidcam.simulation.electron_tables import (
    HARD,
    HARD_FROM,
    KNOCK_ON,
    RADIATION,
    SCREENING,
    SOFT,
    STOPPING,
    VARIANCE,
    ElectronTable,
)

ELECTRON, PHOTON, POSITRON = 0.0, 1.0, 2.0


class Volume(NamedTuple):
    """A box of matter, mm; what leaves it is lost. Steps are at most `longest`.

    Knock-on electrons of less than `secondaries_from` MeV give their energy up where they are born; the deposits of a
    piece of track shorter than `cluster` are at one point of it.
    """

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    longest: float
    secondaries_from: float
    cluster: float


class Heap(NamedTuple):
    """Particles of an event that wait for their turn: `rows` (n, 8) are kind, energy, position, direction.

    `deposits` (n, 7) are straight pieces of track: start, end, energy. `used` (2,) says how many there are of both.
    """

    rows: np.ndarray
    deposits: np.ndarray
    used: np.ndarray


def new_heap(particles: int = 4096, deposits: int = 1 << 17) -> Heap:
    """Room for one event."""
    return Heap(np.zeros((particles, 8)), np.zeros((deposits, 7)), np.zeros(2, np.int64))


@compiled
def push(
    heap: Heap, kind: float, energy: float, x: float, y: float, z: float, direction: tuple[float, float, float]
) -> None:
    """Another particle waits."""
    n = heap.used[0]
    if n >= len(heap.rows):
        raise RuntimeError("more particles in one event than there is room for")
    row = heap.rows[n]
    row[0], row[1], row[2], row[3], row[4] = kind, energy, x, y, z
    row[5], row[6], row[7] = direction
    heap.used[0] = n + 1


@compiled
def deposit(
    heap: Heap, x: float, y: float, z: float, length: float, direction: tuple[float, float, float], energy: float
) -> None:
    """Energy stays evenly along a straight piece of track."""
    n = heap.used[1]
    if n >= len(heap.deposits):
        raise RuntimeError("more deposits in one event than there is room for")
    row = heap.deposits[n]
    row[0], row[1], row[2] = x, y, z
    row[3], row[4], row[5] = x + length * direction[0], y + length * direction[1], z + length * direction[2]
    row[6] = energy
    heap.used[1] = n + 1


@compiled
def inside(volume: Volume, x: float, y: float, z: float) -> bool:
    """Whether a point is in the volume."""
    low, high = volume.low, volume.high
    return low[0] <= x < high[0] and low[1] <= y < high[1] and low[2] <= z < high[2]


@compiled
def draw_bremsstrahlung(rng: np.random.Generator, table: ElectronTable, row: int, share: float) -> float:
    """Energy of a photon from the quantiles between row and row + 1."""
    photons = table.photons
    last = photons.shape[1] - 1
    u = rng.random() * last
    i = min(int(u), last - 1)
    u -= i
    low = photons[row, i] + u * (photons[row, i + 1] - photons[row, i])
    high = photons[row + 1, i] + u * (photons[row + 1, i + 1] - photons[row + 1, i])
    return table.photon_cut * math.exp(low + share * (high - low))


@compiled
def draw_hard_deflection(
    rng: np.random.Generator, table: ElectronTable, row: int, hard_from: float, screening: float
) -> float:
    """1 - cos of a hard deflection; 0 where its rate was an overestimate and nothing happens."""
    low, high = 1 / (2 + screening), 1 / (hard_from + screening)
    x = min(max(1 / (low + rng.random() * (high - low)) - screening, 0.0), 2.0)
    last = table.mott.shape[1] - 1
    place = math.sqrt(x / 2) * last
    i = min(int(place), last - 1)
    ratio = table.mott[row, i] + (place - i) * (table.mott[row, i + 1] - table.mott[row, i])
    return x if rng.random() <= ratio else 0.0


@compiled
def radiated_cosine(rng: np.random.Generator, t: float) -> float:
    """Cosine between an electron and what it radiates, or a photon and one of its pair: a dipole's beam."""
    beta = math.sqrt(t * (t + 2 * ELECTRON_MASS)) / (t + ELECTRON_MASS)
    a = 2 * rng.random() - 1  # isotropic where the electron rests
    return (a + beta) / (1 + a * beta)


@compiled
def _column(table: ElectronTable, row: int, share: float, column: int) -> float:
    a, b = table.values[row, column], table.values[row + 1, column]
    return a + share * (b - a)


@compiled
def follow_electron(
    rng: np.random.Generator,
    table: ElectronTable,
    volume: Volume,
    heap: Heap,
    t: float,
    x: float,
    y: float,
    z: float,
    direction: tuple[float, float, float],
) -> tuple[bool, float, float, float, float]:
    """From its birth until it stops or leaves; what it deposits and sets free goes to the heap.

    Every step ends with a hard event (knock-on electron, deflection, photon) or at its largest length; the soft
    deflection of the step is made at a random point of it, the hinge. Returns whether it stopped inside, its last
    place, and the length of its way.
    """
    u, v, w = direction
    way = 0.0
    while t > table.lowest:
        place = (math.log(t) - table.start) / table.step
        row = min(int(place), len(table.values) - 2)
        share = place - row
        stopping = _column(table, row, share, STOPPING)
        knock_on = _column(table, row, share, KNOCK_ON)
        hard = _column(table, row, share, HARD)
        radiation = _column(table, row, share, RADIATION)
        rate = knock_on + hard + radiation
        length = min(volume.longest, table.largest_loss * t / stopping)
        happens = False
        if rate > 0:
            free = rng.exponential() / rate
            happens = free < length
            length = min(free, length)
        loss = stopping * length
        variance = _column(table, row, share, VARIANCE) * length
        if variance > 0:
            loss = rng.standard_gamma(loss * loss / variance) * variance / loss
        loss = min(loss, t)

        hinge = rng.random() * length
        for part in range(2):
            span = hinge if part == 0 else length - hinge
            if span < volume.cluster:
                along = span * rng.random()
                deposit(heap, x + along * u, y + along * v, z + along * w, 0.0, (u, v, w), loss * span / length)
            else:
                deposit(heap, x, y, z, span, (u, v, w), loss * span / length)
            x, y, z = x + span * u, y + span * v, z + span * w
            way += span
            if not inside(volume, x, y, z):
                return False, x, y, z, way
            if part == 0:
                soft = _column(table, row, share, SOFT) * length
                if soft > 0:
                    cosine = max(1 - soft * rng.exponential(), -1.0)
                    u, v, w = turned(u, v, w, cosine, 2 * math.pi * rng.random())
        t -= loss
        if not happens or t <= table.lowest:
            continue

        which = rng.random() * rate
        if which < hard:
            hard_from, screening = _column(table, row, share, HARD_FROM), _column(table, row, share, SCREENING)
            bend = draw_hard_deflection(rng, table, row, hard_from, screening)
            if bend > 0:
                u, v, w = turned(u, v, w, max(1 - bend, -1.0), 2 * math.pi * rng.random())
        elif which < hard + knock_on:
            if t > 2 * table.knock_on_cut:
                energy = draw_moller(rng, t, table.knock_on_cut)
                phi = 2 * math.pi * rng.random()
                if energy >= volume.secondaries_from:
                    born = turned(u, v, w, emission_cosine(t, ELECTRON_MASS, energy), phi)
                    push(heap, ELECTRON, energy, x, y, z, born)
                else:
                    deposit(heap, x, y, z, 0.0, (u, v, w), energy)
                u, v, w = turned(u, v, w, emission_cosine(t, ELECTRON_MASS, t - energy), phi + math.pi)
                t -= energy
        else:
            energy = min(draw_bremsstrahlung(rng, table, row, share), t)
            born = turned(u, v, w, radiated_cosine(rng, t), 2 * math.pi * rng.random())
            push(heap, PHOTON, energy, x, y, z, born)
            t -= energy
    deposit(heap, x, y, z, 0.0, (u, v, w), t)
    return True, x, y, z, way
