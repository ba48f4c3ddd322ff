"""A stranger's package adds a detector, a model and a task through entry points alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from haste import NO_DRAWING
from pidcam.detectors.base import detectors
from pidcam.errors import UnknownNameError
from pidcam.predictions import Predictions

PLUGIN = Path(__file__).parent / "plugin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that an installer would have made of `tests/plugin`, without needing one."""
    folder = tmp_path_factory.mktemp("site-packages")
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (folder / "pidcam_stranger").symlink_to(PLUGIN / "src" / "pidcam_stranger")
    info = folder / "pidcam_stranger-1.0.dist-info"
    info.mkdir()
    text = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(text, encoding="utf-8")
    groups = [
        f"[{group}]\n" + "".join(f"{name} = {module}\n" for name, module in points.items())
        for group, points in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(groups), encoding="utf-8")
    return folder


DRIVER = f"""
{NO_DRAWING}
import contextlib, io, json, sys
from pidcam.cli.main import app
for arguments in json.load(sys.stdin):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        app([*arguments, "--json"], standalone_mode=False)
    print(json.dumps(json.loads(out.getvalue())))
"""


def pidcam(installed: Path, *commands: tuple[object, ...]) -> list[Any]:
    """What each command prints as JSON, in one process with the stranger's package installed."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    given = json.dumps([[str(a) for a in command] for command in commands])
    command = [sys.executable, "-c", DRIVER]
    result = subprocess.run(command, env=environment, input=given, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Charge falls with momentum, more slowly for protons."""
    rng = np.random.default_rng(4)
    path = tmp_path_factory.mktemp("raw") / "beam.h5"
    pdg = rng.choice([211, -211, 2212], 400)
    momentum = rng.uniform(1, 5, 400)
    charge = np.where(pdg == 2212, 40, 20) / momentum + rng.normal(0, 0.5, 400)
    clusters = np.zeros((400, 8, 8), np.float32)
    clusters[:, 3:5, 4] = charge[:, None] / 2
    with h5py.File(path, "w") as file:
        file["clusters"], file["track/angle"] = clusters, rng.normal(0, 0.1, 400)
        file["truth/p"], file["truth/pdg"] = momentum, pdg
    return path


def test_everything_a_stranger_brings_works_as_if_it_were_ours(installed: Path, raw: Path, tmp_path: Path) -> None:
    store, runs = tmp_path / "store", {task: tmp_path / task for task in ("classify", "momentum")}
    tiny = ("training.epochs=1", "training.precision=fp32", "model.width=4")

    def train(task: str, *options: str) -> tuple[object, ...]:
        return ("train", store, *tiny, *options, "--model", "total", "--task", task, "--out", runs[task])

    models, detectors, tasks, prepared, *rest = pidcam(
        installed,
        *(("list", kind) for kind in ("models", "detectors", "tasks")),
        ("prepare", "telescope", raw, "--out", store, "--workers", "1"),
        train("classify"),
        train("momentum", "task.unit=2.5"),
        *(("evaluate", run) for run in runs.values()),
        *(("predict", run, raw, "--out", f"{run}.parquet") for run in runs.values()),
        ("report", runs["momentum"]),
    )
    trained, evaluated, predicted, (reported,) = (rest[i : i + 2] for i in range(0, 8, 2))
    (total,) = (row for row in models if row["name"] == "total")
    assert total["title"] == "A small network on the summed charge"
    assert set(total["parameters"]) == set(total["detectors"]) >= {"telescope", "cms-ecal"}
    assert total["parameters"]["telescope"] == 2 * 16 + 16 + 16 + 1
    assert "telescope" in {row["name"] for row in detectors}
    assert {"momentum", "classify"} <= {row["name"] for row in tasks}
    assert prepared["detector"] == "telescope"
    assert sum(prepared["accounting"]["read"].values()) == 400
    assert [run["state"] for run in trained] == ["trained"] * 2
    for metrics in (each["metrics"] for each in evaluated):
        assert metrics["test"]["n"] == 40
        assert np.isfinite(metrics["test"]["loss"])
    for told, column in zip(predicted, ("p_proton", "predicted_momentum"), strict=True):
        assert np.isfinite(Predictions.load(told["out"]).columns[column]).all()
    assert Path(reported["report"]).exists()


def test_without_the_package_its_names_are_unknown() -> None:
    with pytest.raises(UnknownNameError, match="unknown detector 'telescope'"):
        detectors["telescope"]
