"""Hadrons in a homogeneous electromagnetic and a sampling hadronic calorimeter, one behind the other: what each sees.

A hadron interacts somewhere; from there part of its energy is electromagnetic, the rest goes deeper, and a
non-compensating calorimeter sees only h / e of that: R. Wigmans, Calorimetry (2000), ch. 2 and 3.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

from pidcam.simulation.hadron_shower import electromagnetic_fraction, hadronic_parameters, mean_electromagnetic_fraction

Floats = NDArray[np.float64]

EM_SHAPE, EM_RATE = 3.0, 0.5
"""Of the gamma distribution, in radiation lengths, of the electromagnetic part behind the first interaction."""


class Pair(NamedTuple):
    """Depth of the first calorimeter in pion interaction lengths and in X0; e/h of both; GeV that a minimum ionising
    particle leaves in the first, most probable and width; `stochastic` sqrt(GeV) and `constant` term of the resolution
    of the second; `reference` GeV of the pions it is calibrated with, that do not interact in the first."""

    depth: float
    depth_x0: float
    first: float
    second: float
    mip: tuple[float, float]
    stochastic: float
    constant: float
    reference: float


def pion_response(energy: Floats, e_over_h: float) -> Floats:
    """pi / e = f + (1 - f) h / e with the mean electromagnetic fraction f of `energy` GeV."""
    fraction = mean_electromagnetic_fraction(np.asarray(energy, np.float64))
    return np.asarray(fraction + (1 - fraction) / e_over_h)


def hadrons(energy: Floats, charged: NDArray[np.bool_], pair: Pair, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """What the first and the second calorimeter show of hadrons of `energy` GeV; charged ones ionise first."""
    n = len(energy)
    start = rng.exponential(1.0, n)
    left = np.maximum(pair.depth - start, 0.0)
    fraction = electromagnetic_fraction(energy, rng)
    alpha, beta = hadronic_parameters(energy, rng)
    em = gammainc(EM_SHAPE, EM_RATE * left * pair.depth_x0 / pair.depth)
    hadronic = gammainc(alpha, beta * left)
    first = energy * (fraction * em + (1 - fraction) * hadronic / pair.first)
    second = energy * (fraction * (1 - em) + (1 - fraction) * (1 - hadronic) / pair.second)
    second /= pion_response(np.array(pair.reference), pair.second)
    moyal = -2 * np.log(np.maximum(np.abs(rng.standard_normal(n)), 1e-9))
    ionisation = np.minimum(pair.mip[0] + pair.mip[1] * (moyal - 1.27), energy)
    first += np.where(charged, ionisation * np.minimum(start / pair.depth, 1.0), 0.0)
    return first, smeared(second, pair.stochastic, pair.constant, rng)


def smeared(energy: Floats, stochastic: float, constant: float, rng: np.random.Generator) -> Floats:
    """Gamma distributed about `energy`, of relative variance stochastic^2 / E + constant^2: never negative."""
    variance = stochastic**2 * energy + (constant * energy) ** 2
    scale = np.divide(variance, energy, out=np.ones_like(energy), where=energy > 0)
    return np.asarray(rng.gamma(energy / scale) * scale)
