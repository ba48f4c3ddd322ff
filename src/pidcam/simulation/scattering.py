"""Deflections in the Coulomb field of nuclei: Highland's width, and screened Rutherford scattering event by event.

Energies and momenta in MeV, lengths in cm, cross-sections per atom in cm^2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pidcam.simulation.constants import BOHR_RADIUS, CLASSICAL_RADIUS, ELECTRON_MASS, FINE_STRUCTURE, HBAR_C
from pidcam.simulation.ionisation import Floats, beta_gamma
from pidcam.simulation.mott import mott_ratio


def highland(momentum: ArrayLike, beta: ArrayLike, thickness: ArrayLike, charge: float = 1.0) -> Floats:
    """Gaussian width in radians of the deflection projected on a plane (PDG 2024, eq. 34.16).

    `thickness` is x / X0. 11 % accurate from 1e-3 to 100 radiation lengths; nothing in no material.
    """
    beta, x = np.asarray(beta, np.float64), np.asarray(thickness, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithm = 1 + 0.038 * np.log(x * charge**2 / beta**2)
        width = 13.6 / (beta * np.asarray(momentum)) * abs(charge) * np.sqrt(x) * np.maximum(logarithm, 0)
    return np.asarray(np.where(x > 0, width, 0.0))


def screening(momentum: ArrayLike, beta: ArrayLike, z: float) -> Floats:
    """A of the screened Rutherford cross-section 1 / (1 - cos + 2 A)^2.

    G. Moliere, Z. Naturforsch. A 2 (1947) 133: a quarter of the square of the screening angle of a Thomas-Fermi atom.
    """
    radius = 0.88534 * BOHR_RADIUS / z ** (1 / 3)
    born = (HBAR_C / (2 * np.asarray(momentum, np.float64) * radius)) ** 2
    return np.asarray(born * (1.13 + 3.76 * (FINE_STRUCTURE * z / np.asarray(beta)) ** 2))


MOTT_AT = np.linspace(0, 1, 33)
"""Sines of half the angle at which Mott's ratio is tabulated."""


class Elastic:
    """Scattering of electrons of one energy on atoms of one element; x stands for 1 - cos of the deflection.

    Rutherford's cross-section with Moliere's screening and Mott's ratio, which depends on spin and charge only where
    screening no longer matters. Z(Z + 1) in place of Z^2 counts the atomic electrons (Moliere).
    """

    def __init__(self, kinetic: float, z: float, points: int = 2000):
        beta, gamma = beta_gamma(kinetic, ELECTRON_MASS)
        momentum = beta * gamma * ELECTRON_MASS
        self.a = float(screening(momentum, beta, z))
        self._front = front = float(2 * np.pi * z * (z + 1) * (CLASSICAL_RADIUS / (gamma * beta**2)) ** 2)
        self._x = np.concatenate([[0.0], np.geomspace(self.a * 1e-3, 2.0, points)])
        self.mott = mott_ratio(float(beta), z, 2 * MOTT_AT**2)
        ratio = np.interp(np.sqrt(self._x / 2), MOTT_AT, self.mott)
        density = front * ratio / (self._x + 2 * self.a) ** 2
        self._integrals = [self._running(density * self._x**order) for order in range(3)]

    def _running(self, y: Floats) -> Floats:
        return np.concatenate([[0.0], np.cumsum((y[1:] + y[:-1]) / 2 * np.diff(self._x))])

    @property
    def total(self) -> float:
        """cm^2"""
        return float(self._integrals[0][-1])

    @property
    def transport(self) -> float:
        """The integral of (1 - cos) dsigma, cm^2: its inverse is the first transport mean free path."""
        return float(self._integrals[1][-1])

    def hard(self, cross_section: float) -> float:
        """The x above which the cross-section is `cross_section` (0 if that is more than all)."""
        rest = self._integrals[0][-1] - self._integrals[0]
        if cross_section >= rest[0]:
            return 0.0
        return float(np.interp(-cross_section, -rest, self._x))

    def rutherford_above(self, x: float) -> float:
        """Cross-section of deflections with 1 - cos above x, without Mott's factor."""
        return self._front * (1 / (x + 2 * self.a) - 1 / (2 + 2 * self.a))

    def soft(self, x: float) -> float:
        """The integral of (1 - cos) dsigma below x."""
        return float(np.interp(x, self._x, self._integrals[1]))
