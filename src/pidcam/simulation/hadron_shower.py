"""Hadronic showers: how much of the energy becomes electromagnetic, and how the rest spreads in depth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

K = 0.82
SCALE = 1.0
"""Exponent, and GeV of the first neutral pion, of T. A. Gabriel et al., Nucl. Instrum. Meth. A 338 (1994) 336: 0.80 to
0.87, and 0.7 to 1.3 GeV for pions. D. E. Groom, Nucl. Instrum. Meth. A 572 (2007) 633: 0.83 and 1 GeV."""
WIDTH = 0.17
"""r.m.s. of the electromagnetic fraction, about the same from 10 to 150 GeV: R. Wigmans, Calorimetry (2000), ch. 2."""


SHORTER = 0.85
"""Times beta: the electromagnetic part is apart here, and what is left ends sooner."""
LENGTHS = 0.25
"""Fluctuation of beta from shower to shower (of its logarithm)."""


def mean_electromagnetic_fraction(energy: Floats) -> Floats:
    """<f_em> = 1 - (E / E0)^(k - 1) of a pion of `energy` GeV."""
    return np.asarray(1 - np.maximum(energy / SCALE, 1.0) ** (K - 1))


def electromagnetic_fraction(energy: Floats, rng: np.random.Generator, *, fluctuating: bool = True) -> Floats:
    """(n,) in [0, 1]: a beta distribution of the mean above and of r.m.s. 0.17, or the mean alone."""
    mean = np.clip(mean_electromagnetic_fraction(energy), 0.02, 0.98)
    if not fluctuating:
        return mean
    width = np.minimum(WIDTH, 0.8 * np.sqrt(mean * (1 - mean)))
    total = mean * (1 - mean) / width**2 - 1
    return np.asarray(rng.beta(mean * total, (1 - mean) * total))


def hadronic_parameters(energy: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """(alpha, beta) of the gamma distribution in interaction lengths from the first interaction, for 2 to 500 GeV.

    As in CMSSW's HDShower (FastSimulation/ShowerDevelopment), which clamps energies to that range.
    """
    clamped = np.clip(energy, 2.0, 500.0)
    log = np.log(clamped)
    high = clamped >= 10
    alpha = np.where(high, 0.38 + 0.23 * log, 1.17 + 0.21 * log)
    beta = np.where(high, 0.83 - 0.049 * log, 2.10 - 0.72 * log)
    beta = beta * np.exp(LENGTHS * rng.standard_normal(len(energy)))
    return alpha, beta * SHORTER
