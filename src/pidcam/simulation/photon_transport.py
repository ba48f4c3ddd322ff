"""The way of a photon through xenon: Compton scattering, photoelectric absorption, or out."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pidcam.compiled import compiled
from pidcam.simulation.directions import isotropic, turned
from pidcam.simulation.electron_transport import ELECTRON, PHOTON, Heap, Volume, deposit, inside, push
from pidcam.simulation.ionisation import Floats
from pidcam.simulation.matter import Material
from pidcam.simulation.photons import (
    BETA_SHARE,
    K_ALPHA,
    K_BETA,
    K_EDGE,
    K_SHARE,
    K_YIELD,
    compton,
    draw_compton,
    draw_photoelectron_cosine,
    xenon_photoelectric,
)


class PhotonTable(NamedTuple):
    """Interactions per mm at photon energies exp(`start` + i `step`) MeV: photoelectric, Compton."""

    start: float
    step: float
    values: Floats
    fluorescence: bool


def photon_table(
    xenon: Material, *, lowest: float = 0.01, highest: float = 3.0, fluorescence: bool = True, points: int = 600
) -> PhotonTable:
    """Xenon of the density of `xenon`; with `fluorescence` holes in the K shell shine."""
    energy = np.geomspace(lowest, highest, points)
    values = np.stack([xenon_photoelectric(energy), compton(energy, xenon.z_over_a)], axis=1)
    step = float(np.log(energy[1] / energy[0]))
    return PhotonTable(float(np.log(lowest)), step, values * xenon.density / 10, fluorescence)


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
        path = rng.exponential() / (photo + scatter)
        u, v, w = direction
        x, y, z = x + path * u, y + path * v, z + path * w
        if not inside(volume, x, y, z):
            return
        if rng.random() * (photo + scatter) < photo:
            _absorb(rng, table, heap, energy, x, y, z, direction)
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
    kinetic = energy
    if energy > K_EDGE and rng.random() < K_SHARE:
        kinetic = energy - K_EDGE
        light = 0.0
        if table.fluorescence and rng.random() < K_YIELD:
            light = K_BETA if rng.random() < BETA_SHARE else K_ALPHA
            push(heap, PHOTON, light, x, y, z, isotropic(rng))
        deposit(heap, x, y, z, 0.0, direction, K_EDGE - light)  # Auger electrons of the rest run less than a voxel
    cosine = draw_photoelectron_cosine(rng, kinetic)
    push(heap, ELECTRON, kinetic, x, y, z, turned(u, v, w, cosine, 2 * math.pi * rng.random()))
