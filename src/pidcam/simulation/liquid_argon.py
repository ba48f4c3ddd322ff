"""Charge in liquid argon: what recombines, how fast the rest drifts, how it spreads and is lost.

Electric fields in kV/cm, temperatures in K, densities in g/cm^3, losses in MeV/cm, as in LArSoft (lardataalg,
DetectorPropertiesStandard; larsim, ISCalculationSeparate).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pidcam.simulation.ionisation import Floats

WORK = 23.6e-6
"""MeV per ionisation electron: M. Miyajima et al., Phys. Rev. A 9 (1974) 1438."""


def density(temperature: float) -> float:
    """Of the liquid at its vapour pressure."""
    return 1.928 - 0.00615 * temperature


SMALLEST_LOSS = 1.5
"""MeV/cm: no particle ionises less; below it the modified box model would fall again, to below zero."""


def box(loss: ArrayLike, field: float, rho: float) -> Floats:
    """Share of the electrons that escape, modified box model: R. Acciarri et al. (ArgoNeuT), JINST 8 (2013) P08005."""
    xi = 0.212 / (rho * field) * np.maximum(np.asarray(loss, np.float64), SMALLEST_LOSS)
    return np.clip(np.log(0.93 + xi) / xi, 0.0, 1.0)


def birks(loss: ArrayLike, field: float, rho: float) -> Floats:
    """Share of the electrons that escape, Birks' law: S. Amoruso et al. (ICARUS), Nucl. Instrum. Meth. A 523 (2004)
    275."""
    return np.asarray(0.8 / (1 + 0.0486 / (rho * field) * np.asarray(loss, np.float64)))


def drift_velocity(field: float, temperature: float) -> float:
    """mm/us. W. Walkowiak, Nucl. Instrum. Meth. A 449 (2000) 288, with LArSoft's polynomial, good to 1 kV/cm or so."""
    powers = np.polynomial.polynomial.polyval(field, (0.0, 5.53416, -6.53093, 3.20752, 0.389696, -0.556184))
    return float((1 - 0.0184 * (temperature - 89)) * powers)


def diffusion(constant: float, time: ArrayLike) -> Floats:
    """Width sqrt(2 D t) in mm of a cloud after `time` us; D in cm^2/s."""
    return np.sqrt(2 * constant * 1e-4 * np.asarray(time, np.float64))
