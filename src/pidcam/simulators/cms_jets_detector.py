"""What the CMS tracker and calorimeters see of the particles of a collision, and what jets are made of.

The official images have tracks at their direction at the vertex (whatever bends later), ECAL in crystals, HCAL in
towers; endcaps are drawn on the grid of the barrel, as there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pidcam.simulation import cms_tracker
from pidcam.simulation.generator import Particles
from pidcam.simulation.jet_images import ECAL, HCAL, TRACKS, Hits, Profiles
from pidcam.simulation.particles import PION_MASS
from pidcam.simulation.solenoid import Barrel, bent, impact
from pidcam.simulation.two_calorimeters import Pair, hadrons, smeared
from pidcam.simulation.upstream import conversion_probability

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

COVERED = 3.0
"""|eta| up to which there are crystals and towers."""
TRACKED, INNER = 2.5, 0.3
"""|eta| of the tracker, and m from the beam line within which tracks must begin."""
SURFACE = Barrel(radius=cms_tracker.CRYSTALS, end=3.15)
MATERIAL = (0.04, 1.15)
"""m from the beam line between which photons convert."""
PHOTON_RESOLUTION = (0.028, 0.003)
"""sqrt(GeV) and constant term of the crystals; their noise is added per crystal."""
CALORIMETERS = Pair(
    depth=1.02, depth_x0=25.8, first=2.5, second=1.4, mip=(0.25, 0.015), stochastic=1.15, constant=0.055, reference=50.0
)
"""23 cm of lead tungstate (pion interaction length 22.5 cm) before brass and scintillator, whose resolution by
itself is 115 %/sqrt(E) + 5.5 %; with the crystals 110 % and 9 % follow: CMS, Eur. Phys. J. C 60 (2009) 359."""
MUON = 2.0
"""GeV that a muon leaves in the towers."""
PHOTON_FROM, HADRON_FROM = 0.3, 0.8
"""GeV of transverse momentum from which neutral particles enter jets: particle flow needs a cluster."""

SHOWER, CASCADE, TOWER, POINT = range(4)
PROFILES = Profiles(
    core=np.array([0.0030, 0.012, 0.020, 1e-6]),
    tail=np.array([0.0165, 0.040, 0.060, 1e-6]),
    share=np.array([0.80, 0.6, 0.75, 1.0]),
    grain=np.array([0.05, 0.10, 0.50, 1.0]),
    few=np.array([6.0, 4.0, 3.0, 1.0]),
    many=np.array([100.0, 60.0, 40.0, 1.0]),
)
"""Of photons in crystals, hadrons in crystals, hadrons in towers, and muons."""


class Seen(NamedTuple):
    """`hits` of the detector, and the reconstructed `particles` that jets are made of, those with a track `charged`."""

    hits: Hits
    particles: Particles
    charged: NDArray[np.bool_]


class Detector(NamedTuple):
    """`field` T, `material` over what there is, `vertex` m r.m.s. of its place along the beam; probability
    `efficiency` to find a track above `track_pt` GeV."""

    field: float
    material: float
    vertex: float
    efficiency: float
    track_pt: float


def see(particles: Particles, detector: Detector, rng: np.random.Generator) -> Seen:
    """The particles of each event, from a vertex of its own on the beam line."""
    p = particles.keep(np.abs(particles.eta) < COVERED)
    event, pt, eta, phi, energy = p.event, p.pt, p.eta, p.phi, p.energy
    z = rng.normal(0, detector.vertex, len(p.offsets) - 1)[event]
    charged, kind = p.charge != 0, np.abs(p.pdg)
    tracked = charged & _tracks(p, detector, rng)
    curve = 0.01 * np.hypot(1.0, 0.015 * pt)
    measured_pt = pt * np.maximum(1 + curve * rng.standard_normal(len(pt)), 0.1)

    photon, muon = (kind == 22) | (kind == 11), kind == 13
    hadron = ~photon & ~muon
    at_eta, at_phi, arrives = impact(pt, eta, phi, p.charge, z, detector.field, SURFACE)
    ecal, hcal = np.zeros(len(pt)), np.zeros(len(pt))
    ecal[photon] = smeared(energy[photon], *PHOTON_RESOLUTION, rng)
    ecal[hadron], hcal[hadron] = hadrons(energy[hadron], charged[hadron], CALORIMETERS, rng)
    ecal[muon], hcal[muon] = CALORIMETERS.mip[0], MUON
    ecal[~arrives], hcal[~arrives] = 0, 0

    flow = np.where(tracked, measured_pt * np.cosh(eta), ecal + hcal)
    enough = tracked | (flow > np.cosh(eta) * np.where(photon, PHOTON_FROM, HADRON_FROM))
    return Seen(
        _hits(p, tracked, measured_pt, at_eta, at_phi, ecal, hcal, detector, rng),
        _reconstructed(p, flow, tracked).keep(enough),
        tracked[enough],
    )


def _tracks(p: Particles, detector: Detector, rng: np.random.Generator) -> NDArray[np.bool_]:
    found = rng.random(len(p.pt)) < detector.efficiency
    return found & (p.pt > detector.track_pt) & (np.abs(p.eta) < TRACKED) & (p.radius < INNER * 1e3)


def _reconstructed(p: Particles, energy: Floats, tracked: NDArray[np.bool_]) -> Particles:
    """Tracks are pions, everything else has no mass."""
    momentum = energy / np.cosh(p.eta)
    x, y, z = momentum * np.cos(p.phi), momentum * np.sin(p.phi), momentum * np.sinh(p.eta)
    return p._replace(px=x, py=y, pz=z, energy=np.where(tracked, np.hypot(energy, PION_MASS * 1e-3), energy))


def _hits(p, tracked, measured_pt, at_eta, at_phi, ecal, hcal, detector, rng):  # type: ignore[no-untyped-def]
    """Tracks, crystals and towers, in the order of events; photons that convert are two deposits."""
    kind = np.abs(p.pdg)
    profile = np.where((kind == 22) | (kind == 11), SHOWER, np.where(kind == 13, POINT, CASCADE))
    converts, share, way = conversions(p, detector, rng)
    legs = []
    for sign, part in ((1.0, share), (-1.0, 1 - share)):
        turned, arrives = bent(p.pt * part, np.full(len(part), sign), way, detector.field, SURFACE.radius)
        legs.append((at_phi + turned, np.where(converts & arrives, ecal * part, 0.0)))
    parts: list[tuple[Floats, Floats, Floats, int, Integers]] = [
        (p.eta, p.phi, np.where(tracked, measured_pt, 0), TRACKS, profile),
        (at_eta, at_phi, np.where(converts, 0.0, ecal), ECAL, profile),
        *((at_eta, phi, energy, ECAL, profile) for phi, energy in legs),
        (at_eta, at_phi, hcal, HCAL, np.where(kind == 13, POINT, TOWER)),
    ]
    eta, phi, value, profile = (np.concatenate([part[i] for part in parts]) for i in (0, 1, 2, 4))
    kinds = np.repeat([part[3] for part in parts], len(kind))
    event = np.tile(p.event, len(parts))
    order = np.flatnonzero(value > 0)
    order = order[np.argsort(event[order], kind="stable")]
    offsets = np.searchsorted(event[order], np.arange(len(p.offsets)))
    return Hits(offsets, eta[order], phi[order], value[order], kinds[order], profile[order])


def conversions(p: Particles, detector: Detector, rng: np.random.Generator) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Which photons become pairs, what the first of the two takes, and how far (m) it is from there to the crystals."""
    thickness = cms_tracker.thickness(p.eta) * detector.material
    converts = (p.pdg == 22) & (rng.random(len(p.pt)) < conversion_probability(p.energy, thickness))
    return converts, rng.random(len(p.pt)), SURFACE.radius - rng.uniform(*MATERIAL, len(p.pt))
