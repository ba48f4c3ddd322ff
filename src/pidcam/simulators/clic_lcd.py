"""CLIC calorimeters: electrons, photons, neutral and charged pions in a tungsten-silicon ECAL and an iron-scintillator
HCAL, as `Ele`, `Gamma`, `Pi0` and `ChPi` files."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pidcam.events import Cells, Dense, EventBatch, Images
from pidcam.simulation.hadron_shower import electromagnetic_fraction, hadronic_parameters
from pidcam.simulation.materials import Medium, Sampling, layers
from pidcam.simulation.sampled_showers import Tuning, shower_em, shower_hadronic, tracks
from pidcam.simulation.sampling_stack import (
    IRON_PLATE,
    POLYSTYRENE_PLATE,
    SILICON_PLATE,
    TUNGSTEN_PLATE,
    Section,
    Stack,
    stack,
)
from pidcam.simulators.base import (
    Generator,
    Parameters,
    PositiveInterval,
    Simulator,
    Species,
    draw,
    make_events,
    quantity,
    simulators,
)
from pidcam.simulators.clic_features import clic_features

Floats = NDArray[np.float64]

CELL = 5.1
NEUTRAL_PION_MASS = 0.13498
"""GeV"""
SOFTEST = 0.01
"""GeV below which a photon or electron is not followed."""
SHAPE, SHAPE_HADRONIC = 1.0, 0.5
"""Of the gamma distributions of the energy that one crossing leaves."""
RADIUS, GROWTH, SLOPE = 30, 40, 0.07
"""mm, mm per interaction length, and the r.m.s. slope of neutral pions to the primary."""
TUNING = Tuning(later=0.55, longer=0.15, spread=0.75, core=1.05, tail=1.1, wider=0.03, albedo=6e-4)
RESOLUTION = 0.17
"""sqrt(GeV): the sampling term of tungsten and silicon, for the record; here it follows from the spots."""


class Showers(NamedTuple):
    """What describes an electromagnetic shower in the ECAL."""

    medium: Medium
    sampling: Sampling
    tuning: Tuning


class ClicLcd(Parameters):
    """CLIC calorimeters: parametrised showers, as the particles that cross each sensitive layer."""

    energy: PositiveInterval = quantity((10.0, 510.0), "energy of the particle", "GeV")
    distance: float = quantity(1500.0, "from where a neutral pion decays to the front of the ECAL", "mm", ge=0)
    spread: float = quantity(CELL, "side of the square, about the central cell, that is hit", "mm", ge=0, le=100)
    fluctuations: bool = quantity(True, "fluctuations of the electromagnetic part of hadronic showers")
    noise: float = quantity(0.0, "noise of a cell of the ECAL, r.m.s.", "MeV", ge=0)
    threshold: float = quantity(0.0, "cells below it are not read out", "MeV", ge=0)


@lru_cache(1)
def calorimeter() -> tuple[Stack, Showers]:
    """25 layers of 2.4 mm (4.8 mm in the last 8) tungsten with 0.5 mm silicon, 60 of 19 mm iron with 3 mm scintillator.

    e_mip and h_mip: R. Wigmans, Calorimetry (2000), ch. 3, has 0.6 to 0.8 for tungsten or lead with silicon and about
    0.9 for iron with scintillator; fixed, like the spots, on a full simulation of electrons and photons.
    """
    ecal = Section(
        TUNGSTEN_PLATE, (2.4,) * 17 + (4.8,) * 8, SILICON_PLATE, 0.5, cells=25, cell=CELL,
        e_mip=0.825, h_mip=0.7, spot_em=1.8, spot_had=1.5, mpv=0.165, xi=0.0089,
    )  # fmt: skip
    hcal = Section(
        IRON_PLATE, (19.0,) * 60, POLYSTYRENE_PLATE, 3.0, cells=5, cell=30.0,
        e_mip=0.96, h_mip=0.80, spot_em=0.45, spot_had=0.85, mpv=0.53, xi=0.026,
    )  # fmt: skip
    pair = (TUNGSTEN_PLATE, SILICON_PLATE)
    x0 = 2.4 / TUNGSTEN_PLATE.x0 + 0.5 / SILICON_PLATE.x0
    e_hat = 1 / (1 + 0.007 * (TUNGSTEN_PLATE.medium.z - SILICON_PLATE.medium.z))
    effective = layers([plate.medium for plate in pair], [0.24, 0.05], [19.3, 2.33])
    showers = Showers(effective, Sampling(1 / x0, e_hat, RESOLUTION), TUNING)
    return stack((ecal, hcal)), showers


def events(parameters: ClicLcd, species: Species, n: int, rng: Generator) -> EventBatch:
    """`n` particles at normal incidence."""
    pile, showers = calorimeter()
    images = (np.zeros((n, 25, 25, 25), np.float32), np.zeros((n, 5, 5, 60), np.float32))
    energy = draw(parameters.energy, n, rng)
    x, y = rng.uniform(-0.5, 0.5, (2, n)) * parameters.spread
    event, straight = np.arange(n), np.zeros(n)
    if species.name == "electron":
        tracks(images, event, x, y, np.full(n, pile.pion[0] * 1.01), pile, rng)  # before it begins to shower
        _shower(images, event, energy, x, y, straight, straight, straight, showers, pile, rng)
    elif species.name == "photon":
        _photons(images, event, energy, x, y, straight, straight, showers, pile, rng)
    elif species.name == "neutral pion":
        event, own, x, y, slope_x, slope_y = _decay(event, energy, x, y, parameters.distance, rng)
        _photons(images, event, own, x, y, slope_x, slope_y, showers, pile, rng)
    else:
        _pions(images, energy, x, y, parameters, showers, pile, rng)
    ecal, hcal = images
    if parameters.noise:
        ecal += rng.normal(0, parameters.noise * 1e-3, ecal.shape).astype(np.float32)
    for volume in images:
        volume[np.abs(volume) < parameters.threshold * 1e-3] = 0
    made: dict[str, Images] = {
        name: Cells.from_dense(Dense(volume[:, None])) for name, volume in (("ecal", ecal), ("hcal", hcal))
    }
    return make_events("clic-lcd", species, made, clic_features(ecal, hcal), {"energy": energy})


def _shower(images, event, energy, x, y, slope_x, slope_y, start, showers, pile, rng):  # type: ignore[no-untyped-def]
    shower_em(images, event, energy, x, y, slope_x, slope_y, start, SHAPE, *showers, pile, rng)


def _photons(images, event, energy, x, y, slope_x, slope_y, showers, pile, rng, start=0.0):  # type: ignore[no-untyped-def]
    """Each makes a pair after 9/7 X0 in the mean, which share its energy evenly enough to be drawn uniformly."""
    start = start + rng.exponential(9 / 7, len(event))
    share = rng.random(len(event))
    pair = np.concatenate([energy * share, energy * (1 - share)])
    kept = pair > SOFTEST
    twice = (np.tile(v, 2)[kept] for v in (event, x, y, slope_x, slope_y, start))
    event, x, y, slope_x, slope_y, start = twice
    _shower(images, event, pair[kept], x, y, slope_x, slope_y, start, showers, pile, rng)


def _decay(event, energy, x, y, distance, rng):  # type: ignore[no-untyped-def]
    """The two photons of neutral pions, isotropic in the rest frame: (event, energy, x, y, slopes along x and y)."""
    cosine, azimuth = rng.uniform(-1, 1, len(energy)), rng.uniform(0, 2 * np.pi, len(energy))
    beta = np.sqrt(1 - (NEUTRAL_PION_MASS / energy) ** 2)
    photons = []
    for sign in (1, -1):
        own = energy / 2 * (1 + sign * beta * cosine)
        slope = sign * NEUTRAL_PION_MASS / 2 * np.sqrt(1 - cosine**2) / np.maximum(own, SOFTEST)
        along_x, along_y = slope * np.cos(azimuth), slope * np.sin(azimuth)
        photons.append((event, own, x + distance * along_x, y + distance * along_y, along_x, along_y))
    columns = [np.concatenate(c) for c in zip(*photons, strict=True)]
    kept = columns[1] > SOFTEST
    return [c[kept] for c in columns]


def _pions(images, energy, x, y, parameters, showers, pile, rng):  # type: ignore[no-untyped-def]
    """A track to the first interaction, and from there an electromagnetic and a hadronic part."""
    event = np.arange(len(energy))
    start = rng.exponential(1.0, len(energy))
    tracks(images, event, x, y, start, pile, rng)
    fraction = electromagnetic_fraction(energy, rng, fluctuating=parameters.fluctuations)
    alpha, beta = hadronic_parameters(energy, rng if parameters.fluctuations else None)
    shower_hadronic(
        images, event, energy * (1 - fraction), x, y, start, alpha, beta, RADIUS, GROWTH, SHAPE_HADRONIC, pile, rng,
    )  # fmt: skip
    depth, at = (np.interp(start, pile.pion, along) for along in (pile.x0, pile.z))
    share = rng.random(len(energy))  # a leading neutral pion, and the rest
    for part in (share, 1 - share):
        straight = rng.normal(0, SLOPE, (2, len(energy)))
        soft = energy * fraction * part > SOFTEST
        _photons(
            images, event[soft], (energy * fraction * part)[soft], (x - straight[0] * at)[soft],
            (y - straight[1] * at)[soft], straight[0][soft], straight[1][soft], showers, pile, rng, depth[soft],
        )  # fmt: skip


simulators.add(
    "clic-lcd",
    Simulator(
        detector="clic-lcd",
        parameters=ClicLcd,
        species=(
            Species("electron", "electron", (11, -11), "Ele"),
            Species("photon", "photon", (22,), "Gamma"),
            Species("neutral pion", "neutral pion", (111,), "Pi0"),
            Species("charged pion", "charged pion", (211, -211), "ChPi"),
        ),
        events=events,
        file_name=lambda parameters, species, n, number: f"{species.file}/{species.file}Escan_{number + 1}.h5",
        file_events=1000,
        block=250,
    ),
)
