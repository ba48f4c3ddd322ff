"""CLIC showers against textbook values, limits, and a full simulation of single particles of 10 to 100 GeV."""

from __future__ import annotations

import numpy as np
import pytest

from pidcam.detectors.base import detectors
from pidcam.events import Cells, EventBatch
from pidcam.simulation.generator import hadronise
from pidcam.simulation.hadron_shower import electromagnetic_fraction, mean_electromagnetic_fraction
from pidcam.simulation.sampled_showers import tracks
from pidcam.simulation.sampling_stack import stack
from pidcam.simulators.base import simulators
from pidcam.simulators.clic_features import clic_features
from pidcam.simulators.clic_jets import DECAYS, Beam
from pidcam.simulators.clic_lcd import ClicLcd, calorimeter, sections, showers_of

SIMULATOR = simulators["clic-lcd"]
ECAL = detectors["clic-lcd"]().schema.image("ecal")
HCAL = detectors["clic-lcd"]().schema.image("hcal")
WEIGHT = np.where(np.arange(25) < 17, 1.0, 2.0)  # of layers behind thin and thick plates


def simulate(species: str, n: int = 200, **parameters: object) -> EventBatch:
    chosen = next(s for s in SIMULATOR.species if s.name == species)
    return SIMULATOR.events(SIMULATOR.parameters(**parameters), chosen, n, np.random.default_rng(7))


def volume(batch: EventBatch, name: str) -> np.ndarray:
    images = batch.images[name]
    assert isinstance(images, Cells)
    return images.to_dense(ECAL if name == "ecal" else HCAL).values[:, 0].astype(np.float64)


@pytest.fixture(scope="module")
def electrons() -> EventBatch:
    return simulate("electron", energy=(10, 100))


def test_the_stack_is_as_deep_as_its_plates() -> None:
    pile, _ = calorimeter()
    tungsten, iron = (17 * 2.4 + 8 * 4.8), 60 * 19.0
    assert pile.x0[24] == pytest.approx(tungsten / 3.504, rel=0.01)
    assert pile.pion[-1] == pytest.approx(tungsten / 113.3 + iron / 204.2, rel=0.04)
    # as much as is seen per layer by a minimum ionising particle: dE/dx of silicon and of polystyrene, times e/mip
    assert pile.seen_em[0] * 5.5 / 0.69 == pytest.approx(0.825 * 0.194, rel=0.02)


def test_electrons_as_in_full_simulation(electrons: EventBatch) -> None:
    """Geant4 11.4.1, 300 electrons of 10 to 100 GeV in the same calorimeter: means."""
    ecal = volume(electrons, "ecal")
    total, plane = ecal.sum((1, 2, 3)), ecal.sum(3)
    assert np.mean((ecal * WEIGHT).sum((1, 2, 3)) / electrons.targets["energy"]) == pytest.approx(0.0283, rel=0.05)
    assert np.mean(plane[:, 12, 12] / total) == pytest.approx(0.488, rel=0.06)
    assert np.mean(plane[:, 11:14, 11:14].sum((1, 2)) / total) == pytest.approx(0.864, rel=0.02)
    assert np.mean(plane[:, 10:15, 10:15].sum((1, 2)) / total) == pytest.approx(0.936, rel=0.02)
    layers = ecal.sum((1, 2))
    assert np.mean(layers @ np.arange(25) / total) == pytest.approx(11.5, rel=0.05)
    assert np.mean((ecal > 1e-4).sum((1, 2, 3))) == pytest.approx(474, rel=0.08)


def test_electrons_have_a_needle_and_a_tail_of_photons() -> None:
    """300 electrons of the reference: the central cell has 0.378 ± 0.005 of their energy where they enter less than
    0.35 mm from its edge, 0.577 ± 0.003 where more than 1.4 mm; the fifth layer of iron sees 0.14 ± 0.01 of what the
    first does, 4.4 X0 and photons of least attenuation (0.41 per X0) later."""
    n, rng = 700, np.random.default_rng(2)
    energy, (x, y) = rng.uniform(10, 100, n), rng.uniform(-2.55, 2.55, (2, n))
    beam = Beam(np.arange(n), energy, x, y, np.zeros(n), np.zeros(n))
    ecal, hcal = showers_of(SIMULATOR.choose(["electron"])[0], beam, n, ClicLcd(), rng)
    central, inwards = ecal[:, 12, 12].sum(1) / ecal.sum((1, 2, 3)), 2.55 - np.maximum(np.abs(x), np.abs(y))
    assert central[inwards < 0.35].mean() == pytest.approx(0.378, rel=0.05)
    assert central[inwards > 1.4].mean() == pytest.approx(0.577, rel=0.03)
    layers = hcal.sum((0, 1, 2))
    assert layers[4] / layers[0] == pytest.approx(0.14, abs=0.03)
    assert np.mean(hcal.sum((1, 2, 3)) / energy) == pytest.approx(2.85e-4, rel=0.1)


def test_resolution_falls_with_the_root_of_the_energy() -> None:
    spread = []
    for energy in (10, 90):
        ecal = volume(simulate("electron", 150, energy=energy), "ecal")
        seen = (ecal * WEIGHT).sum((1, 2, 3))
        spread.append(seen.std() / seen.mean())
    assert spread[0] / spread[1] == pytest.approx(3, rel=0.35)
    assert spread[0] * np.sqrt(10) == pytest.approx(0.17, rel=0.25)  # tungsten and silicon of CALICE: 16 to 17 %


def test_photons_begin_later_than_electrons(electrons: EventBatch) -> None:
    """By 9/7 X0, less what an electron needs to radiate: about one layer."""
    layer = np.arange(25)
    depth = []
    for batch in (electrons, simulate("photon", energy=(10, 100))):
        ecal = volume(batch, "ecal")
        depth.append(np.mean(ecal.sum((1, 2)) @ layer / ecal.sum((1, 2, 3))))
    assert 0.5 < depth[1] - depth[0] < 1.6


def test_neutral_pions_are_two_photons() -> None:
    """Their smallest distance is 2 m / E times the way: 27 mm, or five cells, at 15 GeV and 1.5 m."""
    energy = 15.0
    ecal = volume(simulate("neutral pion", 60, energy=energy), "ecal").sum(3)
    far = []
    for plane in ecal:
        first = np.unravel_index(plane.argmax(), plane.shape)
        rows, columns = np.indices(plane.shape)
        away = np.hypot(rows - first[0], columns - first[1])
        second = np.unravel_index(np.where(away > 3, plane, 0).argmax(), plane.shape)
        far.append(away[second] * 5.1)
    assert np.percentile(far, 20) == pytest.approx(2 * 0.135 / energy * 1500, rel=0.35)
    merged = volume(simulate("neutral pion", 60, energy=energy, distance=0), "ecal").sum(3)
    assert np.mean(merged[:, 11:14, 11:14].sum((1, 2)) / merged.sum((1, 2))) == pytest.approx(0.86, rel=0.03)


def test_charged_pions_are_minimum_ionising_before_they_interact() -> None:
    pions = simulate("charged pion", 300, energy=(10, 100))
    first = volume(pions, "ecal")[:, :, :, 0].sum((1, 2)) * 1e3
    assert np.median(first) == pytest.approx(0.18, rel=0.15)  # MeV in 0.5 mm of silicon
    seen = volume(pions, "hcal").sum((1, 2, 3)) / pions.targets["energy"]
    assert np.mean(seen) == pytest.approx(0.013, rel=0.15)  # full simulation: 0.0126 and 0.0135 of pi- and pi+


def test_tracks_are_accompanied_by_knock_on_electrons() -> None:
    """As where they are followed one by one through the plates (benchmarks/knock_on_clic_lcd.py): per layer 0.233 MeV,
    0.0205 above 0.3 MeV beside the central cell; 0.76 of tracks with no layer above 1.2 MeV."""
    n, rng = 4000, np.random.default_rng(3)
    image, zero = np.zeros((n, 25, 25, 25), np.float32), np.zeros(n)
    x, y = rng.uniform(-2.55, 2.55, (2, n))
    tracks((image,), np.arange(n), x, y, zero, zero, zero, np.full(n, np.inf), stack(sections()[:1]), rng)
    layers, central = 1e3 * image.sum((1, 2)), 1e3 * image[:, 12, 12]
    assert layers.mean() == pytest.approx(0.233, rel=0.05)
    assert np.mean(layers - central > 0.3) == pytest.approx(0.0205, rel=0.1)
    assert np.mean(layers.max(1) < 1.2) == pytest.approx(0.76, abs=0.03)


def test_electromagnetic_fraction_of_hadronic_showers() -> None:
    """T. A. Gabriel et al.: nothing at the first pion, about half at 50 GeV, ever more."""
    mean = mean_electromagnetic_fraction(np.array([1.0, 50.0, 500.0]))
    assert mean == pytest.approx([0, 0.505, 0.673], abs=1e-3)
    rng = np.random.default_rng(0)
    drawn = electromagnetic_fraction(np.full(20_000, 50.0), rng)
    assert 0 <= drawn.min() < drawn.max() <= 1
    assert (drawn.mean(), drawn.std()) == pytest.approx((0.505, 0.17), rel=0.03)
    assert np.all(electromagnetic_fraction(np.full(3, 50.0), rng, fluctuating=False) == pytest.approx(0.5054, abs=1e-3))


def test_features_of_known_volumes() -> None:
    ecal, hcal = np.zeros((2, 25, 25, 25)), np.zeros((2, 5, 5, 60))
    ecal[0, 12, 10, 3] = 1.0
    ecal[1, 11, 12, 0], ecal[1, 13, 12, 1] = 0.5, 0.5
    hcal[1, 2, 2, 0] = 0.25
    found = clic_features(ecal, hcal)
    assert set(found) == {c.name for c in detectors["clic-lcd"]().schema.features}
    assert [found[f"ECALMoment1{axis}"][0] for axis in "XYZ"] == [12, 10, 3]
    assert all(found[f"ECALMoment{order}{axis}"][0] == 0 for order in range(2, 7) for axis in "XYZ")
    assert [found[f"ECALMoment{order}X"][1] for order in range(1, 7)] == [12, 1, 0, 1, 0, 1]
    assert found["ECAL_ratioFirstLayerToSecondLayerE"][1] == 1
    assert (found["ECAL_HCAL_ERatio"][1], found["ECAL_HCAL_nHitsRatio"][1]) == (4, 2)
    assert found["ECAL_HCAL_ERatio"][0] == 0  # nothing below the line


def test_jets_are_made_where_asked_for() -> None:
    assert [s.name for s in SIMULATOR.choose(None)] == ["electron", "photon", "neutral pion", "charged pion"]
    assert [s.pdg for s in SIMULATOR.choose([21])] == [(21,)]


def test_jets_spread_and_go_deep() -> None:
    """Their leading particle is in the middle; gluon jets are softer and wider, and lose more beside the window."""
    pytest.importorskip("pythia8mc")
    pions = simulate("charged pion", 60, energy=50)
    seen = {}
    for name in ("quark jet", "gluon jet"):
        jets = simulate(name, 60, energy=50)
        ecal = volume(jets, "ecal")
        seen[name] = np.mean(ecal.sum((1, 2, 3)) + volume(jets, "hcal").sum((1, 2, 3)))
        assert np.mean(jets.features["ECALMoment2X"]) > 1.5 * np.mean(pions.features["ECALMoment2X"])
        assert np.mean(ecal[:, 12, 12].sum(1) > 1e-4) > 0.55, "a track or a shower in the middle"
    assert seen["gluon jet"] < 0.8 * seen["quark jet"]


def test_partons_become_hadrons() -> None:
    """e+e- at 91 GeV: 20.8 charged particles of both halves (LEP); momentum is conserved."""
    pytest.importorskip("pythia8mc")
    n = 300
    half = hadronise(np.full(n, 1), np.full(n, 45.6), DECAYS, 1)
    assert np.sum(half.charge != 0) / n == pytest.approx(20.8 / 2, rel=0.1)
    assert np.bincount(half.event, half.pz).mean() < 45.6
    again = hadronise(np.full(n, 1), np.full(n, 45.6), DECAYS, 1)
    np.testing.assert_array_equal(half.energy, again.energy)
    many = hadronise(np.full(n, 21), np.full(n, 45.6), DECAYS, 1)
    assert 1.3 < len(many.energy) / len(half.energy) < 2.0, "9 / 4 at infinite energy"


def test_noise_and_threshold() -> None:
    quiet = volume(simulate("electron", 5, energy=20, threshold=0.5), "ecal")
    assert quiet[quiet > 0].min() >= 0.5e-3
    noisy = volume(simulate("electron", 5, energy=20, noise=0.05), "ecal")
    assert noisy[:, :3, :3].std() == pytest.approx(0.05e-3, rel=0.1)
