"""A pixel sensor of depleted silicon: what particles deposit in it, and how the charge reaches the pixels. Compiled.

Lengths in mm, energies in MeV, charge in electrons. z runs from the entrance (0) to the pixels (the thickness).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pidcam.compiled import compiled
from pidcam.simulation.delta_rays import emission_cosine
from pidcam.simulation.directions import turned
from pidcam.simulation.electron_tables import ElectronTable
from pidcam.simulation.electron_transport import ELECTRON, Heap, Volume, deposit, follow_electron, push
from pidcam.simulation.ionisation import Floats
from pidcam.simulation.silicon_collisions import Charged, draw_transfer, largest_of

PIECE = 0.005
"""mm of track between two deposits."""

FOLLOWED = 5
"""Of the thousands of delta rays of a monopole so many are followed, each standing for its share."""

WORK = 3.65e-6
"""MeV per electron-hole pair in silicon."""

SIDE = 17
"""Pixels of the square in which an event happens, around the one it enters."""


class Sensor(NamedTuple):
    """`pitch_u`, `pitch_v`, `thickness` mm; `diffusion` mm, the spread after the whole thickness; `shift`, the tangent
    of the Lorentz angle, along u; electrons per ADC count `gain`, `noise` electrons, `threshold` and `top` counts."""

    pitch_u: float
    pitch_v: float
    thickness: float
    diffusion: float
    shift: float
    gain: float
    noise: float
    threshold: int
    top: int


@compiled
def follow_track(
    rng: np.random.Generator,
    particle: Charged,
    electrons: ElectronTable,
    volume: Volume,
    heap: Heap,
    momentum: float,
    x: float,
    y: float,
    direction: tuple[float, float, float],
) -> None:
    """A straight track of given momentum (MeV) through the sensor, in pieces: soft losses stay on it, harder collisions
    free electrons. A charge slows down, and leaves all its energy where it stops; a monopole never slows down."""
    u, v, w = direction
    z, mass = 0.0, particle.mass
    kinetic = math.sqrt(momentum * momentum + mass * mass) - mass
    followed = FOLLOWED * PIECE * w / volume.high[2]
    while kinetic > 0:
        length = min(PIECE, (volume.high[2] - z) / w)
        if length <= 1e-9:
            return
        ratio = math.sqrt(kinetic * (kinetic + 2 * mass)) / mass
        beta2 = ratio * ratio / (1 + ratio * ratio)
        place = min(max((math.log(ratio) - particle.start) / particle.step, 0.0), len(particle.soft) - 1.001)
        row = int(place)
        share = place - row
        mean = length * (particle.soft[row] + share * (particle.soft[row + 1] - particle.soft[row]))
        per_xi = particle.variance[row] + share * (particle.variance[row + 1] - particle.variance[row])
        xi = particle.xi * length / (beta2 if particle.electric else 1.0)
        largest = largest_of(kinetic, ratio, mass)
        variance = xi * per_xi * min(1.0, largest / particle.cut)
        loss = min(rng.standard_gamma(mean * mean / variance) * variance / mean, kinetic)
        deposit(heap, x, y, z, length, direction, loss)
        if largest > particle.cut:
            expected = xi / particle.cut * particle.rate[row]
            weight = 1.0 if particle.electric else max(1.0, expected * (1 - particle.cut / largest) / followed)
            for _ in range(rng.poisson(expected / weight)):
                transfer = draw_transfer(rng, particle, row, kinetic, beta2, largest)
                if transfer == 0:
                    continue
                along = length * rng.random()
                px, py, pz = x + along * u, y + along * v, z + along * w
                if transfer < volume.secondaries_from:
                    deposit(heap, px, py, pz, 0.0, direction, transfer * weight)
                else:
                    first = heap.used[1]
                    cosine = emission_cosine(kinetic, mass, transfer)
                    born = turned(u, v, w, cosine, 2 * math.pi * rng.random())
                    follow_electron(rng, electrons, volume, heap, transfer, px, py, pz, born)
                    for n in range(first, heap.used[1]):
                        heap.deposits[n, 6] *= weight
                loss += transfer
        if particle.electric:
            kinetic -= loss
        x, y, z = x + length * u, y + length * v, z + length * w


@compiled
def follow_secondaries(rng: np.random.Generator, electrons: ElectronTable, volume: Volume, heap: Heap) -> None:
    """All electrons that wait; photons leave."""
    while heap.used[0] > 0:
        heap.used[0] -= 1
        row = heap.rows[heap.used[0]]
        if row[0] == ELECTRON:
            towards = (row[5], row[6], row[7])
            follow_electron(rng, electrons, volume, heap, row[1], row[2], row[3], row[4], towards)


@compiled
def _below(x: float, pitch: float, spread: float, edge: int) -> float:
    """Share of a cloud at x that lies below the edge."""
    if spread <= 0:
        return 1.0 if x < edge * pitch else 0.0
    return 0.5 * math.erfc((x - edge * pitch) / (spread * 1.4142135623730951))


@compiled
def collect(sensor: Sensor, heap: Heap, charge: np.ndarray) -> None:
    """`charge` (SIDE, SIDE), v then u, in MeV: every deposit drifts to the pixels, is shifted along u by the Lorentz
    angle, and spreads as the root of its way (A. Einstein: both times are proportional to the way in a constant
    field)."""
    charge[:] = 0.0
    half = SIDE // 2
    for n in range(heap.used[1]):
        row = heap.deposits[n]
        if row[6] <= 0:
            continue
        way = sensor.thickness - (row[2] + row[5]) / 2
        x, y = (row[0] + row[3]) / 2 + way * sensor.shift, (row[1] + row[4]) / 2
        spread = sensor.diffusion * math.sqrt(max(way, 0.0) / sensor.thickness)
        i, j = math.floor(x / sensor.pitch_u), math.floor(y / sensor.pitch_v)
        if not (-half < i < half and -half < j < half):
            continue
        low_u, high_u = _below(x, sensor.pitch_u, spread, i), _below(x, sensor.pitch_u, spread, i + 1)
        low_v, high_v = _below(y, sensor.pitch_v, spread, j), _below(y, sensor.pitch_v, spread, j + 1)
        share_v = (low_v, high_v - low_v, 1 - high_v)
        share_u = (low_u, high_u - low_u, 1 - high_u)
        for b in range(3):
            for a in range(3):
                charge[j + b - 1 + half, i + a - 1 + half] += row[6] * share_v[b] * share_u[a]


@compiled
def digitise(rng: np.random.Generator, sensor: Sensor, charge: np.ndarray, window: np.ndarray) -> int:
    """ADC counts of the 9 x 9 pixels around the highest one, below the threshold 0. Returns the highest."""
    counts = np.zeros((SIDE, SIDE), np.int64)
    best, row, column = 0, SIDE // 2, SIDE // 2
    for j in range(SIDE):
        for i in range(SIDE):
            if charge[j, i] > 0:
                electrons = charge[j, i] / WORK + rng.standard_normal() * sensor.noise
                count = min(int(max(electrons, 0.0) / sensor.gain), sensor.top)
                if count >= sensor.threshold:
                    counts[j, i] = count
                    if count > best:
                        best, row, column = count, j, i
    for j in range(9):
        for i in range(9):
            a, b = row + j - 4, column + i - 4
            window[j, i] = counts[a, b] if 0 <= a < SIDE and 0 <= b < SIDE else 0
    return best


@compiled
def simulate_tracks(
    rng: np.random.Generator,
    particle: Charged,
    electrons: ElectronTable,
    volume: Volume,
    sensors: tuple[Sensor, ...],
    heap: Heap,
    momentum: Floats,
    direction: Floats,
    entry: Floats,
    which: np.ndarray,
    windows: np.ndarray,
    energy: Floats,
) -> None:
    """Fills `windows` (n, 9, 9), and `energy` (n,) with what is deposited, MeV.

    Tracks of `momentum` (n,) MeV enter at `entry` (n, 2), in pixels from the corner of one, along `direction` (n, 3).
    """
    charge = np.zeros((SIDE, SIDE))
    for event in range(len(momentum)):
        sensor = sensors[which[event]]
        towards = (direction[event, 0], direction[event, 1], direction[event, 2])
        x, y = entry[event, 0] * sensor.pitch_u, entry[event, 1] * sensor.pitch_v
        heap.used[:] = 0
        follow_track(rng, particle, electrons, volume, heap, momentum[event], x, y, towards)
        follow_secondaries(rng, electrons, volume, heap)
        collect(sensor, heap, charge)
        digitise(rng, sensor, charge, windows[event])
        energy[event] = heap.deposits[: heap.used[1], 6].sum()


@compiled
def deposit_tracks(
    rng: np.random.Generator,
    particle: Charged,
    electrons: ElectronTable,
    volume: Volume,
    sensor: Sensor,
    heap: Heap,
    momentum: Floats,
    direction: Floats,
    entry: Floats,
    pixels: Floats,
    energy: Floats,
) -> None:
    """The same before digitisation: `pixels` (n, SIDE, SIDE) and `energy` (n,), MeV."""
    for event in range(len(momentum)):
        towards = (direction[event, 0], direction[event, 1], direction[event, 2])
        x, y = entry[event, 0] * sensor.pitch_u, entry[event, 1] * sensor.pitch_v
        heap.used[:] = 0
        follow_track(rng, particle, electrons, volume, heap, momentum[event], x, y, towards)
        follow_secondaries(rng, electrons, volume, heap)
        collect(sensor, heap, pixels[event])
        energy[event] = heap.deposits[: heap.used[1], 6].sum()


@compiled
def simulate_background(
    rng: np.random.Generator,
    electrons: ElectronTable,
    volume: Volume,
    sensors: tuple[Sensor, ...],
    heap: Heap,
    kinetic: Floats,
    direction: Floats,
    place: Floats,
    which: np.ndarray,
    windows: np.ndarray,
    energy: Floats,
) -> None:
    """The same for slow electrons of `kinetic` (n,) MeV, born at `place` (n, 3): in pixels, and in depths 0 to 1."""
    charge = np.zeros((SIDE, SIDE))
    for event in range(len(kinetic)):
        sensor = sensors[which[event]]
        towards = (direction[event, 0], direction[event, 1], direction[event, 2])
        x, y, z = place[event, 0] * sensor.pitch_u, place[event, 1] * sensor.pitch_v, place[event, 2] * sensor.thickness
        heap.used[:] = 0
        push(heap, ELECTRON, kinetic[event], x, y, z, towards)
        follow_secondaries(rng, electrons, volume, heap)
        collect(sensor, heap, charge)
        digitise(rng, sensor, charge, windows[event])
        energy[event] = heap.deposits[: heap.used[1], 6].sum()
