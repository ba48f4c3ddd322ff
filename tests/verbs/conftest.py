"""A network and trees, fitted in a moment and evaluated."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pidcam.store.store import Store
from pidcam.verbs.evaluate import evaluate
from pidcam.verbs.train import train

SMALL = {
    "mlp": ["training.epochs=1", "training.batch_size=64", "training.precision=fp32", "model.widths=[8]"],
    "bdt": ["model.trees=20"],
}


@pytest.fixture(scope="session")
def evaluated(egamma_store: Store, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """{mlp, bdt: run}. Shared by all tests: copy one before changing it."""
    folder = tmp_path_factory.mktemp("evaluated")
    runs = {name: train(egamma_store.path, folder / name, model=name, set=options) for name, options in SMALL.items()}
    for run in runs.values():
        evaluate(run)
    return {name: run.path for name, run in runs.items()}


@pytest.fixture
def copy(evaluated: dict[str, Path], tmp_path: Path):
    """`copy("mlp")`: a run of one's own."""
    return lambda name: Path(shutil.copytree(evaluated[name], tmp_path / name))
