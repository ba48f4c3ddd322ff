"""A run that was stopped and called again ends with the same bits as one that never was."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from pidcam.errors import ExistsError, Stopped
from pidcam.runs import RunDirectory
from pidcam.store.store import Store
from pidcam.training.state import FitState
from pidcam.training.step import Stepper
from pidcam.verbs.train import train

# every kind of state at once: dropout, averaging, plateau, early stopping, augmentation
CONFIG = {
    "model": {"name": "mlp", "widths": [16], "dropout": 0.2},
    "transforms": [{"name": "scale"}, {"name": "flip", "axes": ["eta"]}],
    "training": {
        "epochs": 4,
        "batch_size": 96,
        "precision": "fp32",
        "threads": 1,
        "ema": 0.9,
        "schedule": {"name": "plateau", "patience": 1, "min_delta": 1.0},
        "early_stopping": {"patience": 50},
    },
}


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int, number: int = signal.SIGTERM) -> None:
    """Send ourselves a signal in the middle of step `step`."""
    original = Stepper.__call__

    def interrupted(self, batch):
        if self.state.step == step:
            os.kill(os.getpid(), number)
        return original(self, batch)

    monkeypatch.setattr(Stepper, "__call__", interrupted)


def weights(run: Path) -> dict:
    return {k: v.tobytes() for k, v in load_file(run / "model" / "weights.safetensors").items()}


def history(run: Path) -> list[dict]:
    times = ("seconds", "samples_per_second")
    return [{k: v for k, v in row.items() if k not in times} for row in RunDirectory(run).history]


@pytest.fixture(scope="module")
def straight(egamma_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody stopped."""
    return train(egamma_store.path, tmp_path_factory.mktemp("runs") / "straight", config=CONFIG).path


# 320 events in batches of 96 are 4 steps an epoch: in the middle, at the last batch, at the first, in the last epoch
@pytest.mark.parametrize("step", [1, 3, 4, 13])
def test_resumed_run_is_bit_identical(egamma_store, straight, tmp_path, monkeypatch, step):
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        stop_at(patch, step)
        with pytest.raises(Stopped, match=f"stopped by SIGTERM in epoch {step // 4 + 1} with a checkpoint"):
            train(egamma_store.path, out, config=CONFIG)
    assert RunDirectory(out).about["state"] == "training"
    run = train(egamma_store.path, out, config=CONFIG)
    assert weights(out) == weights(straight)
    assert history(out) == history(straight)
    assert run.about["state"] == "trained"


def test_convolutions_and_batch_norm_resume_too(egamma_store, tmp_path, monkeypatch):
    config = {**CONFIG, "model": {"name": "resnet", "widths": [8]}, "training": {**CONFIG["training"], "epochs": 2}}
    train(egamma_store.path, tmp_path / "straight", config=config)
    with monkeypatch.context() as patch:
        stop_at(patch, 2)
        with pytest.raises(Stopped):
            train(egamma_store.path, tmp_path / "run", config=config)
    train(egamma_store.path, tmp_path / "run", config=config)
    assert weights(tmp_path / "run") == weights(tmp_path / "straight")


def test_the_same_seed_gives_the_same_run_and_another_does_not(egamma_store, straight, tmp_path):
    again = train(egamma_store.path, tmp_path / "again", config=CONFIG).path
    assert weights(again) == weights(straight)
    other = train(egamma_store.path, tmp_path / "other", config=CONFIG, set=["training.seed=1"]).path
    assert weights(other) != weights(straight)


def test_killed_between_checkpoints_goes_on_from_the_last(egamma_store, straight, tmp_path, monkeypatch):
    """As after kill -9: history may be ahead of the checkpoint, and is told again."""
    out = tmp_path / "run"

    class Killed(BaseException):
        pass

    original = FitState.save

    def killed(self, *arguments):
        if self.epoch == 3:
            raise Killed
        original(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(FitState, "save", killed)
        with pytest.raises(Killed):
            train(egamma_store.path, out, config=CONFIG)
    assert len(RunDirectory(out).history) == 3
    train(egamma_store.path, out, config=CONFIG)
    assert weights(out) == weights(straight)
    assert history(out) == history(straight)


def test_second_interrupt_stops_at_once(egamma_store, tmp_path, monkeypatch):
    original = Stepper.__call__

    def twice(self, batch):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        return original(self, batch)

    monkeypatch.setattr(Stepper, "__call__", twice)
    with pytest.raises(KeyboardInterrupt):
        train(egamma_store.path, tmp_path / "run", config=CONFIG)


def test_finished_run_is_not_touched(egamma_store, straight):
    before = (straight / "model" / "weights.safetensors").stat().st_mtime_ns
    train(egamma_store.path, straight, config=CONFIG)
    assert (straight / "model" / "weights.safetensors").stat().st_mtime_ns == before


def test_other_configuration_is_refused(egamma_store, straight):
    with pytest.raises(ExistsError) as error:
        train(egamma_store.path, straight, config=CONFIG, set=["training.epochs=5"])
    assert str(error.value) == (
        f"{straight}: holds a run of another configuration or store; nothing was overwritten; "
        "choose another --out, or remove it first"
    )


def test_best_weights_are_kept(egamma_store, straight):
    """What the run predicts with is the epoch of the lowest validation loss."""
    about, told = RunDirectory(straight).about, RunDirectory(straight).history
    assert about["best_epoch"] == min(told, key=lambda row: row["valid_loss"])["epoch"]
    assert json.dumps(told[0]).startswith('{"epoch": 1, "train_loss"')
    assert {"valid_loss", "train_accuracy", "valid_auc", "learning_rate", "samples_per_second"} <= told[0].keys()
