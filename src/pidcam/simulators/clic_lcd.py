"""CLIC calorimeters: electrons, photons, neutral and charged pions in a tungsten-silicon ECAL and an iron-scintillator
HCAL, as `Ele`, `Gamma`, `Pi0` and `ChPi` files; asked for, quark and gluon jets as `Quark` and `Gluon` files."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pidcam.events import Cells, Dense, EventBatch, Images
from pidcam.simulation.hadron_cascade import cascade
from pidcam.simulation.materials import Medium, Sampling, layers
from pidcam.simulation.sampled_showers import Tuning, nuclei, shower_em, tracks
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
REACH, RADIUS, BOUND = 0.25, 60.0, 3.0
"""Of what a struck nucleus leaves: mean depth in interaction lengths; mm; shape of the gamma distribution of what
binding does not take, fixed on the resolution that CALICE measured."""
TUNING = Tuning(
    later=0.62, longer=0.43, spread=0.9, core=1.46, tail=1.0, wider=0.06, albedo=5.5e-4, needle=0.7, fade=1.1, thin=0.19
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
    noise: float = quantity(0.0, "noise of a cell of the ECAL, r.m.s.", "MeV", ge=0)
    threshold: float = quantity(0.0, "cells below it are not read out", "MeV", ge=0)


def sections() -> tuple[Section, Section]:
    """25 layers of 2.4 mm (4.8 mm in the last 8) tungsten with 0.5 mm silicon, 60 of 19 mm iron with 3 mm scintillator.

    faster: least attenuation of photons is 0.0299 cm2/g x 13.84 g/cm2 per X0 in iron, 0.0404 x 6.76 in tungsten (NIST
    XCOM). e_mip: R. Wigmans, Calorimetry (2000), ch. 3, has 0.6 to 0.8 for tungsten or lead with silicon and about 0.9
    for iron with scintillator. h_mip is of what struck nuclei get. All are fixed, like the spots, on a full simulation;
    knock_on on electrons followed one by one (benchmarks/knock_on_clic_lcd.py).
    """
    return Section(
        TUNGSTEN_PLATE, (2.4,) * 17 + (4.8,) * 8, SILICON_PLATE, 0.5, cells=25, cell=CELL,
        e_mip=0.825, h_mip=0.8, spot_em=1.8, spot_had=2.3, mpv=0.165, xi=0.0089,
        knock_on=(0.28, 0.14, 0.55),
    ), Section(
        IRON_PLATE, (19.0,) * 60, POLYSTYRENE_PLATE, 3.0, cells=5, cell=30.0,
        e_mip=0.94, h_mip=0.73, spot_em=0.45, spot_had=1.85, mpv=0.53, xi=0.026,
        knock_on=(0.45, 0.25, 2.0), faster=1.5,
    )  # fmt: skip


@lru_cache(1)
def calorimeter() -> tuple[Stack, Showers]:
    """The pile of both, and what describes electromagnetic showers in it."""
    pair = (TUNGSTEN_PLATE, SILICON_PLATE)
    x0 = 2.4 / TUNGSTEN_PLATE.x0 + 0.5 / SILICON_PLATE.x0
    e_hat = 1 / (1 + 0.007 * (TUNGSTEN_PLATE.medium.z - SILICON_PLATE.medium.z))
    effective = layers([plate.medium for plate in pair], [0.24, 0.05], [19.3, 2.33])
    showers = Showers(effective, Sampling(1 / x0, e_hat, RESOLUTION), TUNING)
    return stack(sections()), showers


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
        electrons(images, beam, showers, pile, rng)
    elif species.name == "photon":
        _photons(images, beam, showers, pile, rng)
    elif species.name == "neutral pion":
        _photons(images, _decay(beam, parameters.distance, rng), showers, pile, rng)
    elif species.name == "charged pion":
        hadrons(images, beam, np.full(len(beam.event), True), showers, pile, rng)
    else:
        arriving = arriving_jets(species.draw_pdg(n, rng), beam, parameters.distance, rng)
        _jets(images, *arriving, showers, pile, rng)
    return images


def _shower(images, beam, start, showers, pile, rng):  # type: ignore[no-untyped-def]
    shower_em(images, *beam, start, SHAPE, *showers, pile, rng)


def _track(images, beam, end, pile, rng):  # type: ignore[no-untyped-def]
    tracks(images, beam.event, beam.x, beam.y, beam.slope_x, beam.slope_y, np.zeros(len(end)), end, pile, rng)


def electrons(images, beam, showers, pile, rng):  # type: ignore[no-untyped-def]
    """Add to images: a track before it begins to shower."""
    _track(images, beam, np.full(len(beam.event), pile.pion[0] * 1.01), pile, rng)
    _shower(images, beam, np.zeros(len(beam.event)), showers, pile, rng)


def _photons(images, beam, showers, pile, rng):  # type: ignore[no-untyped-def]
    """Each makes a pair after 9/7 X0 in the mean, which share its energy evenly enough to be drawn uniformly."""
    start = rng.exponential(9 / 7, len(beam.event))
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


def hadrons(images, beam, charged, showers, pile, rng):  # type: ignore[no-untyped-def]
    """Add to images: tracks between interactions, two photons of every neutral pion, and what nuclei got.

    That these photons make one shower each, not two of a pair, saves half of the time.
    """
    flights, pions, nuclear = cascade(beam, charged, (pile.pion, pile.z), rng)
    tracks(images, flights.event, *flights[2:], pile, rng)
    nuclei(images, *nuclear[:6], nuclear.begin, REACH, RADIUS, BOUND, SHAPE_HADRONIC, pile, rng)
    share = rng.random(len(pions.event))
    depth = np.interp(pions.begin, pile.pion, pile.x0)
    for part in (share, 1 - share):
        photons = Beam(*pions[:6])._replace(energy=pions.energy * part)
        enough = photons.energy > SOFTEST
        start = depth[enough] + rng.exponential(9 / 7, enough.sum())
        _shower(images, photons.keep(enough), start, showers, pile, rng)


def _jets(images, beam, pdg, charge, showers, pile, rng):  # type: ignore[no-untyped-def]
    """Every particle showers where it meets the front; muons only ionise."""
    kind, enough = np.abs(pdg), beam.energy > SOFTEST
    photon, electron, muon = (kind == code for code in (22, 11, 13))
    hadron = ~(photon | electron | muon)
    _photons(images, beam.keep(photon & enough), showers, pile, rng)
    electrons(images, beam.keep(electron & enough), showers, pile, rng)
    _track(images, beam.keep(muon), np.full(muon.sum(), np.inf), pile, rng)
    hadrons(images, beam.keep(hadron), charge[hadron] != 0, showers, pile, rng)


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
