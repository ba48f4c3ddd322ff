"""Energy loss of magnetic monopoles: S. P. Ahlen, Phys. Rev. D 17 (1978) 229, as in Geant4's G4mplIonisationModel."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pidcam.simulation.constants import AVOGADRO, ELECTRON_MASS, HBAR_C
from pidcam.simulation.ionisation import Floats, density_effect
from pidcam.simulation.matter import Material

BLOCH = (0.248, 0.672, 1.022, 1.243, 1.464, 1.685)
"""B of 1 to 6 Dirac charges."""

KYG = (0.406, 0.346)
"""k, the correction of Kazama, Yang and Goldhaber to the cross-section, of one Dirac charge and of more."""

SLOW, FAST = 0.01, 0.1
"""beta between which the two regimes are blended."""

SLOW_SLOPE = 45e3
"""MeV cm^2/g per n^2 beta of slow monopoles in silicon: S. P. Ahlen, K. Kinoshita, Phys. Rev. D 26 (1982) 2347."""


def monopole_stopping(beta: ArrayLike, material: Material, dirac: int = 1) -> Floats:
    """Mean loss in MeV cm^2/g of a monopole of `dirac` Dirac charges, 1 to 6."""
    beta = np.asarray(beta, np.float64)
    slow = SLOW_SLOPE * dirac**2 * beta
    fast = _ahlen(np.maximum(beta, FAST), material, dirac)
    share = np.clip((beta - SLOW) / (FAST - SLOW), 0, 1)
    middle = (1 - share) * SLOW_SLOPE * dirac**2 * SLOW + share * _ahlen(np.full_like(beta, FAST), material, dirac)
    return np.asarray(np.where(beta < SLOW, slow, np.where(beta < FAST, middle, fast)))


def _ahlen(beta: Floats, material: Material, dirac: int) -> Floats:
    square = beta**2 / (1 - beta**2)
    log = np.log(2 * ELECTRON_MASS * square / (material.excitation * 1e-6))
    bracket = log - 0.5 + KYG[min(dirac, 2) - 1] / 2 - BLOCH[dirac - 1]
    bracket = bracket - density_effect(np.sqrt(square), material) / 2
    electrons = AVOGADRO * material.z_over_a
    return np.asarray(np.pi * HBAR_C**2 * electrons * dirac**2 / ELECTRON_MASS * bracket)
