"""Two processes train one model: disjoint events, one writer, one decision to stop, and the result of one process."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from pidcam.batch import Batch
from pidcam.errors import Stopped
from pidcam.runs import RunDirectory
from pidcam.training.step import Done, Stepper
from pidcam.verbs.train import resume, train
from two_ranks import free_port, result, second_rank

CONFIG = {
    "model": {"name": "mlp", "widths": [8], "dropout": 0.0},
    "training": {"epochs": 3, "batch_size": 93, "precision": "fp32", "threads": 1, "ema": 0.9, "accumulate": 2},
}


def work(store: str, out: str, ports: list[str], patch: pytest.MonkeyPatch, *, interrupted: bool) -> dict[str, object]:
    """What one rank does: train, be stopped in the middle of the second epoch, go on. The events of the first epoch
    that it saw, and why it stopped."""
    seen, step = [], Stepper.__call__

    def call(self: Stepper, batch: Batch) -> Done:
        if self.state.step == 5 and interrupted:
            signal.raise_signal(signal.SIGTERM)
        if self.state.epoch == 0:
            seen.extend(batch.event.tolist())
        return step(self, batch)

    with patch.context() as first:
        first.setenv("MASTER_PORT", ports[0])
        first.setattr(Stepper, "__call__", call)
        with pytest.raises(Stopped) as stopped:
            train(store, out, config=CONFIG)
    patch.setenv("MASTER_PORT", ports[1])
    resume(out)
    return {"seen": seen, "stopped": str(stopped.value)}


def test_two_ranks_train_like_one(egamma_store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = train(egamma_store.path, tmp_path / "alone", config=CONFIG)
    out = tmp_path / "together"
    given = [str(egamma_store.path), str(out), [free_port(), free_port()]]
    other = second_rank(__file__, given, monkeypatch)
    said = [work(*given, monkeypatch, interrupted=False), result(other)]

    reasons = [one["stopped"].partition("stopped by ")[2].split(" in epoch 2")[0] for one in said]
    assert reasons == ["another rank", "SIGTERM"], "the second rank alone was told to stop"
    events = [set(map(tuple, one["seen"])) for one in said]
    assert not events[0] & events[1]
    assert len(events[0] | events[1]) == 320

    one, two = (load_file(path / "model" / "weights.safetensors") for path in (alone.path, out))
    for name, value in one.items():
        assert two[name] == pytest.approx(value, abs=2e-5), name
    for single, both in zip(alone.history, RunDirectory(out).history, strict=True):
        for key in ("train_loss", "train_auc", "valid_loss", "valid_accuracy", "valid_auc", "learning_rate"):
            assert both[key] == pytest.approx(single[key], abs=1e-3), key


if __name__ == "__main__":
    store, out, ports = json.loads(sys.argv[1])
    print(json.dumps(work(store, out, ports, pytest.MonkeyPatch(), interrupted=True)))
