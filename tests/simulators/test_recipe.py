"""A recipe that simulates what it learns from and tests on files of their own, from nothing to a report."""

from __future__ import annotations

from pathlib import Path

import pytest

import pidcam
from pidcam.config import dump_yaml
from pidcam.errors import ConfigError, InputError
from pidcam.simulators.base import Simulator

RECIPE = {
    "name": "mine",
    "title": "Toys",
    "detector": "toy",
    "simulate": {"n": 60, "seed": 1},
    "test": ["judge/*/*.hdf5"],
    "prepare": {"split": "0.8/0.2", "seed": 3},
    "models": [
        {"name": "mlp", "config": {"model": {"widths": [4]}, "training": {"epochs": 1, "precision": "fp32"}}},
        {"name": "bdt", "config": {"model": {"trees": 5}}},
    ],
    "train_events": 50,
    "reference": "bdt",
}


@pytest.fixture(autouse=True)
def folder(toy_simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Toys are known in this process only."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pidcam.simulators.run.available_cores", lambda: 1)


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
    assert result.report.exists()

    made = {p: p.stat().st_mtime_ns for p in Path().rglob("*") if p.suffix in (".hdf5", ".arrow", ".safetensors")}
    assert len(made) > 6
    capsys.readouterr()
    again = pidcam.run(path)
    assert again.metrics == result.metrics
    assert {p: p.stat().st_mtime_ns for p in made} == made, "what is there is taken as it is"
    assert "runs/mine-mlp: trained already, with this configuration" in capsys.readouterr().err

    with pytest.raises(InputError, match="holds a finished store of other files or options"):
        pidcam.run(path, judge, models=["bdt"])
    given = pidcam.run(path, judge, models=["bdt"], stores="own", runs="own", quick=True)
    assert not any(s.test for s in given.store.manifest.sources), "files replace all samples"
    assert given.store.path == Path("own/mine-quick")


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
