"""A sampling calorimeter as a pile of sensitive layers: what lies before each of them, and what it sees of a shower.

Properties of materials: Particle Data Group 2024, "Atomic and nuclear properties of materials".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pidcam.simulation.materials import SILICON, TUNGSTEN, Medium, medium

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Plate:
    """A material: as a medium of showers, `pion` interaction length of pions in mm (of neutrons it is 12 to 28 % less),
    `loss` of a minimum ionising particle in MeV/mm."""

    medium: Medium
    pion: float
    loss: float

    @property
    def x0(self) -> float:
        """Radiation length in mm."""
        return 10 * self.medium.x0


IRON_PLATE = Plate(medium(z=26, a=55.845, x0=13.84, density=7.874), pion=204.2, loss=1.143)
POLYSTYRENE_PLATE = Plate(medium(z=5.61, a=11.16, x0=43.79, density=1.06), pion=1073.0, loss=0.205)
TUNGSTEN_PLATE = Plate(TUNGSTEN, pion=113.3, loss=2.210)
SILICON_PLATE = Plate(SILICON, pion=591.4, loss=0.388)
"""Pion interaction length: 137.7 g/cm2, between aluminium (136.7) and iron (160.8)."""


@dataclass(frozen=True)
class Section:
    """Layers of one kind: `absorber` plates of the given thicknesses (mm), each before a `sensitive` one of `gap` mm.

    `cells` x `cells` square ones of `cell` mm. e_mip and h_mip: what is seen of electromagnetic and of hadronic energy,
    over what a minimum ionising particle would leave in the sensitive layers while it loses as much. spot_em, spot_had:
    mean energy, in units of a minimum ionising particle's, that one crossing leaves. mpv, xi: most probable energy and
    width of the Landau distribution of one particle, MeV. knock_on: electrons that it sets free and that cross a
    sensitive layer, in the mean; MeV that one leaves at right angles; mm before the layer that they come from. faster:
    behind its maximum a shower dies so many times as fast, in X0, as in the first section.
    """

    absorber: Plate
    thicknesses: Sequence[float]
    sensitive: Plate
    gap: float
    cells: int
    cell: float
    e_mip: float
    h_mip: float
    spot_em: float
    spot_had: float
    mpv: float
    xi: float
    knock_on: tuple[float, float, float]
    faster: float = 1.0


class Stack(NamedTuple):
    """One number for each sensitive layer, from the front: depths in X0, pion interaction lengths and mm, and the
    quantities of its section. `seen_em` and `seen_had`: seen energy per shower energy and depth in X0 or interaction
    length. `moliere` mm; `knocked`, `knock_on`, `knock_from` are Section.knock_on; `section` and `layer` number it."""

    x0: Floats
    pion: Floats
    z: Floats
    moliere: Floats
    seen_em: Floats
    seen_had: Floats
    spot_em: Floats
    spot_had: Floats
    mpv: Floats
    xi: Floats
    knocked: Floats
    knock_on: Floats
    knock_from: Floats
    faster: Floats
    cell: Floats
    cells: NDArray[np.int64]
    section: NDArray[np.int64]
    layer: NDArray[np.int64]


def stack(sections: Sequence[Section]) -> Stack:
    """Pile up sections."""
    rows = []
    x0 = pion = z = 0.0
    for number, s in enumerate(sections):
        mip = s.sensitive.loss * s.gap
        # thicker plates change how often a shower is sampled, not what one layer sees of it: seen per X0 and per
        # interaction length are those of the section's first plate
        thin = s.thicknesses[0]
        deep_x0 = thin / s.absorber.x0 + s.gap / s.sensitive.x0
        deep_pion = thin / s.absorber.pion + s.gap / s.sensitive.pion
        lost = thin * s.absorber.loss + mip
        # of the absorber, diluted by the gaps
        moliere = (thin + s.gap) / deep_x0 * s.absorber.medium.moliere / s.absorber.medium.x0
        for layer, thickness in enumerate(s.thicknesses):
            x0 += thickness / s.absorber.x0
            pion += thickness / s.absorber.pion
            z += thickness
            rows.append(
                (
                    x0 + s.gap / s.sensitive.x0 / 2, pion + s.gap / s.sensitive.pion / 2, z + s.gap / 2, moliere,
                    s.e_mip * mip / lost * deep_x0, s.h_mip * mip / lost * deep_pion,
                    s.spot_em * mip, s.spot_had * mip, s.mpv, s.xi, *s.knock_on, s.faster, s.cell, s.cells, number,
                    layer,
                )
            )  # fmt: skip
            x0 += s.gap / s.sensitive.x0
            pion += s.gap / s.sensitive.pion
            z += s.gap
    columns = [np.array(c) for c in zip(*rows, strict=True)]
    return Stack(*columns)
