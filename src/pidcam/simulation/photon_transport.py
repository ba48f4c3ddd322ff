"""The way of a photon through matter: Compton scattering, photoelectric absorption, a pair, or out."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pidcam.compiled import compiled
from pidcam.simulation.constants import AVOGADRO, ELECTRON_MASS
from pidcam.simulation.directions import isotropic, turned
from pidcam.simulation.electron_transport import (
    ELECTRON,
    PHOTON,
    POSITRON,
    Heap,
    Volume,
    deposit,
    inside,
    push,
    radiated_cosine,
)
from pidcam.simulation.ionisation import Floats
from pidcam.simulation.matter import Material
from pidcam.simulation.pair_production import THRESHOLD, draw_pair_share, pair_cross_section
from pidcam.simulation.photons import (
    Absorber,
    Shell,
    compton,
    draw_compton,
    draw_photoelectron_cosine,
    photoelectric,
)


class PhotonTable(NamedTuple):
    """Interactions per mm at photon energies exp(`start` + i `step`) MeV: photoelectric, Compton, pairs."""

    start: float
    step: float
    values: Floats
    z: float
    shell: Shell
    fluorescence: bool


def photon_table(
    material: Material,
    absorber: Absorber,
    *,
    lowest: float = 0.01,
    highest: float = 3.0,
    pairs: bool = False,
    fluorescence: bool = True,
    points: int = 600,
) -> PhotonTable:
    """With `fluorescence` holes in the K shell shine; without `pairs` there are none, which holds below some MeV."""
    energy = np.geomspace(lowest, highest, points)
    made = pair_cross_section(energy, material.z) * AVOGADRO / material.a * pairs
    values = np.stack([photoelectric(energy, absorber), compton(energy, material.z_over_a), made], axis=1)
    step = float(np.log(energy[1] / energy[0]))
    values *= material.density / 10
    return PhotonTable(float(np.log(lowest)), step, values, float(material.z), absorber.shell, fluorescence)


@compiled
def follow_photon(
    rng: np.random.Generator,
    table: PhotonTable,
    volume: Volume,
    heap: Heap,
    energy: float,
    x: float,
    y: float,
    z: float,
    direction: tuple[float, float, float],
) -> None:
    """Until it is absorbed or leaves; below the table's lowest energy it stays where it is."""
    while True:
        place = (math.log(energy) - table.start) / table.step
        if place < 0:
            deposit(heap, x, y, z, 0.0, direction, energy)
            return
        row = min(int(place), len(table.values) - 2)
        share = place - row
        photo = table.values[row, 0] + share * (table.values[row + 1, 0] - table.values[row, 0])
        scatter = table.values[row, 1] + share * (table.values[row + 1, 1] - table.values[row, 1])
        pair = table.values[row, 2] + share * (table.values[row + 1, 2] - table.values[row, 2])
        path = rng.exponential() / (photo + scatter + pair)
        u, v, w = direction
        x, y, z = x + path * u, y + path * v, z + path * w
        if not inside(volume, x, y, z):
            return
        which = rng.random() * (photo + scatter + pair)
        if which < photo:
            _absorb(rng, table, heap, energy, x, y, z, direction)
            return
        if which < photo + pair and energy > THRESHOLD:
            _make_pair(rng, table, heap, energy, x, y, z, direction)
            return
        left, cosine = draw_compton(rng, energy)
        phi = 2 * math.pi * rng.random()
        # the electron takes the rest of energy and momentum
        given = energy - left
        ahead = energy - left * cosine
        total = math.sqrt(ahead * ahead + left * left * max(0.0, 1 - cosine * cosine))
        if given > 0 and total > 0:
            push(heap, ELECTRON, given, x, y, z, turned(u, v, w, ahead / total, phi + math.pi))
        direction = turned(u, v, w, cosine, phi)
        energy = left


@compiled
def _absorb(
    rng: np.random.Generator,
    table: PhotonTable,
    heap: Heap,
    energy: float,
    x: float,
    y: float,
    z: float,
    direction: tuple[float, float, float],
) -> None:
    u, v, w = direction
    kinetic, shell = energy, table.shell
    if energy > shell.edge and rng.random() < shell.share:
        kinetic = energy - shell.edge
        light = 0.0
        if table.fluorescence and rng.random() < shell.fluoresces:
            light = shell.beta if rng.random() < shell.beta_share else shell.alpha
            push(heap, PHOTON, light, x, y, z, isotropic(rng))
        deposit(heap, x, y, z, 0.0, direction, shell.edge - light)  # Auger electrons of the rest run less than a voxel
    cosine = draw_photoelectron_cosine(rng, kinetic)
    push(heap, ELECTRON, kinetic, x, y, z, turned(u, v, w, cosine, 2 * math.pi * rng.random()))


@compiled
def _make_pair(
    rng: np.random.Generator,
    table: PhotonTable,
    heap: Heap,
    energy: float,
    x: float,
    y: float,
    z: float,
    direction: tuple[float, float, float],
) -> None:
    share = draw_pair_share(rng, energy, table.z)
    phi = 2 * math.pi * rng.random()
    for kind, part in ((ELECTRON, share), (POSITRON, 1 - share)):
        kinetic = max(part * energy - ELECTRON_MASS, 0.0)
        born = turned(direction[0], direction[1], direction[2], radiated_cosine(rng, kinetic), phi)
        push(heap, kind, kinetic, x, y, z, born)
        phi += math.pi
