"""Every bad file is answered by one exact line on stderr and exit code 2, and leaves nothing behind."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pidcam.detectors.base import detectors
from pidcam.predictions import Predictions
from pidcam.schema import Channel, EventSchema, Image
from pidcam.store.store import Store

Call = Callable[..., Any]

CHECK = "check that it is a file of 'cms-ecal'"
AGAIN = "fetch or write it again"
EXPECTED = "expected (events, 32, 32, 2) for image 'ecal' (channel-last: energy, time)"
VERBS = ("prepare", "inspect", "predict")


def _truncate(path: Path) -> None:
    with open(path, "r+b") as file:
        file.truncate(50_000)


# name: (how to make it, what is said in prepare, in inspect and in predict; None where it is no fault)
LABEL = "'y' is 7 in event 3, no known class; known are 0 = photon, 1 = electron: correct the label"
ZOO: dict[str, tuple[Callable[[Path, Call], object], str, str | None, str | None]] = {}


def _specimen(name: str, make: Callable[[Path, Call], object], said: str, **elsewhere: str | None) -> None:
    ZOO[name] = (make, said, elsewhere.get("inspect", said), elsewhere.get("predict", said))


_specimen("missing file", lambda path, crops: None, "no such file; check the path")
_specimen(
    "not an HDF5 file",
    lambda path, crops: path.write_text("energy time\n1 2\n"),
    "is not an HDF5 file; check that it is the right file, or fetch it again",
)
_specimen(
    "a web page",
    lambda path, crops: path.write_text("<!DOCTYPE html><html>Sign in"),
    "is a web page (HTML), not data; the download ended at a login or error page: fetch it again",
)
_specimen(
    "a named pipe",
    lambda path, crops: os.mkfifo(path),
    "is a named pipe, not a file; write the data to a file first",
)
_specimen(
    "links in a circle",
    lambda path, crops: path.symlink_to(path.name),
    "cannot be read (Too many levels of symbolic links)",
)
_specimen("empty file", lambda path, crops: path.touch(), f"is empty (0 bytes); {AGAIN}")
_specimen(
    "truncated",
    lambda path, crops: _truncate(crops(path)),
    f"is truncated: 50000 of 165968 bytes are there; {AGAIN}",
)
_specimen(
    "missing key",
    lambda path, crops: crops(path, X=None, images=np.zeros(20)),
    f"has no data set 'X' for image 'ecal', it holds 'images', 'y'; {CHECK}",
)
_specimen(
    "no labels",
    lambda path, crops: crops(path, y=None),
    f"has no data set 'y' for the label, it holds 'X'; {CHECK}",
    inspect=None,
    predict=None,
)
_specimen(
    "wrong shape",
    lambda path, crops: crops(path, X=np.zeros((20, 16, 16, 2))),
    f"'X' has shape (20, 16, 16, 2), {EXPECTED}; {CHECK}",
)
_specimen(
    "channel missing",
    lambda path, crops: crops(path, X=np.zeros((20, 32, 32, 1))),
    f"'X' has shape (20, 32, 32, 1), {EXPECTED}; {CHECK}",
)
_specimen(
    "channels first",
    lambda path, crops: crops(path, X=np.zeros((20, 2, 32, 32))),
    f"'X' has shape (20, 2, 32, 32), {EXPECTED}; its axes look channel-first: declare that order in the layout",
)
_specimen(
    "unknown label",
    lambda path, crops: crops(path, y=np.array([0, 1, 0, 7] * 5)),
    LABEL,
    inspect=None,
    predict=None,
)
_specimen(
    "zero events",
    lambda path, crops: crops(path, X=np.zeros((0, 32, 32, 2)), y=np.zeros(0)),
    "holds no events; leave this file out",
)
_specimen(
    "different lengths",
    lambda path, crops: crops(path, y=np.zeros(7)),
    f"'X' has 20 events but 'y' has 7; {AGAIN}",
)
_specimen(
    "text images",
    lambda path, crops: crops(path, X=np.full((20, 32, 32, 2), b"0.5")),
    f"'X' holds text, expected numbers for image 'ecal'; {CHECK}",
)
_specimen(
    "text labels",
    lambda path, crops: crops(path, y=np.full(20, b"photon")),
    "'y' is 'photon' in event 0, no number; known are 0 = photon, 1 = electron: correct the label",
    inspect=None,
    predict=None,
)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", ZOO)
def test_the_zoo(tmp_path: Path, name: str, verb: str, call: Call, crops: Call, small_run: Path) -> None:
    make, *said = ZOO[name]
    path, out = tmp_path / "raw" / "bad.hdf5", tmp_path / "out"
    out.mkdir()
    path.parent.mkdir()
    make(path, crops)
    good = crops(tmp_path / "raw" / "good.hdf5")
    arguments = {
        "prepare": ("prepare", "cms-ecal", good, path, "--out", out / "store", "--workers", 1),
        "inspect": ("inspect", good, path, "--detector", "cms-ecal", "--json"),
        "predict": ("predict", small_run, good, path, "--out", out / "table.parquet"),
    }[verb]
    done = call(*arguments)
    expected = dict(zip(VERBS, said, strict=True))[verb]
    if expected is None:
        assert (done.code, done.error) == (0, "")
        return
    assert (done.code, done.error, done.out) == (2, f"{path}: {expected}", "")
    assert not list(out.iterdir())


# values


@pytest.fixture
def with_nan(tmp_path: Path, crops: Call) -> Path:
    """20 events: NaN in event 5, infinite in events 7 and 8."""
    with h5py.File(crops(tmp_path / "nan.hdf5"), "r+") as file:
        file["X"][5, 3, 4, 0] = np.nan
        file["X"][7, 0, 0, 1] = np.inf
        file["X"][8, 0, 0, 1] = -np.inf
    return tmp_path / "nan.hdf5"


def test_not_a_number(tmp_path: Path, with_nan: Path, call: Call, small_run: Path) -> None:
    fix = "repair the file, or leave such events out with --drop-bad"
    line = f"{with_nan}: image 'ecal', energy is nan in event 5; {fix}"
    store, table = tmp_path / "store", tmp_path / "table.parquet"
    for done in (
        call("prepare", "cms-ecal", with_nan, "--out", store, "--workers", 1),
        call("predict", small_run, with_nan, "--out", table),
    ):
        assert (done.code, done.error) == (2, line)
    assert [p.name for p in tmp_path.iterdir()] == ["nan.hdf5"]


def test_not_a_number_is_dropped_and_counted(tmp_path: Path, with_nan: Path, call: Call, small_run: Path) -> None:
    done = call("prepare", "cms-ecal", with_nan, "--out", tmp_path / "store", "--workers", 1, "--drop-bad")
    assert (done.code, done.error) == (0, "")
    accounting = Store(tmp_path / "store").manifest.accounting
    assert accounting.dropped == {"bad values": {"photon": 1, "electron": 2}}
    assert accounting.adds_up()
    done = call("predict", small_run, with_nan, "--out", tmp_path / "table.parquet", "--drop-bad")
    assert (done.code, done.error) == (0, "")
    assert done.out.startswith("17 events, 3 bad events left out\n")
    assert Predictions.load(tmp_path / "table.parquet").row.tolist() == [i for i in range(20) if i not in (5, 7, 8)]


def _register(monkeypatch: pytest.MonkeyPatch, name: str, **change: Any) -> EventSchema:
    """cms-ecal under another name, its schema changed."""
    ecal = detectors["cms-ecal"]()
    schema = ecal.schema.model_copy(update={"name": name, **change})
    monkeypatch.setitem(detectors._things, name, lambda: replace(ecal, name=name, schema=schema))
    return schema


def test_negative_where_that_is_forbidden(
    tmp_path: Path, crops: Call, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    channels = (Channel(name="energy", unit="50 GeV", non_negative=True), Channel(name="time", unit="ns"))
    _register(monkeypatch, "strict", images=(Image(name="ecal", shape=(32, 32), channels=channels),))
    path = crops(tmp_path / "negative.hdf5")
    with h5py.File(path, "r+") as file:
        file["X"][4, 0, 0] = [0.5, -3]
        file["X"][6, 0, 0] = [-0.25, 3]
    prepare = ("prepare", "strict", path, "--out", tmp_path / "store", "--workers", 1)
    done = call(*prepare)
    fix = "repair the file, or leave such events out with --drop-bad"
    line = f"{path}: image 'ecal', energy is -0.25 in event 6, but is declared non-negative; {fix}"
    assert (done.code, done.error) == (2, line)
    assert call(*prepare, "--drop-bad").code == 0
    assert Store(tmp_path / "store").manifest.accounting.dropped == {"bad values": {"photon": 1, "electron": 0}}


# classes


def test_one_class_only(tmp_path: Path, crops: Call, call: Call, small_run: Path) -> None:
    path, store = crops(tmp_path / "photons.hdf5", y=np.zeros(20)), tmp_path / "store"
    prepare = ("prepare", "cms-ecal", path, "--out", store, "--workers", 1)
    done = call(*prepare)
    assert (done.code, done.error) == (
        2,
        "the files hold only class 'photon', and learning needs at least two; "
        "give the files of the other classes too, or pass --allow-one-class",
    )
    assert not store.exists()
    assert call(*prepare, "--allow-one-class").code == 0
    done = call("train", store, "--model", "mlp", "--out", tmp_path / "run")
    assert (done.code, done.error) == (
        2,
        f"{store}: the train split has no event of class 'electron'; "
        "prepare it with events of every class, or select classes with task.classes=[...]",
    )
    done = call("evaluate", small_run, "--data", store)
    assert (done.code, done.error) == (
        2,
        f"{store}: holds only class 'photon', and a classifier is judged by telling classes apart; "
        f"take a store of several classes, or score this one with: pidcam predict {small_run} {store}",
    )
    for number, given in enumerate((path, store)):
        assert call("inspect", given).code == 0
        assert call("predict", small_run, given, "--out", tmp_path / f"{number}.parquet").code == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.parquet", "1.parquet", "photons.hdf5", "store"]
    assert not (small_run / "evaluations").exists()


# a store that does not fit the model


@pytest.mark.parametrize("verb", ["predict", "evaluate"])
def test_a_store_of_another_schema(
    tmp_path: Path, verb: str, crops: Call, call: Call, small_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    channels = (Channel(name="energy", unit="GeV"), Channel(name="time", unit="ns"))
    _register(monkeypatch, "other", images=(Image(name="ecal", shape=(8, 8), axes=("eta", "phi"), channels=channels),))
    path = crops(tmp_path / "other.hdf5", X=np.random.default_rng(0).random((20, 8, 8, 2)))
    assert call("prepare", "other", path, "--out", tmp_path / "store", "--workers", 1).code == 0
    assert _refused(verb, call, small_run, tmp_path) == (
        "image 'ecal' is 8x8 of (energy [GeV], time [ns]), expected 32x32 of (energy [50 GeV], time [ns])"
    )


@pytest.mark.parametrize("verb", ["predict", "evaluate"])
def test_a_store_of_another_class_order(
    tmp_path: Path, verb: str, crops: Call, call: Call, small_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classes = detectors["cms-ecal"]().schema.classes
    _register(monkeypatch, "turned", classes=classes[::-1])
    path = crops(tmp_path / "turned.hdf5")
    assert call("prepare", "turned", path, "--out", tmp_path / "store", "--workers", 1).code == 0
    assert _refused(verb, call, small_run, tmp_path) == (
        "classes are electron, photon, expected photon, electron; "
        "class order is part of the data: prepare the store with the detector the model was trained for"
    )


def _refused(verb: str, call: Call, run: Path, folder: Path) -> str:
    store, table = folder / "store", folder / "table.parquet"
    done = call("predict", run, store, "--out", table) if verb == "predict" else call("evaluate", run, "--data", store)
    assert done.code == 2
    assert not table.exists()
    assert not (run / "evaluations").exists()
    return str(done.error).removeprefix(f"{store}: ")
