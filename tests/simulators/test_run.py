"""Running a simulator: the same files whatever does the work, nothing overwritten, stopped work finished."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

import pidcam
from pidcam.cli.main import app
from pidcam.errors import ConfigError, ExistsError, InputError, MissingExtraError, UnknownNameError
from pidcam.simulators import run
from pidcam.simulators.base import Simulator, simulators

pytestmark = pytest.mark.usefixtures("toy_simulator")


def content(made: pidcam.verbs.simulate.Simulation) -> dict[str, np.ndarray]:  # type: ignore[name-defined]
    found = {}
    for path in made.files:
        with h5py.File(path) as file:
            found[f"{path.parent.name}/{path.name}"] = file["X"][:]
    return found


def test_files_bear_official_names_and_say_how_they_were_made(tmp_path: Path) -> None:
    made = pidcam.simulate("toy", 50, tmp_path / "raw", seed=3, workers=1, energy=2)
    assert [str(p.relative_to(made.path)) for p in made.files] == [
        f"{species}/toy_n{n}_{number}.hdf5" for species in ("Photon", "Electron") for number, n in enumerate((40, 10))
    ]
    with h5py.File(made.files[0]) as file:
        assert file["X"].shape == (40, 32, 32, 2)
        about = json.loads(file.attrs["pidcam"])
    assert about["parameters"] == {"energy": [2.0, 2.0], "voxel": 1.0}
    assert (about["seed"], about["events_per_species"], about["pidcam"]) == (3, 50, pidcam.__version__)
    assert about["species"] == {"photon": [22], "electron": [11, -11]}
    assert json.loads((made.path / "simulation.json").read_text())["files"][3]["events"] == 10
    visible = {p.name for p in made.path.iterdir() if not p.name.startswith(".")}
    assert visible == {"Photon", "Electron", "simulation.json"}


def test_files_depend_on_the_seed_and_not_on_who_does_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = content(pidcam.simulate("toy", 50, tmp_path / "one", seed=3, workers=1))
    with ThreadPoolExecutor(3) as pool, monkeypatch.context() as patched:
        patched.setattr("pidcam.verbs.simulate.on_cluster", lambda address: nullcontext(pool))
        many = content(pidcam.simulate("toy", 50, tmp_path / "many", seed=3, cluster="tcp://there:8786"))
    other = content(pidcam.simulate("toy", 50, tmp_path / "other", seed=4, workers=1))
    for name, images in one.items():
        np.testing.assert_array_equal(images, many[name])
        assert not np.array_equal(images, other[name])


def test_species_are_chosen_by_name_or_pdg_and_do_not_depend_on_each_other(tmp_path: Path) -> None:
    both = content(pidcam.simulate("toy", 20, tmp_path / "both", workers=1))
    alone = pidcam.simulate("toy", 20, tmp_path / "alone", species=["-11"], workers=1)
    assert alone.record["species"] == {"electron": [-11]}
    assert [p.parent.name for p in alone.files] == ["Electron"]
    with h5py.File(alone.files[0]) as file:
        np.testing.assert_array_equal(file["X"][:], list(both.values())[-1])


def test_no_block_is_like_another(tmp_path: Path) -> None:
    images = np.concatenate(list(content(pidcam.simulate("toy", 100, tmp_path, workers=1)).values()))
    assert len(np.unique(images.sum((1, 2, 3)))) == 200


def test_what_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = content(pidcam.simulate("toy", 50, tmp_path / "whole", workers=1))
    done: list[Any] = []
    real: Callable[..., None] = run.simulate_block

    def dies(block: Any) -> None:
        if len(done) == 5:
            raise KeyboardInterrupt
        done.append(block)
        real(block)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(run, "simulate_block", dies)
        pidcam.simulate("toy", 50, tmp_path / "cut", workers=1)
    assert not list((tmp_path / "cut").rglob("*.hdf5")), "no file under a final name"
    assert not (tmp_path / "cut" / "simulation.json").exists()
    again: list[Any] = []
    monkeypatch.setattr(run, "write_shard", lambda path, batch, write=run.write_shard: again.append(write(path, batch)))
    finished = content(pidcam.simulate("toy", 50, tmp_path / "cut", workers=1))
    assert len(again) == 8 - 5
    assert finished.keys() == whole.keys()
    for name, images in whole.items():
        np.testing.assert_array_equal(images, finished[name])


def test_what_is_finished_is_returned_and_never_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "raw"
    first = pidcam.simulate("toy", 5, out, workers=1)
    times = [p.stat().st_mtime_ns for p in first.files]
    assert pidcam.simulate("toy", 5, out, workers=1).record == first.record
    assert [p.stat().st_mtime_ns for p in first.files] == times
    with pytest.raises(ExistsError, match="holds a finished simulation of other parameters, species, seed or number"):
        pidcam.simulate("toy", 5, out, seed=1, workers=1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(ExistsError, match="already exists and is not a simulation; nothing was overwritten"):
        pidcam.simulate("toy", 5, tmp_path / "mine", workers=1)


BAD = {
    ("energy=-1",): "simulator 'toy' energy: must be greater than 0, not -1",
    ("energy=[2,1]",): "simulator 'toy' energy: a range begins with its smaller end, not [2, 1]",
    ("voxel=0",): "simulator 'toy' voxel: input should be greater than 0, not 0",
    ("voxel=11",): "simulator 'toy': voxel size 11 mm is larger than the detector (10 mm)",
    ("voxl=1",): "simulator 'toy': unknown key 'voxl'; did you mean 'voxel'?",
    ("voxel",): "'voxel' is not key=value; write for example training.epochs=10",
    ("--species", "electrn"): "simulator 'toy': unknown species 'electrn'; did you mean 'electron'?",
    ("--species", "13"): "simulator 'toy': unknown PDG id '13'; did you mean '11'?",
    ("-n", "0"): "0 events cannot be simulated; ask for at least one of each species",
    ("--seed", "-1"): "seed: must not be negative, not -1",
}


@pytest.mark.parametrize("words", BAD, ids=" ".join)
def test_what_cannot_be_simulated_is_one_line(tmp_path: Path, words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, ["simulate", "toy", "--out", str(tmp_path / "raw"), "--workers", "1", *words])
    assert (result.exit_code, result.stderr.strip()) == (2, f"pidcam: {BAD[words]}")
    assert not list(tmp_path.iterdir())


def test_unknown_detectors(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"^unknown simulator 'tey'; did you mean 'toy'\?$"):
        pidcam.simulate("tey", 1, tmp_path)
    with pytest.raises((InputError, ConfigError)):
        pidcam.simulate("toy", 1, tmp_path, energy="high")


def test_a_missing_extra_is_named(tmp_path: Path, toy_simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    lacking = replace(toy_simulator, extra="jets", modules=("pythia_that_is_not_there",))
    monkeypatch.setitem(simulators._things, "toy", lacking)
    with pytest.raises(MissingExtraError, match=r"simulating 'toy' needs an extra; run: pip install 'pidcam\[jets\]'"):
        pidcam.simulate("toy", 1, tmp_path / "raw")
    assert not (tmp_path / "raw").exists()


def test_a_species_may_need_an_extra(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "find_spec", lambda module: None if module == "pythia8mc" else module)
        assert pidcam.simulate("clic-lcd", 1, tmp_path / "usual", workers=1).files
        with pytest.raises(
            MissingExtraError, match=r"species 'gluon jet' needs an extra; run: pip install 'pidcam\[jets\]'"
        ):
            pidcam.simulate("clic-lcd", 1, tmp_path / "jets", species=["gluon jet"])


def test_the_command_shows_files_and_the_next_verb(tmp_path: Path) -> None:
    out = str(tmp_path / "raw")
    words = ["simulate", "toy", "-n", "4", "--out", out, "--workers", "1", "energy=[1,3]"]
    shown = CliRunner().invoke(app, words).stdout
    assert f"next: pidcam prepare toy {out}/Photon/*.hdf5 {out}/Electron/*.hdf5" in shown
    told = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert told["parameters"]["energy"] == [1.0, 3.0]
    assert told["files"][0] == {"file": "Photon/toy_n4_0.hdf5", "species": "photon", "class": "photon", "events": 4}
