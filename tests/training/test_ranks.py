"""Two processes train one model: disjoint events, one writer, one decision to stop, and the result of one process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from pidcam.runs import RunDirectory
from pidcam.verbs.train import train

CONFIG = {
    "model": {"name": "mlp", "widths": [8], "dropout": 0.0},
    "training": {"epochs": 3, "batch_size": 93, "precision": "fp32", "threads": 1, "ema": 0.9, "accumulate": 2},
}

# the second rank alone is told to stop, in the middle of the second epoch; then both go on
RANK = """
import os, signal, sys
from pidcam.errors import Stopped
from pidcam.training.step import Stepper
from pidcam.verbs.train import train, resume

store, out, config = sys.argv[1], sys.argv[2], eval(sys.argv[3])
seen, original = [], Stepper.__call__

def call(self, batch):
    if self.state.step == 5 and os.environ["RANK"] == "1":
        signal.raise_signal(signal.SIGTERM)
    if self.state.epoch == 0:
        seen.extend(map(tuple, batch.event.tolist()))
    return original(self, batch)

Stepper.__call__ = call
try:
    train(store, out, config=config)
except Stopped as stopped:
    print(stopped)
Stepper.__call__ = original
os.environ["MASTER_PORT"] = sys.argv[4]
resume(out)
print(seen)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_two_ranks_train_like_one(egamma_store, tmp_path: Path) -> None:
    alone = train(egamma_store.path, tmp_path / "alone", config=CONFIG)
    out = tmp_path / "together"
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", RANK, str(egamma_store.path), str(out), repr(CONFIG), str(free_port())]
    ranks = [
        subprocess.Popen(command, env={**os.environ, **where, "RANK": str(rank)}, stdout=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    said = [rank.communicate(timeout=120)[0].splitlines() for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0]

    reasons = [lines[0].partition("stopped by ")[2].split(" in epoch 2")[0] for lines in said]
    assert reasons == ["another rank", "SIGTERM"]
    events = [set(eval(lines[1])) for lines in said]
    assert not events[0] & events[1]
    assert len(events[0] | events[1]) == 320

    one, two = (load_file(path / "model" / "weights.safetensors") for path in (alone.path, out))
    for name, value in one.items():
        assert two[name] == pytest.approx(value, abs=2e-5), name
    for single, both in zip(alone.history, RunDirectory(out).history, strict=True):
        for key in ("train_loss", "train_auc", "valid_loss", "valid_accuracy", "valid_auc", "learning_rate"):
            assert both[key] == pytest.approx(single[key], abs=1e-3), key
