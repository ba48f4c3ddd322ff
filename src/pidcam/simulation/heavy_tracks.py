"""The way of muons and hadrons through matter: they ionise, scatter, free electrons, decay, and meet nuclei.

Compiled, one particle at a time. Lengths in mm, energies in MeV.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pidcam.compiled import compiled
from pidcam.simulation.constants import AVOGADRO, ELECTRON_MASS, FINE_STRUCTURE, HBAR_C, K
from pidcam.simulation.delta_rays import draw_knock_on, emission_cosine
from pidcam.simulation.directions import turned
from pidcam.simulation.electron_transport import ELECTRON, Heap, Volume, deposit, inside, push
from pidcam.simulation.ionisation import Floats, restricted_bethe_bloch
from pidcam.simulation.matter import Material
from pidcam.simulation.nuclear_cross_sections import BARN, ELASTIC, MASS_NUMBER, SLOPE, reaction
from pidcam.simulation.particles import CHARGE, LIFE, MASS, PION_MASS
from pidcam.simulation.straggling import bound_variance

LEFT, STOPPED, DECAYED, REACTED = range(4)
"""How a way ends; a particle that stopped is at rest, one that decayed was in flight."""

LOWEST, HIGHEST, POINTS = 0.04, 1e3, 400
"""Momentum over mass: below it, where Bethe and Bloch fail, a particle stops. Its range is then 0.1 mm."""

LARGEST_LOSS = 0.1
"""Share of its energy that a particle may lose in one step."""

HIGHLAND = 0.97
"""(1 + 0.038 ln(x / X0))^2 of Highland's width at 10 cm of argon: the squares of the widths of steps add up to it."""

HARD = 18.4
"""MeV/c: Coulomb scattering on a nucleus that gives more is made one by one. Up to there Rutherford's cross-section
with Moliere's screening and Z(Z + 1) has the width above."""

FORM_FACTOR = (3.43e-13 / HBAR_C) ** 2 / 3
"""1/MeV^2: it falls as exp(-b q^2), squared, for a charge of 3.43 fm r.m.s. (I. Angeli, K. P. Marinova, At. Data Nucl.
Data Tables 99 (2013) 69)."""

NUCLEUS_MASS = MASS_NUMBER * 931.494


class HeavyTable(NamedTuple):
    """For momenta over mass exp(`start` + i `step`), by kind of particle: `soft` (kinds, points) loss in collisions
    below `cut`, MeV per mm; `reactions` (kinds, points) with nuclei per mm; `elastic` scattering over reactions.

    `bound` (points,) MeV per xi is what binding adds to the variance of losses. `xi` is Landau's width per mm at beta =
    1, `scattering` MeV^2/mm the square of 13.6 MeV over root X0, `coulomb` hard scattering on nuclei of no size per mm
    at beta = 1.
    """

    start: float
    step: float
    soft: Floats
    reactions: Floats
    bound: Floats
    mass: Floats
    charge: np.ndarray
    life: Floats
    cut: float
    xi: float
    scattering: float
    coulomb: float
    elastic: float


def heavy_table(
    material: Material,
    cut: float,
    *,
    delta_rays: bool = True,
    scattering: bool = True,
    reactions: bool = True,
    decays: bool = True,
) -> HeavyTable:
    """In argon of any density: nuclear reactions are of argon. Without `delta_rays` all loss is steady."""
    ratio = np.geomspace(LOWEST, HIGHEST, POINTS)
    soft, met = np.zeros((len(MASS), POINTS)), np.zeros((len(MASS), POINTS))
    nuclei = AVOGADRO / material.a * BARN * material.density / 10
    for kind, mass in enumerate(MASS):
        if mass < PION_MASS / 2:
            continue
        kinetic = mass * (np.sqrt(1 + ratio**2) - 1)
        if CHARGE[kind]:
            loss = restricted_bethe_bloch(kinetic, mass, material, cut if delta_rays else np.inf)
            soft[kind] = loss * material.density / 10
        met[kind] = reaction(kind, kinetic) * nuclei * reactions
    rutherford = 4 * np.pi * (material.z * FINE_STRUCTURE * HBAR_C / HARD) ** 2  # cm^2
    radiation_length = material.radiation_length / material.density * 10
    return HeavyTable(
        start=float(np.log(LOWEST)),
        step=float(np.log(ratio[1] / ratio[0])),
        soft=soft,
        reactions=met,
        bound=bound_variance(ratio / np.sqrt(1 + ratio**2), material.shells),
        mass=MASS,
        charge=CHARGE,
        life=LIFE * decays,
        cut=cut if delta_rays else np.inf,
        xi=K / 2 * material.z_over_a * material.density / 10,
        scattering=13.6**2 / radiation_length * HIGHLAND * scattering,
        coulomb=rutherford * AVOGADRO / material.a * material.density / 10 * scattering,
        elastic=ELASTIC,
    )


@compiled
def follow_heavy(
    rng: np.random.Generator,
    table: HeavyTable,
    volume: Volume,
    heap: Heap,
    kind: int,
    t: float,
    x: float,
    y: float,
    z: float,
    direction: tuple[float, float, float],
    end: Floats,
) -> int:
    """From its birth until it leaves, stops, decays or reacts. `end` becomes kind, how, kinetic energy, place,
    direction, length of its way; how is returned."""
    u, v, w = direction
    mass, charged, life = table.mass[kind], table.charge[kind] != 0, table.life[kind]
    lowest = math.exp(table.start)
    way, how = 0.0, LEFT
    while True:
        ratio = math.sqrt(t * (t + 2 * mass)) / mass
        if ratio <= lowest:
            how = STOPPED
            break
        place = min((math.log(ratio) - table.start) / table.step, table.soft.shape[1] - 1.001)
        row = int(place)
        share = place - row
        beta2 = ratio * ratio / (1 + ratio * ratio)
        reactions = table.reactions[kind, row] + share * (table.reactions[kind, row + 1] - table.reactions[kind, row])
        elastic = table.elastic * reactions
        decays = 1 / (ratio * life) if life > 0 else 0.0
        soft, knock_on, coulomb, xi, largest, longest = 0.0, 0.0, 0.0, 0.0, 0.0, np.inf
        if charged:
            soft = table.soft[kind, row] + share * (table.soft[kind, row + 1] - table.soft[kind, row])
            xi = table.xi / beta2
            electron = ELECTRON_MASS / mass
            largest = 2 * ELECTRON_MASS * ratio * ratio
            largest /= 1 + 2 * math.sqrt(1 + ratio * ratio) * electron + electron * electron
            if largest > table.cut:
                knock_on = xi * (1 / table.cut - 1 / largest - beta2 / largest * math.log(largest / table.cut))
            longest = min(volume.longest, LARGEST_LOSS * t / soft)
            coulomb = table.coulomb / beta2
        rate = knock_on + coulomb + reactions + elastic + decays
        free = rng.exponential() / rate if rate > 0 else np.inf
        length = min(free, longest)
        if length == np.inf:
            break

        if charged:
            loss = soft * length
            upper = min(table.cut, largest)
            variance = xi * length * (upper * (1 - beta2 * upper / (2 * largest)) + table.bound[row])
            if table.cut < np.inf and variance > 0:
                loss = rng.standard_gamma(loss * loss / variance) * variance / loss
            loss = min(loss, t)
            hinge = rng.random() * length
            deposit(heap, x, y, z, hinge, (u, v, w), loss * hinge / length)
            x, y, z = x + hinge * u, y + hinge * v, z + hinge * w
            momentum2 = t * (t + 2 * mass)
            bend = table.scattering * length / (momentum2 * beta2)
            if bend > 0:
                u, v, w = turned(u, v, w, max(1 - bend * rng.exponential(), -1.0), 2 * math.pi * rng.random())
            rest = length - hinge
            deposit(heap, x, y, z, rest, (u, v, w), loss * rest / length)
            x, y, z = x + rest * u, y + rest * v, z + rest * w
            t -= loss
        else:
            x, y, z = x + length * u, y + length * v, z + length * w
        way += length
        if not inside(volume, x, y, z):
            break
        if free > length or t <= 0:
            continue

        which = rng.random() * rate
        if which < knock_on:
            transfer = min(draw_knock_on(rng, math.sqrt(beta2), largest, table.cut), t)
            if transfer >= volume.secondaries_from:
                born = turned(u, v, w, emission_cosine(t, mass, transfer), 2 * math.pi * rng.random())
                push(heap, ELECTRON, transfer, x, y, z, born)
            else:
                deposit(heap, x, y, z, 0.0, (u, v, w), transfer)
            t -= transfer
        elif which < knock_on + coulomb + elastic:
            momentum2 = t * (t + 2 * mass)
            if which < knock_on + coulomb:
                bend = HARD * HARD / (1 - rng.random()) / (2 * momentum2)
                if bend > 2 or rng.random() > math.exp(-2 * momentum2 * bend * FORM_FACTOR):
                    continue
            else:
                bend = min(rng.exponential() / (2 * momentum2 * SLOPE), 2.0)
            u, v, w = turned(u, v, w, 1 - bend, 2 * math.pi * rng.random())
            recoil = min(momentum2 * bend / NUCLEUS_MASS, t)
            deposit(heap, x, y, z, 0.0, (u, v, w), recoil)
            t -= recoil
        else:
            how = REACTED if which < knock_on + coulomb + elastic + reactions else DECAYED
            break
    if how == STOPPED and charged:
        deposit(heap, x, y, z, 0.1, (u, v, w), t)
        t = 0.0
    end[0], end[1], end[2] = kind, how, t
    end[3], end[4], end[5], end[6], end[7], end[8], end[9] = x, y, z, u, v, w, way
    return how
