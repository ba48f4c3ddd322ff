"""Matter in which charged particles ionise, scatter and radiate: one table for every simulator of tracks.

Densities, radiation lengths and mean excitation energies: Particle Data Group 2024, "Atomic and nuclear properties of
materials". Density effect of silicon and of the gases: R. M. Sternheimer, M. J. Berger, S. M. Seltzer, At. Data Nucl.
Data Tables 30 (1984) 261; of the condensed noble gases: R. M. Sternheimer, R. F. Peierls, Phys. Rev. B 3 (1971) 3681,
whose C follows from the plasma energy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Sternheimer:
    """Parameters of the density effect; `delta0` is for conductors."""

    c: float
    x0: float
    x1: float
    a: float
    m: float
    delta0: float = 0.0


@dataclass(frozen=True)
class Material:
    """`z` and `a` (g/mol) of the element, or weighted by mass; `density` g/cm^3; `radiation_length` g/cm^2;
    `excitation` eV; `shells`, electrons of an atom and their binding in eV where straggling needs it."""

    name: str
    z: float
    a: float
    density: float
    radiation_length: float
    excitation: float
    sternheimer: Sternheimer
    shells: tuple[tuple[int, float], ...] = ()

    @property
    def z_over_a(self) -> float:
        return self.z / self.a

    def at(self, density: float) -> Material:
        """A gas compressed to another density (Sternheimer et al. 1984, eq. 13)."""
        s, ratio = self.sternheimer, np.log(density / self.density)
        shift = ratio / np.log(100)
        moved = replace(s, c=s.c - ratio, x0=s.x0 - shift, x1=s.x1 - shift)
        return replace(self, density=density, sternheimer=moved)


SILICON = Material("silicon", 14, 28.0855, 2.33, 21.82, 173, Sternheimer(4.4351, 0.2014, 2.8715, 0.14921, 3.2546, 0.14))

ARGON = Material("argon", 18, 39.948, 1.66e-3, 19.55, 188, Sternheimer(11.948, 1.7635, 4.4855, 0.19714, 2.9618))
LIQUID_ARGON = Material(
    "liquid argon", 18, 39.948, 1.396, 19.55, 188, Sternheimer(5.2146, 0.2, 3.0, 0.1956, 3.0),
    shells=((2, 3206.0), (8, 268.0), (8, 19.0)),
)  # fmt: skip

XENON = Material("xenon", 54, 131.293, 5.48e-3, 8.48, 482, Sternheimer(12.7281, 1.563, 4.7371, 0.23314, 2.7414))
LIQUID_XENON = Material("liquid xenon", 54, 131.293, 2.953, 8.48, 482, Sternheimer(6.4397, 0.5993, 3.0, 0.26596, 3.0))

_XENON = np.array([(1.0, 5.419), (5.0, 27.72), (10.0, 57.16), (13.5, 78.95), (20.0, 122.5)])
"""bar, kg/m^3 at 293 K: the gas of NEXT's simulation, nexus (next-exp/nexus)."""


def xenon_gas(pressure: float) -> Material:
    """Xenon at `pressure` bar and 293 K; density over pressure is interpolated, and held outside 1 to 20 bar."""
    bar, density = _XENON.T
    return XENON.at(pressure * float(np.interp(pressure, bar, density / bar)) * 1e-3)
