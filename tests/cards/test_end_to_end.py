"""Somebody's own files: a drafted card, then every verb as for a detector that pidcam knows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import pidcam
from pidcam.cli.main import app
from pidcam.errors import ExistsError
from pidcam.predictions import Predictions

FAST = ["training.epochs=1", "training.batch_size=32", "training.optimiser.lr=0.01", "model.widths=[32]"]


def train_and_predict(card: Path, files: list[Path], work: Path, *, evaluate: bool = True) -> Predictions:
    """Prepare what the card names, train one epoch, score the raw files."""
    store = pidcam.prepare(card, out=work / "store", seed=1, workers=1)
    assert pidcam.inspect(store.path, detector=str(card)).detector == store.schema.name
    run = pidcam.train(store.path, work / "run", model="mlp", set=FAST)
    if evaluate:
        assert pidcam.evaluate(run)["test"]["n"] == store.manifest.events("test")
    card.rename(card.with_suffix(".moved"))  # a run knows its layout, and needs no card
    done = pidcam.predict(work / "run", files, work / "scores.parquet")
    return Predictions.load(done.out)


def test_digits(digits: Path, tmp_path: Path) -> None:
    shutil.copy(digits, tmp_path)
    drafted = pidcam.card(tmp_path / "digits.npz", tmp_path / "digits.yaml")
    assert drafted.events == 1797
    scores = train_and_predict(drafted.path, [tmp_path / "digits.npz"], tmp_path, evaluate=False)
    assert len(scores) == 1797
    with np.load(digits) as arrays:
        assert np.array_equal(scores.label, arrays["target"]), "truth comes along where the file has it"
    table = np.stack(list(scores.columns.values()), 1)
    assert list(scores.columns) == [f"p_class {i}" for i in range(10)]
    assert np.allclose(table.sum(1), 1)
    assert (table.argmax(1) == scores.label).mean() > 0.5, "one epoch beats chance"


def test_timepix(timepix: list[Path], tmp_path: Path) -> None:
    files = [Path(shutil.copy(path, tmp_path)) for path in timepix]
    drafted = pidcam.card(files, tmp_path / "timepix.yaml")
    assert drafted.card.event_schema().class_names == ("alpha", "muon")
    assert drafted.events == 400
    scores = train_and_predict(drafted.path, files, tmp_path)
    assert len(scores) == 400
    assert scores.label.tolist() == [0] * 200 + [1] * 200, "the class is in the name of the file"
    assert set(scores.columns) == {"p_alpha", "p_muon"}
    unknown = files[0].rename(tmp_path / "unknown.txt")
    done = pidcam.predict(tmp_path / "run", unknown, tmp_path / "unknown.parquet")
    again = Predictions.load(done.out)
    assert set(again.label) == {-1}
    assert np.allclose(again.columns["p_alpha"], scores.columns["p_alpha"][:200])


def test_pictures(pictures: Path, tmp_path: Path) -> None:
    shutil.copytree(pictures, tmp_path / "png")
    drafted = pidcam.card(tmp_path / "png", tmp_path / "png.yaml")
    assert drafted.events == 160
    folders = [tmp_path / "png" / "alpha", tmp_path / "png" / "muon"]
    seen = pidcam.inspect(folders, detector=str(drafted.path))
    assert seen.events.events == 160
    scores = train_and_predict(drafted.path, folders, tmp_path)
    assert scores.label.tolist() == [0] * 80 + [1] * 80
    one = pidcam.predict(tmp_path / "run", folders[1] / "007.png", tmp_path / "one.parquet")
    assert Predictions.load(one.out).columns["p_muon"][0] == pytest.approx(scores.columns["p_muon"][87], abs=1e-6)


def test_the_command_line(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(digits, tmp_path)
    runner = CliRunner()
    result = runner.invoke(app, ["card", "digits.npz"])
    assert result.exit_code == 0, result.output
    assert "'target' looks like the label" in result.output
    assert result.output.endswith("card: digits.yaml\nnext: pidcam prepare digits.yaml\n")
    again = runner.invoke(app, ["card", "digits.npz"])
    assert again.exit_code == 2
    assert "digits.yaml: already exists, nothing was overwritten" in again.output
    result = runner.invoke(app, ["prepare", "digits.yaml", "--quiet", "--json", "--limit", "20", "--workers", "1"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["store"] == "stores/digits"
    source = {"key": "images", "order": "no-channel", "flat": False, "dtype": "float32"}
    assert told["raw_layout"]["images"]["images"] == source


def test_another_card_makes_another_store(digits: Path, tmp_path: Path) -> None:
    shutil.copy(digits, tmp_path)
    drafted = pidcam.card(tmp_path / "digits.npz", tmp_path / "digits.yaml")
    pidcam.prepare(drafted.path, out=tmp_path / "store", limit=10, workers=1)
    drafted.path.write_text(drafted.path.read_text().replace("unit: ''", "unit: counts"))
    with pytest.raises(ExistsError, match="holds a finished store of other files or options"):
        pidcam.prepare(drafted.path, out=tmp_path / "store", limit=10, workers=1)
