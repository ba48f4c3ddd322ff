"""The CMS barrel ECAL behind its tracker: electrons and photons as 32 x 32 crystals around the highest one.

Rows run along eta, columns along phi, in which the field bends. A particle of transverse momentum pT is followed from
the beam line through the tracker as in the transverse plane, with its energy pT cosh(eta) scaled into the field; it
meets the crystals at right angles, where everything that arrives makes a shower.
"""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import AfterValidator

from pidcam.compiled import compiled
from pidcam.events import Cells, Dense, EventBatch
from pidcam.simulation import cms_tracker
from pidcam.simulation.crystals import OUTER, Crystals, electron_shower, photon_shower
from pidcam.simulation.materials import LEAD_TUNGSTATE
from pidcam.simulation.upstream import Tracker, straight_impact, transport
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

SIDE = 32
UNIT = 50.0
"""GeV: the unit of energy in the official files."""

LAYERS, SPACING = 10, 0.12
"""The tracker's material lies in ten layers 12 cm apart."""

IONISATION = 0.06
"""GeV that an electron loses by ionisation in a radiation length of the tracker."""

CUT = 0.005
"""GeV below which particles are not followed through the tracker."""

WALL = Crystals(
    LEAD_TUNGSTATE, size=2.2, depth=23.0, core=1.103, reach=8.23, inner=0.0078, outer=0.0051, needle=0.103, thin=0.069,
    curl_core=0.25, curl_tail=0.083, fluctuation=1.0, back=0.0021,
)  # fmt: skip
"""Adjusted by `benchmarks/tune_cms_ecal.py`, but for the fluctuation. Distances along phi are longer by `curl_core` and
`curl_tail` at 3.8 T; both grow with the square of the field."""

NOISE_TIME, CONSTANT_TIME = 35.1, 0.02
"""ns: sigma_t = 35.1 ns / (A / sigma_noise) + 0.02 ns in quadrature; no worse than 35.1 ns."""


def _in_the_barrel(eta: tuple[float, float]) -> tuple[float, float]:
    if max(map(abs, eta)) > cms_tracker.ETA[-1]:
        raise ValueError(f"the barrel ends at |eta| = {cms_tracker.ETA[-1]}")
    return eta


Barrel = Annotated[Interval, AfterValidator(_in_the_barrel)]


class CmsEcal(Parameters):
    """Electrons and photons in the CMS barrel ECAL, behind the tracker in its field."""

    pt: PositiveInterval = quantity((50.0, 50.0), "transverse momentum", "GeV")
    eta: Barrel = quantity((-1.2, 1.2), "pseudorapidity")
    material: float = quantity(1.0, "tracker material over what there is", ge=0, le=5)
    field: float = quantity(3.8, "magnetic field along the beam", "T", ge=0, le=20)
    crystal: float = quantity(2.2, "side of a crystal", "cm", ge=0.5, le=10)
    depth: float = quantity(23.0, "length of a crystal", "cm", gt=1, le=100)
    noise: float = quantity(0.04, "noise of a crystal", "GeV", ge=0)
    near_threshold: float = quantity(0.075, "read-out threshold within 8 crystals of the highest", "GeV", ge=0)
    far_threshold: float = quantity(0.18, "read-out threshold beyond", "GeV", ge=0)
    seed_threshold: float = quantity(0.3, "local maxima above this are read out with 5 x 5 crystals", "GeV", ge=0)
    bremsstrahlung: bool = quantity(True, "electrons radiate in the tracker")
    conversions: bool = quantity(True, "photons convert in the tracker")
    scattering: bool = quantity(True, "electrons scatter in the tracker")
    fluctuations: bool = quantity(True, "showers of the same energy differ")


class Digitiser(NamedTuple):
    """Noise and thresholds, in GeV."""

    noise: float
    near: float
    far: float
    seed: float


def cms_ecal_events(parameters: CmsEcal, species: Species, n: int, rng: Generator) -> EventBatch:
    """n events of `species`, with pT, eta and charge as truth."""
    eta, pt = draw(parameters.eta, n, rng), draw(parameters.pt, n, rng)
    pdg = species.draw_pdg(n, rng)
    charge = np.where(pdg == 22, 0.0, -np.sign(pdg))
    energy = true_energies(parameters, charge, pt, eta, rng)
    hits = digitise(energy, digitiser_of(parameters), rng)
    targets = {"pt": pt, "eta": eta, "charge": charge}
    return make_events("cms-ecal", species, {"ecal": Cells.from_dense(Dense(hits))}, targets=targets)


def true_energies(
    parameters: CmsEcal, charge: np.ndarray, pt: np.ndarray, eta: np.ndarray, rng: Generator
) -> np.ndarray:
    """(n, 32, 32) GeV deposited in the crystals, the highest at [16, 16]."""
    thickness = cms_tracker.thickness(eta) * parameters.material
    images = np.zeros((len(pt), SIDE, SIDE))
    tracker = Tracker(
        LAYERS, 1.0, 0.0, SPACING, cms_tracker.CRYSTALS, parameters.field, IONISATION, CUT,
        int(parameters.bremsstrahlung), int(parameters.conversions), int(parameters.scattering),
    )  # fmt: skip
    fluctuation = WALL.fluctuation if parameters.fluctuations else 0.0
    wall = WALL._replace(size=parameters.crystal, depth=parameters.depth, fluctuation=fluctuation)
    _deposit(images, charge, pt, eta, thickness, tracker, wall, rng)
    return images


def digitiser_of(parameters: CmsEcal) -> Digitiser:
    """Its numbers out of all parameters."""
    return Digitiser(parameters.noise, parameters.near_threshold, parameters.far_threshold, parameters.seed_threshold)


@compiled
def _deposit(
    images: np.ndarray,
    charge: np.ndarray,
    pt: np.ndarray,
    eta: np.ndarray,
    thickness: np.ndarray,
    tracker: Tracker,
    wall: Crystals,
    rng: np.random.Generator,
) -> None:
    wide = SIDE + 2 * OUTER  # the highest crystal need not be where the particle points
    image, mean = np.zeros((wide, wide)), np.zeros((2 * OUTER + 1, 2 * OUTER + 1))
    stack, arrived, at = np.zeros((2000, 7)), np.zeros((2000, 6)), np.zeros(4)
    for event in range(len(images)):
        image[:] = 0
        scale = math.cosh(eta[event])
        energy, field = pt[event] * scale, tracker.field * scale
        here = Tracker(
            tracker.layers, thickness[event], tracker.first, tracker.spacing, tracker.wall, field, tracker.loss,
            tracker.cut, tracker.radiates, tracker.converts, tracker.scatters,
        )  # fmt: skip
        strength = (field / 3.8) ** 2
        curled = Crystals(
            wall.medium, wall.size, wall.depth, wall.core, wall.reach, wall.inner, wall.outer, wall.needle,
            wall.thin, wall.curl_core * strength, wall.curl_tail * strength, wall.fluctuation, wall.back,
        )  # fmt: skip
        n = transport(charge[event], energy, here, rng, stack, arrived)
        aim = straight_impact(energy, charge[event], here)
        x, y = (rng.random() - 0.5) * wall.size, (rng.random() - 0.5) * wall.size
        for k in range(n):
            at[0], at[1] = 100 * (arrived[k, 2] - aim) + x, 100 * arrived[k, 3] + y
            at[2], at[3] = arrived[k, 4], arrived[k, 5]
            if arrived[k, 0] == 0:
                photon_shower(image, arrived[k, 1], at, curled, rng, mean)
            else:
                electron_shower(image, arrived[k, 1], at, 0.0, curled, rng, mean)
        _crop(image, images[event])


@compiled
def _crop(image: np.ndarray, crop: np.ndarray) -> None:
    """Centre on the highest crystal."""
    highest = int(image.argmax())
    row, column = highest // len(image) - SIDE // 2, highest % len(image) - SIDE // 2
    for i in range(max(0, -row), min(SIDE, len(image) - row)):
        for j in range(max(0, -column), min(SIDE, len(image) - column)):
            crop[i, j] = image[row + i, column + j]


def digitise(energy: np.ndarray, digitiser: Digitiser, rng: Generator) -> np.ndarray:
    """(n, 2, 32, 32) float32: energy in units of 50 GeV and time in ns of the crystals read out.

    Read out are all in 5 x 5 around local maxima above the seed threshold, and those above a threshold that is lower
    near the middle. A pulse below zero is none.
    """
    hits = np.zeros((len(energy), 2, *energy.shape[1:]), np.float32)
    _read_out(energy, digitiser, hits, rng)
    return hits


@compiled
def _read_out(energy: np.ndarray, digitiser: Digitiser, hits: np.ndarray, rng: np.random.Generator) -> None:
    pulse, read = np.zeros((SIDE, SIDE)), np.zeros((SIDE, SIDE), np.bool_)
    for event in range(len(energy)):
        for i in range(SIDE):
            for j in range(SIDE):
                pulse[i, j] = energy[event, i, j] + digitiser.noise * rng.standard_normal()
        read[:] = False
        for i in range(SIDE):
            for j in range(SIDE):
                near = abs(i - SIDE // 2) <= 8 and abs(j - SIDE // 2) <= 8
                if pulse[i, j] > (digitiser.near if near else digitiser.far):
                    read[i, j] = True
                if pulse[i, j] > digitiser.seed and pulse[i, j] == _around(pulse, i, j, 1).max():
                    _around(read, i, j, 2)[:] = True
        for i in range(SIDE):
            for j in range(SIDE):
                if read[i, j] and pulse[i, j] > 0:
                    over = max(pulse[i, j] / digitiser.noise, 1.0) if digitiser.noise > 0 else 1e9
                    hits[event, 0, i, j] = pulse[i, j] / UNIT
                    hits[event, 1, i, j] = rng.standard_normal() * math.hypot(NOISE_TIME / over, CONSTANT_TIME)


@compiled
def _around(image: np.ndarray, i: int, j: int, far: int) -> np.ndarray:
    return image[max(i - far, 0) : i + far + 1, max(j - far, 0) : j + far + 1]


def file_name(parameters: CmsEcal, species: Species, n: int, number: int) -> str:
    """As the official files, with pidcam in the place of their version."""
    low, high = parameters.pt
    pt = f"{low:g}" if low == high else f"{low:g}to{high:g}"
    return f"Single{species.file}Pt{pt}_IMGCROPS_n{n}_pidcam.hdf5"


simulators.add(
    "cms-ecal",
    Simulator(
        detector="cms-ecal",
        parameters=CmsEcal,
        species=(Species("electron", "electron", (11, -11), "Electron"), Species("photon", "photon", (22,), "Photon")),
        events=cms_ecal_events,
        file_name=file_name,
        block=1000,
    ),
)
