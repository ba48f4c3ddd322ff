"""What transforms compute of an event is computed once, as long as nothing random comes before it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from pidcam import recall
from pidcam.batch import Batch
from pidcam.store.loader import Loader
from pidcam.store.store import Store
from pidcam.transforms import shapes
from pidcam.transforms.base import Chain


def batches(store: Store, transforms: list[dict[str, Any]], epochs: int, **options: Any) -> list[Batch]:
    chain = Chain(transforms, store.schema, store.manifest.statistics)
    how: dict[str, Any] = {"batch_size": 64, "shuffle": True, "recall": True} | options
    loader = Loader(store, "train", change=lambda b, g: chain(b, g, training=True), **how)
    found = []
    for loader.epoch in range(epochs):
        found += list(loader)
    assert all(batch.recalled is None for batch in found)
    return found


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many events shapes were computed of, call by call."""
    called, compute = [], shapes.batch_features

    def count(batch: Batch, *names: Any) -> Any:
        called.append(len(batch))
        return compute(batch, *names)

    monkeypatch.setattr(shapes, "batch_features", count)
    return called


@pytest.mark.parametrize("options", [{}, {"keep": "mapped", "threads": 1}, {"sparse": ["ecal"]}, {"limit": 100}])
def test_an_event_is_computed_once_and_stays_the_same(
    egamma_store: Store, computed: list[int], options: dict[str, Any]
) -> None:
    transforms = [{"name": "shapes"}, {"name": "scale", "by": "rms"}, {"name": "flip", "axes": ["eta"]}]
    if "sparse" in options:
        transforms.pop()
    with_recall = batches(egamma_store, transforms, 3, **options)
    assert sum(computed) == min(egamma_store.manifest.events("train"), options.get("limit", 1000))
    without = batches(egamma_store, transforms, 3, **options, recall=False)
    for a, b in zip(with_recall, without, strict=True):
        assert torch.equal(a.event, b.event)
        assert a.made.keys() == b.made.keys() != set()
        assert all(torch.equal(a.made[name], b.made[name]) for name in a.made)


@pytest.mark.parametrize(
    "before", [{"name": "flip", "axes": ["eta"]}, {"name": "smear", "image": "ecal", "constant": 0.1}]
)
def test_what_is_random_is_computed_every_time(
    egamma_store: Store, computed: list[int], before: dict[str, Any]
) -> None:
    batches(egamma_store, [before, {"name": "shapes"}], 2)
    assert sum(computed) == 2 * egamma_store.manifest.events("train")


def test_what_would_take_too_much_memory_is_computed_every_time(
    egamma_store: Store, computed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recall, "MOST_BYTES", 1000)
    batches(egamma_store, [{"name": "shapes"}], 2)
    assert sum(computed) == 2 * egamma_store.manifest.events("train")
