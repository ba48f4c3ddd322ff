"""Quark and gluon jets: what is known of them, and images of drawn hits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pidcam
from pidcam.detectors.base import detectors
from pidcam.errors import ConfigError
from pidcam.events import Cells, EventBatch
from pidcam.simulation.generator import Particles
from pidcam.simulation.jet_finding import Jets, match, wrapped
from pidcam.simulation.jet_images import ECAL, HCAL, SIDE, SUB, TRACKS, Hits, Readout, draw_images
from pidcam.simulators.base import simulators
from pidcam.simulators.cms_jets import TOWER, CmsJets
from pidcam.simulators.cms_jets_detector import POINT, PROFILES, SHOWER, conversions

pytest.importorskip("pythia8mc")
pytest.importorskip("fastjet")

SIMULATOR = simulators["cms-jets"]
QUIET = {"pile_up": 0, "crystal_noise": 0, "tower_noise": 0}


def simulate(species: str, n: int, seed: int = 5, **parameters: object) -> EventBatch:
    (chosen,) = SIMULATOR.choose([species])
    return SIMULATOR.events(CmsJets(**parameters), chosen, n, np.random.default_rng(seed))


def dense(batch: EventBatch) -> np.ndarray:
    images = batch.images["jet"]
    assert isinstance(images, Cells)
    return images.to_dense(detectors["cms-jets"]().schema.images[0]).values


@pytest.fixture(scope="module")
def jets() -> dict[str, EventBatch]:
    return {name: simulate(name, 60, **QUIET) for name in ("quark", "gluon")}


def test_gluon_jets_are_wider_heavier_and_of_more_particles(jets: dict[str, EventBatch]) -> None:
    """About 1.5 times as many charged particles at 100 GeV, more mass; both partons are of the species."""
    tracks = {name: (dense(batch)[:, TRACKS] > 0).sum((1, 2)).mean() for name, batch in jets.items()}
    assert 1.2 < tracks["gluon"] / tracks["quark"] < 1.7
    mass = {name: np.mean(batch.features["m0"] / batch.features["pt"]) for name, batch in jets.items()}
    assert mass["gluon"] > 1.1 * mass["quark"]
    assert 0.1 < mass["quark"] < mass["gluon"] < 0.22
    assert set(jets["gluon"].targets["parton"]) == {21}
    assert set(np.abs(jets["quark"].targets["parton"])) <= {1, 2, 3, 4, 5}


def test_shares_of_a_jet(jets: dict[str, EventBatch]) -> None:
    """Charged particles carry some 60 % of a jet, of which 92 % are found; the jet is in the middle of its image."""
    for batch in jets.values():
        image, pt = dense(batch), batch.features["pt"]
        rows = np.hypot(*(np.indices((SIDE, SIDE)) - SIDE // 2)) * TOWER[0] / SUB < 0.5
        assert np.mean(image[:, TRACKS, rows].sum(1) / pt) == pytest.approx(0.53, abs=0.08)
        assert (pt > 70).all()
        assert (image >= 0).all()
        assert np.mean(image[:, HCAL, 60:65, 60:65].sum((1, 2)) > 0) > 0.95, "the highest tower is in the middle"


def test_photons_of_low_energy_convert_less() -> None:
    """7/9 of a radiation length at high energy, 0.44 of that at 10 MeV: nothing else becomes a pair."""
    n = 20_000
    for energy, strength in ((0.01, 0.44), (0.1, 0.76), (100.0, 1.0)):
        pdg = np.repeat([22, 211], n)
        zero, momentum = np.zeros(2 * n), np.full(2 * n, energy)
        particles = Particles(np.array([0, 2 * n]), pdg, zero, momentum, zero, zero, momentum, zero)
        converts = conversions(particles, CmsJets().detector, np.random.default_rng(1))[0]
        assert converts[:n].mean() == pytest.approx(1 - np.exp(-7 / 9 * strength * 0.40), abs=0.012)
        assert not converts[n:].any()


def test_pile_up_adds_and_noise_does() -> None:
    quiet, loud = (dense(simulate("quark", 10, **{**QUIET, "pile_up": n})) for n in (0, 40))
    assert (loud[:, TRACKS] > 0).sum() > 2 * (quiet[:, TRACKS] > 0).sum()
    assert loud[:, ECAL].sum() > 1.3 * quiet[:, ECAL].sum()


def test_a_seed_is_the_whole_story() -> None:
    """Whatever the generator made before."""
    first = simulate("gluon", 5, seed=11)
    simulate("gluon", 3, seed=12)
    again = simulate("gluon", 5, seed=11)
    np.testing.assert_array_equal(first.images["jet"].value, again.images["jet"].value)  # type: ignore[union-attr]


def test_jets_of_one_collision_stay_in_one_split(tmp_path: Path) -> None:
    made = pidcam.simulate("cms-jets", 60, tmp_path / "raw", workers=1, seed=3, pile_up=0)
    for split in ("0.5/0.25/0.25", "hash:0.5/0.25/0.25"):
        store = pidcam.prepare("cms-jets", made.files, tmp_path / split[:4], split=split, workers=1)
        own = {name: set(store.events(name).targets["collision"]) for name in store.splits}
        assert sum(len(numbers) for numbers in own.values()) == len(set.union(*own.values())) < 110
        assert min(store.manifest.events(name) for name in store.splits) > 10


def test_one_flavour() -> None:
    batch = simulate("5", 4, **QUIET)
    assert set(batch.targets["parton"]) == {5}


def test_drawn_hits() -> None:
    """A track, a photon of 20 GeV and a muon's tower, about an axis on the border of phi."""
    axis = np.array([0.41]), np.array([np.pi - 0.01])
    eta, phi = np.array([0.41, 0.41, 0.41]), np.array([-np.pi + 0.02, np.pi - 0.2, np.pi - 0.02])
    kind, profile = np.array([TRACKS, ECAL, HCAL]), np.array([0, SHOWER, POINT])
    hits = Hits(np.array([0, 3]), eta, phi, np.array([7.0, 20.0, 2.0]), kind, profile)
    nothing = np.zeros(0)
    image = draw_images(
        np.array([0]), *axis, hits, hits, np.zeros(2, np.int64), np.zeros(0, np.int64), nothing, nothing,
        PROFILES, Readout(*TOWER, 0.0, 0.0, 0.0, 0.0), np.random.default_rng(0),
    )[0]  # fmt: skip
    assert image[TRACKS].sum() == pytest.approx(7)
    assert image[HCAL, 60:65, 60:65] == pytest.approx(np.full((5, 5), 2 / 25))
    assert image[ECAL].sum() == pytest.approx(20, rel=0.03)
    (row, column), (track_row, track_column) = (
        np.unravel_index(image[k].argmax(), image[k].shape) for k in (ECAL, TRACKS)
    )
    assert row == track_row
    assert (track_column - column) * TOWER[1] / SUB == pytest.approx(0.22, abs=0.02)


def test_matching() -> None:
    jets = Jets(*(np.array(v) for v in ([0, 0, 1], [0, 1, 0], [9.0, 8, 7], [0.0, 1, 0], [3.1, 0, 0], [0.0, 0, 0])))
    parton_eta, parton_phi = np.array([1.1, 0.1, 3.0]), np.array([0.1, -3.1, 0.0])
    assert match(jets, np.array([0, 2, 3]), parton_eta, parton_phi, 0.4).tolist() == [1, 0, -1]
    assert wrapped(np.array([3 * np.pi / 2]))[0] == pytest.approx(-np.pi / 2)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"pt": (80, 9000)}, "a transverse momentum of 9000 GeV is more than half of 8000 GeV"),
        ({"pt": 30, "jet_pt": 100}, "jets above 100 GeV do not come from scatterings of up to 30 GeV"),
        ({"pt": -1}, "greater than 0"),
    ],
)
def test_impossible_physics(parameters: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        pidcam.simulate("cms-jets", 1, tmp_path / "raw", **parameters)
