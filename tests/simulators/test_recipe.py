"""A recipe that simulates what it learns from and tests on files of their own, from nothing to a report."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import pidcam
from pidcam.cli.main import app
from pidcam.config import dump_yaml
from pidcam.errors import ConfigError, InputError, Stopped
from pidcam.predictions import Predictions
from pidcam.simulators.base import Simulator
from pidcam.training.step import Stepper
from pidcam.verbs.commands import prepare_command

RECIPE = {
    "name": "mine",
    "title": "Toys",
    "detector": "toy",
    "simulate": {"n": 60, "seed": 1},
    "test": ["judge/*/*.hdf5"],
    "prepare": {"split": "0.8/0.2", "seed": 3},
    "models": [
        {"name": "mlp", "config": {"model": {"widths": [4]}, "training": {"epochs": 1, "precision": "fp32"}}},
        {"name": "bdt", "config": {"model": {"trees": 5}}, "note": "five trees of a hundred"},
    ],
    "train_events": 50,
    "reference": "bdt",
}


TINY = {"model": {"widths": [4]}, "training": {"epochs": 1, "batch_size": 48, "precision": "fp32", "threads": 1}}
ONE = {"test": [], "prepare": {"split": "0.6/0.2/0.2", "seed": 3}, "models": [{"name": "mlp", "config": TINY}]}
"""Changes to the recipe: a single model, tested on what it simulates."""


@pytest.fixture(autouse=True)
def folder(toy_simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Toys are known in this process only."""
    monkeypatch.chdir(tmp_path)
    for place in ("simulators.run", "store.prepare"):
        monkeypatch.setattr(f"pidcam.{place}.available_cores", lambda: 1)


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pidcam.verbs.evaluate.write_figures", lambda *arguments: None)


def recipe(path: Path, **changes: object) -> Path:
    path.write_text(dump_yaml({**RECIPE, **changes}), encoding="utf-8")
    return path


def test_from_nothing_to_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judge = pidcam.simulate("toy", 30, "judge", seed=2, workers=1).files
    path = recipe(tmp_path / "mine.yaml")
    result = pidcam.run(path)
    events = {split: result.store.manifest.events(split) for split in result.store.splits}
    assert events == {"train": 96, "valid": 24, "test": 60}
    assert {s.name for s in result.store.manifest.sources if s.test} == {f"{p.parent.name}/{p.name}" for p in judge}
    for of in result.metrics.values():
        assert {split: of[split]["n"] for split in events} == {"train": 50, "valid": 24, "test": 60}
    assert set(result.comparisons) == {"mlp"}
    assert result.report == Path("runs/mine.html")
    assert result.notes == {"bdt": "five trees of a hundred"}
    assert "<b>mine-bdt:</b> five trees of a hundred.</p>" in result.report.read_text(encoding="utf-8")

    made = {p: p.stat().st_mtime_ns for p in Path().rglob("*") if p.suffix in (".hdf5", ".arrow", ".safetensors")}
    assert len(made) > 6
    capsys.readouterr()
    again = pidcam.run(path)
    assert again.metrics == result.metrics
    assert {p: p.stat().st_mtime_ns for p in made} == made, "what is there is taken as it is"
    assert "runs/mine-mlp: trained already, with this configuration" in capsys.readouterr().err

    with pytest.raises(InputError, match="holds a finished store of other files or options"):
        pidcam.run(path, judge, models=["bdt"])
    assert f" --test {judge[0].resolve().relative_to(tmp_path.resolve())} " in prepare_command(result.store)
    given = pidcam.run(path, judge, models=["bdt"], stores="own", runs="own", quick=True)
    assert not any(s.test for s in given.store.manifest.sources), "files replace all samples"
    assert given.store.path == Path("own/mine-quick")
    assert given.notes == {"bdt": "a smoke run: at most 1,000 events in at most 2 epochs"}, (
        "not what the recipe shortens"
    )


def test_what_cannot_be(tmp_path: Path) -> None:
    path = recipe(tmp_path / "mine.yaml")
    with pytest.raises(InputError) as caught:
        pidcam.run(path)
    assert str(caught.value) == (
        "recipe 'mine': no file matches judge/*/*.hdf5; give raw files (pidcam run mine FILES...) "
        "or fetch them (pidcam download toy)"
    )
    assert not Path("data").exists(), "nothing is simulated in vain"
    path = recipe(tmp_path / "mine.yaml", files=["a.hdf5"])
    with pytest.raises(ConfigError) as both:
        pidcam.run(path)
    assert str(both.value) == f"{path}: has both files and simulate; leave one out"


@pytest.mark.usefixtures("no_figures")
def test_repeats_stop_between_seeds_and_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = recipe(tmp_path / "mine.yaml", **ONE)
    step, taken = Stepper.__call__, []

    def stopped_in_the_second(self: Stepper, batch: Any) -> Any:
        taken.append(self)
        if len(taken) == 3:  # 72 events in batches of 48 are two steps
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Stepper, "__call__", stopped_in_the_second)
        with pytest.raises(Stopped):
            pidcam.run(path, repeats=2)
    first = Path("runs/mine-mlp-repeats-2/seed-0/model/weights.safetensors")
    before = first.stat().st_mtime_ns
    assert not Path("runs/mine-mlp-repeats-2/group.json").exists()

    result = pidcam.run(path, repeats=2)
    assert first.stat().st_mtime_ns == before, "the seed that was finished is taken as it is"
    assert list(result.runs) == ["mlp seed-0", "mlp seed-1"]
    assert [run.config.training.seed for run in result.runs.values()] == [0, 1]
    straight = pidcam.train(result.store.path, tmp_path / "straight", model="mlp", config=TINY, set=["training.seed=1"])
    assert straight.history[0]["train_loss"] == result.runs["mlp seed-1"].history[0]["train_loss"]

    told = result.spread["mlp"]["splits"]["test"]
    areas = [result.metrics[name]["test"]["auc"] for name in result.runs]
    assert (told["auc"]["mean"], told["auc"]["spread"]) == pytest.approx((np.mean(areas), np.std(areas, ddof=1)))
    assert told["auc"]["error_of_mean"] == pytest.approx(
        np.hypot(told["auc"]["statistical"], told["auc"]["spread"] / 2**0.5)
    )
    assert told["loss"]["statistical"] is None, "nobody knows the error of a loss"

    capsys.readouterr()
    again = CliRunner().invoke(app, ["run", str(path), "--repeats", "2"])
    assert again.exit_code == 0, again.output
    for seed in (0, 1):
        assert f"runs/mine-mlp-repeats-2/seed-{seed}: trained already, with this configuration" in again.stderr
    assert "mlp, 2 seeds: seed-0, seed-1" in again.stdout
    assert "spread over seeds" in again.stdout
    assert "next: pidcam predict runs/mine-mlp-repeats-2 FILES..." in again.stdout
    assert "differ in the seed alone: mean test AUC" in Path("runs/mine-repeats-2.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("no_figures")
def test_folds_have_a_page_and_predict_together(tmp_path: Path) -> None:
    path = recipe(tmp_path / "mine.yaml", **ONE)
    result = pidcam.run(path, folds=3)
    assert list(result.runs) == [f"mlp fold-{k}" for k in range(3)]
    assert sum(of["test"]["n"] for of in result.metrics.values()) == 120, "every event is tested once"
    area = result.spread["mlp"]["splits"]["test"]["auc"]
    assert area["error_of_mean"] == pytest.approx(area["spread"] / 3**0.5), "that of the test events is part of it"
    assert not result.comparisons
    page = result.report.read_text(encoding="utf-8")
    assert " --split folds:3 " in page
    assert "mine-mlp-folds-3, 3 folds: fold-0, fold-1, fold-2" in page
    assert "Not compared" not in page, "folds are no rivals"

    run = result.runs["mlp fold-1"]
    shown = pidcam.display(run.path, event=0)
    mine = Predictions.load(run.path / "predictions" / "test.parquet")
    assert (shown.batch.file[0], shown.batch.row[0]) == (mine.file[0], mine.row[0]), "the event is of this fold"

    raw = sorted(Path("data/mine").glob("*/*.hdf5"))[:1]

    def scores(name: Path) -> np.ndarray:
        pidcam.predict(name, raw, tmp_path / f"{name.name}.parquet")
        return Predictions.load(tmp_path / f"{name.name}.parquet").columns["p_electron"]

    each = [scores(member.path) for member in result.runs.values()]
    assert scores(run.path.parent) == pytest.approx(np.mean(each, axis=0))
    assert np.std(each, axis=0).max() > 0


@pytest.mark.usefixtures("no_figures")
def test_models_are_compared_fold_by_fold(tmp_path: Path) -> None:
    path = recipe(tmp_path / "mine.yaml", **{**ONE, "models": [*ONE["models"], RECIPE["models"][1]]})
    result = pidcam.run(path, folds=3)
    groups = [result.runs[f"{model} fold-0"].path.parent for model in ("bdt", "mlp")]
    found = pidcam.compare_groups(groups, out=tmp_path / "both", table="csv")
    (area,) = result.comparisons.values()
    assert area == found.rows[1].auc
    assert [pair.n for pair in found.rows[1].members] == [40, 40, 40], "every event once"
    mlp, bdt = ([result.metrics[f"{name} fold-{k}"]["test"]["auc"] for k in range(3)] for name in ("mlp", "bdt"))
    each = np.subtract(mlp, bdt)
    assert (area.difference, area.spread.spread) == pytest.approx((np.mean(each), np.std(each, ddof=1)))
    assert found.warnings["mine-bdt-folds-3"][0] == "five trees of a hundred"
    assert {file.name for file in (tmp_path / "both").iterdir()} == {"comparison.json", "groups.csv"}

    page = result.report.read_text(encoding="utf-8")
    assert "Test AUC of mine-mlp-folds-3 minus mine-bdt-folds-3, mean over 3 folds: " in page
    assert "Not compared" not in page
    done = CliRunner().invoke(app, ["compare", *map(str, groups)])
    assert done.exit_code == 0, done.output
    assert "spread over folds" in done.stdout
    again = CliRunner().invoke(app, ["run", str(path), "--folds", "3"])
    assert "test AUC of mlp - bdt: " in again.stdout
    assert ", mean over 3, of which the spread is " in again.stdout

    member = next(iter(result.runs.values())).path
    mixed = CliRunner().invoke(app, ["compare", str(groups[0]), str(member)])
    line = f"pidcam: {member}: is no group of runs; compare groups with groups, and runs with runs"
    assert (mixed.exit_code, mixed.stderr.splitlines()[-1]) == (2, line)


@pytest.mark.parametrize(
    ("how", "line"),
    [
        (
            "--repeats 2 --folds 3",
            "repeat with other seeds or on other folds, one of the two; --repeats 5 or --folds 5",
        ),
        ("--repeats 1", "--repeats: a spread needs two repeats or more; --repeats 5"),
        (
            "--folds 2",
            "--folds: 2 is no number of folds from 3 to 100; --folds 5 (one tests, one validates, three train)",
        ),
        ("--folds 5", "recipe 'mine' tests on files of their own; take --repeats in place of --folds"),
    ],
)
def test_what_gives_no_spread_is_said_before_anything_is_made(tmp_path: Path, how: str, line: str) -> None:
    path = recipe(tmp_path / "mine.yaml")
    done = CliRunner().invoke(app, ["run", str(path), *how.split()])
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (2, f"pidcam: {line}")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.yaml"]
