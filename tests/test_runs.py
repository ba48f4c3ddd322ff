"""The files of a run directory, and the one-file checkpoints that a kill cannot tear apart."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pidcam.errors import DataError, InputError
from pidcam.runs import RunDirectory, provenance


@pytest.fixture
def directory(tmp_path):
    run = RunDirectory(tmp_path / "run")
    run.create()
    run.update(state="training")
    return run


def test_facts_are_added_and_kept(directory):
    directory.update(parameters=3)
    directory.update(state="trained")
    assert directory.about == {"format": 1, "state": "trained", "parameters": 3}
    assert RunDirectory.open(directory.path).about["state"] == "trained"


def test_history_told_again_replaces_what_came_after(directory):
    for epoch in (1, 2, 3):
        directory.epoch({"epoch": epoch, "loss": 1 / epoch})
    directory.epoch({"epoch": 2, "loss": 0.4})
    assert directory.history == [{"epoch": 1, "loss": 1.0}, {"epoch": 2, "loss": 0.4}]
    lines = (directory.path / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2]


def test_checkpoint_round_trip(directory):
    tensors = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array(3, np.int64)}
    state = {"epoch": 2, "best": None, "losses": [0.1, 1e-300]}
    assert directory.load_checkpoint("last") is None
    directory.save_checkpoint("last", tensors, state)
    loaded, told = directory.load_checkpoint("last")
    assert told == state
    assert {k: v.tolist() for k, v in loaded.items()} == {k: v.tolist() for k, v in tensors.items()}
    assert [p.name for p in (directory.path / "checkpoints").iterdir()] == ["last.safetensors"]


def test_damaged_checkpoint_is_named(directory):
    path = directory.path / "checkpoints" / "last.safetensors"
    path.parent.mkdir()
    path.write_bytes(b"\x80\x04pickle")
    with pytest.raises(DataError) as error:
        directory.load_checkpoint("last")
    assert str(error.value) == f"{path}: is not a pidcam checkpoint"


def test_what_is_no_run(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as error:
        RunDirectory.open(tmp_path / "empty")
    assert str(error.value) == (
        f"{tmp_path / 'empty'}: is not a run (it has no run.json); make one with: pidcam train STORE --out RUN"
    )


def test_other_format_is_refused(directory):
    directory.update(format=99)
    with pytest.raises(DataError) as error:
        RunDirectory.open(directory.path)
    assert str(error.value) == f"{directory.path}: has run format 99, this pidcam reads 1"


def test_provenance_is_json():
    facts = json.loads(json.dumps(provenance()))
    assert {"pidcam", "python", "packages", "git_commit", "created"} <= facts.keys()
    assert facts["packages"]["torch"]
