"""From the charge that reaches wires to ADC counts: the pulse of one electron, noise, rounding, zero suppression."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter1d

from pidcam.compiled import compiled
from pidcam.simulation.ionisation import Floats
from pidcam.simulation.wire_planes import PLANES, Charge

FINE = 8
"""Points of a tick at which pulses are worked out before they are averaged."""

SURE = 5.0
"""Standard deviations of noise that are not waited for: a threshold above them is passed by signals alone."""


class Readout(NamedTuple):
    """`noise` counts r.m.s. of every sample, which keeps the part `memory` of itself from tick to tick; samples of less
    than `threshold` counts are dropped (0: none), but for `before` and `after` of those that are not; counts end at
    `lowest` and `highest`."""

    noise: float
    memory: float
    threshold: float
    before: int
    after: int
    lowest: float
    highest: float


def shaper(time: ArrayLike, peaking: float) -> Floats:
    """An amplifier's answer to charge that arrives at once, CR-(RC)^3, of height 1 at `peaking`; times in one unit."""
    t = np.maximum(np.asarray(time, np.float64), 0) / peaking
    return np.asarray(t**3 * np.exp(3 * (1 - t)))


class Pulse(NamedTuple):
    """`shape` (planes, widths, taps) float32: counts per electron by tick, `lead` ticks of which come before it
    arrives."""

    shape: np.ndarray
    lead: int


def pulses(peaking: float, transit: float, widths: Floats, gain: float, tick: float) -> Pulse:
    """Pulses of the induction and the collection plane, for every one of `widths` (ticks), the spread of arrival times.

    A drifting electron induces a current while it comes and the opposite while it leaves, each for the `transit` time
    of the gap beside the plane: the induction plane sees both, the collection plane the first. Both are shaped. `gain`
    is the height, in counts, of the pulse of an electron whose current flows at once. Times in us.
    """
    lead = math.ceil(4 * float(np.max(widths))) + 1
    after = lead + math.ceil((2 * transit + 4 * peaking) / tick)
    fine = tick / FINE
    time = (np.arange(-lead * FINE, after * FINE) + 0.5) * fine
    # currents, of unit charge each, are differences of the integral of the shaper
    integral = np.cumsum(shaper(time, peaking)) * fine
    delay = round(transit / fine)

    def later(values: Floats, by: int) -> Floats:
        return np.concatenate([np.zeros(by), values[: len(values) - by]])

    arriving = (integral - later(integral, delay)) / transit
    leaving = later(arriving, delay)
    shapes = []
    for pulse in (arriving - leaving, arriving):
        smeared = [gaussian_filter1d(pulse, max(w * FINE, 1e-3), mode="constant") for w in widths]
        shapes.append([s.reshape(-1, FINE).mean(axis=1) * gain for s in smeared])
    return Pulse(np.asarray(shapes, np.float32), lead)


@compiled
def read_everything(rng: np.random.Generator, signal: Charge, readout: Readout, out: np.ndarray) -> None:
    """`out` (planes, wires, ticks) counts with the noise of every sample."""
    fresh = readout.noise * math.sqrt(1 - readout.memory * readout.memory)
    for plane in range(PLANES):
        for wire in range(out.shape[1]):
            noise = readout.noise * rng.standard_normal()
            for tick in range(out.shape[2]):
                value = round(signal.value[plane, wire, tick] + noise)
                out[plane, wire, tick] = min(max(value, readout.lowest), readout.highest)
                noise = readout.memory * noise + fresh * rng.standard_normal()


@compiled
def _sample(
    rng: np.random.Generator, signal: Charge, readout: Readout, wire: int, first: int, last: int, everywhere: bool,
    counts: np.ndarray,
) -> bool:  # fmt: skip
    """`counts` (planes, ticks) from `first` to `last` with what is suppressed set to 0; whether anything is left.

    Noise is made `everywhere`, or where there is some signal.
    """
    fresh = readout.noise * math.sqrt(1 - readout.memory * readout.memory)
    found = False
    for plane in range(PLANES):
        noise = readout.noise * rng.standard_normal() if readout.noise > 0 else 0.0
        kept = first - 1  # the last sample that was kept
        for tick in range(first, last + 1):
            true = signal.value[plane, wire, tick]
            if true == 0 and not everywhere:
                counts[plane, tick] = 0.0
                continue
            value = min(max(round(true + noise), readout.lowest), readout.highest)
            counts[plane, tick] = value
            if readout.noise > 0:
                noise = readout.memory * noise + fresh * rng.standard_normal()
            if abs(value) >= readout.threshold:
                counts[plane, kept + 1 : max(tick - readout.before, kept + 1)] = 0.0
                kept, found = min(tick + readout.after, last), True
        counts[plane, kept + 1 : last + 1] = 0.0
    return found


@compiled
def read_hits(
    rng: np.random.Generator, signal: Charge, readout: Readout, counts: np.ndarray, cell: np.ndarray, value: np.ndarray,
    start: int,
) -> int:  # fmt: skip
    """Appends the samples that pass to `cell` (room,) and `value` (room, planes) from `start`, in ascending order.

    `counts` (planes, ticks) is scratch. Returns where it ended, or -1 if there was no room.
    """
    ticks = counts.shape[1]
    everywhere = readout.noise * SURE > readout.threshold and readout.noise > 0
    for wire in range(signal.value.shape[1]):
        first, last = ticks, -1
        for plane in range(PLANES):
            if signal.last[plane, wire] >= 0:
                first = min(first, signal.first[plane, wire] - readout.before)
                last = max(last, signal.last[plane, wire] + readout.after)
        if everywhere:
            first, last = 0, ticks - 1
        if last < 0:
            continue
        first, last = max(first, 0), min(last, ticks - 1)
        if not _sample(rng, signal, readout, wire, first, last, everywhere, counts):
            continue
        for tick in range(first, last + 1):
            if counts[0, tick] != 0 or counts[1, tick] != 0:
                if start >= len(cell):
                    return -1
                cell[start] = wire * ticks + tick
                value[start, 0], value[start, 1] = counts[0, tick], counts[1, tick]
                start += 1
    return start
