"""Tracks in xenon and silicon: energy is conserved, ranges and limits are right, every effect does what it says."""

from __future__ import annotations

import numpy as np
import pytest

from pidcam.errors import ConfigError
from pidcam.simulation.clusters import largest_clusters
from pidcam.simulation.delta_rays import moller_above
from pidcam.simulation.electron_tables import csda_range
from pidcam.simulation.ionisation import electron_stopping
from pidcam.simulation.matter import SILICON, XENON, xenon_gas
from pidcam.simulation.particles import PION_MASS
from pidcam.simulation.straggling import most_probable_loss
from pidcam.simulators.base import simulators
from pidcam.simulators.belle2_pxd import Belle2Pxd, simulate_hits
from pidcam.simulators.next_tpc import NextTpc, events
from pidcam.verbs.simulate import simulate

ELECTRON, BB = simulators["next-tpc"].species


def track(n: int = 40, species=ELECTRON, **parameters):  # type: ignore[no-untyped-def]
    """Sums of energy (n,), and the points of the events."""
    batch = events(NextTpc(**parameters), species, n, np.random.default_rng(1))
    points = batch.images["track"]
    return np.add.reduceat(points.value[:, 0], points.offsets[:-1]), points, batch


def test_csda_range() -> None:
    """Energy over loss at that energy is an upper limit that slow electrons stay near below; radiation shortens."""
    whole, steady = (csda_range(np.array([1.0]), XENON, radiation=r)[0] for r in (True, False))
    assert 0.9 * steady < whole < steady < 1.0 / electron_stopping(1.0, XENON)
    assert csda_range(np.array([1.0]), SILICON)[0] == pytest.approx(0.546, rel=0.02)  # NIST ESTAR


def test_straight_tracks_of_electrons_that_lose_energy_steadily() -> None:
    """Without scattering, radiation and fluctuations the track is a line as long as the range."""
    off = {"scattering": 0, "bremsstrahlung": False, "fluctuations": False, "secondaries": False}
    energy, points, batch = track(energy=1.0, **off)
    assert energy == pytest.approx(1.0, rel=1e-5)
    ends = [np.linalg.norm(p - v, axis=1).max() for p, v in zip(
        np.split(points.place, points.offsets[1:-1]),
        np.stack([batch.targets[f"vertex_{a}"] for a in "xyz"], axis=1), strict=True,
    )]  # fmt: skip
    expected = csda_range(np.array([1.0]), XENON, radiation=False)[0] / xenon_gas(15).density * 10
    assert np.mean(ends) == pytest.approx(expected, rel=0.02)
    assert np.std(ends) < 1.0


def test_without_secondaries_what_a_collision_frees_stops_where_it_is_born() -> None:
    """As many voxels above 100 keV as Moller's cross-section has collisions along a track; steady loss has none."""
    off = {"energy": 1.0, "scattering": 0, "bremsstrahlung": False, "secondaries": False}
    steady, hard = (track(n=1000, fluctuations=on, **off) for on in (False, True))
    assert (steady[1].value < 0.1).all()
    assert hard[0] == pytest.approx(1.0, rel=1e-5)
    kinetic = np.linspace(0.2, 1.0, 2000)
    lost = electron_stopping(kinetic, XENON) * XENON.a / XENON.z
    # the track itself leaves some 10 keV in the same voxel
    low, high = (1000 * np.trapezoid(moller_above(kinetic, cut) / lost, kinetic) for cut in (0.1, 0.085))
    assert low - 2 * np.sqrt(low) < (hard[1].value > 0.1).sum() < high + 2 * np.sqrt(high)


def test_energy_is_conserved_unless_photons_leave() -> None:
    energy, points, _ = track(bremsstrahlung=False)
    assert energy == pytest.approx(2.4578, rel=1e-5)
    assert (np.diff(points.offsets) > 100).all()
    lost, _, batch = track(n=100, species=BB, half_size=200)
    assert (lost < 2.4579).all()
    assert 0.7 < (lost > 2.4570).mean() <= 1
    assert batch.targets["kinetic_1"] + batch.targets["kinetic_2"] == pytest.approx(2.4578)


@pytest.mark.parametrize("species", [ELECTRON, BB])
def test_where_centred_tracks_are_says_nothing_of_their_vertex(species) -> None:  # type: ignore[no-untyped-def]
    options = {"species": species, "voxel": [10, 10, 5], "bremsstrahlung": False}
    (energy, before, raw), (same, after, moved) = (track(centred=on, **options) for on in (False, True))
    assert same == pytest.approx(energy)
    mean = np.add.reduceat(after.value * after.place, after.offsets[:-1]) / same[:, None]
    assert (np.abs(mean) <= np.array([5, 5, 2.5]) + 1e-3).all(), "within the voxel at the origin"
    step = np.repeat(
        [moved.targets[f"vertex_{a}"] - raw.targets[f"vertex_{a}"] for a in "xyz"], np.diff(before.offsets), axis=1
    )
    np.testing.assert_allclose(after.place, before.place + step.T, atol=1e-3)  # the vertex went with its track


def test_diffusion_spreads_charge_and_loses_none() -> None:
    sharp, wide = (track(bremsstrahlung=False, diffusion=on, voxel=[2, 2, 2]) for on in (False, True))
    assert wide[0] == pytest.approx(sharp[0], rel=1e-4)
    assert len(wide[1].value) > 2 * len(sharp[1].value)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"voxel": 500}, "larger than the detector"),
        ({"voxel": 0}, "above 0 mm"),
        ({"energy": -1}, "greater than"),
        ({"diffusion": True, "drift": 5}, "inside the cube"),
    ],
)
def test_impossible_chambers(parameters: dict, message: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigError, match=message):
        simulate("next-tpc", 1, tmp_path / "x", **parameters)


def test_silicon_at_the_minimum_of_ionisation() -> None:
    """The most probable loss in 75 um, 17.6 keV (PDG 2024, eq. 34.12; at the plateau Bichsel's 19.0), and a FWHM
    between Landau's 5.5 and Bichsel's 10.3 keV."""
    parameters = Belle2Pxd(momentum=0.5, theta=0, delta_rays_from=500)
    energy = simulate_hits(parameters, "pion", 4000, np.random.default_rng(2)).energy * 1e3
    counts, edges = np.histogram(energy, np.arange(8, 40, 1.0))
    peak = edges[counts.argmax()] + 0.5
    kinetic = np.hypot(500.0, PION_MASS) - PION_MASS
    expected = 1e3 * most_probable_loss(kinetic, PION_MASS, SILICON, 75e-4 * SILICON.density)
    assert peak == pytest.approx(expected, abs=1.0)
    above = np.flatnonzero(counts > counts.max() / 2)
    assert 5.5 < above[-1] - above[0] + 1 < 10.3


def test_charge_of_windows() -> None:
    """Without noise, threshold and saturation the counts are the energy; shares between pixels do not change it."""
    rng = np.random.default_rng(3)
    loud = Belle2Pxd(noise=0, threshold=1, gain=50, theta=(0, 30), momentum=1.5, diffusion=6)
    hits = simulate_hits(loud, "pion", 300, rng)
    counts = hits.window.sum(axis=(1, 2))
    fine = hits.window.max(axis=(1, 2)) < 255
    lost = 50 * 3.65e-6 * (hits.window > 0).sum(axis=(1, 2)) + 1e-3  # cut off by whole counts, and far delta rays
    assert fine.sum() > 100
    assert (np.abs(counts * 50 * 3.65e-6 - hits.energy) < lost)[fine].mean() > 0.9


def test_a_lorentz_angle_opens_clusters_along_u() -> None:
    sizes = []
    for angle in (0, 50):
        parameters = Belle2Pxd(theta=0, lorentz_angle=angle, momentum=1.5)
        windows = simulate_hits(parameters, "pion", 500, np.random.default_rng(4)).window
        clusters = largest_clusters(windows)
        sizes.append((clusters["size_u"].mean(), clusters["size_v"].mean()))
    assert sizes[1][0] > sizes[0][0] + 0.5
    assert sizes[1][1] == pytest.approx(sizes[0][1], abs=0.1)


def test_monopoles_saturate() -> None:
    window = simulate_hits(Belle2Pxd(), "monopole", 50, np.random.default_rng(5)).window
    assert (window.max(axis=(1, 2)) == 255).all()


def test_clusters_of_a_drawn_window() -> None:
    window = np.zeros((1, 9, 9), np.int64)
    window[0, 4, 4], window[0, 5, 5], window[0, 5, 6], window[0, 0, 0] = 50, 20, 10, 40
    values = {name: column[0] for name, column in largest_clusters(window).items()}
    assert values == {
        "total_charge": 80, "seed_charge": 50, "minimum_charge": 10, "size": 3, "size_u": 3, "size_v": 2
    }  # fmt: skip
