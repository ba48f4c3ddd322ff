"""Jets as a background of single particles in the CLIC calorimeters: what arrives about the leading particle."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pidcam.simulation.generator import hadronise
from pidcam.simulators.base import Generator

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

AROUND = 150.0
"""mm from the middle of the window, at the front, beyond which nothing is followed: twice its half side in the HCAL."""
DECAYS = ("ParticleDecays:limitCylinder = on", "ParticleDecays:xyMax = 1500", "ParticleDecays:zMax = 1500")
"""mm: what would decay behind the front is stable."""


class Beam(NamedTuple):
    """Particles (m,) at the front of the calorimeter: the event each belongs to, GeV, mm from the middle, slopes."""

    event: Integers
    energy: Floats
    x: Floats
    y: Floats
    slope_x: Floats
    slope_y: Floats

    def keep(self, chosen: NDArray[np.bool_]) -> Beam:
        """Only those that are True."""
        return Beam._make(column[chosen] for column in self)


def arriving_jets(pdg: Integers, wanted: Beam, distance: float, rng: Generator) -> tuple[Beam, Integers, Floats]:
    """What arrives of the jets of partons `pdg` that begin `distance` mm before the front, with PDG ids and charges.

    Of each jet the energy is `wanted`, and so is the place where its most energetic particle arrives: the window lies
    about that, as a trigger on single particles would lay it. No field.
    """
    jets = hadronise(pdg, wanted.energy, DECAYS, int(rng.integers(1, 900_000_000)))
    event, forward = jets.event, np.maximum(jets.pz, 1e-6)
    slope_x, slope_y = jets.px / forward, jets.py / forward
    order = np.lexsort((-jets.energy, event))
    leading = order[np.searchsorted(event[order], np.arange(len(pdg)))]
    x = distance * (slope_x - slope_x[leading][event]) + wanted.x[event]
    y = distance * (slope_y - slope_y[leading][event]) + wanted.y[event]
    near = np.hypot(x, y) < AROUND
    beam = Beam(event, jets.energy, x, y, slope_x, slope_y).keep(near)
    return beam, jets.pdg[near], jets.charge[near]
