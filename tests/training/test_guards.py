"""The usual mistakes are told in words, and every message names what can be acted on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from pidcam.batch import Batch
from pidcam.errors import PidcamError, UnknownNameError
from pidcam.runs import RunDirectory
from pidcam.schema import ClassSelection
from pidcam.training.guards import compare_modes, look_at_inputs
from pidcam.training.splits import look_at_parent, look_at_splits
from pidcam.training.state import FitState
from pidcam.training.step import Stepper
from pidcam.verbs.train import train

TINY = {
    "model": {"name": "mlp", "widths": [8]},
    "training": {"epochs": 1, "batch_size": 64, "precision": "fp32", "threads": 1},
}


def batch(images: torch.Tensor, **features: torch.Tensor) -> Batch:
    n = len(images)
    event = torch.stack([torch.zeros(n, dtype=torch.int64), torch.arange(n)], dim=1)
    return Batch({"ecal": images}, features, {}, torch.arange(n) % 2, torch.ones(n), event)


class Batches(list):
    """As much of a loader as is looked at."""

    epoch = cursor = 0


def lines(images: torch.Tensor, module: nn.Module, **features: torch.Tensor) -> list[str]:
    return look_at_inputs(module, Batches([batch(images, **features)]))


PLAIN, NORMALISED = nn.Linear(1, 1), nn.BatchNorm2d(2)


@pytest.fixture(autouse=True)
def _same_numbers():
    torch.manual_seed(0)


def test_a_constant_channel_is_told():
    images = torch.randn(32, 2, 4, 4)
    images[:, 1] = 3.0
    (line,) = lines(images, PLAIN)
    assert line == "channel 1 of image 'ecal' is 3 in every event: the model can learn nothing from it"
    (line,) = lines(torch.randn(32, 2, 4, 4), PLAIN, eta=torch.full((32,), 0.5))
    assert line == "feature 'eta' is 0.5 in every event: the model can learn nothing from it"


@pytest.mark.parametrize(("scale", "module", "told"), [(0.01, NORMALISED, True), (0.01, PLAIN, False)])
def test_tiny_energies_before_batch_normalisation_are_told(scale, module, told):
    found = lines(scale * torch.randn(32, 2, 4, 4), module)
    assert bool(found) == told
    if told:
        assert "channel 0 of image 'ecal' is not scaled: its values spread by 0.0" in found[0]
        assert found[0].endswith("add the transform {name: scale}")


def test_energies_in_mev_are_told_and_scaled_ones_are_not():
    assert "is not scaled: its values spread by" in lines(2000 * torch.randn(32, 2, 4, 4), PLAIN)[0]
    assert lines(torch.randn(32, 2, 4, 4), NORMALISED) == []


def test_warnings_are_shown_and_kept_in_the_run(egamma_store, tmp_path, capsys):
    config = {"model": {"name": "resnet", "widths": [8]}, "transforms": [], "training": TINY["training"]}
    run = train(egamma_store.path, tmp_path / "run", config=config)
    assert any("is not scaled" in line for line in run.about["warnings"])
    assert f"warning: {run.about['warnings'][0]}" in capsys.readouterr().err


class Modes(nn.Module):
    """Batch normalisation whose running statistics were never learned."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(1, momentum=0.0)

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        return {"logit": 4 * self.norm(batch.features["x"][:, None])}


def test_evaluation_mode_that_scores_worse_is_told(egamma_store, tmp_path):
    state = small_state(egamma_store, tmp_path)
    state.step, state.network.module = 1000, Modes()
    label = torch.arange(64) % 2
    x = 50 + 3 * (label.float() - 0.5) + torch.randn(64, generator=torch.Generator().manual_seed(1))
    events = replace(batch(torch.zeros(64, 1, 1, 1), x=x), label=label)
    line = compare_modes(state, events)
    assert line is not None
    assert "in training mode and" in line
    assert "the running averages of batch normalisation do not describe the events" in line
    state.network.module.norm.running_mean.fill_(50.0)
    state.network.module.norm.running_var.fill_(x.var())
    assert compare_modes(state, events) is None


def small_state(store, tmp_path, **training) -> FitState:
    """The state of a run that is about to make its first step."""
    from pidcam.training.config import resolve
    from pidcam.training.run import Run
    from pidcam.transforms.base import Chain

    config = resolve(str(store.path), {**TINY, "training": {**TINY["training"], **training}}, {})
    run = Run(RunDirectory(tmp_path / "run"), config, store.schema, Chain([], store.schema, {}))
    run.directory.create()
    run.directory.update(files={s.name: s.rows for s in store.manifest.sources})
    return FitState(run.model, run.task, run.directory, config.training, 10)


def test_a_loss_that_is_no_number_names_its_events_and_keeps_them(egamma_store, tmp_path):
    state = small_state(egamma_store, tmp_path)
    images = torch.zeros(4, 2, 32, 32)
    images[2, 1, 5, 5] = float("nan")
    with pytest.raises(PidcamError) as error:
        Stepper(state)(batch(images))
    name = egamma_store.manifest.sources[0].name
    kept = tmp_path / "run" / "not-finite-epoch1-batch1.npz"
    assert str(error.value) == (
        f"the loss is nan in epoch 1, batch 1, for 1 of 4 events: {name} row 2 (kept in {kept}); "
        "channel 1 of image 'ecal' holds values that are not finite"
    )
    with np.load(kept) as saved:
        assert np.isnan(saved["loss"]).tolist() == [False, False, True, False]
        assert saved["ecal"].shape == (4, 2, 32, 32)


@pytest.mark.parametrize(
    ("precision", "fix"),
    [
        ("fp32", "lower training.optimiser.lr or scale the inputs"),
        ("bf16", "lower training.optimiser.lr, scale the inputs or take training.precision=fp32 instead of bf16"),
    ],
)
def test_weights_that_are_no_numbers_are_named(egamma_store, tmp_path, precision, fix):
    state = small_state(egamma_store, tmp_path)
    state.set_precision(precision)
    name, weights = next(iter(state.network.module.named_parameters()))
    with torch.no_grad():
        weights[0] = float("inf")
    with pytest.raises(PidcamError) as error:
        Stepper(state)(batch(torch.rand(4, 2, 32, 32)))
    assert "\n" not in str(error.value)
    assert str(error.value).rpartition("); ")[2] == f"{name} was not finite after the update before; {fix}"


def crowded(monkeypatch, state: FitState, most: int) -> None:
    """Memory for `most` events at once."""
    original = state.network.module.forward

    def forward(given: Batch) -> dict[str, torch.Tensor]:
        if len(given) > most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(given)

    monkeypatch.setattr(state.network.module, "forward", forward)


def test_out_of_memory_says_what_would_fit(egamma_store, tmp_path, monkeypatch):
    state = small_state(egamma_store, tmp_path)
    crowded(monkeypatch, state, 5)
    with pytest.raises(PidcamError) as error:
        Stepper(state)(batch(torch.rand(16, 2, 32, 32)))
    assert str(error.value) == (
        "out of memory with 16 events at once on cpu, 4 would fit: training.accumulate=4 computes the same update in 4 "
        "parts, training.batch_size=4 makes smaller updates, training.out_of_memory=split finds out by itself"
    )


def test_out_of_memory_splits_the_update_by_itself(egamma_store, tmp_path, monkeypatch):
    def weights(state: FitState) -> torch.Tensor:
        return torch.cat([p.detach().flatten() for p in state.network.module.parameters()])

    events = batch(torch.rand(16, 2, 32, 32, generator=torch.Generator().manual_seed(3)))
    roomy = small_state(egamma_store, tmp_path / "a", out_of_memory="split")
    tight = small_state(egamma_store, tmp_path / "b", out_of_memory="split")
    for state in (roomy, tight):
        for layer in state.network.module.modules():
            if isinstance(layer, nn.Dropout):
                layer.p = 0.0
    crowded(monkeypatch, tight, 5)
    losses = [Stepper(state)(events).loss for state in (roomy, tight)]
    assert (roomy.parts, tight.parts) == (1, 4)
    assert tight.record.about["accumulate"] == 4
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert torch.allclose(weights(roomy), weights(tight), atol=1e-5)


def test_classes_and_events_of_the_splits_are_compared(egamma_store, monkeypatch):
    everything = ClassSelection.of(None, egamma_store.schema)
    assert look_at_splits(egamma_store, everything) == []
    shards = egamma_store.shards
    monkeypatch.setattr(egamma_store, "shards", lambda split: shards("train" if split == "test" else split))
    (line,) = look_at_splits(egamma_store, everything)
    assert line.startswith("320 of the 320 events looked at in the test split are in the training split too")
    by_chance = egamma_store.schema.model_copy(update={"content_identifies": False})
    monkeypatch.setattr(type(egamma_store), "schema", by_chance)
    assert look_at_splits(egamma_store, everything) == [], "such images are equal by chance"
    monkeypatch.setitem(egamma_store.manifest.accounting.kept["test"], "photon", 0)
    assert "the test split has no event of class 'photon': nothing can be said about it there" in look_at_splits(
        egamma_store, everything
    )


def test_a_test_split_that_was_touched_is_told(egamma_store, tmp_path):
    parent = RunDirectory(tmp_path / "parent")
    parent.create()
    files = {s.name: s.rows for s in egamma_store.manifest.sources}
    parent.update(split_fingerprint=egamma_store.manifest.fingerprint, files=files)
    assert look_at_parent(parent, egamma_store) == []
    (parent.path / "predictions").mkdir()
    (parent.path / "predictions" / "test.parquet").touch()
    (line,) = look_at_parent(parent, egamma_store)
    assert line.startswith("the test split was touched before the end")
    parent.update(split_fingerprint="another")
    (line,) = look_at_parent(parent, egamma_store)
    assert "was trained on another split of" in line


def test_a_misspelt_monitor_costs_no_epoch(egamma_store, tmp_path):
    with pytest.raises(UnknownNameError, match=r"training\.monitor: unknown metric 'acu'; did you mean 'auc'\?"):
        train(egamma_store.path, tmp_path / "run", config=TINY, set=["training.monitor=acu"])
