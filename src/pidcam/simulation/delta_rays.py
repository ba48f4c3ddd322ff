"""Knock-on electrons: cross-sections of single hard collisions, and how they are drawn.

Cross-sections are per g/cm^2 of material, for Z/A = 1: multiply by Z/A. Energies in MeV. Functions that draw are
compiled and take a NumPy generator.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from pidcam.compiled import compiled
from pidcam.simulation.constants import ELECTRON_MASS, K
from pidcam.simulation.ionisation import Floats, beta_gamma, largest_transfer


def moller(kinetic: ArrayLike, transfer: ArrayLike) -> Floats:
    """dsigma/dW of an electron on a free electron, 1/MeV, for transfers up to half the energy.

    C. Moller, Ann. Phys. 406 (1932) 531, as in ICRU Report 37.
    """
    t, w = np.asarray(kinetic, np.float64), np.asarray(transfer, np.float64)
    beta, gamma = beta_gamma(t, ELECTRON_MASS)
    shape = 1 / w**2 + 1 / (t - w) ** 2 + ((gamma - 1) / (gamma * t)) ** 2 - (2 * gamma - 1) / (gamma**2 * w * (t - w))
    return np.asarray(K / 2 / beta**2 * np.where(w <= t / 2, shape, 0.0))


def moller_above(kinetic: ArrayLike, cut: float) -> Floats:
    """Cross-section for transfers from `cut` to half the energy."""
    t = np.asarray(kinetic, np.float64)
    beta, gamma = beta_gamma(t, ELECTRON_MASS)
    w = np.minimum(cut, t / 2)
    integral = 1 / w - 1 / (t - w) + ((gamma - 1) / (gamma * t)) ** 2 * (t / 2 - w)
    integral = integral - (2 * gamma - 1) / (gamma**2 * t) * np.log((t - w) / w)
    return np.asarray(K / 2 / beta**2 * integral)


def bhabha(kinetic: ArrayLike, transfer: ArrayLike) -> Floats:
    """dsigma/dW of a positron on a free electron, 1/MeV, for transfers up to the whole energy.

    H. J. Bhabha, Proc. R. Soc. A 154 (1936) 195, in the form of ICRU Report 37.
    """
    t, w = np.asarray(kinetic, np.float64), np.asarray(transfer, np.float64)
    beta, gamma = beta_gamma(t, ELECTRON_MASS)
    b1, b2, b3, b4 = bhabha_coefficients(gamma)
    x = w / t
    shape = 1 - b1 * x + b2 * x**2 - b3 * x**3 + b4 * x**4
    return np.asarray(K / 2 / beta**2 * np.where(w <= t, shape / w**2, 0.0))


def bhabha_coefficients(gamma: ArrayLike) -> tuple[Floats, Floats, Floats, Floats]:
    """b1 to b4 of the Bhabha cross-section."""
    gamma = np.asarray(gamma, np.float64)
    y, beta2 = 1 / (gamma + 1), 1 - 1 / gamma**2
    half = 1 - 2 * y
    # ICRU 37 writes the shape as 1 / beta^2 - B1 x + ...; here everything is multiplied by beta^2
    b1 = beta2 * (2 - y**2)
    b2 = beta2 * half * (3 + y**2)
    b4 = beta2 * half**3
    return b1, b2, b4 + beta2 * half**2, b4


def knock_on(kinetic: ArrayLike, mass: float, transfer: ArrayLike) -> Floats:
    """dsigma/dW of a heavy particle of spin 0 on a free electron, 1/MeV (PDG 2024, eq. 34.8); charge 1."""
    beta, gamma = beta_gamma(kinetic, mass)
    largest, w = largest_transfer(beta, gamma, mass), np.asarray(transfer, np.float64)
    return np.asarray(K / 2 / beta**2 * np.where(w <= largest, (1 - beta**2 * w / largest) / w**2, 0.0))


def knock_on_above(kinetic: ArrayLike, mass: float, cut: float) -> Floats:
    """Cross-section for transfers from `cut` to the largest one."""
    beta, gamma = beta_gamma(kinetic, mass)
    largest = largest_transfer(beta, gamma, mass)
    w = np.minimum(cut, largest)
    return np.asarray(K / 2 / beta**2 * (1 / w - 1 / largest - beta**2 / largest * np.log(largest / w)))


@compiled
def moller_over_rutherford(x: float, gamma: float) -> float:
    """Moller's cross-section over Rutherford's, for the share x of the kinetic energy."""
    y = x / (1 - x)
    return 1 + y * y + ((gamma - 1) / gamma) ** 2 * x * x - (2 * gamma - 1) / gamma**2 * y


@compiled
def draw_moller(rng: np.random.Generator, t: float, cut: float) -> float:
    """A transfer above `cut`: from 1/W^2, accepted with the rest of the cross-section."""
    gamma = 1 + t / ELECTRON_MASS
    low, high = cut / t, 0.5
    largest = 1 + 1 + ((gamma - 1) / gamma) ** 2 / 4  # of the ratio to Rutherford's
    while True:
        u = rng.random()
        x = low * high / (high - u * (high - low))
        if rng.random() * largest <= moller_over_rutherford(x, gamma):
            return x * t


@compiled
def draw_bhabha(rng: np.random.Generator, t: float, cut: float) -> float:
    """A transfer above `cut` of a positron."""
    gamma = 1 + t / ELECTRON_MASS
    y, beta2 = 1 / (gamma + 1), 1 - 1 / gamma**2
    half = 1 - 2 * y
    b1, b2, b4 = beta2 * (2 - y * y), beta2 * half * (3 + y * y), beta2 * half**3
    b3 = b4 + beta2 * half * half
    low = cut / t
    largest = 1 + b2 + b4
    while True:
        u = rng.random()
        x = low / (1 - u * (1 - low))
        if rng.random() * largest <= 1 + x * (-b1 + x * (b2 + x * (-b3 + x * b4))):
            return x * t


@compiled
def draw_knock_on(rng: np.random.Generator, beta: float, largest: float, cut: float) -> float:
    """A transfer between `cut` and the `largest` one of a heavy particle."""
    while True:
        u = rng.random()
        w = cut * largest / (largest - u * (largest - cut))
        if rng.random() <= 1 - beta * beta * w / largest:
            return w


@compiled
def emission_cosine(t: float, mass: float, w: float) -> float:
    """Cosine of the angle at which a particle of kinetic energy t knocks a free electron on with energy w."""
    momentum2 = t * (t + 2 * mass)
    cosine = (t + mass + ELECTRON_MASS) * math.sqrt(w / (momentum2 * (w + 2 * ELECTRON_MASS)))
    return min(cosine, 1.0)
