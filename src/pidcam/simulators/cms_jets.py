"""CMS quark and gluon jets: Pythia's dijets and pile-up, FastJet's jets, images of tracks, ECAL and HCAL."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from pidcam.errors import InputError
from pidcam.events import Cells, Dense, EventBatch
from pidcam.simulation.generator import GLUON, Particles, generate
from pidcam.simulation.jet_finding import find_jets, match
from pidcam.simulation.jet_images import Readout, draw_images
from pidcam.simulators.base import (
    Generator,
    Parameters,
    PositiveInterval,
    Simulator,
    Species,
    make_events,
    quantity,
    simulators,
)
from pidcam.simulators.cms_jets_detector import PROFILES, Detector, Seen, see

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

TOWER = (0.087, 2 * np.pi / 72)
"""Side of an HCAL tower in eta and phi, 5 x 5 crystals."""
MATCHED = 0.4
"""Distance of a jet's axis to its parton at most."""
YIELD, TRIES = 1.1, 20
"""Jets that a collision gives about; rounds without any after which none is hoped for."""
POOL = 0.3
"""Soft collisions that are made per jet; each is used many times, turned and mirrored."""

NUMBERS = 1 << 24
"""From so many, all exact in single precision, a collision draws the number that its jets share. Of a million a few per
cent share theirs with another one, which then stays with them."""

LIGHT = ("gg2qqbar", "qqbar2qqbarNew", "qq2qq")
PROCESSES = {21: ("gg2gg", "qqbar2gg"), 4: ("gg2ccbar", "qqbar2ccbar"), 5: ("gg2bbbar", "qqbar2bbbar")}
"""Hard processes by what they send out, otherwise `LIGHT`; both partons are quarks, or both gluons."""

FAST = ("SpaceShower:pTmaxFudgeMPI = 0.25", "MultipartonInteractions:pT0Ref = 2.1")
"""Further scatterings do not radiate before they happen, and there are a few more of them: half as fast again, for 8 %
fewer charged particles at right angles to the jets."""
DECAYS = ("ParticleDecays:limitCylinder = on", "ParticleDecays:xyMax = 1290", "ParticleDecays:zMax = 3150")
"""What would decay beyond the front of the calorimeters, in mm, is stable."""


class CmsJets(Parameters):
    """CMS quark and gluon jets: pp collisions from Pythia, anti-kT jets, tracker and calorimeters parametrised."""

    energy: float = quantity(8000.0, "energy of the collisions in their centre of mass", "GeV", ge=500, le=1e5)
    pt: PositiveInterval = quantity((80.0, 170.0), "transverse momentum of the hard scattering", "GeV")
    jet_pt: float = quantity(70.0, "least transverse momentum of a jet", "GeV", ge=20)
    eta: float = quantity(1.8, "largest |eta| of a jet", gt=0, le=2.0)
    radius: float = quantity(0.5, "radius of the jets", ge=0.1, le=1.0)
    confusion: float = quantity(0.07, "resolution of pt and m0 from deposits ascribed to wrong particles", ge=0, le=0.5)
    pile_up: float = quantity(
        20.0, "other collisions in the same crossing, mean of a Poisson distribution", ge=0, le=200
    )
    underlying: bool = quantity(True, "further scatterings of the same protons")
    field: float = quantity(3.8, "magnetic field along the beam", "T", ge=0, le=20)
    material: float = quantity(1.0, "tracker material over what there is", ge=0, le=5)
    vertex: float = quantity(50.0, "spread of collisions along the beam, r.m.s.", "mm", ge=0, le=200)
    efficiency: float = quantity(0.92, "probability that a track is found", ge=0, le=1)
    track_pt: float = quantity(0.3, "least transverse momentum of a track", "GeV", ge=0)
    crystal_noise: float = quantity(0.042, "noise of a crystal, r.m.s.", "GeV", ge=0)
    crystal_threshold: float = quantity(0.125, "crystals below it are not read out", "GeV", ge=0)
    tower_noise: float = quantity(0.2, "noise of an HCAL tower, r.m.s.", "GeV", ge=0)
    tower_threshold: float = quantity(0.6, "towers below it are not read out", "GeV", ge=0)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.pt[1] > self.energy / 2:
            raise ValueError(f"a transverse momentum of {self.pt[1]:g} GeV is more than half of {self.energy:g} GeV")
        if self.jet_pt > 1.5 * self.pt[1]:
            raise ValueError(f"jets above {self.jet_pt:g} GeV do not come from scatterings of up to {self.pt[1]:g} GeV")
        return self

    @property
    def detector(self) -> Detector:
        return Detector(self.field, self.material, self.vertex * 1e-3, self.efficiency, self.track_pt)

    @property
    def readout(self) -> Readout:
        return Readout(*TOWER, self.crystal_noise, self.crystal_threshold, self.tower_noise, self.tower_threshold)


class Overlay(NamedTuple):
    """Which soft collisions of a pool lie over collision i: `[offsets[i]:offsets[i+1]]` of the others, each `turned` in
    phi and `mirrored` (-1) in eta."""

    offsets: Integers
    which: Integers
    turned: Floats
    mirrored: Floats


class Sample(NamedTuple):
    """Jets: (n,) GeV, PDG id and pT of the parton, number of other collisions, number of their own, images
    (n, 3, 125, 125)."""

    pt: Floats
    mass: Floats
    parton: Integers
    parton_pt: Floats
    pile_up: Integers
    collision: Integers
    images: np.ndarray


def events(parameters: CmsJets, species: Species, n: int, rng: Generator) -> EventBatch:
    """n jets: of a collision the two leading ones, where they come from partons of the species."""
    pool = soft_collisions(parameters, n, rng)
    made: list[Sample] = []
    found, asked = 0, 0
    while found < n:
        rate = max(found, 1) / asked if asked else YIELD
        ask = min(int((n - found) / rate * 1.05) + 3, 4 * n + 50)
        made.append(collisions(parameters, species, ask, pool, rng))
        found, asked = found + len(made[-1].pt), asked + ask
        if len(made) >= TRIES and found < len(made):
            what = f"{asked} collisions gave {found} jets of species '{species.name}'"
            raise InputError(what, where="simulator 'cms-jets'", fix="lower jet_pt, or raise pt or eta")
    jets = Sample(*(np.concatenate(column)[:n] for column in zip(*made, strict=True)))
    return make_events(
        "cms-jets", species, {"jet": Cells.from_dense(Dense(jets.images))}, {"pt": jets.pt, "m0": jets.mass},
        {name: getattr(jets, name) for name in ("parton", "parton_pt", "pile_up", "collision")},
    )  # fmt: skip


def collisions(parameters: CmsJets, species: Species, n: int, pool: Seen | None, rng: Generator) -> Sample:
    """The jets of about n collisions."""
    left, hard = generate(settings(parameters, species), n, seed(rng), central=parameters.eta + 0.2)
    seen = see(left, parameters.detector, rng)
    overlay = draw_overlay(parameters.pile_up, len(left.offsets) - 1, pool, rng)
    flow = seen.particles if pool is None else overlaid(seen.particles, pool, overlay)
    lowest = parameters.jet_pt * (1 - 2 * parameters.confusion)
    jets = find_jets(flow.offsets, flow.px, flow.py, flow.pz, flow.energy, parameters.radius, max(lowest, 5.0))
    wrong = np.maximum(1 + parameters.confusion * rng.standard_normal(len(jets.pt)), 0.1)
    jets = jets._replace(pt=jets.pt * wrong, mass=jets.mass * wrong)
    jets = jets.take((jets.rank < 2) & (np.abs(jets.eta) < parameters.eta) & (jets.pt > parameters.jet_pt))
    parton = match(jets, hard.offsets, hard.eta, hard.phi, MATCHED)
    wanted = (parton >= 0) & np.isin(hard.pdg[parton], species.pdg)
    jets, parton = jets.take(wanted), parton[wanted]
    pile = seen.hits if pool is None else pool.hits
    images = draw_images(jets.event, jets.eta, jets.phi, seen.hits, pile, *overlay, PROFILES, parameters.readout, rng)
    pile_up, own = np.diff(overlay.offsets)[jets.event], rng.integers(NUMBERS, size=len(left.offsets) - 1)[jets.event]
    return Sample(jets.pt, jets.mass, hard.pdg[parton], hard.pt[parton], pile_up, own, images)


def soft_collisions(parameters: CmsJets, n: int, rng: Generator) -> Seen | None:
    """A pool of inelastic collisions for n jets, as the detector sees them."""
    if parameters.pile_up == 0:
        return None
    made, _ = generate((*common(parameters), "SoftQCD:inelastic = on"), int(POOL * n) + 30, seed(rng))
    return see(made, parameters.detector, rng)


def draw_overlay(mean: float, n: int, pool: Seen | None, rng: Generator) -> Overlay:
    """A Poisson number of soft collisions for each of n others."""
    offsets = np.concatenate([[0], np.cumsum(rng.poisson(mean if pool else 0.0, n))])
    many = int(offsets[-1])
    which = rng.integers(len(pool.hits.offsets) - 1 if pool else 1, size=many)
    return Overlay(offsets, which, rng.uniform(-np.pi, np.pi, many), rng.choice([-1.0, 1.0], many))


def overlaid(hard: Particles, pool: Seen, overlay: Overlay) -> Particles:
    """With the neutral particles of the other collisions, for tracks tell to which vertex they belong."""
    pile = pool.particles.keep(~pool.charged).take(overlay.which)
    counts = np.diff(pile.offsets)
    turned, mirrored = (np.repeat(column, counts) for column in (overlay.turned, overlay.mirrored))
    cos, sin = np.cos(turned), np.sin(turned)
    pile = pile._replace(px=pile.px * cos - pile.py * sin, py=pile.px * sin + pile.py * cos, pz=pile.pz * mirrored)
    event = np.concatenate(
        [hard.event, np.repeat(np.arange(len(overlay.offsets) - 1), np.diff(pile.offsets[overlay.offsets]))]
    )
    order = np.argsort(event, kind="stable")
    columns = (np.concatenate(pair)[order] for pair in zip(hard[1:], pile[1:], strict=True))
    return Particles(hard.offsets + pile.offsets[overlay.offsets], *columns)


def settings(parameters: CmsJets, species: Species) -> tuple[str, ...]:
    """Pythia's settings for the hard scatterings that give the species."""
    kinds = {abs(pdg) for pdg in species.pdg}
    processes = [name for kind in sorted(kinds) for name in PROCESSES.get(kind, LIGHT)]
    low, high = parameters.pt
    return (
        *common(parameters),
        *(f"HardQCD:{name} = on" for name in dict.fromkeys(processes)),
        f"PhaseSpace:pTHatMin = {low}",
        f"PhaseSpace:pTHatMax = {max(high, low * 1.0001)}",
        *(FAST if parameters.underlying else ("PartonLevel:MPI = off",)),
    )


def common(parameters: CmsJets) -> tuple[str, ...]:
    """Of hard and soft collisions."""
    return (f"Beams:eCM = {parameters.energy}", *DECAYS)


def seed(rng: Generator) -> int:
    """A seed as Pythia takes them."""
    return int(rng.integers(1, 900_000_000))


def file_name(parameters: CmsJets, species: Species, n: int, number: int) -> str:
    """Official files are called by run and number of jets; here quarks are the even runs, gluons the odd ones."""
    run = 2 * number + (GLUON in species.pdg)
    return f"QCDToGGQQ_IMGjet_RH1all_jet0_run{run}_n{n}.test.snappy.parquet"


simulators.add(
    "cms-jets",
    Simulator(
        detector="cms-jets",
        parameters=CmsJets,
        species=(
            Species("quark", "quark", tuple(sign * flavour for flavour in (1, 2, 3, 4, 5) for sign in (1, -1))),
            Species("gluon", "gluon", (GLUON,)),
        ),
        events=events,
        file_name=file_name,
        file_events=50_000,
        block=250,
        extra="jets",
        modules=("pythia8mc", "fastjet"),
    ),
)
