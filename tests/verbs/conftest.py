"""A network and trees, fitted in a moment and evaluated."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from haste import blank_savefig
from pidcam.store.store import Store
from pidcam.verbs.evaluate import evaluate
from pidcam.verbs.train import train

SMALL = {
    "mlp": ["training.epochs=1", "training.batch_size=64", "training.precision=fp32", "model.widths=[8]"],
    "bdt": ["model.trees=20"],
}


@contextmanager
def _blank() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", blank_savefig())
        yield


@pytest.fixture
def blank_figures() -> Iterator[None]:
    """Figures are made but not drawn, which would take most of the time; tests/reports draws them."""
    with _blank():
        yield


@pytest.fixture(scope="session")
def evaluated(egamma_store: Store, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """{mlp, bdt: run}. Shared by all tests: copy one before changing it."""
    folder = tmp_path_factory.mktemp("evaluated")
    runs = {name: train(egamma_store.path, folder / name, model=name, set=options) for name, options in SMALL.items()}
    with _blank():
        for run in runs.values():
            evaluate(run)
    return {name: run.path for name, run in runs.items()}


@pytest.fixture
def copy(evaluated: dict[str, Path], tmp_path: Path):
    """`copy("mlp")`: a run of one's own."""
    return lambda name: Path(shutil.copytree(evaluated[name], tmp_path / name))
