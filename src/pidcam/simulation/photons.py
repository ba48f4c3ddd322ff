"""Photons of 10 keV to some MeV in matter: Compton scattering on free electrons, photoelectric absorption in xenon.

Energies in MeV. Pair production and coherent scattering are left out: of bremsstrahlung below 2.5 MeV they take a
percent.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from pidcam.compiled import compiled
from pidcam.simulation.constants import AVOGADRO, CLASSICAL_RADIUS, ELECTRON_MASS
from pidcam.simulation.ionisation import Floats

K_EDGE = 0.0345614
"""MeV, the binding energy of xenon's K shell."""

K_SHARE, K_YIELD = 0.83, 0.89
"""Of photons above the edge those that are absorbed in the K shell (edge jump 5.9); of its holes those that shine."""

K_ALPHA, K_BETA, BETA_SHARE = 0.0296, 0.0338, 0.19
"""MeV; and the share of K beta. J. A. Bearden, Rev. Mod. Phys. 39 (1967) 78."""

_PHOTO = np.array(
    [
        (0.010, 166.0),
        (0.015, 55.5),
        (0.020, 25.5),
        (0.030, 8.35),
        (K_EDGE * (1 - 1e-9), 5.62),
        (K_EDGE, 32.6),
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
)
"""MeV, cm^2/g: attenuation of J. H. Hubbell, S. M. Seltzer, NISTIR 5632, less Compton and coherent scattering."""


def xenon_photoelectric(photon: ArrayLike) -> Floats:
    """Photoelectric cross-section of xenon, cm^2/g."""
    energy, values = _PHOTO.T
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
