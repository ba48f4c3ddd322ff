"""Synthetic predictions whose right answers other libraries can tell."""

from __future__ import annotations

import numpy as np

from pidcam.evaluation.sections import Judged
from pidcam.predictions import Predictions
from pidcam.schema import Channel, Column, EventSchema, Image, ParticleClass
from pidcam.tasks.base import tasks

PAIR = ("photon", "electron")
THREE = ("photon", "electron", "pion")


def schema(classes=PAIR, **more) -> EventSchema:
    channels = (Channel(name="energy", unit="50 GeV"), Channel(name="time", unit="ns"))
    image = Image(name="ecal", shape=(5, 5), axes=("eta", "phi"), channels=channels)
    return EventSchema(name="toy", images=(image,), classes=tuple(ParticleClass(name=c) for c in classes), **more)


def task(classes=PAIR, **options):
    kind = tasks["classify"]
    return kind(schema(classes, targets=(Column(name="mass", unit="GeV"),)), kind.Options(**options))


def predictions(classes=PAIR, n=600, *, separation=1.2, sharpness=1.0, seed=0, weighted=False) -> Predictions:
    """Softmax of normal logits; `sharpness` above 1 makes the model too sure of itself."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, len(classes), n)
    logits = rng.normal(size=(n, len(classes)))
    logits[np.arange(n), label] += separation
    p = np.exp(sharpness * logits)
    p /= p.sum(axis=1, keepdims=True)
    return Predictions(
        tuple(classes),
        ("a.hdf5", "b.hdf5"),
        label,
        rng.uniform(0.5, 1.5, n) if weighted else np.ones(n, np.float32),
        (np.arange(n) % 2).astype(np.int32),
        np.arange(n) // 2,
        {f"p_{name}": p[:, k] for k, name in enumerate(classes)},
        {"energy": rng.uniform(10, 100, n)},
    )


def judged(classes=PAIR, weighted=False, sharpness=1.0, n=600, **options) -> Judged:
    parts = {
        split: predictions(classes, n, seed=seed, weighted=weighted, sharpness=sharpness)
        for seed, split in enumerate(("train", "valid", "test"))
    }
    return Judged(task(classes, **options), parts)
