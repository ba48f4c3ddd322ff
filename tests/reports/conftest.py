"""Small synthetic data that looks like what the figures are made of."""

import numpy as np
import pytest

from pidcam.events import Cells, Dense, EventBatch
from pidcam.predictions import Predictions
from pidcam.schema import Channel, EventSchema, Image, ParticleClass


def _predictions(classes=("photon", "electron"), n=400, *, separation=1.2, seed=0, weighted=False):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, len(classes), n)
    logits = rng.normal(size=(n, len(classes)))
    logits[np.arange(n), label] += separation
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return Predictions(
        tuple(classes),
        ("a.hdf5", "b.hdf5"),
        label,
        rng.uniform(0.5, 1.5, n) if weighted else np.ones(n, np.float32),
        rng.integers(0, 2, n).astype(np.int32),
        np.arange(n),
        {f"p_{name}": p[:, k] for k, name in enumerate(classes)},
    )


def _schema(shape=(16, 16), classes=("photon", "electron"), axes=("eta", "phi")):
    channels = (Channel(name="energy", unit="50 GeV"), Channel(name="time", unit="ns"))
    image = Image(name="ecal", shape=shape, axes=axes, channels=channels)
    return EventSchema(name="toy", images=(image,), classes=tuple(ParticleClass(name=c) for c in classes))


def _batch(schema, n=40, *, cells=True, seed=0):
    rng = np.random.default_rng(seed)
    shape = schema.images[0].shape
    values = np.zeros((n, 2, *shape), np.float32)
    for event in range(n):
        hits = tuple(np.clip(rng.normal(s / 2, 1.5, 30), 0, s - 1).astype(int) for s in shape)
        values[(event, 0, *hits)] = rng.exponential(0.1, 30)
        values[(event, 1, *hits)] = rng.normal(0, 5, 30)
    images = Dense(values)
    label = (np.arange(n) % len(schema.classes)).astype(np.int16)
    return EventBatch({"ecal": Cells.from_dense(images) if cells else images}, {}, {}, label, np.arange(n))


@pytest.fixture
def make_predictions():
    return _predictions


@pytest.fixture
def make_schema():
    return _schema


@pytest.fixture
def make_batch():
    return _batch


@pytest.fixture
def predictions():
    return _predictions()


@pytest.fixture
def schema():
    return _schema()


@pytest.fixture
def batch(schema):
    return _batch(schema)


@pytest.fixture
def history_rows():
    return [
        {"epoch": i, "train_loss": 0.7 / i, "valid_loss": 0.7 / min(i, 4) + 0.01 * i, "train_accuracy": 0.6 + 0.02 * i}
        | {"valid_accuracy": 0.6 + 0.015 * i, "valid_auc": 0.7 + 0.01 * i, "learning_rate": 1e-3 / i, "seconds": 1.0}
        for i in range(1, 9)
    ]


@pytest.fixture(autouse=True)
def seen(drawing):
    """Here figures are drawn."""
