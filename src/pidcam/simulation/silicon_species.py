"""What particles lose in thin silicon, tabulated for the compiled tracks."""

from __future__ import annotations

import numpy as np

from pidcam.simulation.constants import ELECTRON_MASS, K
from pidcam.simulation.ionisation import beta_gamma, electron_stopping, largest_transfer, restricted_bethe_bloch
from pidcam.simulation.matter import SILICON
from pidcam.simulation.monopoles import monopole_stopping
from pidcam.simulation.silicon_pixels import Charged

HARD, MONOPOLE_HARD = 0.001, 0.02
"""MeV: collisions that give more are made one by one."""

DIRAC = 68.518
"""The smallest magnetic charge, 1 / (2 alpha), in units of e."""

LOWEST, HIGHEST, POINTS = 0.05, 1e4, 300
"""Momentum over mass; below it, where Bethe and Bloch fail, losses stay as they are there."""


def charged(mass: float) -> Charged:
    """A particle of one elementary charge and `mass` MeV."""
    ratio = np.geomspace(LOWEST, HIGHEST, POINTS)
    kinetic = mass * (np.sqrt(1 + ratio**2) - 1)
    if mass == ELECTRON_MASS:
        soft = electron_stopping(kinetic, SILICON, HARD)
    else:
        soft = restricted_bethe_bloch(kinetic, mass, SILICON, HARD)
    return _table(mass, ratio, soft, HARD, 1.0, True)


def monopole(mass: float, dirac: int) -> Charged:
    """A monopole of `dirac` Dirac charges: its delta rays are those of a charge n / (2 alpha) beta."""
    ratio = np.geomspace(LOWEST, HIGHEST, POINTS)
    beta, gamma = beta_gamma(mass * (np.sqrt(1 + ratio**2) - 1), mass)
    strength = (dirac * DIRAC) ** 2
    largest = np.maximum(largest_transfer(beta, gamma, mass), MONOPOLE_HARD)
    hard = strength * K / 2 * SILICON.z_over_a * np.log(largest / MONOPOLE_HARD)
    soft = np.maximum(monopole_stopping(beta, SILICON, dirac) - hard, 0.0)
    return _table(mass, ratio, soft, MONOPOLE_HARD, strength, False)


def _table(mass: float, ratio: np.ndarray, soft: np.ndarray, cut: float, strength: float, electric: bool) -> Charged:
    per_mm = SILICON.density / 10
    step = float(np.log(ratio[1] / ratio[0]))
    xi = K / 2 * SILICON.z_over_a * strength * per_mm
    return Charged(mass, float(np.log(ratio[0])), step, soft * per_mm, cut, xi, electric)
