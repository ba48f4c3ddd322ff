"""Everything that a particle sets off in matter: compiled transport between vertices, and what happens at them.

A call of `follow_all` follows all that waits and hands back where hadrons and muons reacted, decayed or stopped; there
`aftermath` says what goes on from there. Lengths in mm, energies in MeV.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pidcam.compiled import compiled
from pidcam.simulation.constants import ELECTRON_MASS
from pidcam.simulation.decays import Product, decay, mass_of
from pidcam.simulation.directions import isotropic
from pidcam.simulation.electron_tables import ElectronTable
from pidcam.simulation.electron_transport import (
    ELECTRON,
    PHOTON,
    POSITRON,
    Heap,
    Volume,
    deposit,
    follow_electron,
    push,
)
from pidcam.simulation.heavy_tracks import DECAYED, REACTED, HeavyTable, follow_heavy
from pidcam.simulation.ionisation import Floats
from pidcam.simulation.kinematics import moving
from pidcam.simulation.nuclear_reactions import ALPHA, capture, react
from pidcam.simulation.particles import MASS, PDG
from pidcam.simulation.photon_transport import PhotonTable, follow_photon

PDG_OF = {kind: pdg for pdg, kind in PDG.items()}

FREE_DECAY = 537 / 2197 * 0.99
"""Of negative muons that stop in argon the part that decays before it is captured: their lives bound and free, ns, and
the slower decay of what is bound (T. Suzuki, D. F. Measday, J. P. Roalsvig, Phys. Rev. C 35 (1987) 2212)."""

ALPHA_RANGE = 0.07
"""mm, of the few MeV of an evaporated alpha particle."""


class Tables(NamedTuple):
    """What is known of a material."""

    electrons: ElectronTable
    photons: PhotonTable
    heavy: HeavyTable


class Switches(NamedTuple):
    """Which effects happen where a particle ends."""

    decays: bool = True
    captures: bool = True


ALL = Switches()


@compiled
def follow_all(
    rng: np.random.Generator,
    electrons: ElectronTable,
    photons: PhotonTable,
    heavy: HeavyTable,
    volume: Volume,
    heap: Heap,
    ends: Floats,
) -> tuple[int, float]:
    """All particles that wait, until none does. Returns the number of rows of `ends` (room, 10), see `follow_heavy`,
    that were filled, and the length of the way of the one that was followed first."""
    count, first = 0, -1.0
    while heap.used[0] > 0:
        heap.used[0] -= 1
        row = heap.rows[heap.used[0]]
        kind, t, x, y, z, towards = row[0], row[1], row[2], row[3], row[4], (row[5], row[6], row[7])
        way = 0.0
        if kind == PHOTON:
            follow_photon(rng, photons, volume, heap, t, x, y, z, towards)
        elif kind in (ELECTRON, POSITRON):
            stopped, x, y, z, way = follow_electron(rng, electrons, volume, heap, t, x, y, z, towards)
            if stopped and kind == POSITRON:
                a, b, c = isotropic(rng)
                push(heap, PHOTON, ELECTRON_MASS, x, y, z, (a, b, c))
                push(heap, PHOTON, ELECTRON_MASS, x, y, z, (-a, -b, -c))
        else:
            if count >= len(ends):
                raise RuntimeError("more tracks in one event than there is room for")
            how = follow_heavy(rng, heavy, volume, heap, int(kind), t, x, y, z, towards, ends[count])
            way = ends[count, 9]
            if how > 0:
                count += 1
        if first < 0:
            first = way
    return count, first


class Primary(NamedTuple):
    """Length of its way in mm, how it ended (of muons and hadrons, see `heavy_tracks`; -1 of others), where, and with
    which kinetic energy."""

    length: float
    how: int
    end: tuple[float, float, float]
    kinetic: float


def propagate(
    rng: np.random.Generator,
    tables: Tables,
    volume: Volume,
    heap: Heap,
    products: Sequence[Product],
    at: tuple[float, float, float],
    switches: Switches = ALL,
) -> Primary:
    """Follows particles from a point and all that comes of them; deposits are added to the heap.

    `Primary` is of the first of them that is charged or a hadron; of no length if there is none.
    """
    ends = np.empty((400, 10))
    primary = Primary(0.0, -1, at, 0.0)
    waiting = [(products, at)]
    first = True
    while waiting:
        made, place = waiting.pop()
        _push_all(heap, made[1:] if first else made, place)
        if first:
            _push_all(heap, made[:1], place)  # on top
        count, length = follow_all(rng, *tables, volume, heap, ends)
        if first:
            primary = Primary(length, -1, at, 0.0)
        for n in range(count):
            end = ends[n]
            where = (float(end[3]), float(end[4]), float(end[5]))
            if n == 0 and first:
                primary = Primary(length, int(end[1]), where, float(end[2]))
            more = aftermath(rng, PDG_OF[int(end[0])], int(end[1]), end[2], end[6:9], switches)
            if more:
                waiting.append((more, where))
        first = False
    return primary


def _push_all(heap: Heap, products: Sequence[Product], place: tuple[float, float, float]) -> None:
    x, y, z = place
    for pdg, p in products:
        momentum = float(np.sqrt(p[1] ** 2 + p[2] ** 2 + p[3] ** 2))
        if pdg == ALPHA:
            towards = (p[1] / momentum, p[2] / momentum, p[3] / momentum)
            deposit(heap, x, y, z, ALPHA_RANGE, towards, p[0] - np.sqrt(p[0] ** 2 - momentum**2))
        elif pdg in PDG and momentum > 0:  # neutrinos leave
            kind = PDG[pdg]
            kinetic = momentum**2 / (p[0] + MASS[kind])
            push(heap, float(kind), kinetic, x, y, z, (p[1] / momentum, p[2] / momentum, p[3] / momentum))


def aftermath(
    rng: np.random.Generator, pdg: int, how: int, kinetic: float, direction: Floats, switches: Switches
) -> list[Product]:
    """What goes on where a muon or hadron ended."""
    p = moving(mass_of(pdg), kinetic, direction)
    if how == REACTED:
        return react(rng, pdg, p)
    if how == DECAYED:
        return decay(rng, pdg, p)
    if switches.captures and pdg in (13, -211, -321, -2212) and not (pdg == 13 and rng.random() < FREE_DECAY):
        return capture(rng, pdg)
    return decay(rng, pdg, p) if switches.decays and abs(pdg) not in (2212, 2112) else []
