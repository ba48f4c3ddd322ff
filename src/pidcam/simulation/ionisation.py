"""Mean energy loss by collisions: Bethe-Bloch for heavy particles, Berger-Seltzer for electrons and positrons.

Energies and masses in MeV, losses in MeV cm^2/g (times the density: MeV/cm), masses of particles as rest energies.
Particle Data Group, "Passage of particles through matter" (2024), called PDG below.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pidcam.simulation.constants import ELECTRON_MASS, K
from pidcam.simulation.matter import Material

Floats = NDArray[np.float64]


def beta_gamma(kinetic: ArrayLike, mass: float) -> tuple[Floats, Floats]:
    """Velocity and Lorentz factor at a kinetic energy."""
    gamma = 1 + np.asarray(kinetic, np.float64) / mass
    return np.sqrt(1 - 1 / gamma**2), gamma


def largest_transfer(beta: ArrayLike, gamma: ArrayLike, mass: float) -> Floats:
    """Largest energy that a heavy particle can give to a free electron, MeV (PDG eq. 34.4)."""
    ratio, gamma = ELECTRON_MASS / mass, np.asarray(gamma, np.float64)
    square = (np.asarray(beta) * gamma) ** 2
    return np.asarray(2 * ELECTRON_MASS * square / (1 + 2 * gamma * ratio + ratio**2))


def density_effect(beta_gamma: ArrayLike, material: Material) -> Floats:
    """delta of Sternheimer's parametrisation (PDG eq. 34.7)."""
    x = np.log10(np.asarray(beta_gamma, np.float64))
    m = material.sternheimer
    high = 2 * np.log(10) * x - m.c
    middle = high + m.a * np.maximum(m.x1 - x, 0) ** m.m
    low = m.delta0 * 10 ** (2 * (x - m.x0))
    return np.asarray(np.where(x >= m.x0, middle, low))


def bethe_bloch(kinetic: ArrayLike, mass: float, material: Material, charge: float = 1.0) -> Floats:
    """Mean loss of a particle heavier than an electron (PDG eq. 34.5); good above beta gamma of about 0.1."""
    return restricted_bethe_bloch(kinetic, mass, material, np.inf, charge)


def restricted_bethe_bloch(
    kinetic: ArrayLike, mass: float, material: Material, cut: float, charge: float = 1.0
) -> Floats:
    """Mean loss in collisions that transfer less than `cut` MeV each (PDG eq. 34.10)."""
    beta, gamma = beta_gamma(kinetic, mass)
    largest = largest_transfer(beta, gamma, mass)
    upper, excitation = np.minimum(cut, largest), material.excitation * 1e-6
    square = (beta * gamma) ** 2
    bracket = 0.5 * np.log(2 * ELECTRON_MASS * square * upper / excitation**2)
    bracket = bracket - beta**2 / 2 * (1 + upper / largest) - density_effect(beta * gamma, material) / 2
    return np.asarray(K * charge**2 * material.z_over_a / beta**2 * np.maximum(bracket, 0))


def electron_stopping(kinetic: ArrayLike, material: Material, cut: float = np.inf, *, positron: bool = False) -> Floats:
    """Mean loss of electrons (Moller) or positrons (Bhabha) in collisions that transfer less than `cut` MeV.

    S. M. Seltzer, M. J. Berger, ICRU Report 37 (1984); restricted form in R. M. Sternheimer et al., At. Data Nucl. Data
    Tables 30 (1984) 261. Of two electrons the slower one is the secondary: without a cut the transfer ends at half the
    energy; a positron may give away all.
    """
    t = np.asarray(kinetic, np.float64)
    beta, gamma = beta_gamma(t, ELECTRON_MASS)
    tau, excitation = gamma - 1, material.excitation * 1e-6 / ELECTRON_MASS
    g = _bhabha_part(tau, cut) if positron else _moller_part(tau, cut)
    bracket = np.log(2 * (tau + 2) / excitation**2) + g - density_effect(beta * gamma, material)
    return np.asarray(K / 2 * material.z_over_a / beta**2 * np.maximum(bracket, 0))


def _moller_part(tau: Floats, cut: float) -> Floats:
    """The integral of the Moller cross-section up to the cut, in units of the mass."""
    gamma, d = tau + 1, np.minimum(cut / ELECTRON_MASS, tau / 2)
    beta2 = 1 - 1 / gamma**2
    last = (d**2 / 2 + (2 * tau + 1) * np.log1p(-d / tau)) / gamma**2
    return np.asarray(np.log((tau - d) * d) + tau / (tau - d) - 1 - beta2 + last)


def _bhabha_part(tau: Floats, cut: float) -> Floats:
    """The integral of the Bhabha cross-section up to the cut, in units of the mass."""
    gamma, d = tau + 1, np.minimum(cut / ELECTRON_MASS, tau)
    beta2, y = 1 - 1 / gamma**2, 1 / (gamma + 1)
    series = d**2 / 2 - tau * d**3 / 3 + d**4 / 4
    series = 1.5 * d**2 + y * (d - d**3 / 3 + y * series)
    return np.asarray(np.log(tau * d) - beta2 / tau * (tau + 2 * d - y * series))
