"""What particles lose in thin silicon, tabulated for the compiled tracks."""

from __future__ import annotations

import numpy as np

from pidcam.simulation.bound_electrons import extra_loss, hard_collisions, over_rutherford, widening
from pidcam.simulation.constants import ELECTRON_MASS, K
from pidcam.simulation.ionisation import beta_gamma, electron_stopping, largest_transfer, restricted_bethe_bloch
from pidcam.simulation.matter import SILICON
from pidcam.simulation.monopoles import monopole_stopping
from pidcam.simulation.silicon_collisions import Charged

HARD, MONOPOLE_HARD = 0.001, 0.02
"""MeV: collisions that give more are made one by one."""

DIRAC = 68.518
"""The smallest magnetic charge, 1 / (2 alpha), in units of e."""

LOWEST, HIGHEST, POINTS = 0.05, 1e4, 300
"""Momentum over mass; below it, where Bethe and Bloch fail, losses stay as they are there."""


STEPS = 100
"""Equal steps of probability in the tables of hard collisions."""

XI = K / 2 * SILICON.z_over_a
"""MeV cm^2/g: Landau's width of one charge and g/cm^2, times beta^2."""


def charged(mass: float) -> Charged:
    """A particle of one elementary charge and `mass` MeV. Its mean loss is Bethe and Bloch's (an electron's: Berger and
    Seltzer's); how it is divided into collisions, the photo-absorption ionisation model says."""
    ratio = np.geomspace(LOWEST, HIGHEST, POINTS)
    kinetic = mass * (np.sqrt(1 + ratio**2) - 1)
    beta, gamma = beta_gamma(kinetic, mass)
    if mass == ELECTRON_MASS:
        soft, largest = electron_stopping(kinetic, SILICON, HARD), kinetic / 2
    else:
        soft = restricted_bethe_bloch(kinetic, mass, SILICON, HARD)
        largest = largest_transfer(beta, gamma, mass)
    bound = over_rutherford(ratio)
    soft = soft - XI / beta**2 * extra_loss(bound, HARD, largest)
    rate, quantiles = hard_collisions(bound, HARD, STEPS)
    return _table(mass, ratio, soft, widening(bound, HARD), rate, quantiles, HARD, 1.0, True)


def monopole(mass: float, dirac: int) -> Charged:
    """A monopole of `dirac` Dirac charges: its delta rays are free electrons', of a charge n / (2 alpha) beta."""
    ratio = np.geomspace(LOWEST, HIGHEST, POINTS)
    beta, gamma = beta_gamma(mass * (np.sqrt(1 + ratio**2) - 1), mass)
    strength = (dirac * DIRAC) ** 2
    largest = np.maximum(largest_transfer(beta, gamma, mass), MONOPOLE_HARD)
    hard = strength * XI * np.log(largest / MONOPOLE_HARD)
    soft = np.maximum(monopole_stopping(beta, SILICON, dirac) - hard, 0.0)
    free = np.ones(POINTS), np.tile(np.linspace(0, 1, STEPS + 1), (POINTS, 1))
    return _table(mass, ratio, soft, np.full(POINTS, MONOPOLE_HARD), *free, MONOPOLE_HARD, strength, False)


def _table(
    mass: float,
    ratio: np.ndarray,
    soft: np.ndarray,
    variance: np.ndarray,
    rate: np.ndarray,
    quantiles: np.ndarray,
    cut: float,
    strength: float,
    electric: bool,
) -> Charged:
    per_mm = SILICON.density / 10
    step = float(np.log(ratio[1] / ratio[0]))
    start, xi = float(np.log(ratio[0])), XI * strength * per_mm
    return Charged(mass, start, step, soft * per_mm, variance, rate, quantiles, cut, xi, electric)
