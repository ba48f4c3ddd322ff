"""The simulator of the CMS ECAL against what Geant4 gives (means of the sample in examples/data), and in its limits."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

import pidcam
from pidcam.simulators import cms_ecal as ecal
from pidcam.simulators.base import simulators

EXAMPLES = Path(__file__).parents[2] / "examples" / "data"
PLACE = np.arange(32) - 16


def shape(energy: np.ndarray) -> dict[str, float]:
    total = energy.sum((1, 2))
    found = {f"E{(2 * k + 1) ** 2}": energy[:, 16 - k : 17 + k, 16 - k : 17 + k].sum((1, 2)) / total for k in range(3)}
    for name, axis in (("row rms", 2), ("column rms", 1)):
        share = energy.sum(axis) / total[:, None]
        found[name] = np.sqrt((share * PLACE**2).sum(1) - (share * PLACE).sum(1) ** 2)
    return {name: float(values.mean()) for name, values in found.items()}


def ring(energy: np.ndarray) -> np.ndarray:
    """Share of the eight crystals around the highest."""
    return (energy[:, 15:18, 15:18].sum((1, 2)) - energy[:, 16, 16]) / energy.sum((1, 2))


def deposits(charge: float, n: int = 300, eta: float = 0.15, **parameters: float) -> np.ndarray:
    rng = np.random.default_rng(4)
    given = ecal.CmsEcal(**parameters)  # type: ignore[arg-type]
    return ecal.true_energies(given, np.full(n, charge), np.full(n, 50.0), np.full(n, eta), rng)


@pytest.mark.parametrize("species", ["electron", "photon"])
def test_showers_look_like_those_of_geant4(species: str) -> None:
    (path,) = EXAMPLES.glob(f"Single{species.title()}*.hdf5")
    with h5py.File(path) as file:
        theirs = file["X"][:, :, :, 0]
    rng = np.random.default_rng(3)
    n = 1200
    eta = rng.choice([0.15, 0.45, 0.75, 1.05], n, p=np.array([1200, 970, 790, 780]) / 3740)
    charge = np.full(n, 0.0 if species == "photon" else 1.0)
    energy = ecal.true_energies(ecal.CmsEcal(), charge, np.full(n, 50.0), eta, rng)
    ours = ecal.digitise(energy, ecal.digitiser_of(ecal.CmsEcal()), rng)[:, 0]
    assert shape(ours) == pytest.approx(shape(theirs), rel=0.05)
    assert (ours != 0).sum((1, 2)).mean() == pytest.approx((theirs != 0).sum((1, 2)).mean(), rel=0.05)
    assert ring(ours).std() == pytest.approx(ring(theirs).std(), rel=0.07)


def test_without_material_and_field_rows_are_as_columns() -> None:
    energy = deposits(0.0, material=0.0, field=0.0)
    assert energy.mean(0) == pytest.approx(energy.mean(0).T, rel=0.25, abs=0.05)
    contained = energy.sum((1, 2)) / (50 * np.cosh(0.15))
    assert contained.max() <= 1
    assert contained.mean() == pytest.approx(0.9945, abs=0.004), "23 cm are 26 radiation lengths"
    assert (energy.reshape(300, -1).argmax(1) == 16 * 32 + 16).all()


def test_electrons_of_both_charges_bend_to_opposite_sides() -> None:
    """Photons radiated early are left behind, on the side from which the electron bends away."""
    sides = {}
    for charge in (1.0, -1.0):
        columns = deposits(charge, n=600, eta=1.05).sum((0, 1))
        sides[charge] = columns[18:].sum() - columns[:15].sum()
    assert sides[1.0] * sides[-1.0] < 0


def test_more_material_makes_wider_electrons() -> None:
    widths = [shape(deposits(1.0, material=material))["column rms"] for material in (0.0, 1.0, 3.0)]
    assert widths == sorted(widths)


def test_read_out() -> None:
    """5 x 5 around a local maximum above 0.3 GeV, lower threshold near the middle, nothing below zero."""
    energy = np.zeros((1, 32, 32))
    energy[0, 16, 16], energy[0, 16, 20], energy[0, 16, 26], energy[0, 2, 2] = 50, 0.1, 0.1, 0.29
    silent = ecal.Digitiser(noise=0.0, near=0.075, far=0.18, seed=0.3)
    hits = ecal.digitise(energy, silent, np.random.default_rng(0))
    assert set(zip(*np.nonzero(hits[0, 0]), strict=True)) == {(16, 16), (16, 20), (2, 2)}
    assert hits[0, 0, 16, 16] == pytest.approx(1.0)
    noisy = ecal.Digitiser(noise=1e-9, near=0.075, far=0.18, seed=0.3)
    read = ecal.digitise(energy, noisy, np.random.default_rng(0))[0, 0] != 0
    assert 0 < read[14:19, 14:19].sum() < 25, "half of the empty ones are below zero"
    assert not read[16, 22:].any()


def test_the_time_of_a_hit_is_as_good_as_its_energy_is_large() -> None:
    energy = np.zeros((4000, 32, 32))
    energy[:, 16, 16], energy[:, 16, 14] = 50.0, 0.4
    time = ecal.digitise(energy, ecal.digitiser_of(ecal.CmsEcal()), np.random.default_rng(0))[:, 1]
    assert time[:, 16, 14].std() == pytest.approx(35.1 * 0.04 / 0.4, rel=0.06)
    assert time[:, 16, 16].std() == pytest.approx(np.hypot(35.1 * 0.04 / 50, 0.02), rel=0.06)


def test_files_tell_the_truth_and_do_not_depend_on_processes(tmp_path: Path) -> None:
    made = [
        pidcam.simulate("cms-ecal", 12, tmp_path / str(workers), workers=workers, pt=(20, 100)) for workers in (1, 2)
    ]
    for one, two in zip(*(simulation.files for simulation in made), strict=True):
        assert "Pt20to100_IMGCROPS_n12" in one.name
        with h5py.File(one) as a, h5py.File(two) as b:
            assert set(a) == {"X", "y", "pt", "eta", "charge"}
            for key in a:
                np.testing.assert_array_equal(a[key][:], b[key][:])
            assert a["pt"][:].min() >= 20
            assert set(a["charge"][:]) == ({0.0} if "Photon" in one.name else {1.0, -1.0})
    assert simulators["cms-ecal"].title.startswith("Electrons and photons in the CMS barrel ECAL")
