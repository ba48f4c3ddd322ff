"""Options of the recipe: what they do to the loss and to the weights."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from pidcam.batch import Batch
from pidcam.errors import ConfigError, InputError, Stopped, UnknownNameError
from pidcam.runs import RunDirectory
from pidcam.training.clock import Clock, parse_duration
from pidcam.training.options import TrainingOptions
from pidcam.training.step import balanced, mixup
from pidcam.verbs.train import resume, train

TINY = {
    "model": {"name": "mlp", "widths": [8]},
    "training": {"epochs": 2, "batch_size": 64, "precision": "fp32", "threads": 1},
}


def test_balanced_classes_weigh_the_same():
    labels = np.array([0] * 90 + [1] * 10)
    weights = balanced(labels, 2)
    assert weights[labels].mean() == pytest.approx(1)
    assert 90 * weights[0] == pytest.approx(10 * weights[1])


def test_mixup_mixes_inputs_in_the_shares_it_tells():
    torch.manual_seed(0)
    images = torch.arange(8.0).reshape(8, 1, 1, 1)
    batch = Batch({"a": images}, {"x": torch.arange(8.0)}, {}, torch.arange(8), torch.ones(8), torch.zeros(8, 2))
    mixed = mixup(batch, 0.4)
    expected = mixed.share * images + (1 - mixed.share) * images[mixed.other]
    assert torch.equal(mixed.batch.images["a"], expected)
    assert torch.equal(mixed.batch.features["x"], expected.flatten())
    assert 0.5 <= mixed.share <= 1


def test_every_option_of_the_recipe_trains_and_resumes(egamma_store, tmp_path):
    options = {
        "mixup": 0.2, "class_weights": "balanced", "event_weights": False, "accumulate": 3, "clip": 1.0, "keep": 2,
        "monitor": "efficiency@0.1", "optimiser": {"name": "sgd", "lr": 0.01}, "checkpoint_seconds": 1e-6, "ema": 0.9,
        "schedule": {"name": "constant", "warmup": 0.5},
        "balance": {"electron": 0.75, "photon": 0.25}, "window": 100_000, "resident": "mapped",
    }  # fmt: skip
    config = {**TINY, "task": {"name": "classify", "label_smoothing": 0.1}, "training": {**TINY["training"], **options}}
    run = train(egamma_store.path, tmp_path / "run", config=config)
    rows = run.history
    assert [row["valid_efficiency@0.1"] >= 0 for row in rows] == [True, True]
    assert rows[0]["learning_rate"] < rows[1]["learning_rate"] == 0.01
    kept = {path.stem for path in (run.path / "checkpoints").iterdir()}
    assert kept == {"last", "best", "epoch-0001", "epoch-0002"}
    assert resume(run.path).about == run.about
    loader = run.loader(run.store(), "train", training=True)
    labels = np.concatenate([batch.label.numpy() for batch in loader])
    assert [(labels == k).sum() for k in range(2)] == [80, 240]  # photons come first
    assert loader.keep == "mapped"


def test_half_precision_scales_its_gradients(egamma_store, tmp_path):
    run = train(egamma_store.path, tmp_path / "run", config=TINY, set=["training.precision=fp16", "training.epochs=1"])
    assert run.about["precision"] == "fp16"
    _, state = RunDirectory(run.path).load_checkpoint("last")
    assert state["scaler"]["scale"] >= 1


def test_monitor_knows_which_way_is_up():
    known = {"auc": "max", "efficiency@0.01": "max", "loss": "min"}
    assert {n: TrainingOptions(monitor=n).monitor.direction for n in known} == known
    assert TrainingOptions(monitor={"name": "loss", "direction": "max"}).monitor.direction == "max"


# clocks


@pytest.mark.parametrize(
    ("text", "seconds"), [("55m", 3300), ("1h30m", 5400), ("90", 90), (2.5, 2.5), ("2:30:00", 9000)]
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5 minutes", "m", "0", "1h30"])
def test_no_durations(text):
    with pytest.raises(ConfigError):
        parse_duration(text)


def test_a_clock_leaves_time_for_the_next_batch_and_the_checkpoint():
    clock = Clock(100.0, start=time.monotonic() - 50)
    clock.learn("batch", 30.0)
    clock.learn("validation", 45.0)
    assert not clock.short()
    assert clock.short(validation=True)
    clock.learn("saving", 20.0)
    assert clock.short()
    assert not Clock().short()


def test_time_limit_stops_with_a_checkpoint_and_resumes(egamma_store, tmp_path):
    straight = train(egamma_store.path, tmp_path / "straight", config=TINY)
    out = tmp_path / "run"
    with pytest.raises(Stopped, match="stopped by the time limit in epoch 1 with a checkpoint"):
        train(egamma_store.path, out, config=TINY, time_limit=0.001)
    run = resume(out, time_limit="1h")
    for name, value in run.model.module.state_dict().items():
        assert torch.equal(value, straight.model.module.state_dict()[name])


# starting from another run


def test_fine_tuning_starts_from_the_parent_and_holds_what_is_frozen(egamma_store, tmp_path):
    parent = train(egamma_store.path, tmp_path / "parent", config=TINY)
    child = train(
        egamma_store.path, tmp_path / "child", parent=parent.path, set=["training.freeze=[body]", "training.seed=9"]
    )
    before, after = parent.model.module.state_dict(), child.model.module.state_dict()
    same = {name: torch.equal(before[name], after[name]) for name in before}
    assert all(value == name.startswith("body") for name, value in same.items())
    assert child.about["parent"]["run"] == str(parent.path)
    assert child.config.model == parent.config.model
    assert resume(child.path).about["state"] == "trained"


def test_fine_tuning_refuses_what_cannot_be(egamma_store, tmp_path):
    parent = train(egamma_store.path, tmp_path / "parent", config=TINY)
    with pytest.raises(UnknownNameError, match=r"unknown part of the model 'bdy'; did you mean 'body'"):
        train(egamma_store.path, tmp_path / "child", parent=parent.path, set=["training.freeze=[bdy]"])
    with pytest.raises(InputError, match="is a mlp; leave --model out"):
        train(egamma_store.path, tmp_path / "other", parent=parent.path, model="resnet")
