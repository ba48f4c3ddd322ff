"""Mott's cross-section of electrons on a bare point nucleus, exactly, by partial waves.

N. F. Mott, Proc. R. Soc. A 124 (1929) 425; series and their names from N. Sherman, Phys. Rev. 103 (1956) 1601.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import loggamma

from pidcam.simulation.constants import FINE_STRUCTURE
from pidcam.simulation.ionisation import Floats

WAVES, REDUCTIONS = 400, 4


def mott_ratio(beta: float, z: float, x: ArrayLike) -> Floats:
    """Mott's cross-section over Rutherford's at 1 - cos = x; x = 0 gives its limit 1."""
    x = np.asarray(x, np.float64)
    safe = np.maximum(x, 0.02)  # nearer to forward (11 degrees) the series loses its digits
    half = safe / 2  # sin^2 of half the angle
    q = FINE_STRUCTURE * z / beta
    k = np.arange(WAVES + REDUCTIONS + 2, dtype=np.float64)
    rho = np.sqrt(np.maximum(k**2 - (FINE_STRUCTURE * z) ** 2, 0.0))
    d = np.zeros(len(k), complex)
    d[1:] = _phase(k[1:], q) * (-1.0) ** k[1:] - _phase(rho[1:], q) * np.exp(-1j * np.pi * rho[1:])
    d[0] = 0.0
    sign = (-1.0) ** k[:-1]
    f1 = 0.5j * _legendre_sum(sign * (k[:-1] * d[:-1] + k[1:] * d[1:]), safe)
    g1 = 0.5j * _legendre_sum(sign * (k[:-1] ** 2 * d[:-1] - k[1:] ** 2 * d[1:]), safe)
    f0 = 0.5j * np.exp(loggamma(1 - 1j * q) - loggamma(1 + 1j * q) + 1j * q * np.log(half))
    g0 = -1j * q * (1 - half) / half * f0
    cross = q**2 * (1 - beta**2) * abs(f0 + f1) ** 2 / half + abs(g0 + g1) ** 2 / np.maximum(1 - half, 1e-12)
    ratio = cross * 4 * half**2 / q**2
    # |G|^2 / cos^2 is 0 / 0 straight back, where cos^2 was kept from 0 above
    edge = np.sqrt(x / safe)  # the ratio leaves 1 in proportion to the angle
    return np.asarray(1 + (ratio - 1) * edge)


def _phase(k: Floats, q: float) -> np.ndarray:
    return np.exp(loggamma(k - 1j * q) - loggamma(k + 1j * q)) / (k + 1j * q)


def _legendre_sum(a: np.ndarray, x: Floats) -> np.ndarray:
    """The sum of a_k P_k(1 - x), which converges slowly: D. R. Yennie et al., Phys. Rev. 95 (1954) 500, sum (1 - cos)^m
    times it, whose coefficients fall by k^-2 with every m."""
    for _ in range(REDUCTIONS):
        k = np.arange(len(a) - 1, dtype=np.float64)
        below = np.concatenate([[0.0], a[:-2]])
        a = a[:-1] - (k + 1) / (2 * k + 3) * a[1:] - k / np.maximum(2 * k - 1, 1) * below
    result = np.polynomial.legendre.legval(1 - x, a[:WAVES])
    return np.asarray(result / x**REDUCTIONS)
