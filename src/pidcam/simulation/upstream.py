"""Electrons and photons in thin material before a calorimeter, in a magnetic field across their way.

Lengths in m along z, the particle's own direction; the field bends in the x-z plane, so that z, not the path, is the
variable: sin(theta) changes by dz / R. Energies in GeV, thickness t in radiation lengths.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pidcam.compiled import compiled
from pidcam.simulation.constants import CURVATURE

Numbers = float | np.ndarray

LOST = 0.95
"""Sine of the angle to z beyond which a particle curls and does not arrive."""

PAIR_ENERGY, PAIR_POWER = 0.015, 0.6
"""Pair production in light material falls from 7/9 of a radiation length at high energy as 1 - 1/(1 + (E/15 MeV)^0.6);
0.44 at 10 MeV, 0.76 at 100 MeV, 0.93 at 1 GeV, within a few per cent of the NIST XCOM tables for carbon and silicon."""


class Tracker(NamedTuple):
    """`layers` of `thickness` radiation lengths in all at z = first, first + spacing, ...; then nothing up to `wall`.

    `field` T along y; `loss` GeV per radiation length by ionisation; particles below `cut` GeV are dropped. The last
    three switch effects on (1) or off (0).
    """

    layers: int
    thickness: float
    first: float
    spacing: float
    wall: float
    field: float
    loss: float
    cut: float
    radiates: int
    converts: int
    scatters: int


@compiled
def bremsstrahlung_photons(t: float, lowest: float) -> float:
    """Mean number of photons with more than the fraction `lowest` of the energy, from complete screening:
    dN/dy = t (4/3 - 4/3 y + y^2) / y."""
    return t * (-4 / 3 * math.log(lowest) - 4 / 3 * (1 - lowest) + (1 - lowest * lowest) / 2)


@compiled
def draw_bremsstrahlung(lowest: float, rng: np.random.Generator) -> float:
    """Fraction of the energy that a photon takes, above `lowest`."""
    while True:
        y = math.exp(rng.random() * math.log(lowest))
        if rng.random() < 1 - y + 0.75 * y * y:
            return y


@compiled
def draw_pair(rng: np.random.Generator) -> float:
    """Fraction of a photon's energy that the positron of its pair takes: density 1 - 4/3 x (1 - x)."""
    while True:
        x = rng.random()
        if rng.random() < 1 - 4 / 3 * x * (1 - x):
            return x


@compiled
def pair_strength(energy: Numbers) -> Numbers:
    """Pair production relative to its limit at high energy."""
    return 1 - 1 / (1 + (energy / PAIR_ENERGY) ** PAIR_POWER)


@compiled
def conversion_probability(energy: Numbers, t: Numbers) -> Numbers:
    """1 - exp(-7 t / 9), smaller at low energy."""
    return 1 - np.exp(-7 / 9 * pair_strength(energy) * t)


@compiled
def highland(energy: float, t: float) -> float:
    """Width of the projected scattering angle of an electron (V. L. Highland, PDG)."""
    return 0.0136 / energy * math.sqrt(t) * max(1 + 0.038 * math.log(t), 0.1)


@compiled
def bend(x: float, sine: float, dz: float, radius: float) -> tuple[float, float]:
    """(x, sin theta) after dz on a circle of signed `radius`; |sin theta| > 1 where it does not get that far."""
    after = sine + dz / radius
    if abs(after) > 1:
        return x, after
    return x + radius * (math.sqrt(1 - sine * sine) - math.sqrt(1 - after * after)), after


@compiled
def straight_impact(energy: float, charge: float, tracker: Tracker) -> float:
    """x where a particle that loses nothing meets the wall."""
    if charge == 0 or tracker.field == 0:
        return 0.0
    return bend(0.0, 0.0, tracker.wall, energy / (CURVATURE * tracker.field) * charge)[0]


@compiled
def _push(stack: np.ndarray, n: int, charge: float, energy: float, like: np.ndarray, layer: int) -> int:
    """One more particle at the place of `like`."""
    if n == len(stack):
        return n
    stack[n, 0], stack[n, 1], stack[n, 2:6] = charge, energy, like[2:6]
    stack[n, 6] = layer
    return n + 1


@compiled
def transport(
    charge: float, energy: float, tracker: Tracker, rng: np.random.Generator, stack: np.ndarray, arrived: np.ndarray
) -> int:
    """Fill `arrived` with (charge, energy, x, y, tan x, tan y) of what meets the wall, and return how many.

    `stack` (many, 7) is work space; a cascade of more particles than it holds is cut short.
    """
    one = np.zeros(7)  # charge, energy, x, y, sin x, tan y, next layer
    one[0], one[1] = charge, energy
    n = _push(stack, 0, charge, energy, one, 0)
    found = 0
    while n > 0:
        n -= 1
        one[:] = stack[n]
        layer = int(one[6])
        z = 0.0 if layer == 0 else tracker.first + (layer - 1) * tracker.spacing
        alive = True
        while alive:
            end = tracker.first + layer * tracker.spacing if layer < tracker.layers else tracker.wall
            alive = _fly(one, end - z, tracker.field)
            z = end
            if not alive or layer == tracker.layers:
                break
            layer += 1
            t = tracker.thickness / tracker.layers / math.sqrt(1 - one[4] * one[4])
            if one[0] == 0:
                if tracker.converts and rng.random() < conversion_probability(one[1], t):
                    x = draw_pair(rng)
                    for sign, part in ((1.0, x), (-1.0, 1 - x)):
                        if part * one[1] > tracker.cut:
                            n = _push(stack, n, sign, part * one[1], one, layer)
                    alive = False
            else:
                n, alive = _electron_layer(one, t, tracker, rng, stack, n, layer)
        if alive and found < len(arrived):
            cosine = math.sqrt(1 - one[4] * one[4])
            arrived[found, :4] = one[:4]
            arrived[found, 4], arrived[found, 5] = one[4] / cosine, one[5]
            found += 1
    return found


@compiled
def _fly(one: np.ndarray, dz: float, field: float) -> bool:
    """Move on by dz; False if the particle curls."""
    sine, cosine = one[4], math.sqrt(1 - one[4] * one[4])
    if one[0] == 0 or field == 0:
        one[2] += sine / cosine * dz
        one[3] += one[5] / cosine * dz
        return True
    radius = one[1] / (CURVATURE * field) * one[0]
    x, after = bend(one[2], sine, dz, radius)
    if abs(after) > LOST:
        return False
    one[2], one[4] = x, after
    one[3] += one[5] * radius * (math.asin(after) - math.asin(sine))
    return True


@compiled
def _electron_layer(
    one: np.ndarray, t: float, tracker: Tracker, rng: np.random.Generator, stack: np.ndarray, n: int, layer: int
) -> tuple[int, bool]:
    """Photons radiated, energy lost and angle taken in one layer; (particles on the stack, whether it goes on)."""
    if tracker.radiates:
        start = one[1]
        for _ in range(rng.poisson(bremsstrahlung_photons(t, tracker.cut / start))):
            if one[1] < 2 * tracker.cut:
                break
            photon = draw_bremsstrahlung(tracker.cut / one[1], rng) * one[1]
            n = _push(stack, n, 0.0, photon, one, layer)
            one[1] -= photon
    one[1] -= tracker.loss * t
    if one[1] < tracker.cut:
        return n, False
    if tracker.scatters:
        angle = highland(one[1], t)
        one[4] += angle * rng.standard_normal() * math.sqrt(1 - one[4] * one[4])
        one[5] += angle * rng.standard_normal()
    return n, abs(one[4]) < LOST
