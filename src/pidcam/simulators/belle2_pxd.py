"""Belle II pixel detector: 9 x 9 windows of ADC counts from charged particles, monopoles and beam background."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from pidcam.events import Dense, EventBatch
from pidcam.simulation.constants import ELECTRON_MASS
from pidcam.simulation.electron_tables import ElectronTable, electron_table
from pidcam.simulation.electron_transport import Volume, new_heap
from pidcam.simulation.matter import SILICON
from pidcam.simulation.particles import (
    DEUTERON_MASS,
    KAON_MASS,
    MUON_MASS,
    PION_MASS,
    PROTON_MASS,
    TETRAQUARK_MASS,
)
from pidcam.simulation.silicon_collisions import Charged
from pidcam.simulation.silicon_pixels import (
    SIDE,
    Sensor,
    deposit_tracks,
    simulate_background,
    simulate_tracks,
)
from pidcam.simulation.silicon_species import charged, monopole
from pidcam.simulators.base import (
    Generator,
    Interval,
    Parameters,
    PositiveInterval,
    Simulator,
    Species,
    draw,
    make_events,
    quantity,
    simulators,
)

MASS = {
    "pion": PION_MASS,
    "proton": PROTON_MASS,
    "deuteron": DEUTERON_MASS,
    "anti-deuteron": DEUTERON_MASS,
    "kaon": KAON_MASS,
    "muon": MUON_MASS,
    "electron": ELECTRON_MASS,
    "tetraquark": TETRAQUARK_MASS,
}
"""MeV"""

PITCH_U, PITCH_V = 0.050, (0.055, 0.060, 0.070, 0.085)
"""mm: the inner layer has rows of 55 and 60 um, the outer one of 70 and 85."""

ROWS = (256, 512, 256, 512)
"""Rows of each size on a module."""

CEILING = 255
"""Counts of an 8-bit ADC."""

SLOWEST, FASTEST = 0.02, 20.0
"""MeV: electrons are followed in between; those of 20 keV run 5 um."""


class Belle2Pxd(Parameters):
    """Tracks, monopoles and beam background in 75 um of silicon, with charge sharing and an 8-bit ADC.

    Beam background: electrons that come from outside, of exponential energy, and electrons that photons set free inside
    the sensor; both of any direction. Monopoles have velocities uniform in `monopole_beta`.
    """

    momentum: PositiveInterval = quantity((0.3, 2.0), "momentum of charged particles", "GeV/c")
    theta: Interval = quantity((0.0, 60.0), "angle to the normal of the sensor", "degrees")
    monopole_beta: PositiveInterval = quantity((0.1, 0.99), "velocity of monopoles", "c")
    monopole_charge: int = quantity(1, "magnetic charge", "Dirac charges", ge=1, le=6)
    background_energy: float = quantity(1.0, "mean kinetic energy of background electrons", "MeV", gt=0)
    photon_share: float = quantity(0.5, "share of background that photons make", ge=0, le=1)
    photoelectron_energy: float = quantity(0.06, "mean kinetic energy of the electrons that they free", "MeV", gt=0)
    thickness: float = quantity(75.0, "of the sensor", "um", gt=10, le=500)
    diffusion: float = quantity(4.5, "spread of charge that drifts through the whole sensor", "um", ge=0)
    lorentz_angle: float = quantity(20.0, "angle of the drift to the normal, towards u", "degrees", gt=-60, lt=60)
    gain: float = quantity(217.0, "charge of one ADC count", "electrons", gt=0)
    noise: float = quantity(150.0, "noise of a pixel", "electrons", ge=0)
    threshold: int = quantity(4, "lowest count that is read out", "ADU", ge=1, le=CEILING)
    delta_rays_from: float = quantity(10.0, "delta rays of less energy stay where they are born", "keV", ge=1)


class Hits(NamedTuple):
    """`window` (n, 9, 9) counts and `energy` (n,) MeV that was deposited."""

    window: np.ndarray
    energy: np.ndarray


@lru_cache(maxsize=1)
def _electrons() -> ElectronTable:
    return electron_table(SILICON, FASTEST, lowest=SLOWEST, knock_on_cut=0.005, bremsstrahlung=False)


@lru_cache(maxsize=16)
def _particle(species: str, dirac: int) -> Charged:
    return monopole(1e5, dirac) if species == "monopole" else charged(MASS[species])


def simulate_hits(parameters: Belle2Pxd, species: str, n: int, rng: Generator) -> Hits:
    """Windows of n events around their highest pixels; there may be events of which no pixel is above threshold."""
    p = parameters
    thickness = p.thickness * 1e-3
    volume = _volume(p)
    shift = float(np.tan(np.radians(p.lorentz_angle)))
    sensors = tuple(
        Sensor(PITCH_U, v, thickness, p.diffusion * 1e-3, shift, p.gain, p.noise, p.threshold, CEILING) for v in PITCH_V
    )
    which = rng.choice(len(PITCH_V), n, p=np.array(ROWS) / sum(ROWS))
    window, energy = np.zeros((n, 9, 9), np.int64), np.zeros(n)
    phi = rng.uniform(0, 2 * np.pi, n)
    if species == "beam background":
        inside = rng.random(n) < p.photon_share
        kinetic = np.where(inside, p.photoelectron_energy, p.background_energy) * rng.standard_exponential(n)
        kinetic = np.minimum(kinetic, FASTEST)
        # from outside they come through the surface, with the cosine as weight
        cosine = np.where(inside, rng.uniform(-1, 1, n), np.sqrt(rng.random(n)))
        place = np.concatenate([rng.random((n, 2)), np.where(inside, rng.random(n), 0.0)[:, None]], axis=1)
        direction = _direction(cosine, phi)
        simulate_background(
            rng, _electrons(), volume, sensors, new_heap(), kinetic, direction, place, which, window, energy
        )
        return Hits(window, energy)
    particle = _particle(species, p.monopole_charge)
    if species == "monopole":
        beta = np.minimum(draw(p.monopole_beta, n, rng), 0.9999)
        momentum = particle.mass * beta / np.sqrt(1 - beta**2)
    else:
        momentum = draw(p.momentum, n, rng) * 1e3
    direction = _direction(np.cos(np.radians(draw(p.theta, n, rng))), phi)
    entry = rng.random((n, 2))
    simulate_tracks(
        rng, particle, _electrons(), volume, sensors, new_heap(), momentum, direction, entry, which, window, energy
    )
    return Hits(window, energy)


def true_deposits(
    parameters: Belle2Pxd, species: str, momentum: np.ndarray, direction: np.ndarray, sensor: Sensor, rng: Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Energy (n,) in keV of tracks of given `momentum` (n,) MeV and `direction` (n, 3), and what their pixels hold, (n,
    289): before noise, threshold and saturation."""
    volume = _volume(parameters)
    energy, pixels = np.zeros(len(momentum)), np.zeros((len(momentum), SIDE, SIDE))
    particle = _particle(species, parameters.monopole_charge)
    entry = rng.random((len(momentum), 2))
    deposit_tracks(rng, particle, _electrons(), volume, sensor, new_heap(), momentum, direction, entry, pixels, energy)
    return energy * 1e3, pixels.reshape(len(pixels), -1) * 1e3


def _volume(parameters: Belle2Pxd) -> Volume:
    high = (1.0, 1.0, parameters.thickness * 1e-3)
    return Volume((-1.0, -1.0, 0.0), high, 0.005, parameters.delta_rays_from * 1e-3, 0.002)


def _direction(cosine: np.ndarray, phi: np.ndarray) -> np.ndarray:
    sine = np.sqrt(1 - cosine**2)
    return np.stack([sine * np.cos(phi), sine * np.sin(phi), cosine], axis=1)


def seen(parameters: Belle2Pxd, species: str, n: int, rng: Generator) -> np.ndarray:
    """(n, 9, 9) windows of events that are above threshold: the others are not in a file."""
    parts, have = [], 0
    while have < n:
        window = simulate_hits(parameters, species, n - have + 16, rng).window
        parts.append(window[window.any(axis=(1, 2))])
        have += len(parts[-1])
    return np.concatenate(parts)[:n]


def events(parameters: Belle2Pxd, species: Species, n: int, rng: Generator) -> EventBatch:
    """A block of windows."""
    window = seen(parameters, species.of, n, rng)
    return make_events("belle2-pxd", species, {"window": Dense(window[:, None].astype(np.float32))})


SPECIES = (
    Species("beam background", "beam background", (), "monopol_bg_9x9_background"),
    Species("monopole", "monopole", (), "monopol_bg_9x9_monopole"),
    Species("pion", "pion", (211, -211), "pions"),
    Species("proton", "proton", (2212, -2212), "protons"),
    Species("deuteron", "deuteron", (1000010020, -1000010020), "deuterons"),
    Species("kaon", "kaon", (321, -321), "kaons"),
    Species("muon", "muon", (13, -13), "muons"),
    Species("electron", "electron", (11, -11), "electrons"),
)

simulators.add(
    "belle2-pxd",
    Simulator(
        detector="belle2-pxd",
        parameters=Belle2Pxd,
        species=SPECIES,
        events=events,
        file_name=lambda parameters, species, n, number: f"{species.file}.txt",
        block=5000,
    ),
)
