"""Planes of wires: charge drifts onto them, induces currents, and becomes counts. Compiled, one event at a time.

Lengths in mm, times in ticks of the digitiser. The charge of a plane lies in an array (wires, ticks), of which only the
ticks from `first` to `last` of each wire are in use.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pidcam.compiled import compiled
from pidcam.simulation.electron_transport import Heap, Volume, inside

PLANES = 2


class Drift(NamedTuple):
    """`escape` (n,) share of the electrons that escape recombination where the loss is exp(`start` + i `step`) MeV/mm,
    and `at_points` (n,) that of a deposit at a point of energy exp(`points_start` + i `points_step`) MeV; `work` MeV
    per electron.

    `velocity` mm/tick, `lifetime` ticks (0: endless), `across` mm of spread per root of a tick. Charge that drifts `x`
    mm arrives at tick `offset` (planes,) plus x / velocity.
    """

    escape: np.ndarray
    at_points: np.ndarray
    start: float
    points_start: float
    step: float
    points_step: float
    work: float
    velocity: float
    lifetime: float
    across: float
    offset: np.ndarray


class Wires(NamedTuple):
    """Wire number of a point: (`along_y`[plane] y + `along_z`[plane] z) / `pitch` + `zero`[plane]; `wires` of each
    plane, read out for `ticks`."""

    along_y: np.ndarray
    along_z: np.ndarray
    zero: np.ndarray
    pitch: float
    wires: int
    ticks: int


class Charge(NamedTuple):
    """`value` (planes, wires, ticks), with the ticks in use, `first` and `last` (planes, wires); none where last <
    0."""

    value: np.ndarray
    first: np.ndarray
    last: np.ndarray


def new_charge(wires: int, ticks: int) -> Charge:
    """Nothing yet."""
    shape = (PLANES, wires)
    return Charge(np.zeros((*shape, ticks), np.float32), np.full(shape, ticks, np.int64), np.full(shape, -1, np.int64))


@compiled
def clear(charge: Charge) -> None:
    """Nothing any more."""
    for plane in range(len(charge.value)):
        for wire in range(charge.value.shape[1]):
            last = charge.last[plane, wire]
            if last >= 0:
                charge.value[plane, wire, charge.first[plane, wire] : last + 1] = 0.0
                charge.first[plane, wire], charge.last[plane, wire] = charge.value.shape[2], -1


@compiled
def escaped(drift: Drift, energy: float, length: float) -> float:
    """Electrons of a deposit that do not recombine; one at a point is that of an electron that stops there."""
    if length > 0:
        table, place = drift.escape, (math.log(max(energy / length, 1e-9)) - drift.start) / drift.step
    else:
        table, place = drift.at_points, (math.log(max(energy, 1e-9)) - drift.points_start) / drift.points_step
    place = min(max(place, 0.0), len(table) - 1.001)
    row = int(place)
    return energy / drift.work * (table[row] + (place - row) * (table[row + 1] - table[row]))


@compiled
def collect(heap: Heap, volume: Volume, drift: Drift, wires: Wires, charge: Charge) -> None:
    """Adds the charge of all deposits, electrons by wire and tick of arrival.

    A deposit is cut into pieces that cross neither a tick nor a quarter of the pitch; the cloud of each spreads over
    wires by the integral of its Gaussian. Its spread in time is part of the response.
    """
    finest = min(drift.velocity, wires.pitch / 4)
    for n in range(heap.used[1]):
        row = heap.deposits[n]
        if row[6] <= 0 or not inside(volume, (row[0] + row[3]) / 2, (row[1] + row[4]) / 2, (row[2] + row[5]) / 2):
            continue
        dx, dy, dz = row[3] - row[0], row[4] - row[1], row[5] - row[2]
        length = math.sqrt(dx * dx + dy * dy + dz * dz)
        electrons = escaped(drift, row[6], length)
        across = math.sqrt(dy * dy + dz * dz)
        pieces = int(max(abs(dx) / drift.velocity, across * 4 / wires.pitch)) + 1 if length > finest else 1
        for i in range(pieces):
            share = (i + 0.5) / pieces
            x, y, z = row[0] + share * dx, row[1] + share * dy, row[2] + share * dz
            time = max(x, 0.0) / drift.velocity
            left = electrons / pieces
            if drift.lifetime > 0:
                left *= math.exp(-time / drift.lifetime)
            spread = drift.across * math.sqrt(time) / wires.pitch
            for plane in range(PLANES):
                at = (wires.along_y[plane] * y + wires.along_z[plane] * z) / wires.pitch + wires.zero[plane]
                _spread(charge, plane, at, spread, drift.offset[plane] + time, left)


@compiled
def _spread(charge: Charge, plane: int, at: float, spread: float, time: float, electrons: float) -> None:
    """Over the wires that a cloud at wire `at` touches, wire w taking from w to w + 1, and over the two ticks
    nearest."""
    wires, ticks = charge.value.shape[1], charge.value.shape[2]
    tick = math.floor(time)
    late = time - tick
    if tick < 0 or tick + 1 >= ticks:
        return
    lowest, highest = math.floor(at - 3 * spread), math.floor(at + 3 * spread)
    below = 0.0
    for wire in range(lowest, highest + 1):
        up_to = 1.0 if wire == highest else 0.5 * math.erfc((at - wire - 1) / (spread * 1.4142135623730951))
        share, below = up_to - below, up_to
        if 0 <= wire < wires:
            charge.value[plane, wire, tick] += electrons * share * (1 - late)
            charge.value[plane, wire, tick + 1] += electrons * share * late
            charge.first[plane, wire] = min(charge.first[plane, wire], tick)
            charge.last[plane, wire] = max(charge.last[plane, wire], tick + 1)


@compiled
def respond(
    charge: Charge, response: np.ndarray, lead: int, offset: np.ndarray, spread_ticks: float, signal: Charge
) -> None:
    """Adds to `signal` (counts) the `response` (planes, widths, taps) to the charge, `lead` taps of which come before
    it arrives; the number of the width grows by one every `spread_ticks` of drift."""
    widths, taps, ticks = response.shape[1], response.shape[2], charge.value.shape[2]
    for plane in range(PLANES):
        for wire in range(charge.value.shape[1]):
            last = charge.last[plane, wire]
            if last < 0:
                continue
            first = charge.first[plane, wire]
            source, target = charge.value[plane, wire], signal.value[plane, wire]
            for tick in range(first, last + 1):
                electrons = source[tick]
                if electrons == 0:
                    continue
                width = min(max(int((tick - offset[plane]) / spread_ticks), 0), widths - 1)
                shape = response[plane, width]
                begin = tick - lead
                for tap in range(max(-begin, 0), min(taps, ticks - begin)):
                    target[begin + tap] += electrons * shape[tap]
            signal.first[plane, wire] = max(first - lead, 0)
            signal.last[plane, wire] = min(last - lead + taps, ticks) - 1
