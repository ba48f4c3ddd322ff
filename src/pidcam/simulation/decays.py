"""Decays of muons, pions, kaons and tau leptons: Particle Data Group 2024. Particles by PDG id, energies in MeV."""

from __future__ import annotations

import numpy as np

from pidcam.simulation.constants import ELECTRON_MASS
from pidcam.simulation.ionisation import Floats
from pidcam.simulation.kinematics import Generator, boosted, moving, phase_space, unit_vector
from pidcam.simulation.particles import (
    KAON_MASS,
    LAMBDA_MASS,
    MUON_MASS,
    NEUTRAL_KAON_MASS,
    NEUTRAL_PION_MASS,
    NEUTRON_MASS,
    PION_MASS,
    PROTON_MASS,
    RHO_MASS,
    TAU_MASS,
)

Product = tuple[int, Floats]
"""A PDG id and its four-momentum."""

LAMBDA, NEUTRAL_KAON, RHO = 3122, 311, 213

NEUTRINOS = (12, 14, 16)

MASS_OF = {
    11: ELECTRON_MASS, 12: 0.0, 13: MUON_MASS, 14: 0.0, 15: TAU_MASS, 16: 0.0, 22: 0.0, 111: NEUTRAL_PION_MASS,
    211: PION_MASS, RHO: RHO_MASS, NEUTRAL_KAON: NEUTRAL_KAON_MASS, 321: KAON_MASS, 2112: NEUTRON_MASS,
    2212: PROTON_MASS, LAMBDA: LAMBDA_MASS,
}  # fmt: skip

MODES: dict[int, tuple[tuple[float, tuple[int, ...]], ...]] = {
    111: ((1.0, (22, 22)),),
    211: ((1.0, (-13, 14)),),
    RHO: ((1.0, (211, 111)),),
    NEUTRAL_KAON: ((0.346, (211, -211)), (0.154, (111, 111)), (0.5, ())),
    321: (
        (0.6356, (-13, 14)), (0.2067, (211, 111)), (0.0558, (211, 211, -211)), (0.0507, (111, -11, 12)),
        (0.0335, (111, -13, 14)), (0.0177, (211, 111, 111)),
    ),
    15: (
        (0.1782, (11, -12, 16)), (0.1739, (13, -14, 16)), (0.1082, (-211, 16)), (0.2549, (-RHO, 16)),
        (0.0926, (-211, 111, 111, 16)), (0.0902, (-211, -211, 211, 16)), (0.0449, (-211, -211, 211, 111, 16)),
    ),
    LAMBDA: ((0.641, (2212, -211)), (0.359, (2112, 111))),
}  # fmt: skip
"""Branching ratios, scaled to one. Half of the neutral kaons live so long that they leave."""

OWN_ANTIPARTICLE = (22, 111, NEUTRAL_KAON)


def mass_of(pdg: int) -> float:
    return MASS_OF[abs(pdg)]


def conjugate(pdg: int) -> int:
    return pdg if pdg in OWN_ANTIPARTICLE else -pdg


def decay(rng: Generator, pdg: int, p: Floats) -> list[Product]:
    """What one particle becomes; those that live too short to leave a track have decayed in turn."""
    if abs(pdg) == 13:
        return [(11 if pdg > 0 else -11, boosted(michel(rng), p))]
    modes = MODES[abs(pdg)]
    shares = np.cumsum([share for share, _ in modes])
    mode = modes[int(np.searchsorted(shares, rng.random() * shares[-1], side="right"))][1]
    if pdg < 0:
        mode = tuple(conjugate(one) for one in mode)
    if not mode:
        return []
    return short_lived(rng, list(zip(mode, phase_space(rng, p, [mass_of(one) for one in mode]), strict=True)))


def short_lived(rng: Generator, products: list[Product]) -> list[Product]:
    """The same with neutral pions and kaons, rho mesons, Lambdas and tau leptons decayed."""
    done: list[Product] = []
    for pdg, p in products:
        done += decay(rng, pdg, p) if abs(pdg) in (111, RHO, NEUTRAL_KAON, LAMBDA, 15) else [(pdg, p)]
    return done


def michel(rng: Generator) -> Floats:
    """The electron of a muon at rest, not polarised: x^2 (3 - 2 x) in x = E / 52.8 MeV (PDG, "Muon decay
    parameters")."""
    end = (MUON_MASS**2 + ELECTRON_MASS**2) / (2 * MUON_MASS)
    while True:
        x, y = rng.random(2)
        if y <= x * x * (3 - 2 * x) and x * end > ELECTRON_MASS:
            return moving(ELECTRON_MASS, x * end - ELECTRON_MASS, unit_vector(rng))
