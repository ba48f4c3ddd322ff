"""Fluctuations of the energy loss in thin layers: Landau, Moyal, Vavilov, and the broadening in thin silicon.

Energies in MeV, thicknesses in g/cm^2 unless said otherwise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import sici

from pidcam.simulation.constants import ELECTRON_MASS, K
from pidcam.simulation.ionisation import Floats, beta_gamma, density_effect, largest_transfer
from pidcam.simulation.matter import Material

EULER = 0.5772156649015329

LANDAU_FWHM = 4.018
"""Full width at half maximum of Landau's distribution, in xi."""


def xi(kinetic: ArrayLike, mass: float, material: Material, thickness: ArrayLike, charge: float = 1.0) -> Floats:
    """Landau's width: the energy above which one collision is expected in the layer (PDG 2024, below eq. 34.12)."""
    beta, _ = beta_gamma(kinetic, mass)
    return np.asarray(K / 2 * charge**2 * material.z_over_a * np.asarray(thickness) / beta**2)


def bound_variance(beta: ArrayLike, shells: tuple[tuple[int, float], ...]) -> Floats:
    """MeV per xi that the binding of an atom's electrons, (number, eV) by shell, adds to the variance of the loss: P.
    Shulek et al., Sov. J. Nucl. Phys. 4 (1967) 400."""
    beta, electrons = np.asarray(beta, np.float64), sum(n for n, _ in shells)
    added = np.zeros_like(beta)
    for n, binding in shells:
        binding *= 1e-6
        added += 8 / 3 * n / electrons * binding * np.log(np.maximum(2 * ELECTRON_MASS * beta**2 / binding, 1))
    return added


def most_probable_loss(
    kinetic: ArrayLike, mass: float, material: Material, thickness: ArrayLike, charge: float = 1.0
) -> Floats:
    """Of Landau's distribution (PDG 2024, eq. 34.12)."""
    beta, gamma = beta_gamma(kinetic, mass)
    width, excitation = xi(kinetic, mass, material, thickness, charge), material.excitation * 1e-6
    bracket = np.log(2 * ELECTRON_MASS * (beta * gamma) ** 2 / excitation) + np.log(width / excitation)
    return np.asarray(width * (bracket + 0.200 - beta**2 - density_effect(beta * gamma, material)))


def kappa(kinetic: ArrayLike, mass: float, material: Material, thickness: ArrayLike, charge: float = 1.0) -> Floats:
    """xi over the largest transfer: below 0.01 Landau's distribution holds, above 10 a Gaussian, else Vavilov's."""
    beta, gamma = beta_gamma(kinetic, mass)
    return np.asarray(xi(kinetic, mass, material, thickness, charge) / largest_transfer(beta, gamma, mass))


def moyal_pdf(x: ArrayLike) -> Floats:
    """J. E. Moyal, Phil. Mag. 46 (1955) 263: with x = (loss - most probable) / xi it is near Landau's peak."""
    x = np.asarray(x, np.float64)
    return np.asarray(np.exp(-(x + np.exp(-x)) / 2) / np.sqrt(2 * np.pi))


def draw_moyal(rng: np.random.Generator, n: int) -> Floats:
    """(n,) values: minus the logarithm of a squared normal number."""
    return np.asarray(-2 * np.log(np.abs(rng.standard_normal(n))))


def vavilov_pdf(x: ArrayLike, kappa: float, beta: float, points: int = 20000) -> Floats:
    """Density of x = (loss - mean) / xi: P. V. Vavilov, Sov. Phys. JETP 5 (1957) 749.

    The characteristic function of independent collisions with the spectrum (1 - beta^2 W / W_max) / W^2, inverted by
    the trapezoidal rule. For kappa below 0.01 it is Landau's, lambda = x - 1 + Euler - beta^2 - ln kappa.
    """
    x = np.asarray(x, np.float64)
    # the modulus falls like exp(-pi kappa y / 2) or faster
    y = np.concatenate([[0.0], np.geomspace(1e-4, max(60 / kappa, 60.0), points)])
    value = np.concatenate([[1.0], np.exp(kappa * _log_characteristic(y[1:], beta))])
    weight = np.diff(y, append=y[-1]) / 2 + np.diff(y, prepend=0.0) / 2
    wave = np.exp(-1j * kappa * np.multiply.outer(x, y))
    return np.asarray((wave @ (value * weight)).real * kappa / np.pi)


def _log_characteristic(y: Floats, beta: float) -> np.ndarray:
    """Over kappa, at y = t W_max: the integrals of (e^{iyu} - 1 - iyu) (1 - beta^2 u) / u^2 from 0 to 1."""
    sine, cosine = sici(y)
    inner = cosine - EULER - np.log(y) + 1j * sine  # of (e^{iyu} - 1) / u
    return np.asarray(1j * y * inner - (np.exp(1j * y) - 1 - 1j * y) - beta**2 * (inner - 1j * y))


def bichsel_most_probable(microns: ArrayLike) -> Floats:
    """Most probable loss in keV of relativistic particles in 30 to 110 um of silicon.

    H. Bichsel, Rev. Mod. Phys. 60 (1988) 663: the shells broaden the straggling beyond Landau's.
    """
    t = np.asarray(microns, np.float64)
    return np.asarray(t * (100.6 + 35.35 * np.log(t)) * 1e-3)


def bichsel_width(microns: ArrayLike) -> Floats:
    """Full width at half maximum in keV of the same."""
    t = np.asarray(microns, np.float64)
    return np.asarray(t * (259.6 - 28.41 * np.log(t)) * 1e-3)
