"""How the full simulation straggles, so that what differs from it can be taken away: L. Urban's model of fluctuations.

K. Lassila-Perini and L. Urban, Nucl. Instrum. Methods A 362 (1995) 416; Geant4, Physics Reference Manual, "Energy loss
fluctuations". A fixed share of the mean loss goes into collisions with a spectrum of 1 / E^2 that begins at 10 eV,
whatever Rutherford's cross-section is, and the rest into excitations of one energy.
"""

from __future__ import annotations

import numpy as np

from pidcam.simulation.constants import ELECTRON_MASS
from pidcam.simulation.ionisation import electron_stopping, largest_transfer, restricted_bethe_bloch
from pidcam.simulation.matter import SILICON
from pidcam.simulation.silicon_collisions import Charged

CUT = 0.54
"""MeV, of electrons that run 0.7 mm of silicon: larger transfers make tracks of their own."""

SHARE, LEAST = 0.56, 1e-5
"""Of the loss that collisions take, and MeV that the least of them do."""

EXCITATION = 2.7 * SILICON.excitation * 1e-6
"""MeV. Geant4 takes a multiple of the mean excitation energy that depends on the step; this one is read off the sample
of `realism_belle2_pxd.py`, where it alone makes the widths of all species."""


def urban(particle: Charged) -> Charged:
    """A particle of the same mean loss."""
    ratio = np.exp(particle.start + particle.step * np.arange(len(particle.soft)))
    gamma = np.sqrt(1 + ratio**2)
    beta, kinetic = ratio / gamma, particle.mass * (gamma - 1)
    if particle.mass == ELECTRON_MASS:
        stopping, largest = electron_stopping(kinetic, SILICON, CUT), kinetic / 2
    else:
        stopping = restricted_bethe_bloch(kinetic, particle.mass, SILICON, CUT)
        largest = largest_transfer(beta, gamma, particle.mass)
    loss, xi = stopping * SILICON.density / 10, particle.xi / beta**2
    rate = SHARE * loss / np.log(np.minimum(largest, CUT) / LEAST) / xi
    spectrum = np.tile(np.linspace(0, 1, particle.quantiles.shape[1]), (len(rate), 1))
    soft = (1 - SHARE) * loss + rate * xi * np.log(particle.cut / LEAST)
    variance = (1 - SHARE) * loss * EXCITATION / xi + rate * particle.cut
    return particle._replace(soft=soft, variance=variance, rate=rate, quantiles=spectrum)
