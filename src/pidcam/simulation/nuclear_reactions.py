"""What comes out when a hadron meets a nucleus of argon: a plain model, not a cascade code.

The hadron meets one nucleon with Fermi momentum (both scatter by phase space, pions may be made) or, if it is a pion,
is absorbed by two or three. Nucleons that are hit may hit another one on their way out. What energy is left evaporates
neutrons, protons and alpha particles, then photons. Energies in MeV, particles by PDG id.
"""

from __future__ import annotations

import numpy as np

from pidcam.simulation.decays import LAMBDA, NEUTRAL_KAON, Product, mass_of, short_lived
from pidcam.simulation.ionisation import Floats
from pidcam.simulation.kinematics import (
    Generator,
    invariant_mass,
    moving,
    on_shell,
    phase_space,
    three_momentum,
    unit_vector,
)
from pidcam.simulation.particles import ALPHA_MASS, PROTON_MASS

PROTON, NEUTRON, ALPHA = 2212, 2112, 1000020040

FERMI = 240.0
"""MeV/c"""

BINDING = 25.0
"""Energy that it takes, in the mean, to lift a nucleon out of its shell."""

SEPARATION = 8.3
"""Energy that an evaporated nucleon costs."""

PROTONS = 18 / 40

AGAIN = 0.35
"""Probability that a nucleon that was hit hits another."""

ABSORBED = np.array(
    [(0, 1.0), (50, 0.65), (85, 0.55), (125, 0.45), (165, 0.38), (205, 0.33), (245, 0.30), (315, 0.22), (500, 0.12),
     (1000, 0.05), (3000, 0.0)]
)  # fmt: skip
"""Of reactions of pions of that energy the part that is absorption: D. Ashery et al., Phys. Rev. C 23 (1981) 2173."""

MAKES_PIONS = np.array([(300, 0.0), (500, 0.2), (800, 0.5), (1500, 0.75), (3000, 0.9)])
"""Part of the other collisions with a nucleon in which pions are made."""

LEVEL = 1.461
"""First excited state of 40Ar."""


def fermi_nucleon(rng: Generator, pdg: int | None = None) -> Product:
    """A bound nucleon: of that kind, or a proton in 18 of 40."""
    if pdg is None:
        pdg = PROTON if rng.random() < PROTONS else NEUTRON
    p = on_shell(PROTON_MASS, FERMI * rng.random() ** (1 / 3) * unit_vector(rng))
    p[0] -= BINDING
    return pdg, p


def react(rng: Generator, pdg: int, p: Floats) -> list[Product]:
    """Of one hadron; neutral pions and other short lives have decayed."""
    kinetic = p[0] - mass_of(pdg)
    if pdg == NEUTRON and kinetic < 20:
        return slow_neutron(rng, kinetic)
    if pdg == -PROTON:
        return short_lived(rng, annihilate(rng, p))
    if abs(pdg) == 211 and rng.random() < np.interp(kinetic, *ABSORBED.T):
        return absorb_pion(rng, pdg, p)
    if pdg == -321 and rng.random() < 0.6:
        return absorb_kaon(rng, p)
    return short_lived(rng, hit_nucleon(rng, pdg, p))


def capture(rng: Generator, pdg: int) -> list[Product]:
    """What a negative hadron or muon sets free when it stops and falls into a nucleus."""
    if pdg == 13:
        light = [(22, moving(0.0, 0.644, unit_vector(rng)))]  # its K alpha line in argon
        return light + evaporate(rng, 8 + rng.gamma(2.0, 5.0))
    rest = np.array([mass_of(pdg), 0.0, 0.0, 0.0])
    if pdg == -211:
        return absorb_pion(rng, pdg, rest)
    return absorb_kaon(rng, rest) if pdg == -321 else short_lived(rng, annihilate(rng, rest))


def slow_neutron(rng: Generator, kinetic: float) -> list[Product]:
    """It lifts the nucleus to its first level and goes on; where that is too much nothing is seen."""
    if kinetic < LEVEL * 41 / 40:
        return []
    left = (kinetic - LEVEL) * rng.random()
    return [(22, moving(0.0, LEVEL, unit_vector(rng))), (NEUTRON, moving(mass_of(NEUTRON), left, unit_vector(rng)))]


def hit_nucleon(rng: Generator, pdg: int, p: Floats) -> list[Product]:
    """Scattering on one nucleon, with or without pions made; Pauli's principle forbids slow nucleons.

    Pions keep or exchange their charge as the Delta tells: nine, one and two parts for pi+ p, pi+ n, and pi+ n -> pi0
    p.
    """
    kinetic = p[0] - mass_of(pdg)
    for _ in range(30):
        out, target = _partners(rng, pdg)
        pions = _pions_made(rng, kinetic)
        _, nucleon = fermi_nucleon(rng)
        total = p + nucleon
        made = draw_charges(rng, [*out, *[111] * pions], _CHARGE[pdg] + _CHARGE[target]) if pions else out
        masses = [mass_of(one) for one in made]
        if invariant_mass(total) <= sum(masses):
            continue
        momenta = phase_space(rng, total, masses)
        if any(
            abs(one) in (PROTON, NEUTRON) and three_momentum(q) < FERMI for one, q in zip(made, momenta, strict=True)
        ):
            continue
        return leave_nucleus(rng, list(zip(made, momenta, strict=True)))
    return evaporate(rng, kinetic + (mass_of(pdg) if abs(pdg) == 211 else 0))


def _partners(rng: Generator, pdg: int) -> tuple[list[int], int]:
    """Which particles come out of a collision, and which nucleon was hit."""
    proton = rng.random() < PROTONS
    if abs(pdg) == 211:
        like = PROTON if pdg > 0 else NEUTRON
        proton = rng.random() < (9 * PROTONS / (9 * PROTONS + 3 * (1 - PROTONS)) if pdg > 0 else
                                 3 * PROTONS / (3 * PROTONS + 9 * (1 - PROTONS)))  # fmt: skip
        target = PROTON if proton else NEUTRON
        if target != like and rng.random() < 2 / 3:
            return [111, like], target
        return [pdg, target], target
    target = PROTON if proton else NEUTRON
    if pdg == 321 and target == NEUTRON and rng.random() < 0.3:
        return [NEUTRAL_KAON, PROTON], target
    return [pdg, target], target


def _pions_made(rng: Generator, kinetic: float) -> int:
    if rng.random() >= np.interp(kinetic, *MAKES_PIONS.T):
        return 0
    return 1 + int(rng.poisson(max(kinetic - 800, 0) / 1500))


_CHARGE = {211: 1, -211: -1, 321: 1, -321: -1, PROTON: 1, NEUTRON: 0, -PROTON: -1, 111: 0, NEUTRAL_KAON: 0}


def draw_charges(rng: Generator, made: list[int], total: int) -> list[int]:
    """The same particles with the charges of pions and nucleons drawn so that they add up to `total`."""
    for _ in range(200):
        drawn = []
        for one in made:
            if abs(one) in (111, 211):
                drawn.append((-211, 111, 211)[rng.integers(3)])
            elif one in (PROTON, NEUTRON):
                drawn.append((PROTON, NEUTRON)[rng.integers(2)])
            else:
                drawn.append(one)
        if sum(_CHARGE[one] for one in drawn) == total:
            return drawn
    raise ValueError(f"charges of {made} cannot add up to {total}")


def leave_nucleus(rng: Generator, products: list[Product]) -> list[Product]:
    """Nucleons may hit another on their way out; the hole that each leaves evaporates something."""
    done: list[Product] = []
    excitation = 0.0
    for pdg, p in products:
        excitation += rng.exponential(8.0)
        if pdg in (PROTON, NEUTRON) and rng.random() < AGAIN:
            pair, left = _pair(rng, pdg, p)
            done += pair
            excitation += left
        elif pdg in (PROTON, NEUTRON) and (kept := p[0] - mass_of(pdg) - BINDING) <= 5:
            excitation += max(kept, 0.0)
        else:
            done.append((pdg, p))
    return done + evaporate(rng, excitation)


def _pair(rng: Generator, pdg: int, p: Floats) -> tuple[list[Product], float]:
    """Two nucleons of one and a bound one, and the energy of those that are too slow to leave."""
    other, nucleon = fermi_nucleon(rng)
    total = p + nucleon
    masses = [mass_of(pdg), mass_of(other)]
    if invariant_mass(total) <= sum(masses):
        return [(pdg, p)], 0.0
    left, done = 0.0, []
    for one, q in zip((pdg, other), phase_space(rng, total, masses), strict=True):
        if q[0] - mass_of(one) > 15:
            done.append((one, q))
        else:
            left += q[0] - mass_of(one)
    return done, left


def absorb_pion(rng: Generator, pdg: int, p: Floats) -> list[Product]:
    """All its energy goes to two or three nucleons: a proton and a neutron become two protons (pi+) or neutrons
    (pi-)."""
    like, unlike = (PROTON, NEUTRON) if pdg > 0 else (NEUTRON, PROTON)
    out = [like, like] if rng.random() < 0.8 else [like, unlike]
    if rng.random() < 0.6:
        out.append(PROTON if rng.random() < PROTONS else NEUTRON)
    total = p + sum(fermi_nucleon(rng)[1] for _ in out)
    masses = [mass_of(one) for one in out]
    if invariant_mass(total) <= sum(masses):
        return evaporate(rng, p[0])
    return leave_nucleus(rng, list(zip(out, phase_space(rng, total, masses), strict=True)))


def absorb_kaon(rng: Generator, p: Floats) -> list[Product]:
    """A negative kaon and a nucleon become a Lambda and a pion."""
    target, nucleon = fermi_nucleon(rng)
    pion = 111 if target == PROTON else -211
    total = p + nucleon
    masses = [mass_of(LAMBDA), mass_of(pion)]
    made = list(zip((LAMBDA, pion), phase_space(rng, total, masses), strict=True))
    return short_lived(rng, made) + evaporate(rng, rng.exponential(15.0))


def annihilate(rng: Generator, p: Floats) -> list[Product]:
    """An antiproton and a nucleon become five pions or so (C. Amsler, Rev. Mod. Phys. 70 (1998) 1293); some are
    absorbed."""
    target, nucleon = fermi_nucleon(rng)
    total = p + nucleon
    number = int(np.clip(round(rng.normal(5.0, 1.0)), 2, 8))
    pions = draw_charges(rng, [111] * number, _CHARGE[target] - 1)
    done: list[Product] = []
    for pion, q in zip(pions, phase_space(rng, total, [mass_of(one) for one in pions]), strict=True):
        if pion != 111 and rng.random() < 0.25:
            done += absorb_pion(rng, pion, q)
        else:
            done.append((pion, q))
    return done + evaporate(rng, rng.exponential(20.0))


def evaporate(rng: Generator, excitation: float) -> list[Product]:
    """Of a hot nucleus: Maxwell's spectra above the Coulomb barrier, then photons."""
    done: list[Product] = []
    while excitation > SEPARATION + 2:
        which = rng.random()
        pdg, barrier = (NEUTRON, 0.0) if which < 0.62 else (PROTON, 3.5) if which < 0.88 else (ALPHA, 6.0)
        kinetic = min(barrier + rng.gamma(2.0, 1.0 + excitation / 60), excitation - SEPARATION)
        done.append((pdg, moving(ALPHA_MASS if pdg == ALPHA else mass_of(pdg), kinetic, unit_vector(rng))))
        excitation -= kinetic + SEPARATION
    while excitation > 0.2:
        photon = min(excitation, 0.5 + rng.exponential(1.5))
        done.append((22, moving(0.0, photon, unit_vector(rng))))
        excitation -= photon
    return done
