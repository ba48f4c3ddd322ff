"""Every registered model, on every tiny schema it fits. Registering a model tests it."""

import copy

import numpy as np
import pytest
import torch

from pidcam.batch import Batch
from pidcam.errors import MismatchError
from pidcam.models.base import Inputs, models
from pidcam.schema import Channel, Column, EventSchema, Image, ParticleClass
from pidcam.tasks.base import tasks


def _image(name, shape, *channels):
    return Image(name=name, shape=shape, channels=tuple(Channel(name=c) for c in channels))


def _schema(name, images, features=(), n_classes=2):
    classes = tuple(ParticleClass(name=c) for c in ("photon", "electron", "pion")[:n_classes])
    return EventSchema(name=name, images=images, features=tuple(Column(name=f) for f in features), classes=classes)


SCHEMAS = {
    schema.name: schema
    for schema in (
        _schema("calorimeter", (_image("ecal", (12, 12), "energy", "time"),)),
        _schema("window", (_image("pixels", (9, 9), "charge"),), ("momentum",), n_classes=3),
        _schema("two views", (_image("u view", (8, 12), "charge"), _image("v.view", (9, 7), "charge"))),
        _schema("volume", (_image("ecal", (6, 7, 8), "energy"),), ("energy sum",)),
        _schema("clusters", (), ("charge", "size"), n_classes=3),
    )
}
PAIRS = [(m, s) for m in models for s in SCHEMAS if models[m].misfit(SCHEMAS[s]) is None]


def task_of(schema):
    kind = tasks["classify"]
    return kind(schema, kind.Options())


def events(schema, n, seed=0) -> Batch:
    """n events whose classes differ in everything: mean of the features, energy and width of the images."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) % len(schema.classes)
    images = {}
    for image in schema.images:
        values = rng.exponential(size=(n, *image.dense_shape)) * (rng.random((n, *image.dense_shape)) < 0.3)
        values *= (1 + label).reshape(-1, *[1] * (values.ndim - 1))
        values[::17] = 0  # empty events happen
        images[image.name] = torch.tensor(values, dtype=torch.float32)
    features = {f.name: torch.tensor(rng.normal(100 * label, 50), dtype=torch.float32) for f in schema.features}
    where = torch.stack([torch.zeros(n, dtype=torch.int64), torch.arange(n)], dim=1)
    return Batch(images, features, {}, torch.tensor(label), torch.tensor(rng.random(n) + 0.5).float(), where)


def rows(batch: Batch, part: slice) -> Batch:
    def cut(columns):
        return {name: value[part] for name, value in columns.items()}

    return Batch(cut(batch.images), cut(batch.features), {}, batch.label[part], batch.weight[part], batch.event[part])


class History:
    """What `Model.fit` reports to."""

    def __init__(self):
        self.lines = []

    def epoch(self, line):
        self.lines.append(line)


def build(model, schema):
    torch.manual_seed(1)
    options = {"trees": 30, "threads": 1} if model == "bdt" else {}
    return models[model](SCHEMAS[schema], task_of(SCHEMAS[schema]).outputs, options)


def predict(model, batch: Batch) -> dict[str, np.ndarray]:
    if not isinstance(model, torch.nn.Module):
        return model.predict(batch)
    model.eval()
    with torch.inference_mode():
        return {name: value.numpy() for name, value in model(batch).items()}


@pytest.fixture(scope="module", params=PAIRS, ids=lambda pair: " on ".join(pair))
def fitted(request):
    """(name, model, schema, task): networks after one step, trees after a fit."""
    name, schema_name = request.param
    schema = SCHEMAS[schema_name]
    task, model = task_of(schema), build(name, schema_name)
    batch = events(schema, 120)
    if isinstance(model, torch.nn.Module):
        optimiser = torch.optim.SGD(model.parameters(), lr=1e-3)
        loss = task.loss(model.train()(batch), batch)
        assert loss.shape == (120,)
        loss.mean().backward()
        gradients = {name: p.grad for name, p in model.named_parameters()}
        assert all(g is not None and torch.isfinite(g).all() for g in gradients.values()), "gradients"
        assert any(g.abs().max() > 0 for g in gradients.values())
        optimiser.step()
    else:
        history = History()
        model.fit([rows(batch, slice(0, 50)), rows(batch, slice(50, 120))], [events(schema, 60, 1)], task, history)
        assert history.lines
        assert history.lines[0].keys() >= {"epoch", "train_loss", "valid_loss", "seconds"}
    return name, model, schema, task


def test_outputs_are_those_of_the_task(fitted):
    _, model, schema, task = fitted
    outputs = predict(model, events(schema, 33, 2))
    assert {name: (len(value), value.shape[1]) for name, value in outputs.items()} == {
        name: (33, width) for name, width in task.outputs.items()
    }
    assert all(value.dtype == np.float32 and np.isfinite(value).all() for value in outputs.values())
    assert all(np.isfinite(column).all() for column in task.columns(outputs).values())


def test_scores_do_not_depend_on_the_batch(fitted):
    _, model, schema, _ = fitted
    batch = events(schema, 32, 3)
    together = predict(model, batch)
    for size in (1, 5):
        parts = [predict(model, rows(batch, slice(i, i + size))) for i in range(0, 32, size)]
        for name, value in together.items():
            np.testing.assert_allclose(np.concatenate([p[name] for p in parts]), value, atol=1e-6)


def test_a_copy_restored_from_what_was_saved_predicts_the_same(fitted, tmp_path):
    name, model, schema, task = fitted
    batch = events(schema, 20, 4)
    fresh = models[name](schema, task.outputs)
    if isinstance(model, torch.nn.Module):
        fresh.load_state_dict(copy.deepcopy(model.state_dict()))
    else:
        model.save(tmp_path)
        assert not [p for p in tmp_path.iterdir() if p.suffix not in (".txt", ".json")]
        fresh.load(tmp_path)
        assert fresh.parameters_count() == model.parameters_count() > 0
    for output, value in predict(model, batch).items():
        np.testing.assert_array_equal(predict(fresh, batch)[output], value)


@pytest.mark.parametrize(("name", "schema"), PAIRS)
def test_one_event_can_be_trained_on(name, schema):
    model = build(name, schema)
    if not isinstance(model, torch.nn.Module):
        pytest.skip("trees are not trained in batches")
    batch = rows(events(SCHEMAS[schema], 2), slice(1, 2))
    loss = task_of(SCHEMAS[schema]).loss(model.train()(batch), batch)
    assert torch.isfinite(loss).all()


@pytest.mark.parametrize(("name", "schema"), PAIRS)
def test_it_can_be_counted_without_memory(name, schema):
    with torch.device("meta"):
        model = build(name, schema)
    if isinstance(model, torch.nn.Module):
        assert sum(p.numel() for p in model.parameters()) > 0
        assert all(p.is_meta for p in model.parameters())


@pytest.mark.parametrize("name", list(models))
def test_it_says_what_it_is_and_fits_something(name):
    assert len(models[name].title) > 10
    assert any(name == fit for fit, _ in PAIRS)
    assert set(models[name].recipe) <= {"transforms", "training"}


def test_names_of_channels_and_axes_reach_the_model():
    image = Image(name="ecal", shape=(4, 5), channels=(Channel(name="energy"),), axes=("eta", "phi"))
    inputs = Inputs.of(EventSchema(name="toy", images=(image,)))
    assert inputs == Inputs({"ecal": (1, 4, 5)}, (), {"ecal": ("energy",)}, {"ecal": ("eta", "phi")})


def test_what_does_not_fit_says_why():
    with pytest.raises(MismatchError, match="needs images with 2 axes, image 'ecal' has 3"):
        models["reference-cnn"](SCHEMAS["volume"], {"logit": 1})
    with pytest.raises(MismatchError, match="needs 1 image, 'clusters' has 0"):
        models["reference-cnn"](SCHEMAS["clusters"], {"logit": 1})
