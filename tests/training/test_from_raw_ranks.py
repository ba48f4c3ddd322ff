"""Two processes train on raw files while the first makes the store: as one would, and neither waits for a lost one."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from safetensors.numpy import load_file

from pidcam.batch import Batch
from pidcam.errors import DataError, InputError, PidcamError, Stopped
from pidcam.formats import reader
from pidcam.store import first_pass
from pidcam.store.store import Store
from pidcam.training.clock import Clock
from pidcam.training.ranks import Ranks
from pidcam.training.step import Done, Stepper
from pidcam.verbs.fitting import train_on
from pidcam.verbs.train import resume, train
from two_ranks import free_port, result, second_rank

CONFIG = {
    "model": {"name": "mlp", "widths": [8], "dropout": 0.0},
    "transforms": [{"name": "scale"}],
    "training": {"epochs": 2, "batch_size": 47, "precision": "fp32", "threads": 1},
}


def started(files: list[str], folder: str) -> None:
    raw = {"detector": "cms-ecal", "files": files, "prepare": {"split": "hash:0.7/0.2/0.1", "seed": 3}}
    train(f"{folder}/store", f"{folder}/run", config=CONFIG, from_raw=raw, workers=1)


def several_windows(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reader, "READ_BYTES", 50 * 9000)  # pieces of a chunk
    patch.setattr(first_pass, "PIECES", 4)
    patch.setattr(first_pass, "BYTES", 1)


def work(
    good: list[str], bad: list[str], folders: list[str], ports: list[str], patch: pytest.MonkeyPatch, *, stops: bool
) -> dict[str, Any]:
    """What one rank does: meet a broken file; then train, be stopped in the first epoch, go on. What it was told, and
    the events of the first epoch that it saw."""
    seen, told, step = [], [], Stepper.__call__

    def call(self: Stepper, batch: Batch) -> Done:
        if self.state.step == 2 and stops:
            signal.raise_signal(signal.SIGTERM)
        if self.state.epoch == 0:
            seen.extend(batch.event.tolist())
        return step(self, batch)

    several_windows(patch)
    patch.setattr(Stepper, "__call__", call)
    for files, folder, port in zip((bad, good), folders, ports[:2], strict=True):
        patch.setenv("MASTER_PORT", port)
        with pytest.raises(PidcamError) as error:
            started(files, folder)
        told.append([error.type.__name__, str(error.value)])
    stops = False
    patch.setenv("MASTER_PORT", ports[2])
    resume(f"{folders[1]}/run")
    return {"seen": seen, "told": told}


def test_two_ranks_train_like_one(egamma_files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, alone, failed, together = (tmp_path / name for name in ("broken", "alone", "failed", "together"))
    good, bad = [str(f) for f in egamma_files], [str(broken / f.name) for f in egamma_files]
    broken.mkdir()
    for source, copy in zip(good, bad, strict=True):
        shutil.copy(source, copy)
    with h5py.File(bad[1], "r+") as raw:  # in the last piece: the first window is there by then
        raw["X"][190] = np.nan
    given = [good, bad, [str(failed), str(together)], [free_port() for _ in range(3)]]
    with monkeypatch.context() as patch:
        several_windows(patch)
        started(good, str(alone))
    with monkeypatch.context() as patch:
        other = second_rank(__file__, given, patch)
        said = [work(*given, patch, stops=False), result(other)]

    (first, first_stop), (second, second_stop) = (one["told"] for one in said)
    assert first[0] == DataError.__name__
    assert first[1].startswith(f"{bad[1]}: image 'ecal', energy is nan in event 190")
    assert second == [PidcamError.__name__, f"another rank ended: {first[1]}"]
    assert first_stop[0] == second_stop[0] == Stopped.__name__
    assert "stopped by another rank in epoch 1" in first_stop[1]

    store = {p.name: p.read_bytes() for p in (together / "store").iterdir()}
    assert store == {p.name: p.read_bytes() for p in (alone / "store").iterdir()}
    met = [tuple(event) for one in said for event in one["seen"]]
    learnt = [(f, r) for s in Store(together / "store").shards("train") for f, r in zip(s.file, s.row, strict=True)]
    assert min(len(one["seen"]) for one in said) > len(met) // 3
    assert sorted(met) == sorted(learnt), "every event once, on one rank"
    one, two = (load_file(folder / "run" / "model" / "weights.safetensors") for folder in (alone, together))
    for name, value in one.items():
        assert two[name] == pytest.approx(value, abs=2e-5), name


def test_trees_say_that_they_train_in_one_process(egamma_store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^model 'bdt' trains in one process; start it without torchrun$"):
        train_on(egamma_store, tmp_path / "run", {"model": {"name": "bdt"}}, Ranks(1, 2), Clock())
    assert not (tmp_path / "run").exists()


if __name__ == "__main__":
    print(json.dumps(work(*json.loads(sys.argv[1]), pytest.MonkeyPatch(), stops=True)))
