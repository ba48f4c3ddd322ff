"""Neutrinos of 0.1 to 20 GeV on a nucleus of argon: a plain model with the right topologies, not an event generator.

One nucleon is hit, quasi-elastically, into a Delta resonance, or deeply inelastically. What share each has follows from
the measured cross-sections per nucleon; four-momentum transfers from dipole form factors and from flat or (1 - y)^2
spectra; hadrons from phase space; on their way out they meet the nucleus by the model of `nuclear_reactions`. Coherent
pions, strange particles, charm and polarisation are left out. Energies in MeV, particles by PDG id, neutrinos along z.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pidcam.simulation.decays import Product, mass_of, short_lived
from pidcam.simulation.ionisation import Floats
from pidcam.simulation.kinematics import Generator, invariant_mass, phase_space, three_momentum
from pidcam.simulation.nuclear_cross_sections import reaction
from pidcam.simulation.nuclear_reactions import (
    FERMI,
    NEUTRON,
    PROTON,
    PROTONS,
    draw_charges,
    fermi_nucleon,
    leave_nucleus,
    react,
)
from pidcam.simulation.particles import DELTA_MASS, NEUTRON_MASS, PDG, PION_MASS, PROTON_MASS, TAU_MASS

CHARGED, NEUTRAL = 0, 1

AXIAL_MASS = 1000.0
"""MeV of the dipole 1 / (1 + Q^2 / M^2)^4."""

NEUTRAL_SHARE = {1: 0.31, -1: 0.38}
"""Cross-sections of neutral over charged currents, of neutrinos and antineutrinos (PDG 2024, "Electroweak model")."""

SLOPE = {1: 0.68, -1: 0.33}
"""1e-38 cm^2 / GeV: charged currents per nucleon over energy (PDG 2024, "Neutrino cross section measurements")."""

TAU_POWER = 2.8
"""(1 - 3.46 GeV / E)^2.8 of the cross-section of other flavours is what the mass of the tau lepton leaves: K. Hagiwara,
K. Mawatari, H. Yokoya, Nucl. Phys. B 668 (2003) 364, to some 10 %."""

DELTA_WIDTH, HIGHEST_DELTA = 117.0, 1600.0

LOWEST_MASS = 1400.0
"""MeV of the hadrons that deep inelastic scattering makes."""

MET = 0.6
"""1/barn: share of pions that meet the nucleus that they are born in over their reaction cross-section on argon."""


class Interaction(NamedTuple):
    """`products` that leave the nucleus, the charged lepton of a charged current first (a tau lepton has decayed);
    `current` CHARGED or NEUTRAL; `lepton` momentum in MeV/c, of the neutrino where it stays one."""

    products: list[Product]
    current: int
    lepton: float


def tau_threshold() -> float:
    """MeV of a neutrino that makes a tau lepton on a nucleon at rest."""
    return TAU_MASS * (1 + TAU_MASS / (2 * PROTON_MASS))


def charged_share(pdg: int, energy: float) -> float:
    """Of interactions of that neutrino the part that makes a charged lepton."""
    neutral = NEUTRAL_SHARE[1 if pdg > 0 else -1]
    charged = 1.0
    if abs(pdg) == 16:
        charged = max(1 - tau_threshold() / energy, 0.0) ** TAU_POWER
    elif abs(pdg) == 14:
        charged = 1.0 if energy > 130 else 0.0
    return charged / (charged + neutral)


def channel_shares(pdg: int, energy: float) -> tuple[float, float, float]:
    """Relative cross-sections: quasi-elastic, Delta, deeply inelastic; these make up what is measured in all."""
    e, sign = energy / 1e3, 1 if pdg > 0 else -1
    turn_on = 1.0 if sign > 0 else e / (e + 1)  # antineutrinos reach the same plateau later
    elastic = 0.45 * (1 - math.exp(-e / 0.35)) * turn_on
    delta = 0.5 * max(1 - math.exp(-(e - 0.4) / 0.5), 0.0) * turn_on
    return elastic, delta, max(SLOPE[sign] * e - elastic - delta, 0.0) if e > 1 else 0.0


def interact(rng: Generator, pdg: int, energy: float, current: int | None = None) -> Interaction:
    """One interaction of a neutrino of `energy` MeV, of the given current or of either as they come."""
    if current is None:
        current = CHARGED if rng.random() < charged_share(pdg, energy) else NEUTRAL
    lepton = int(pdg - math.copysign(1, pdg)) if current == CHARGED else pdg
    change = 0 if current == NEUTRAL else (1 if pdg > 0 else -1)  # of the hadrons' charge
    shares = np.cumsum(channel_shares(pdg, energy))
    which = int(np.searchsorted(shares, rng.random() * shares[-1], side="right"))
    made = None
    neutrino = np.array([energy, 0.0, 0.0, energy])
    if which == 2:
        made = _inelastic(rng, pdg, neutrino, lepton, change)
    elif which == 1:
        made = _resonance(rng, neutrino, lepton, change)
    if made is None:
        made = _quasi_elastic(rng, neutrino, lepton, change)
    outgoing, hadrons = made
    out = short_lived(rng, [(lepton, outgoing)])
    out.sort(key=lambda product: abs(product[0]) not in (11, 13))
    return Interaction(out + _leave(rng, hadrons), current, three_momentum(outgoing))


def _dipole(rng: Generator, neutrino: Floats, outgoing: Floats) -> bool:
    q = neutrino - outgoing
    square = max(q[1] ** 2 + q[2] ** 2 + q[3] ** 2 - q[0] ** 2, 0.0)
    return bool(rng.random() < (1 + square / AXIAL_MASS**2) ** -4)


def _target(rng: Generator, change: int, elastic: bool) -> int:
    if elastic and change:  # a neutron becomes a proton, or the other way round
        return NEUTRON if change > 0 else PROTON
    if change:  # a Delta of charge 2 or -1 is made three times as often as one of charge 1 or 0
        like = PROTON if change > 0 else NEUTRON
        part = PROTONS if like == PROTON else 1 - PROTONS
        return like if rng.random() < 3 * part / (3 * part + 1 - part) else (NEUTRON if like == PROTON else PROTON)
    return PROTON if rng.random() < PROTONS else NEUTRON


Scattered = tuple[Floats, list[Product]]
"""The outgoing lepton, and the hadrons inside the nucleus."""


def _quasi_elastic(rng: Generator, neutrino: Floats, lepton: int, change: int) -> Scattered:
    target = _target(rng, change, elastic=True)
    struck = target if not change else PROTON if target == NEUTRON else NEUTRON
    masses = [mass_of(lepton), mass_of(struck)]
    for tries in range(3000):
        _, nucleon = fermi_nucleon(rng, target)
        total = neutrino + nucleon
        if invariant_mass(total) <= sum(masses):
            continue
        out, hadron = phase_space(rng, total, masses)
        if tries > 2000 or (three_momentum(hadron) > FERMI and _dipole(rng, neutrino, out)):
            return out, [(struck, hadron)]
    raise ValueError(f"a neutrino of {neutrino[0]:g} MeV cannot make {lepton} on a nucleon")


def _resonance(rng: Generator, neutrino: Floats, lepton: int, change: int) -> Scattered | None:
    target = _target(rng, change, elastic=False)
    charge = (target == PROTON) + change
    for _ in range(3000):
        mass = DELTA_MASS + DELTA_WIDTH / 2 * math.tan(math.pi * (rng.random() - 0.5))
        _, nucleon = fermi_nucleon(rng, target)
        total = neutrino + nucleon
        if not NEUTRON_MASS + PION_MASS < mass < HIGHEST_DELTA or invariant_mass(total) <= mass + mass_of(lepton):
            continue
        out, delta = phase_space(rng, total, [mass_of(lepton), mass])
        if not _dipole(rng, neutrino, out):
            continue
        made = _delta_decay(rng, charge)
        hadrons = list(zip(made, phase_space(rng, delta, [mass_of(one) for one in made]), strict=True))
        if three_momentum(hadrons[0][1]) > FERMI:
            return out, hadrons
    return None


def _delta_decay(rng: Generator, charge: int) -> list[int]:
    """Nucleon and pion of a Delta of that charge, as isospin shares them."""
    if charge in (2, -1):
        return [PROTON, 211] if charge == 2 else [NEUTRON, -211]
    neutral = rng.random() < 2 / 3
    if charge == 1:
        return [PROTON, 111] if neutral else [NEUTRON, 211]
    return [NEUTRON, 111] if neutral else [PROTON, -211]


def _inelastic(rng: Generator, pdg: int, neutrino: Floats, lepton: int, change: int) -> Scattered | None:
    """Bjorken's x from x^0.5 (1 - x)^3, y flat or (1 - y)^2 for quarks of the other handedness; nucleon at rest."""
    target = PROTON if rng.random() < PROTONS else NEUTRON
    energy, mass, nucleon = neutrino[0], mass_of(lepton), mass_of(target)
    for _ in range(1000):
        x, y = rng.beta(1.5, 4.0), rng.random()
        if (rng.random() < 0.2) == (pdg > 0):
            y = 1 - rng.random() ** (1 / 3)
        left = energy * (1 - y)
        square = 2 * nucleon * energy * x * y
        hadronic = nucleon**2 + 2 * nucleon * energy * y * (1 - x)
        if left <= mass or hadronic < LOWEST_MASS**2:
            continue
        momentum = math.sqrt(left**2 - mass**2)
        cosine = (2 * energy * left - mass**2 - square) / (2 * energy * momentum)
        if not -1 <= cosine <= 1:
            continue
        sine, phi = math.sqrt(1 - cosine**2), 2 * math.pi * rng.random()
        out = np.array([left, momentum * sine * math.cos(phi), momentum * sine * math.sin(phi), momentum * cosine])
        hadrons = neutrino - out + np.array([nucleon, 0.0, 0.0, 0.0])
        w = invariant_mass(hadrons)
        most = int((w - NEUTRON_MASS) / (1.1 * PION_MASS))
        # 0.4 + 1.42 ln W^2 charged particles (GeV), two thirds of the pions and half of the nucleons
        pions = int(np.clip(rng.poisson(max(1.5 * (0.4 + 2.84 * math.log(w / 1e3) - 0.5), 0.7)), 1, most))
        made = draw_charges(rng, [target, *[111] * pions], (target == PROTON) + change)
        return out, list(zip(made, phase_space(rng, hadrons, [mass_of(one) for one in made]), strict=True))
    return None


def _leave(rng: Generator, hadrons: list[Product]) -> list[Product]:
    """Out of the nucleus: pions may react on their way, as may nucleons."""
    free: list[Product] = []
    done: list[Product] = []
    for pdg, p in hadrons:
        if abs(pdg) == 211 and rng.random() < MET * float(reaction(PDG[pdg], p[0] - mass_of(pdg))):
            done += react(rng, pdg, p)
        else:
            free.append((pdg, p))
    return short_lived(rng, leave_nucleus(rng, free) + done)
