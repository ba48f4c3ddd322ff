"""How binding changes the single collisions of fast particles in silicon: the photo-absorption ionisation model.

W. W. M. Allison, J. H. Cobb, Ann. Rev. Nucl. Part. Sci. 30 (1980) 253. A collision that hardly bends the particle is
the absorption of a photon of its field, which the medium screens; electrons bound by less than what is transferred are
knocked on as if they were free. Energies in MeV.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pidcam.simulation.constants import AVOGADRO, CLASSICAL_RADIUS, ELECTRON_MASS, HBAR_C
from pidcam.simulation.ionisation import Floats
from pidcam.simulation.matter import SILICON

PHOTOELECTRIC = (
    (0.099, (-645.1, 1836.0, 535.0, -64.36)),
    (1.839, (-4.056, -10.89, 35440.0, -25950.0)),
    (20.0, (0.4945, -168.2, 36270.0, -16050.0)),
    (100.0, (0.02716, -5.428, 17750.0, 676500.0)),
)
"""From an energy in keV on, cm^2/g in powers -1 to -4 of keV: F. Biggs, R. Lighthill, SAND87-0070 (1990). The first
two energies are the edges of the L and K shells."""

LOWEST, HIGHEST, POINTS = PHOTOELECTRIC[0][0] * 1e-3, 0.3, 1000
"""The four valence electrons, which are bound by less, count as free; above, all do."""

PER_ATOM = SILICON.a / AVOGADRO / (2 * np.pi**2 * CLASSICAL_RADIUS * HBAR_C)
"""Oscillator strength per MeV of one cm^2/g."""


class Dielectric(NamedTuple):
    """At each `energy`, of which `width` stands for: oscillator strength per atom and MeV, `strength`; the number of
    electrons that are bound by less, `free`; the dielectric constant less 1, `real` + i `imaginary`; the squared plasma
    energy times pi / 2 per electron, `plasma`."""

    energy: Floats
    width: Floats
    strength: Floats
    free: Floats
    real: Floats
    imaginary: Floats
    plasma: float


def oscillator_strength(energy: ArrayLike) -> Floats:
    """Per atom and MeV; 0 below the L shell's edge."""
    kev = np.asarray(energy, np.float64)[..., None] * 1e3
    edges, factors = (np.array(column) for column in zip(*PHOTOELECTRIC, strict=True))
    piece = np.searchsorted(edges, kev[..., 0], side="right") - 1
    section = (factors[np.maximum(piece, 0)] / kev ** np.arange(1, 5)).sum(axis=-1)
    return np.asarray(np.where(piece < 0, 0.0, section * PER_ATOM))


@lru_cache(maxsize=1)
def dielectric() -> Dielectric:
    """Silicon's, from its photo-absorption: real part by the relation of Kramers and Kronig."""
    edges = np.geomspace(LOWEST, HIGHEST, POINTS + 1)
    energy, width = np.sqrt(edges[1:] * edges[:-1]), np.diff(edges)
    strength = oscillator_strength(energy)
    bound = strength * width
    valence = SILICON.z - bound.sum()
    plasma = np.pi / 2 * (28.816e-6) ** 2 * SILICON.density / SILICON.a  # PDG 2024, eq. 34.6
    # the principal value: edges lie in the middle between energies
    between = edges[1:-1]
    sums = (bound / (energy**2 - between[:, None] ** 2)).sum(axis=1) - valence / between**2
    real = np.interp(energy, between, 2 / np.pi * plasma * sums)
    free = valence + np.cumsum(bound) - bound / 2
    return Dielectric(energy, width, strength, free, real, plasma * strength / energy, plasma)


def over_rutherford(beta_gamma: ArrayLike) -> Floats:
    """Cross-section of a transfer over Rutherford's on as many free electrons, (rows, POINTS) at `dielectric().energy`:
    at most 4, at the K shell's edge. It multiplies what spin and the largest transfer do to free electrons."""
    d, square = dielectric(), np.asarray(beta_gamma, np.float64)[:, None] ** 2
    beta2 = square / (1 + square)
    screened = 1 / (1 + square) - beta2 * d.real, beta2 * d.imaginary  # 1 - beta^2 epsilon, its imaginary part reversed
    field = np.log(2 * ELECTRON_MASS * beta2 / d.energy) - np.log(np.hypot(*screened))
    epsilon = 1 + d.real
    angle = np.arctan2(screened[1], screened[0])
    radiated = d.energy**2 / d.plasma * (beta2 - epsilon / (epsilon**2 + d.imaginary**2)) * angle
    return np.asarray(np.maximum(d.energy * d.strength * field + radiated + d.free, 0.0) / SILICON.z)


def widening(ratio: Floats, energy: float) -> Floats:
    """Variance per xi in MeV, (rows,), of collisions of less than `energy`: with free electrons the energy itself."""
    d = dielectric()
    upper = np.append(LOWEST, LOWEST + np.cumsum(d.width))
    valence = (d.free[0] - d.strength[0] * d.width[0] / 2) / SILICON.z * LOWEST
    sums = valence + np.cumsum(ratio * d.width, axis=1)
    return np.array([np.interp(energy, upper, np.append(valence, row)) for row in sums])


def extra_loss(ratio: Floats, cut: float, largest: ArrayLike) -> Floats:
    """What binding adds to the mean loss in collisions of `cut` to `largest` (rows,), per xi."""
    d = dielectric()
    added = np.where(d.energy > cut, (ratio - 1) * d.width / d.energy, 0.0)
    return np.asarray((added * (d.energy <= np.asarray(largest)[:, None])).sum(axis=1))


def hard_collisions(ratio: Floats, cut: float, steps: int) -> tuple[Floats, Floats]:
    """Number of collisions above `cut` over that with free electrons, (rows,), and the cut over their transfers at
    equal steps of probability, (rows, steps + 1): from 0 to 1, and equal steps themselves with free electrons."""
    share = np.linspace(0, 1, 20 * steps + 1)
    place = np.log(cut / share[1:])
    d = dielectric()
    density = np.array([np.append(1.0, np.interp(place, np.log(d.energy), row, right=1.0)) for row in ratio])
    sums = np.zeros_like(density)
    sums[:, 1:] = np.cumsum((density[:, 1:] + density[:, :-1]) / 2, axis=1) * share[1]
    probability = np.linspace(0, 1, steps + 1)
    return sums[:, -1], np.array([np.interp(probability, row / row[-1], share) for row in sums])
