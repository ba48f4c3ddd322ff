"""LArIAT: particles and neutrinos in a liquid-argon time projection chamber, as two planes of wires."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple, Self

import numpy as np
from pydantic import model_validator

from pidcam.detectors.lariat import SPECIES
from pidcam.errors import InputError
from pidcam.events import Cells, Dense, EventBatch, Images, Points
from pidcam.simulation import liquid_argon
from pidcam.simulation.argon_chamber import Chamber
from pidcam.simulation.decays import NEUTRINOS, Product, mass_of, short_lived
from pidcam.simulation.electron_tables import FREE, ElectronTable, electron_table
from pidcam.simulation.electron_transport import Volume
from pidcam.simulation.heavy_tracks import heavy_table
from pidcam.simulation.ionisation import Floats
from pidcam.simulation.kinematics import moving
from pidcam.simulation.matter import LIQUID_ARGON, Material
from pidcam.simulation.matter_transport import Switches, Tables
from pidcam.simulation.neutrinos import CHARGED, NEUTRAL, interact, tau_threshold
from pidcam.simulation.photon_transport import PhotonTable, photon_table
from pidcam.simulation.photons import ARGON
from pidcam.simulation.wire_planes import PLANES, Drift, Wires
from pidcam.simulation.wire_readout import Readout, pulses
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

WIRES, TICKS, PITCH, WIRE_ANGLE = 240, 4096, 4.0, 60.0
"""Of each plane; mm; degrees to the beam, of either sign."""

HARD, STOPS, BORN, LONGEST, PHOTONS = 0.03, 0.1, 0.3, 3.0, 0.03
"""MeV: collisions that give more are made one by one, slower electrons stop, electrons of more have a track of their
own (0.6 mm); mm of a step; MeV from which bremsstrahlung is made one by one."""

HIGHEST = 2e4
"""MeV, of the tables."""

SLOWEST_NEUTRINO = 300.0
"""MeV: below it the model of its interactions fails."""

DEPOSIT = 3.0
"""mm, the voxels of the true deposits."""


class Lariat(Parameters):
    """Particles and neutrinos in liquid argon, drifted onto two planes of wires; every effect can be switched off.

    Particles enter through the front face along z, the beam; x is the distance from the wires, y the height. Neutrinos
    come along z and interact anywhere in the argon.
    """

    energy: PositiveInterval = quantity((50.0, 500.0), "kinetic energy of particles", "MeV")
    neutrino_energy: PositiveInterval = quantity((500.0, 8000.0), "energy of neutrinos", "MeV")
    current: Literal["both", "charged", "neutral"] = quantity("both", "of neutrino interactions, both as they come")
    x: Interval = quantity((10.0, 37.0), "where particles enter: distance from the wires", "cm")
    y: Interval = quantity((-10.0, 10.0), "where particles enter: height above the middle", "cm")
    z: Interval = quantity((0.0, 0.0), "where particles enter: depth behind the front face", "cm")
    angle: Interval = quantity((0.0, 5.0), "angle of particles to the beam", "degrees")
    width: float = quantity(47.0, "drift length, along x", "cm", gt=0, le=50)
    height: float = quantity(40.0, "along y", "cm", gt=0, le=1000)
    length: float = quantity(90.0, "along z", "cm", gt=0, le=1000)
    scattering: bool = quantity(True, "multiple scattering of muons and hadrons, all of electrons")
    delta_rays: bool = quantity(True, "energy is lost in collisions of all sizes, else steadily")
    bremsstrahlung: bool = quantity(True, "electrons radiate")
    reactions: bool = quantity(True, "hadrons meet nuclei in flight")
    decays: bool = quantity(True, "muons, pions and kaons decay")
    captures: bool = quantity(True, "negative particles that stop are captured by nuclei, else they decay")
    field: float = quantity(0.4865, "electric field", "kV/cm", ge=0.05, le=1)
    temperature: float = quantity(90.7, "of the liquid, which sets its density and the velocity", "K", ge=84, le=100)
    recombination: Literal["box", "birks", "none"] = quantity("box", "law by which electrons recombine")
    lifetime: float = quantity(1600.0, "of drifting electrons, 0 for endless", "us", ge=0)
    along: float = quantity(4.0, "longitudinal diffusion constant", "cm^2/s", ge=0, le=100)
    across: float = quantity(8.8, "transverse diffusion constant", "cm^2/s", ge=0, le=100)
    tick: float = quantity(0.128, "of the digitiser", "us", gt=0.01, le=2)
    start: int = quantity(300, "tick of the trigger: charge at the wires arrives then", "ticks", ge=0, lt=TICKS)
    shaping: float = quantity(2.0, "peaking time of the amplifier", "us", ge=0.1, le=10)
    gain: float = quantity(6.89e-3, "height of the pulse of an electron", "ADC", gt=0)
    noise: float = quantity(3.0, "noise of a sample, r.m.s.; 0 for none", "ADC", ge=0)
    noise_memory: float = quantity(0.5, "time over which noise falls to 1/e of its correlation", "us", ge=0)
    suppression: bool = quantity(True, "keep samples around signals only")
    threshold: float = quantity(15.0, "signals that zero suppression keeps", "ADC", ge=1)
    before: int = quantity(8, "samples kept before each above threshold", "ticks", ge=0)
    after: int = quantity(12, "samples kept after each above threshold", "ticks", ge=0)
    bits: int = quantity(12, "of the ADC, half of them for either sign", ge=8, le=16)

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name, low, high in (
            ("x", 0.0, self.width), ("y", -self.height / 2, self.height / 2), ("z", 0.0, self.length)
        ):  # fmt: skip
            interval = getattr(self, name)
            if interval[0] < low or interval[1] > high or interval[0] == high:
                raise ValueError(
                    f"particles at {name} = {list(interval)} cm are outside the argon, {low:g} to {high:g} cm"
                )
        if not self.angle[0] >= 0 or self.angle[1] > 180:
            raise ValueError(f"an angle lies between 0 and 180 degrees, not {list(self.angle)}")
        highest = max(self.energy[1], self.neutrino_energy[1])
        if highest > HIGHEST:
            raise ValueError(f"energies end at {HIGHEST:g} MeV, before {highest:g}")
        if self.neutrino_energy[0] < SLOWEST_NEUTRINO:
            raise ValueError(f"neutrinos begin at {SLOWEST_NEUTRINO:g} MeV, not at {self.neutrino_energy[0]:g}")
        drift = self.width * 10 / liquid_argon.drift_velocity(self.field, self.temperature) / self.tick
        if self.start + drift > TICKS:
            raise ValueError(
                f"charge from {self.width:g} cm arrives {drift:.0f} ticks after the trigger at {self.start}, "
                f"later than the {TICKS} that are read out; raise field or tick"
            )
        return self


def argon_tables(p: Lariat, *, radiates_from: float = 0.0) -> Tables:
    """What particles do in the argon; slower electrons than `radiates_from` MeV do not radiate."""
    argon = LIQUID_ARGON.at(liquid_argon.density(p.temperature))
    heavy = heavy_table(
        argon, HARD, delta_rays=p.delta_rays, scattering=p.scattering, reactions=p.reactions, decays=p.decays
    )
    light = _light_tables(argon, p.delta_rays, p.scattering, p.bremsstrahlung, radiates_from)
    return Tables(*light, heavy)


@lru_cache(maxsize=4)
def _light_tables(
    argon: Material, delta_rays: bool, scattering: bool, bremsstrahlung: bool, radiates_from: float
) -> tuple[ElectronTable, PhotonTable]:
    electrons = electron_table(
        argon, HIGHEST, lowest=STOPS, knock_on_cut=HARD if delta_rays else np.inf, photon_cut=PHOTONS,
        scattering=float(scattering), fluctuations=delta_rays, bremsstrahlung=bremsstrahlung,
        radiates_from=radiates_from, tuning=FREE, mean_deflection=0.2, largest_loss=0.2, points=90,
    )  # fmt: skip
    return electrons, photon_table(argon, ARGON, highest=HIGHEST, pairs=True)


@lru_cache(maxsize=2)
def chamber(parameters: Lariat) -> Chamber:
    """Everything that the events of these parameters share."""
    p = parameters
    size = (10 * p.width, 10 * p.height, 10 * p.length)
    volume = Volume((0.0, -size[1] / 2, 0.0), (size[0], size[1] / 2, size[2]), LONGEST, BORN, 0.0)
    velocity = liquid_argon.drift_velocity(p.field, p.temperature)
    transit = PITCH / velocity  # the planes are as far apart as their wires
    offset = np.array([p.start, p.start + transit / p.tick])
    per_root = float(liquid_argon.diffusion(p.across, p.tick))
    steps = np.arange(25)
    longest = size[0] / velocity / p.tick
    widths = liquid_argon.diffusion(p.along, (steps + 0.5) / len(steps) * longest * p.tick) / velocity / p.tick
    tilt = np.radians(WIRE_ANGLE)
    along_y, along_z = np.cos(tilt) * np.array([-1.0, 1.0]), np.sin(tilt) * np.array([1.0, 1.0])
    wires = Wires(along_y, along_z, WIRES / 2 - along_z * size[2] / 2 / PITCH, PITCH, WIRES, TICKS)
    half = 2 ** (p.bits - 1)
    memory = float(np.exp(-p.tick / p.noise_memory)) if p.noise_memory > 0 else 0.0
    return Chamber(
        tables=argon_tables(p),
        volume=volume,
        drift=_drift(p, velocity * p.tick, per_root, offset),
        wires=wires,
        readout=Readout(p.noise, memory, p.threshold, p.before, p.after, -float(half), float(half - 1)),
        switches=Switches(p.decays, p.captures),
        pulse=pulses(p.shaping, transit, widths, p.gain, p.tick),
        pulse_step=longest / len(steps),
        voxel=DEPOSIT,
    )


def _drift(p: Lariat, velocity: float, across: float, offset: Floats) -> Drift:
    rho = liquid_argon.density(p.temperature)
    loss = np.geomspace(0.05, 100, 200)  # MeV/mm
    energy = np.geomspace(1e-3, 1.0, 200)
    law = {"box": liquid_argon.box, "birks": liquid_argon.birks}.get(p.recombination)
    # an electron that stops: its energy over its range (Katz and Penfold); slower ones as of 0.1 MeV, where the laws,
    # which are of tracks, end
    slow = np.maximum(energy, STOPS)
    stops = slow / (0.412 * slow ** (1.265 - 0.0954 * np.log(slow)) / rho)  # MeV/cm
    escape = [np.ones(200) if law is None else law(x, p.field, rho) for x in (10 * loss, stops)]
    step = float(np.log(loss[1] / loss[0]))
    points = float(np.log(energy[1] / energy[0]))
    return Drift(
        escape=escape[0], at_points=escape[1], start=float(np.log(loss[0])), points_start=float(np.log(energy[0])),
        step=step, points_step=points, work=liquid_argon.WORK, velocity=velocity, lifetime=p.lifetime / p.tick,
        across=across, offset=offset,
    )  # fmt: skip


TRUTH = ("energy", "px", "py", "pz", "track_length", "lepton_momentum", "neutrino_energy", "mode")


class Start(NamedTuple):
    """What an event begins with: `products` that leave the point `at` (mm), and the truth about them."""

    products: list[Product]
    at: tuple[float, float, float]
    truth: dict[str, float]


def events(parameters: Lariat, species: Species, n: int, rng: Generator) -> EventBatch:
    """A block of events."""
    if parameters.current == "charged" and 16 in species.pdg and parameters.neutrino_energy[0] < tau_threshold():
        what = f"tau neutrinos of {parameters.neutrino_energy[0]:g} MeV have no charged current"
        raise InputError(what, fix=f"give neutrino_energy above {tau_threshold():.0f} MeV")
    argon = chamber(parameters)
    loud = rng.spawn(1)[0]  # of noise alone: with other noise, or none, the events are the same
    truth = {name: np.full(n, np.nan) for name in TRUTH}
    dense = np.empty((0 if parameters.suppression else n, PLANES, WIRES, TICKS), np.int16)
    cells: list[tuple[np.ndarray, np.ndarray]] = []
    deposits: list[tuple[np.ndarray, np.ndarray]] = []
    for event in range(n):
        pdg = int(species.draw_pdg(1, rng)[0])
        start = _neutrino(parameters, pdg, rng) if abs(pdg) in NEUTRINOS else _particle(parameters, pdg, rng)
        primary = argon.expose(rng, start.products, start.at)
        for name, value in start.truth.items():
            truth[name][event] = value
        if abs(start.products[0][0]) in (11, 13) or abs(pdg) not in (22, 111, *NEUTRINOS):
            truth["track_length"][event] = primary.length / 10
        deposits.append(argon.deposits())
        if parameters.suppression:
            cells.append(argon.hits(loud))
        else:
            argon.samples(loud, dense[event])
    planes: Images = _ragged(Cells, cells) if parameters.suppression else Dense(dense)
    images = {"planes": planes, "trajectory": _ragged(Points, deposits)}
    return make_events("lariat", species, images, targets=truth)


def _particle(p: Lariat, pdg: int, rng: Generator) -> Start:
    """Through the front face, along the beam."""
    x, y, z = (10 * float(draw(interval, 1, rng)[0]) for interval in (p.x, p.y, p.z))
    theta, phi = np.radians(float(draw(p.angle, 1, rng)[0])), 2 * np.pi * rng.random()
    direction = np.array([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)])
    momentum = moving(mass_of(pdg), float(draw(p.energy, 1, rng)[0]), direction)
    return Start(short_lived(rng, [(pdg, momentum)]), (x, y, z), _four_momentum(momentum))


def _neutrino(p: Lariat, pdg: int, rng: Generator) -> Start:
    """Anywhere in the argon, along the beam."""
    energy = float(draw(p.neutrino_energy, 1, rng)[0])
    made = interact(rng, pdg, energy, {"charged": CHARGED, "neutral": NEUTRAL}.get(p.current))
    x, y, z = (10 * size * (rng.random() - middle) for size, middle in ((p.width, 0), (p.height, 0.5), (p.length, 0)))
    truth = {"lepton_momentum": made.lepton / 1e3, "neutrino_energy": energy / 1e3, "mode": float(made.current)}
    return Start(made.products, (x, y, z), truth | _four_momentum(np.array([energy, 0.0, 0.0, energy])))


def _four_momentum(p: Floats) -> dict[str, float]:
    return {name: float(value) / 1e3 for name, value in zip(TRUTH[:4], p, strict=True)}


def _ragged(kind: type[Cells] | type[Points], parts: list[tuple[np.ndarray, np.ndarray]]) -> Cells | Points:
    offsets = np.concatenate([[0], np.cumsum([len(place) for place, _ in parts])])
    place, value = (np.concatenate([part[i] for part in parts]) for i in range(2))
    if kind is Points:
        place = place.astype(np.float32)
    return kind(offsets, place, value.astype(np.float32))


simulators.add(
    "lariat",
    Simulator(
        detector="lariat",
        parameters=Lariat,
        species=tuple(Species(name, name, pdg, file) for file, (name, pdg) in SPECIES.items()),
        events=events,
        file_name=lambda parameters, species, n, number: f"{species.file}_{number + 1}.2d.h5",
        file_events=1000,
        block=16,
    ),
)
