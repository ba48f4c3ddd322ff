"""CLIC calorimeters: electrons, photons, neutral and charged pions in a tungsten-silicon ECAL and an iron-scintillator
HCAL, as `Ele`, `Gamma`, `Pi0` and `ChPi` files; asked for, quark and gluon jets as `Quark` and `Gluon` files."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

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
from pidcam.simulators.clic_jets import Beam, arriving_jets

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
TUNING = Tuning(
    later=0.55, longer=0.43, core=1.46, tail=0.985, wider=0.045, albedo=5.5e-4, needle=0.7, fade=1.1, thin=0.19
)
RESOLUTION = 0.17
"""sqrt(GeV): the sampling term of tungsten and silicon, for the record; here it follows from the spots."""


JETS: dict[str, Any] = {"asked": True, "extra": "jets", "modules": ("pythia8mc",)}


class Showers(NamedTuple):
    """What describes an electromagnetic shower in the ECAL."""

    medium: Medium
    sampling: Sampling
    tuning: Tuning


class ClicLcd(Parameters):
    """CLIC calorimeters: parametrised showers, as the particles that cross each sensitive layer."""

    energy: PositiveInterval = quantity((10.0, 510.0), "energy of the particle", "GeV")
    distance: float = quantity(
        1500.0, "from the decay of a neutral pion, or the origin of a jet, to the ECAL", "mm", ge=0
    )
    spread: float = quantity(CELL, "side of the square, about the central cell, that is hit", "mm", ge=0, le=100)
    fluctuations: bool = quantity(True, "fluctuations of the electromagnetic part of hadronic showers")
    noise: float = quantity(0.0, "noise of a cell of the ECAL, r.m.s.", "MeV", ge=0)
    threshold: float = quantity(0.0, "cells below it are not read out", "MeV", ge=0)


@lru_cache(1)
def calorimeter() -> tuple[Stack, Showers]:
    """25 layers of 2.4 mm (4.8 mm in the last 8) tungsten with 0.5 mm silicon, 60 of 19 mm iron with 3 mm scintillator.

    faster: least attenuation of photons is 0.0299 cm2/g x 13.84 g/cm2 per X0 in iron, 0.0404 x 6.76 in tungsten (NIST
    XCOM). e_mip and h_mip: R. Wigmans, Calorimetry (2000), ch. 3, has 0.6 to 0.8 for tungsten or lead with silicon
    and about 0.9 for iron with scintillator; fixed, like the spots, on a full simulation of electrons and photons.
    """
    ecal = Section(
        TUNGSTEN_PLATE, (2.4,) * 17 + (4.8,) * 8, SILICON_PLATE, 0.5, cells=25, cell=CELL,
        e_mip=0.825, h_mip=0.7, spot_em=1.8, spot_had=1.5, mpv=0.165, xi=0.0089,
    )  # fmt: skip
    hcal = Section(
        IRON_PLATE, (19.0,) * 60, POLYSTYRENE_PLATE, 3.0, cells=5, cell=30.0,
        e_mip=0.95, h_mip=0.80, spot_em=0.45, spot_had=0.85, mpv=0.53, xi=0.026, faster=1.5,
    )  # fmt: skip
    pair = (TUNGSTEN_PLATE, SILICON_PLATE)
    x0 = 2.4 / TUNGSTEN_PLATE.x0 + 0.5 / SILICON_PLATE.x0
    e_hat = 1 / (1 + 0.007 * (TUNGSTEN_PLATE.medium.z - SILICON_PLATE.medium.z))
    effective = layers([plate.medium for plate in pair], [0.24, 0.05], [19.3, 2.33])
    showers = Showers(effective, Sampling(1 / x0, e_hat, RESOLUTION), TUNING)
    return stack((ecal, hcal)), showers


def events(parameters: ClicLcd, species: Species, n: int, rng: Generator) -> EventBatch:
    """`n` particles at normal incidence, or jets."""
    energy = draw(parameters.energy, n, rng)
    x, y = rng.uniform(-0.5, 0.5, (2, n)) * parameters.spread
    beam = Beam(np.arange(n), energy, x, y, np.zeros(n), np.zeros(n))
    images = showers_of(species, beam, n, parameters, rng)
    ecal, hcal = images
    if parameters.noise:
        ecal += rng.normal(0, parameters.noise * 1e-3, ecal.shape).astype(np.float32)
    for volume in images:
        volume[np.abs(volume) < parameters.threshold * 1e-3] = 0
    made: dict[str, Images] = {
        name: Cells.from_dense(Dense(volume[:, None])) for name, volume in (("ecal", ecal), ("hcal", hcal))
    }
    return make_events("clic-lcd", species, made, clic_features(ecal, hcal), {"energy": energy})


def showers_of(
    species: Species, beam: Beam, n: int, parameters: ClicLcd, rng: Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(n, 25, 25, 25) and (n, 5, 5, 60) GeV that particles of `beam`, in event `beam.event` each, leave."""
    pile, showers = calorimeter()
    images = (np.zeros((n, 25, 25, 25), np.float32), np.zeros((n, 5, 5, 60), np.float32))
    if species.name == "electron":
        _electrons(images, beam, showers, pile, rng)
    elif species.name == "photon":
        _photons(images, beam, showers, pile, rng)
    elif species.name == "neutral pion":
        _photons(images, _decay(beam, parameters.distance, rng), showers, pile, rng)
    elif species.name == "charged pion":
        _hadrons(images, beam, np.full(len(beam.event), True), parameters, showers, pile, rng)
    else:
        arriving = arriving_jets(species.draw_pdg(n, rng), beam, parameters.distance, rng)
        _jets(images, *arriving, parameters, showers, pile, rng)
    return images


def _shower(images, beam, start, showers, pile, rng):  # type: ignore[no-untyped-def]
    shower_em(images, *beam, start, SHAPE, *showers, pile, rng)


def _track(images, beam, end, pile, rng):  # type: ignore[no-untyped-def]
    tracks(images, beam.event, beam.x, beam.y, beam.slope_x, beam.slope_y, end, pile, rng)


def _electrons(images, beam, showers, pile, rng):  # type: ignore[no-untyped-def]
    """A track before it begins to shower."""
    _track(images, beam, np.full(len(beam.event), pile.pion[0] * 1.01), pile, rng)
    _shower(images, beam, np.zeros(len(beam.event)), showers, pile, rng)


def _photons(images, beam, showers, pile, rng, start=0.0):  # type: ignore[no-untyped-def]
    """Each makes a pair after 9/7 X0 in the mean, which share its energy evenly enough to be drawn uniformly."""
    start = start + rng.exponential(9 / 7, len(beam.event))
    share = rng.random(len(beam.event))
    pair = np.concatenate([beam.energy * share, beam.energy * (1 - share)])
    kept = pair > SOFTEST
    twice = Beam._make(np.tile(column, 2) for column in beam)._replace(energy=pair)
    _shower(images, twice.keep(kept), np.tile(start, 2)[kept], showers, pile, rng)


def _decay(beam: Beam, distance: float, rng: Generator) -> Beam:
    """The two photons of neutral pions, isotropic in the rest frame."""
    cosine, azimuth = rng.uniform(-1, 1, len(beam.event)), rng.uniform(0, 2 * np.pi, len(beam.event))
    beta = np.sqrt(1 - (NEUTRAL_PION_MASS / beam.energy) ** 2)
    photons = []
    for sign in (1, -1):
        own = beam.energy / 2 * (1 + sign * beta * cosine)
        slope = sign * NEUTRAL_PION_MASS / 2 * np.sqrt(1 - cosine**2) / np.maximum(own, SOFTEST)
        along_x, along_y = slope * np.cos(azimuth), slope * np.sin(azimuth)
        photons.append(
            Beam(beam.event, own, beam.x + distance * along_x, beam.y + distance * along_y, along_x, along_y)
        )
    both = Beam._make(np.concatenate(column) for column in zip(*photons, strict=True))
    return both.keep(both.energy > SOFTEST)


def _hadrons(images, beam, charged, parameters, showers, pile, rng):  # type: ignore[no-untyped-def]
    """A track to the first interaction, if charged, and from there an electromagnetic and a hadronic part."""
    n = len(beam.event)
    start = rng.exponential(1.0, n)
    _track(images, beam.keep(charged), start[charged], pile, rng)
    fraction = electromagnetic_fraction(beam.energy, rng, fluctuating=parameters.fluctuations)
    alpha, beta = hadronic_parameters(beam.energy, rng if parameters.fluctuations else None)
    rest = beam._replace(energy=beam.energy * (1 - fraction))
    shower_hadronic(images, *rest, start, alpha, beta, RADIUS, GROWTH, SHAPE_HADRONIC, pile, rng)
    depth, at = (np.interp(start, pile.pion, along) for along in (pile.x0, pile.z))
    share = rng.random(n)  # a leading neutral pion, and the rest
    for part in (share, 1 - share):
        turn_x, turn_y = rng.normal(0, SLOPE, (2, n))
        pions = Beam(
            beam.event, beam.energy * fraction * part, beam.x - turn_x * at, beam.y - turn_y * at,
            beam.slope_x + turn_x, beam.slope_y + turn_y,
        )  # fmt: skip
        soft = pions.energy > SOFTEST
        _photons(images, pions.keep(soft), showers, pile, rng, depth[soft])


def _jets(images, beam, pdg, charge, parameters, showers, pile, rng):  # type: ignore[no-untyped-def]
    """Every particle showers where it meets the front; muons only ionise."""
    kind, enough = np.abs(pdg), beam.energy > SOFTEST
    photon, electron, muon = (kind == code for code in (22, 11, 13))
    hadron = ~(photon | electron | muon)
    _photons(images, beam.keep(photon & enough), showers, pile, rng)
    _electrons(images, beam.keep(electron & enough), showers, pile, rng)
    _track(images, beam.keep(muon), np.full(muon.sum(), np.inf), pile, rng)
    _hadrons(images, beam.keep(hadron), charge[hadron] != 0, parameters, showers, pile, rng)


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
            Species("quark jet", "quark jet", tuple(s * f for f in (1, 2, 3, 4, 5) for s in (1, -1)), "Quark", **JETS),
            Species("gluon jet", "gluon jet", (21,), "Gluon", **JETS),
        ),
        events=events,
        file_name=lambda parameters, species, n, number: f"{species.file}/{species.file}Escan_{number + 1}.h5",
        file_events=1000,
        block=250,
    ),
)
