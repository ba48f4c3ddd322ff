"""Training on raw files while their store is written: the store is that of prepare, a stop changes no bit."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from safetensors.numpy import load_file

from pidcam.errors import ConfigError, DataError, ExistsError, Stopped
from pidcam.formats import reader
from pidcam.store import first_pass
from pidcam.store.store import Store
from pidcam.training.run import Run
from pidcam.training.step import Stepper
from pidcam.verbs.prepare import prepare
from pidcam.verbs.train import resume, train

CONFIG = {
    "model": {"name": "mlp", "widths": [8], "dropout": 0.2},
    "transforms": [{"name": "scale"}, {"name": "flip", "axes": ["eta"]}],
    "training": {"epochs": 2, "batch_size": 48, "precision": "fp32", "threads": 1, "schedule": {"name": "cosine"}},
}
OPTIONS = {"split": "hash:0.7/0.2/0.1", "seed": 3}


@pytest.fixture(autouse=True, scope="module")
def _several_windows() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "READ_BYTES", 50 * 9000)  # pieces of a chunk
        patch.setattr(first_pass, "PIECES", 4)
        patch.setattr(first_pass, "BYTES", 1)
        yield


@pytest.fixture(scope="module")
def straight(egamma_files: list[Path], tmp_path_factory: pytest.TempPathFactory, _several_windows: None) -> Run:
    """A run that nobody stopped; its store lies beside it."""
    return started(egamma_files, tmp_path_factory.mktemp("straight"))


def started(files: list[Path], folder: Path, **how: Any) -> Any:
    raw = {"detector": "cms-ecal", "files": files, "prepare": OPTIONS}
    return train(folder / "store", folder / "run", from_raw=raw, workers=1, **{"config": CONFIG, **how})


def weights(run: Path) -> dict[str, bytes]:
    return {k: v.tobytes() for k, v in load_file(run / "model" / "weights.safetensors").items()}


def content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    original = Stepper.__call__

    def interrupted(self: Stepper, batch: Any) -> Any:
        if self.state.step == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, batch)

    monkeypatch.setattr(Stepper, "__call__", interrupted)


def test_the_store_is_that_of_prepare_and_a_stop_changes_nothing(
    egamma_files: list[Path], straight: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, store = straight, straight.path.with_name("store")
    alone = prepare("cms-ecal", egamma_files, tmp_path / "prepared", workers=1, **OPTIONS)
    assert content(store) == content(alone.path)
    assert run.about["split_fingerprint"] == alone.manifest.fingerprint
    assert run.about["accounting"] == alone.manifest.accounting.model_dump(mode="json")
    first, second = run.history
    assert first["train_loss"] != second["train_loss"]
    assert run.store().manifest == alone.manifest

    folder = tmp_path / "stopped"
    for step in (2, 8):  # in both epochs, of 7 steps each or so
        with monkeypatch.context() as patch:
            stop_at(patch, step)
            with pytest.raises(Stopped):
                started(egamma_files, folder)
    again = resume(folder / "run")
    assert weights(again.path) == weights(run.path)
    assert content(folder / "store") == content(store)
    assert [row["train_loss"] for row in again.history] == [first["train_loss"], second["train_loss"]]


KILLED = """
import json, os, signal, sys
from pidcam.formats import reader
from pidcam.store import first_pass
from pidcam.training.step import Stepper
from pidcam.verbs.train import train

def killed(self, batch, step=Stepper.__call__):
    if self.state.step == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, batch)

if __name__ == "__main__":
    reader.READ_BYTES, first_pass.PIECES, first_pass.BYTES = 50 * 9000, 4, 1
    Stepper.__call__ = killed
    train(**json.loads(sys.argv[1]))
"""


def test_killed_in_its_first_epoch_it_goes_on_as_if_never(
    egamma_files: list[Path], straight: Run, tmp_path: Path
) -> None:
    """Outright, while the other process may be reading still or be done: it ends too."""
    raw = {"detector": "cms-ecal", "files": list(map(str, egamma_files)), "prepare": OPTIONS}
    how = {"store": str(tmp_path / "store"), "out": str(tmp_path / "run"), "from_raw": raw, "workers": 1}
    script = tmp_path / "script.py"
    script.write_text(KILLED, encoding="utf-8")
    call = [sys.executable, str(script), json.dumps({**how, "config": CONFIG})]
    assert subprocess.run(call, check=False).returncode == -signal.SIGKILL
    assert not (tmp_path / "run" / "history.jsonl").exists()
    run = resume(tmp_path / "run")
    assert weights(run.path) == weights(straight.path)
    assert [row["train_loss"] for row in run.history] == [row["train_loss"] for row in straight.history]
    assert content(tmp_path / "store") == content(straight.path.with_name("store"))


def test_a_broken_file_is_named_though_its_store_is_gone(egamma_files: list[Path], tmp_path: Path) -> None:
    """With the pieces, which are read here meanwhile."""
    broken = Path(shutil.copy(egamma_files[1], tmp_path))
    with h5py.File(broken, "r+") as raw:
        raw["X"][190] = np.nan
    with pytest.raises(DataError, match=r"image 'ecal', energy is nan in event 190"):
        started([egamma_files[0], broken], tmp_path)
    assert not (tmp_path / "store").exists()


def test_a_store_that_is_there_is_taken(egamma_files: list[Path], tmp_path: Path) -> None:
    prepare("cms-ecal", egamma_files, tmp_path / "store", workers=1, **OPTIONS)
    run = started(egamma_files, tmp_path)
    assert run.config.from_raw is None
    assert run.about["split_fingerprint"] == Store(tmp_path / "store").manifest.fingerprint
    assert started(egamma_files, tmp_path).path == run.path  # called again
    with pytest.raises(ExistsError, match="other files or options"):
        started(egamma_files[:1], tmp_path)


def test_trees_take_all_events_at_once(egamma_files: list[Path], tmp_path: Path) -> None:
    run = started(egamma_files, tmp_path, config={"model": {"name": "bdt", "trees": 2}})
    assert run.about["state"] == "trained"
    assert run.about["split_fingerprint"] == Store(tmp_path / "store").manifest.fingerprint
    assert not (tmp_path / "store" / "work").exists()


def test_what_needs_the_finished_store_is_refused(egamma_files: list[Path], tmp_path: Path) -> None:
    for assignment in ("training.limit=10", "training.balance=equal", "training.class_weights=balanced"):
        with pytest.raises(ConfigError, match=assignment.partition("=")[0]):
            started(egamma_files, tmp_path, set=[assignment])
    assert not (tmp_path / "run").exists()
