"""Liquid argon: where charge arrives, how much of it, what noise and every effect change, and what is refused."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

import pidcam
from pidcam.detectors.base import detectors
from pidcam.errors import ConfigError, InputError
from pidcam.simulators.base import simulators
from pidcam.simulators.lariat import Lariat, events
from pidcam.simulators.run import block_generator

SPECIES = {s.name: s for s in simulators["lariat"].species}
STEADY = {"delta_rays": False, "scattering": False, "reactions": False, "decays": False, "captures": False}
QUIET = {"noise": 0, "suppression": False}


def made(species: str, n: int = 2, **parameters: object):  # type: ignore[no-untyped-def]
    return events(Lariat(**parameters), SPECIES[species], n, np.random.default_rng(1))


def dense(batch) -> np.ndarray:  # type: ignore[no-untyped-def]
    image = detectors["lariat"]().schema.image("planes")
    planes = batch.images["planes"]
    return (planes if hasattr(planes, "values") else planes.to_dense(image)).values


def test_where_charge_arrives() -> None:
    """A stopping proton: its wires and ticks are those of its place. The wires of both planes are at +-60 degrees."""
    x, y, z = 20.0, 5.0, 60.0
    place = {"x": x, "y": y, "z": z, "angle": 0, "energy": 30}
    planes = dense(made("proton", 1, **place, **STEADY, **QUIET))[0]
    for plane, sign in enumerate((-1, 1)):
        wire, tick = np.unravel_index(np.argmax(planes[plane]), planes[plane].shape)
        along = 10 * (sign * y * 0.5 + (z - 45 + 0.4) * np.sqrt(0.75))  # the track is 9 mm long
        assert wire == pytest.approx(120 + along / 4, abs=1.6)
        arrival = 300 + 10 * x / 1.475 / 0.128
        assert arrival < tick < arrival + 60  # the pulse peaks some us later


def test_range_and_charge_of_a_muon() -> None:
    steady = made("muon", 1, energy=200, angle=0, temperature=86.504, **STEADY, **QUIET)
    assert steady.targets["track_length"][0] == pytest.approx(75, abs=1.5)  # cm, Geant4
    points = steady.images["trajectory"]
    charge, energy = points.value.sum(axis=0)
    assert energy == pytest.approx(200, rel=1e-3)
    assert charge * 23.6e-6 / energy == pytest.approx(0.67, abs=0.03)  # 0.70 where it is fast
    assert points.place[:, 2].max() == pytest.approx(750, abs=15)


def test_lifetime_takes_charge() -> None:
    whole, half = (
        np.abs(dense(made("muon", 1, energy=200, angle=0, x=30, lifetime=t, **STEADY, **QUIET))[0, 1]).sum()
        for t in (0, 300 / 1.475)
    )
    assert half / whole == pytest.approx(np.exp(-1), rel=0.03)


def test_noise_changes_noise_alone() -> None:
    """With and without noise the events are the same: so denoising has its target."""
    clean, loud = made("electron", noise=0, suppression=False), made("electron", suppression=False)
    assert clean.images["planes"].values.dtype == np.int16
    residual = loud.images["planes"].values - clean.images["planes"].values.astype(float)
    assert residual.std() == pytest.approx(3.0, rel=0.03)
    row = residual[0, 0, 0]
    assert np.corrcoef(row[1:], row[:-1])[0, 1] == pytest.approx(np.exp(-0.128 / 0.5), abs=0.05)
    assert (clean.images["trajectory"].value == loud.images["trajectory"].value).all()
    suppressed = dense(made("electron"))
    kept = suppressed != 0
    assert 0.001 < kept.mean() < 0.03
    strong = np.abs(clean.images["planes"].values) > 30
    assert kept[strong].all()
    assert np.abs(suppressed[strong] - clean.images["planes"].values[strong]).max() < 20


def test_neutrinos_say_what_they_did() -> None:
    batch = made("electron neutrino", 6, neutrino_energy=(600, 3000))
    targets = batch.targets
    assert set(targets["mode"]) <= {0, 1}
    assert (targets["lepton_momentum"] < targets["neutrino_energy"]).all()
    assert (targets["energy"] == targets["neutrino_energy"]).all()
    assert np.isfinite(targets["track_length"][targets["mode"] == 0]).all()
    with pytest.raises(InputError, match="no charged current"):
        made("tau neutrino", current="charged")


def test_official_file(tmp_path: Path) -> None:
    made = pidcam.simulate("lariat", 2, tmp_path / "raw", seed=3, workers=1, species=["proton"], energy=100)
    files = made.files
    assert [path.name for path in files] == ["proton_1.2d.h5"]
    with h5py.File(files[0]) as file:
        assert file["images"].shape == (2, 2, 240, 4096)
        assert file["images"].dtype == np.int16
        assert file["Energy"][0] == pytest.approx(1.038272)
        assert file["trajectory/C"].shape == (file["trajectory/offsets"][-1], 3)
        assert file["trajectory/V"].shape == (file["trajectory/offsets"][-1],)
        stored = file["images"][:]
    rng = block_generator(3, "proton", 0, 0)
    assert (stored == dense(events(Lariat(energy=100), SPECIES["proton"], 2, rng))).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"energy": -5}, "greater than 0"),
        ({"energy": 1e6}, "energies end at"),
        ({"x": 60}, "outside the argon"),
        ({"y": [0, 30]}, "outside the argon"),
        ({"field": 0.05}, "later than the 4096"),
        ({"neutrino_energy": 10}, "neutrinos begin at"),
        ({"temperature": 300}, "less than or equal to 100"),
        ({"angle": 200}, "between 0 and 180"),
    ],
)
def test_impossible_physics(parameters: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        pidcam.simulate("lariat", 1, tmp_path / "x", **parameters)
    assert "\n" not in str(caught.value)
