"""Photons from 10 keV in matter: Compton scattering on free electrons, photoelectric absorption in xenon and argon.

Energies in MeV. Coherent scattering, which changes nothing but directions of the softest, is left out.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pidcam.compiled import compiled
from pidcam.simulation.constants import AVOGADRO, CLASSICAL_RADIUS, ELECTRON_MASS
from pidcam.simulation.ionisation import Floats


class Shell(NamedTuple):
    """The K shell: its binding energy `edge`, the `share` of photons above it that are absorbed there, and of its holes
    the part that shines (`fluoresces`), with x-rays `alpha` or, `beta_share` of them, `beta`. MeV."""

    edge: float
    share: float
    fluoresces: float
    alpha: float
    beta: float
    beta_share: float


class Absorber(NamedTuple):
    """Photoelectric absorption: `attenuation` (n, 2) in MeV and cm^2/g, between which logarithms are straight."""

    shell: Shell
    attenuation: Floats


XENON = Absorber(
    Shell(edge=0.0345614, share=0.83, fluoresces=0.89, alpha=0.0296, beta=0.0338, beta_share=0.19),
    np.array(
        [
            (0.010, 166.0),
            (0.015, 55.5),
            (0.020, 25.5),
            (0.030, 8.35),
            (0.0345614 * (1 - 1e-9), 5.62),
            (0.0345614, 32.6),
            (0.040, 22.2),
            (0.050, 12.35),
            (0.060, 7.55),
            (0.080, 3.43),
            (0.100, 1.79),
            (0.150, 0.566),
            (0.200, 0.248),
            (0.300, 0.0787),
            (0.400, 0.0360),
            (0.500, 0.0199),
            (0.600, 0.0126),
            (0.800, 0.0066),
            (1.000, 0.0041),
            (1.500, 0.0018),
            (2.000, 0.00115),
            (3.000, 0.0007),
        ]
    ),
)
"""Share from the edge jump 5.9; x-rays: J. A. Bearden, Rev. Mod. Phys. 39 (1967) 78; attenuation: J. H. Hubbell, S. M.
Seltzer, NISTIR 5632, less Compton and coherent scattering."""

ARGON = Absorber(
    Shell(edge=0.0032, share=0.0, fluoresces=0.0, alpha=0.0, beta=0.0, beta_share=0.0),
    np.array(
        [
            (0.010, 62.2),
            (0.015, 19.2),
            (0.020, 8.18),
            (0.030, 2.41),
            (0.040, 1.01),
            (0.050, 0.510),
            (0.060, 0.290),
            (0.080, 0.119),
            (0.100, 0.0598),
            (0.150, 0.0168),
            (0.200, 0.0070),
            (0.300, 0.0021),
            (0.500, 0.00052),
            (1.000, 0.00009),
            (10.00, 0.000003),
        ]
    ),
)
"""Of the same source. In the liquid x-rays of 3 keV run less than 0.2 mm: the shell is not treated apart."""


def photoelectric(photon: ArrayLike, absorber: Absorber) -> Floats:
    """Photoelectric cross-section, cm^2/g."""
    energy, values = absorber.attenuation.T
    return np.exp(np.interp(np.log(np.asarray(photon, np.float64)), np.log(energy), np.log(values)))


def klein_nishina(photon: ArrayLike) -> Floats:
    """Compton cross-section, cm^2 per electron. O. Klein, Y. Nishina, Z. Phys. 52 (1929) 853."""
    k = np.asarray(photon, np.float64) / ELECTRON_MASS
    log = np.log1p(2 * k)
    shape = (1 + k) / k**2 * (2 * (1 + k) / (1 + 2 * k) - log / k) + log / (2 * k) - (1 + 3 * k) / (1 + 2 * k) ** 2
    return np.asarray(2 * np.pi * CLASSICAL_RADIUS**2 * shape)


def compton(photon: ArrayLike, z_over_a: float) -> Floats:
    """Compton cross-section, cm^2/g."""
    return klein_nishina(photon) * AVOGADRO * z_over_a


@compiled
def draw_compton(rng: np.random.Generator, photon: float) -> tuple[float, float]:
    """Energy and cosine of the scattered photon: the method of EGS (W. R. Nelson et al., SLAC-265, section 2.9)."""
    k = photon / ELECTRON_MASS
    lowest = 1 / (1 + 2 * k)
    a1, a2 = -math.log(lowest), (1 - lowest * lowest) / 2
    while True:
        if rng.random() * (a1 + a2) < a1:
            share = lowest ** rng.random()
        else:
            share = math.sqrt(lowest * lowest + (1 - lowest * lowest) * rng.random())
        t = (1 - share) / (k * share)  # 1 - cos
        if rng.random() <= 1 - share * t * (2 - t) / (1 + share * share):
            return share * photon, 1 - t


@compiled
def draw_photoelectron_cosine(rng: np.random.Generator, kinetic: float) -> float:
    """Direction of a photoelectron to the photon: F. Sauter, Ann. Phys. 403 (1931) 454, its leading factor."""
    gamma = 1 + kinetic / ELECTRON_MASS
    beta = math.sqrt(1 - 1 / (gamma * gamma))
    while True:
        # from 1 / (1 - beta cos)^2, times sin^2 / (1 - beta cos)^2
        u = rng.random()
        cosine = (2 * u - 1 + beta) / (1 + beta * (2 * u - 1))
        d = 1 - beta * cosine
        # sin^2 / d^2 is largest, 1 / (1 - beta^2), at cos = beta
        if rng.random() <= (1 - cosine * cosine) / (d * d) * (1 - beta * beta):
            return cosine
