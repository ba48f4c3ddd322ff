"""TensorBoard and MLflow are told every line of the history, and are asked for by name if they are missing."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pidcam.errors import MissingExtraError
from pidcam.training.loggers import Loggers
from pidcam.verbs.train import train

TINY = {
    "model": {"name": "mlp", "widths": [4]},
    "training": {"epochs": 2, "batch_size": 64, "precision": "fp32", "threads": 1},
}


@pytest.fixture
def told(monkeypatch) -> list[tuple[Any, ...]]:
    """What stand-ins with the interface of the real packages were told."""
    told: list[tuple[Any, ...]] = []

    class SummaryWriter:
        def __init__(self, folder, purge_step):
            told.append(("open", folder.name, purge_step))

        def add_scalar(self, tag, value, step):
            told.append((tag, value, step))

        def close(self):
            told.append(("close",))

    board = ModuleType("torch.utils.tensorboard")
    board.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", board)
    flow = ModuleType("mlflow")
    flow.set_tracking_uri = lambda uri: told.append(("uri", uri))
    flow.start_run = lambda **how: told.append(("start", how)) or SimpleNamespace(info=SimpleNamespace(run_id="r1"))
    flow.log_params = lambda params: told.append(("params", params))
    flow.log_metrics = lambda metrics, step: told.append(("metrics", metrics, step))
    flow.end_run = lambda: told.append(("end",))
    monkeypatch.setitem(sys.modules, "mlflow", flow)
    return told


def test_both_are_told_what_the_history_says(egamma_store, tmp_path, told):
    run = train(egamma_store.path, tmp_path / "run", config=TINY, set=["training.loggers=[tensorboard, mlflow]"])
    first, last = run.history
    assert ("open", "tensorboard", 1) in told
    assert ("loss/valid", first["valid_loss"], 1) in told
    assert ("auc/train", last["train_auc"], 2) in told
    metrics = [entry for entry in told if entry[0] == "metrics"]
    assert [step for _, _, step in metrics] == [1, 2]
    assert metrics[1][1]["valid_loss"] == last["valid_loss"]
    assert dict(entry for entry in told if entry[0] == "params")["params"]["training.batch_size"] == 64
    assert run.about["mlflow_run"] == "r1"
    assert told[-2:] == [("close",), ("end",)]


@pytest.mark.parametrize(("name", "module"), [("tensorboard", "torch.utils.tensorboard"), ("mlflow", "mlflow")])
def test_a_missing_one_says_how_to_get_it(monkeypatch, name, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=rf"run: pip install 'pidcam\[{name}\]'"):
        Loggers((name,), None)
