"""Bremsstrahlung of slow electrons, where complete screening does not hold: below some tens of MeV.

H. W. Koch, J. W. Motz, Rev. Mod. Phys. 31 (1959) 920, called KM below. Energies in MeV.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from pidcam.simulation.constants import CLASSICAL_RADIUS, ELECTRON_MASS, FINE_STRUCTURE
from pidcam.simulation.ionisation import Floats


@cache
def _gauss_legendre() -> tuple[Floats, Floats]:
    return np.polynomial.legendre.leggauss(200)


def photon_spectrum(kinetic: float, photon: ArrayLike, z: float) -> Floats:
    """k dsigma/dk in cm^2 per atom at photon energies k.

    KM 3BN (exact Born approximation, no screening), less what screening takes away in Schiff's KM 3BS(e), times
    Elwert's factor for the distortion of the waves (KM section II.C.4); Z(Z + 1) counts the atomic electrons.
    """
    k = np.asarray(photon, np.float64) / ELECTRON_MASS
    e0 = 1 + kinetic / ELECTRON_MASS
    k = np.minimum(k, (e0 - 1) * (1 - 1e-9))
    shape = _born(e0, k) + _schiff(e0, k, z) - _schiff(e0, k, 0.0)
    front = FINE_STRUCTURE * z * (z + 1) * CLASSICAL_RADIUS**2
    return np.asarray(front * np.maximum(shape, 0) * elwert(e0, e0 - k, z))


def elwert(e0: ArrayLike, e: ArrayLike, z: float) -> Floats:
    """Ratio of the final to the initial density of the electron at the nucleus; energies in units of the mass."""
    b0, b = (np.sqrt(1 - 1 / np.asarray(x, np.float64) ** 2) for x in (e0, e))
    eta = 2 * np.pi * z * FINE_STRUCTURE
    return np.asarray(b0 * -np.expm1(-eta / b0) / (b * -np.expm1(-eta / b)))


def _born(e0: float, k: Floats) -> Floats:
    """KM 3BN over alpha Z^2 r_e^2."""
    e = e0 - k
    p0, p = np.sqrt(e0**2 - 1), np.sqrt(e**2 - 1)
    eps0, eps = 2 * np.log(e0 + p0), 2 * np.log(e + p)
    log = 2 * np.log((e0 * e + p0 * p - 1) / k)
    tail = (e0 * e + p0**2) / p0**3 * eps0 - (e0 * e + p**2) / p**3 * eps + 2 * k * e0 * e / (p * p0) ** 2
    bracket = 8 * e0 * e / (3 * p0 * p) + k**2 * (e0**2 * e**2 + p0**2 * p**2) / (p0 * p) ** 3 + k / (2 * p0 * p) * tail
    rest = 4 / 3 - 2 * e0 * e * (p**2 + p0**2) / (p0 * p) ** 2
    rest = rest + eps0 * e / p0**3 + eps * e0 / p**3 - eps * eps0 / (p * p0)
    return np.asarray(p / p0 * (rest + log * bracket))


def _schiff(e0: float, k: Floats, z: float) -> Floats:
    """KM 3BS(e) over alpha Z^2 r_e^2; z = 0 is no screening."""
    e = e0 - k
    screen = z ** (1 / 3) / 111
    b = np.maximum(2 * e0 * e * screen / k, 1e-2)  # the second bracket cancels to O(b^4) below
    m0 = 1 / ((k / (2 * e0 * e)) ** 2 + screen**2)
    y = e / e0
    first = np.log(m0) + 1 - 2 / b * np.arctan(b)
    second = 2 / b**2 * np.log1p(b**2) + 4 * (2 - b**2) / (3 * b**3) * np.arctan(b) - 8 / (3 * b**2) + 2 / 9
    return np.asarray(2 * ((1 + y**2 - 2 * y / 3) * first + y * second))


def radiative_stopping(kinetic: float, z: float, atoms: float, low: float = 0.0) -> float:
    """Mean loss to photons above `low`, in MeV times the unit of `atoms` (atoms per g or per cm^3)."""
    if low >= kinetic:
        return 0.0
    nodes, weights = _gauss_legendre()
    k = low + (kinetic - low) * (nodes + 1) / 2
    return float(atoms * np.sum(weights * photon_spectrum(kinetic, k, z)) * (kinetic - low) / 2)


def photons_above(kinetic: float, z: float, atoms: float, low: float) -> float:
    """Number of photons above `low` emitted per unit of length: the integral of dsigma/dk."""
    if low >= kinetic:
        return 0.0
    nodes, weights = _gauss_legendre()
    span = np.log(kinetic / low)
    k = low * np.exp(span * (nodes + 1) / 2)
    return float(atoms * np.sum(weights * photon_spectrum(kinetic, k, z)) * span / 2)
