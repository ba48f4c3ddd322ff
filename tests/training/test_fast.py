"""Fast predictions: chosen by the clock, with the shift of scores and AUC told; exact ones stay exact."""

from __future__ import annotations

import pkgutil

import numpy as np
import pytest

import pidcam
from pidcam.errors import InputError
from pidcam.predictions import Predictions
from pidcam.training import fast

TINY = ["training.epochs=1", "training.batch_size=64", "training.precision=fp32", "training.threads=1"]


@pytest.fixture
def bf16_wins(monkeypatch):
    seconds = {"fp32": 1.0, "bf16": 0.25}
    monkeypatch.setattr(fast, "candidates", lambda device: tuple(seconds))
    monkeypatch.setattr(fast, "_seconds", lambda network, batch, precision, hopeless: seconds[precision])


def test_scores_and_auc_shift_are_told_from_files_and_stores(egamma_store, egamma_files, tmp_path, bf16_wins):
    run = pidcam.train(egamma_store.path, tmp_path / "run", model="mlp", set=[*TINY, "model.widths=[16]"])
    exact = pidcam.predict(run.path, egamma_files, tmp_path / "exact.parquet")
    quick = pidcam.predict(run.path, egamma_files, tmp_path / "fast.parquet", fast=True)
    assert exact.fast is None
    assert quick.fast["precision"] == "bf16"
    assert quick.fast["speed"] == 4
    assert 0 < quick.fast["mean_shift"] <= quick.fast["largest_shift"] < 0.02
    columns = [Predictions.load(tmp_path / f"{name}.parquet").columns["p_electron"] for name in ("exact", "fast")]
    assert 0 < np.abs(columns[0] - columns[1]).max() < 0.02
    from_store = pidcam.predict(run.path, egamma_store.path, tmp_path / "store.parquet", fast=True)
    assert abs(from_store.fast["auc_shift"]) < 0.05


@pytest.mark.parametrize("from_store", [True, False])
def test_a_group_reads_its_sample_once(egamma_store, egamma_files, tmp_path, bf16_wins, monkeypatch, from_store):
    read = []
    for place in ("pidcam.formats.reader.EventReader.read", "pidcam.store.loader.Loader.__iter__"):
        original = pkgutil.resolve_name(place)
        monkeypatch.setattr(place, lambda *a, original=original: (read.append(a[1:]), original(*a))[1])
    group = pidcam.train_group(egamma_store.path, tmp_path / "group", repeats=2, model="mlp", set=TINY)
    events = egamma_store.path if from_store else egamma_files
    calls = []
    for runs in (group.members[0], group.path):
        read.clear()
        told = pidcam.predict(runs, events, tmp_path / f"{runs.name}.parquet", fast=True)
        calls.append(list(read))
        assert told.fast["precision"] == "bf16"
    assert calls[0] == calls[1] != []
    exact = pidcam.predict(group.path, events, tmp_path / "exact.parquet")
    columns = [Predictions.load(tmp_path / f"{n}.parquet").columns["p_electron"] for n in ("exact", group.path.name)]
    assert 0 < np.abs(columns[0] - columns[1]).max() < 0.02
    assert exact.fast is None


def test_where_nothing_is_faster_scores_stay_exact(egamma_store, tmp_path, monkeypatch):
    monkeypatch.setattr(fast, "_seconds", lambda network, batch, precision, hopeless: 1.0)
    run = pidcam.train(egamma_store.path, tmp_path / "run", model="mlp", set=[*TINY, "model.widths=[4]"])
    told = pidcam.predict(run.path, egamma_store.path, tmp_path / "fast.parquet", fast=True).fast
    assert (told["precision"], told["speed"], told["largest_shift"], told["auc_shift"]) == ("fp32", 1.0, 0.0, 0.0)


def test_trees_have_no_fast_way(egamma_store, tmp_path):
    run = pidcam.train(egamma_store.path, tmp_path / "run", model="bdt", set=["model.trees=5"])
    with pytest.raises(InputError, match="model 'bdt' has no faster way to predict; leave --fast out"):
        pidcam.predict(run.path, egamma_store.path, tmp_path / "fast.parquet", fast=True)
