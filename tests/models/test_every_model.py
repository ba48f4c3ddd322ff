"""Every registered model, on the tiny schema of every detector it fits. Registering a model or a detector tests it."""

import copy

import numpy as np
import pytest
import torch

from pidcam.batch import Batch
from pidcam.detectors.base import detectors
from pidcam.errors import MismatchError
from pidcam.models.base import Inputs, models
from pidcam.models.count import size
from pidcam.schema import Channel, Column, EventSchema, Image, ParticleClass
from pidcam.tasks.base import tasks

N = 64
STEPS = 120
SMALL = {
    "bdt": {"trees": 30, "threads": 1, "min_events": 1, "leaves": 4, "learning_rate": 0.3},
    "cnn-3d": {"widths": (4, 8)},
    "convnext": {"widths": (8, 16), "blocks": 1},
    "inception": {"widths": (8, 16)},
    "particle-net": {"widths": (8, 16), "points": 24, "neighbours": 4},
    "point-transformer": {"width": 16, "depth": 1, "heads": 2, "points": 24},
    "resnet": {"widths": (4, 8, 16)},
    "sparse-cnn": {"widths": (4, 8, 16)},
    "two-branch": {"widths": (8, 16, 16)},
    "vit": {"width": 16, "depth": 1, "heads": 2},
}
"""Options of models whose default size would take long to learn something by heart; the size test takes the default."""


def _image(name, shape, *channels):
    return Image(name=name, shape=shape, channels=tuple(Channel(name=c) for c in channels))


def _schema(name, images, features=()):
    classes = (ParticleClass(name="photon"), ParticleClass(name="electron"))
    return EventSchema(name=name, images=images, features=tuple(Column(name=f) for f in features), classes=classes)


SCHEMAS = {
    "two views": _schema("two views", (_image("u view", (6, 9), "charge"), _image("v.view", (6, 9), "charge"))),
    "everything": _schema(
        "everything",
        (
            _image("strips", (17,), "charge"),
            _image("pad", (5, 4), "charge", "time"),
            _image("box", (3, 4, 5), "energy"),
        ),
        ("momentum",),
    ),
    **{name: detectors[name]().tiny for name in detectors},
}
PAIRS = [(m, s) for m in models for s in SCHEMAS if models[m].misfit(SCHEMAS[s]) is None]


def task_of(schema):
    kind = tasks["classify"]
    return kind(schema, kind.Options(classes=list(schema.class_names[:3])))


def events(schema, n, seed=0) -> Batch:
    """n events; each class has cells and an energy of its own, and features around a value of its own."""
    rng = np.random.default_rng(seed)
    classes = len(task_of(schema).classes)
    label = np.arange(n) % classes
    images = {}
    for number, image in enumerate(schema.images):
        own = np.random.default_rng(number).random((classes, 1, *image.shape)) < 0.15
        values = rng.gamma(4, 0.25, size=(n, *image.dense_shape)) * (
            own[label] | (rng.random((n, 1, *image.shape)) < 0.02)
        )
        values *= (1 + 2 * label).reshape(-1, *[1] * (values.ndim - 1))
        values[::17] = 0  # empty events happen
        images[image.name] = torch.tensor(values, dtype=torch.float32)
    features = {f.name: torch.tensor(rng.normal(100 * label, 20), dtype=torch.float32) for f in schema.features}
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
    return models[model](SCHEMAS[schema], task_of(SCHEMAS[schema]).outputs, SMALL.get(model))


def predict(model, batch: Batch) -> dict[str, np.ndarray]:
    if not isinstance(model, torch.nn.Module):
        return model.predict(batch)
    model.eval()
    with torch.inference_mode():
        return {name: value.numpy() for name, value in model(batch).items()}


def all_right(model, task, batch) -> bool:
    """Every event that is not empty is told for what it is, in evaluation mode."""
    probabilities = np.stack(list(task.columns(predict(model, batch)).values()), axis=1)
    hit = [batch.dense(name).flatten(1).any(dim=1) for name in batch.images]
    known = torch.stack(hit).any(dim=0).numpy() if hit else slice(None)
    return bool((probabilities.argmax(axis=1) == batch.label.numpy())[known].all())


def learn_by_heart(model, task, batch) -> None:
    """Train until every event is told right, `STEPS` steps at most."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0)
    for step in range(STEPS):
        loss = task.loss(model.train()(batch), batch)
        optimiser.zero_grad()
        loss.mean().backward()
        if step == 0:
            assert loss.shape == (N,)
            gradients = [p.grad for p in model.parameters()]
            assert all(g is not None and torch.isfinite(g).all() for g in gradients), "gradients"
        optimiser.step()
        if step % 4 == 3 and all_right(model, task, batch):
            return
    raise AssertionError(f"{N} events are not learnt by heart, loss {loss.mean().item():.3f}")


@pytest.fixture(scope="module", params=PAIRS, ids=lambda pair: " on ".join(pair))
def fitted(request):
    """(name, model, schema, task): fitted to 64 events, which it then knows by heart."""
    name, schema_name = request.param
    schema = SCHEMAS[schema_name]
    task, model, batch = task_of(schema), build(name, schema_name), events(schema, N)
    if isinstance(model, torch.nn.Module):
        learn_by_heart(model, task, batch)
    else:
        history = History()
        model.fit([rows(batch, slice(0, 50)), rows(batch, slice(50, N))], [events(schema, N)], task, history)
        assert history.lines
        assert history.lines[0].keys() >= {"epoch", "train_loss", "valid_loss", "seconds"}
        assert all_right(model, task, batch)
    return name, model, schema, task


def test_outputs_are_those_of_the_task(fitted):
    _, model, schema, task = fitted
    outputs = predict(model, events(schema, 33, 2))
    assert {name: (len(value), value.shape[1]) for name, value in outputs.items()} == {
        name: (33, width) for name, width in task.outputs.items()
    }
    assert all(value.dtype == np.float32 and np.isfinite(value).all() for value in outputs.values())
    assert all(np.isfinite(column).all() for column in task.columns(outputs).values())


def test_scores_do_not_depend_on_the_batch_nor_on_how_images_are_loaded(fitted):
    _, model, schema, task = fitted
    batch = events(schema, 20, 3)
    batch = Batch(**{**batch.__dict__, "images": {k: batch.hits(k) for k in batch.images}})
    together = task.columns(predict(model, batch))
    dense = events(schema, 20, 3)
    for name, value in task.columns(predict(model, dense)).items():
        np.testing.assert_allclose(value, together[name], atol=1e-6)
    for size_ in (1, 7):
        parts = [task.columns(predict(model, rows(dense, slice(i, i + size_)))) for i in range(0, 20, size_)]
        for name, value in together.items():
            np.testing.assert_allclose(np.concatenate([p[name] for p in parts]), value, atol=1e-6)


def test_a_copy_restored_from_what_was_saved_predicts_the_same(fitted, tmp_path):
    name, model, schema, task = fitted
    batch = events(schema, 20, 4)
    fresh = models[name](schema, task.outputs, SMALL.get(name))
    if isinstance(model, torch.nn.Module):
        fresh.load_state_dict(copy.deepcopy(model.state_dict()))
    else:
        model.save(tmp_path)
        assert not [p for p in tmp_path.iterdir() if p.suffix not in (".txt", ".json")]
        fresh.load(tmp_path)
        assert fresh.parameters_count() == model.parameters_count() > 0
    for output, value in predict(model, batch).items():
        np.testing.assert_array_equal(predict(fresh, batch)[output], value)


def test_one_event_can_be_trained_on_and_so_can_an_empty_one(fitted):
    _, model, schema, task = fitted
    if not isinstance(model, torch.nn.Module):
        pytest.skip("trees are not trained in batches")
    model = copy.deepcopy(model).train()
    for number in (1, 0):
        batch = rows(events(schema, 2), slice(number, number + 1))
        assert torch.isfinite(task.loss(model(batch), batch)).all()


@pytest.mark.parametrize("name", list(models))
def test_its_size_is_known_without_making_it(name):
    """Full size, on every detector it fits."""
    for detector in detectors:
        schema = detectors[detector]().schema
        if models[name].misfit(schema) or (models[name].hits and detector != "lariat"):
            continue
        counted = size(models[name], schema, task_of(schema).outputs)
        if counted is not None:
            assert counted.parameters > 0
            assert counted.flops > counted.parameters / 10


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
    for model, schema, words in (
        ("reference-cnn", "clic-lcd", "needs images with 2 axes, image 'ecal' has 3"),
        ("resnet", "belle2-pxd-clusters", "needs 1 image, 'belle2-pxd-clusters' has 0"),
        ("two-branch", "cms-ecal", "needs features, 'cms-ecal' has none"),
        ("inception", "belle2-pxd", "needs 2 views of one shape, 'belle2-pxd' has one picture of each"),
    ):
        with pytest.raises(MismatchError, match=words):
            models[model](SCHEMAS[schema], {"logit": 1})
