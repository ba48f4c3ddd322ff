"""Media in which particles shower: what Grindhammer and Peters need to know of them (hep-ex/0001020, section 2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Medium(NamedTuple):
    """`z`, `a` mean atomic number and mass, weighted by mass; `x0` radiation length in cm; `critical` energy in GeV;
    `moliere` radius in cm."""

    z: float
    a: float
    x0: float
    critical: float
    moliere: float


class Sampling(NamedTuple):
    """What a sampling calorimeter adds to its effective medium.

    `frequency` F_S = x0 / (thickness of passive and active layer), `e_hat` = e / mip, `resolution` the sampling term c
    of sigma / E = c / sqrt(E), in sqrt(GeV).
    """

    frequency: float
    e_hat: float
    resolution: float


CRITICAL = 2.66e-3
"""GeV: E_c = 2.66 MeV (X0 Z / A)^1.1 with X0 in g/cm2."""

SCALE = 21.2e-3
"""GeV: E_s of the Moliere radius R_M = X0 E_s / E_c."""


def medium(z: float, a: float, x0: float, density: float) -> Medium:
    """A medium of radiation length `x0` in g/cm2 and `density` in g/cm3."""
    critical = CRITICAL * (x0 * z / a) ** 1.1
    return Medium(z, a, x0 / density, critical, x0 / density * SCALE / critical)


def layers(media: Sequence[Medium], thickness: Sequence[float], density: Sequence[float]) -> Medium:
    """The effective medium of a stack of layers with `thickness` in cm and `density` in g/cm3.

    Weights by mass; 1/X0 and E_c/X0 add up (hep-ex/0001020, equations 3 to 8).
    """
    mass = [d * t for d, t in zip(density, thickness, strict=True)]
    weights = [m / sum(mass) for m in mass]
    total = sum(mass) / sum(thickness)
    x0 = [m.x0 * d for m, d in zip(media, density, strict=True)]  # g/cm2
    inverse = sum(w / x for w, x in zip(weights, x0, strict=True))
    over = sum(w * m.critical / x for w, m, x in zip(weights, media, x0, strict=True))
    return Medium(
        z=sum(w * m.z for w, m in zip(weights, media, strict=True)),
        a=sum(w * m.a for w, m in zip(weights, media, strict=True)),
        x0=1 / inverse / total,
        critical=over / inverse,
        moliere=SCALE / over / total,
    )


LEAD_TUNGSTATE = medium(z=68.36, a=170.87, x0=7.369, density=8.28)
"""PbWO4: X0 = 0.890 cm."""

TUNGSTEN = medium(z=74, a=183.84, x0=6.76, density=19.3)
SILICON = medium(z=14, a=28.085, x0=21.82, density=2.33)
