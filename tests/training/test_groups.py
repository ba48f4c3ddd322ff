"""The same training with other seeds and on other folds: members, spread, and predictions of all together."""

from __future__ import annotations

import numpy as np
import pytest

import pidcam
from pidcam.errors import InputError
from pidcam.predictions import Predictions
from pidcam.training.group import load_group

TINY = {
    "model": {"name": "mlp", "widths": [4]},
    "training": {"epochs": 1, "batch_size": 64, "precision": "fp32", "threads": 1},
}


@pytest.fixture
def no_figures(monkeypatch):
    monkeypatch.setattr("pidcam.verbs.evaluate.write_figures", lambda *arguments: None)


def test_repeats_differ_in_the_seed_and_their_scores_are_averaged(egamma_store, tmp_path, no_figures):
    group = pidcam.train_group(egamma_store.path, tmp_path / "group", repeats=2, config=TINY, set=["training.seed=3"])
    assert [member.name for member in load_group(group.path).members] == ["seed-3", "seed-4"]
    assert pidcam.train_group(
        egamma_store.path, tmp_path / "group", repeats=2, config=TINY, set=["training.seed=3"]
    ) == group  # fmt: skip

    summary = pidcam.evaluate_group(group.path)
    aucs = [of["test"]["auc"] for of in summary["members"].values()]
    found = summary["splits"]["test"]["auc"]
    assert found["mean"] == pytest.approx(np.mean(aucs))
    assert found["spread"] == pytest.approx(np.std(aucs, ddof=1))
    assert found["statistical"] > 0

    def scores(run):
        pidcam.predict(run, egamma_store.path, tmp_path / f"{run.name}.parquet")
        return Predictions.load(tmp_path / f"{run.name}.parquet").columns["p_electron"]

    assert scores(group.path) == pytest.approx(np.mean([scores(member) for member in group.members], axis=0))
    with pytest.raises(InputError, match="is a group of runs; give one of them: seed-3, seed-4"):
        pidcam.load_run(group.path)


def test_folds_test_every_event_once(egamma_files, tmp_path, no_figures):
    store = pidcam.prepare("cms-ecal", egamma_files, tmp_path / "store", split="folds:3", workers=1)
    group = pidcam.train_group(store.path, tmp_path / "group", folds=3, config=TINY)
    summary = pidcam.evaluate_group(group.path)
    assert sum(of["test"]["n"] for of in summary["members"].values()) == 400
    tested = [Predictions.load(member / "predictions" / "test.parquet") for member in group.members]
    assert len({(f, r) for p in tested for f, r in zip(p.file, p.row, strict=True)}) == 400

    page = pidcam.report(group.path)
    assert page == group.path / "report.html"
    text = page.read_text(encoding="utf-8")
    mean = summary["splits"]["test"]["auc"]["mean"]
    assert "group, 3 folds: fold-0, fold-1, fold-2" in text  # the title of the table of means and spreads
    assert f"{mean:.2f}" in text
    assert "fold 0 of 3 folds stratified, seed 0; fold 1 of 3 folds" in text
    assert f"train {store.path} --config {group.path}/fold-0/config.yaml --out {group.path} --folds 3\n" in text
    assert f"evaluate {group.path}\npidcam report {group.path} --out" in text
    with pytest.raises(InputError, match="has 3 folds, not 5; prepare it with --split folds:5"):
        pidcam.train_group(store.path, tmp_path / "other", folds=5, config=TINY)
