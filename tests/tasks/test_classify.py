"""The classification task: labels, loss, columns, metrics."""

import json

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, roc_auc_score

from pidcam.batch import Batch
from pidcam.errors import InputError, MismatchError, UnknownNameError
from pidcam.predictions import Predictions
from pidcam.schema import Channel, EventSchema, Image, ParticleClass
from pidcam.tasks.base import tasks

SCHEMA = EventSchema(
    name="toy",
    images=(Image(name="camera", shape=(4, 4), channels=(Channel(name="charge"),)),),
    classes=tuple(ParticleClass(name=name) for name in ("photon", "electron", "pion")),
)
PAIR = ["photon", "electron"]


def task(**options):
    kind = tasks["classify"]
    return kind(SCHEMA, kind.Options(**options))


def batch(label) -> Batch:
    n = len(label)
    return Batch({}, {}, {}, torch.tensor(label), torch.ones(n), torch.zeros(n, 2, dtype=torch.int64))


def predictions(label, columns, classes=tuple(PAIR), weight=None) -> Predictions:
    n = len(label)
    weight = np.ones(n, np.float32) if weight is None else np.asarray(weight, np.float32)
    where = np.zeros(n, np.int64)
    return Predictions(classes, ("file",), np.asarray(label), weight, where, where, columns)


@pytest.fixture
def scored():
    """300 events of two classes: label, logit, weight."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 300)
    return label, (rng.normal(size=300) + label).astype(np.float32), rng.random(300) + 0.5


def test_outputs_follow_the_number_of_classes():
    assert task(classes=PAIR).outputs == {"logit": 1}
    assert task().outputs == {"logits": 3}
    assert task(classes={"rest": ["photon", "pion"], "electron": ["electron"]}).selection.names == ("rest", "electron")


@pytest.mark.parametrize("classes", [["photon"], [], {"all": ["photon", "electron", "pion"]}])
def test_fewer_than_two_classes_are_refused(classes):
    with pytest.raises(InputError, match="two classes or more"):
        task(classes=classes)


def test_an_unknown_class_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'electron'"):
        task(classes=["photon", "elektron"])
    with pytest.raises(UnknownNameError, match="did you mean 'photon'"):
        task(classes=PAIR, signal="foton")


def test_binary_loss_is_the_negative_log_likelihood(scored):
    label, logit, _ = scored
    loss = task(classes=PAIR).loss({"logit": torch.tensor(logit)[:, None]}, batch(label))
    p = 1 / (1 + np.exp(-logit.astype(np.float64)))
    np.testing.assert_allclose(loss.numpy(), -np.log(np.where(label == 1, p, 1 - p)), rtol=1e-5)


def test_the_loss_of_huge_logits_is_finite_and_linear():
    logit = torch.tensor([[1e4], [-1e4]], dtype=torch.bfloat16)
    loss = task(classes=PAIR).loss({"logit": logit}, batch([0, 0]))
    assert loss.dtype == torch.float32
    np.testing.assert_allclose(loss.numpy(), [logit[0].item(), 0.0])


def test_label_smoothing_agrees_between_two_and_more_classes(scored):
    label, logit, _ = scored
    binary = task(classes=PAIR, label_smoothing=0.1).loss({"logit": torch.tensor(logit)[:, None]}, batch(label))
    logits = torch.stack([torch.zeros(300), torch.tensor(logit)], dim=1)
    both = torch.nn.functional.cross_entropy(logits, torch.tensor(label), reduction="none", label_smoothing=0.1)
    np.testing.assert_allclose(binary.numpy(), both.numpy(), rtol=1e-4, atol=1e-6)


def test_columns_are_probabilities_by_class_name():
    columns = task(classes=PAIR).columns({"logit": np.array([[0.0], [-80.0], [800.0]], np.float32)})
    assert list(columns) == ["p_photon", "p_electron"]
    assert columns["p_electron"].dtype == np.float64
    np.testing.assert_allclose(columns["p_electron"], [0.5, np.exp(-80.0), 1.0])
    np.testing.assert_allclose(columns["p_photon"] + columns["p_electron"], 1)
    many = task().columns({"logits": np.array([[1000.0, 999.0, -1000.0]], np.float32)})
    np.testing.assert_allclose([many[f"p_{c}"][0] for c in SCHEMA.class_names], [1 / (1 + np.exp(-1)), 0.26894142, 0])


def test_binary_metrics_against_scikit_learn(scored):
    label, logit, weight = scored
    t = task(classes=PAIR)
    got = t.metrics(predictions(label, t.columns({"logit": logit[:, None]}), weight=weight))
    weight = weight.astype(np.float32)
    assert got["n"] == 300
    assert got["n_per_class"] == {"photon": int((label == 0).sum()), "electron": int((label == 1).sum())}
    assert got["auc"] == pytest.approx(roc_auc_score(label, logit, sample_weight=weight))
    assert got["loss"] == pytest.approx(log_loss(label, 1 / (1 + np.exp(-logit.astype(float))), sample_weight=weight))
    assert got["accuracy"] == pytest.approx(np.average((logit > 0) == label, weights=weight))
    assert 0 < got["auc_error"] < 0.1
    assert json.loads(json.dumps(got, allow_nan=False)) == got


def test_the_auc_does_not_depend_on_which_class_is_signal(scored):
    label, logit, _ = scored
    columns = task(classes=PAIR).columns({"logit": logit[:, None]})
    aucs = [task(classes=PAIR, signal=s).metrics(predictions(label, columns))["auc"] for s in (None, *PAIR)]
    assert aucs == pytest.approx([aucs[0]] * 3)


@pytest.mark.parametrize("weight", [None, [1.0, 1.0, 0.0]])
def test_one_class_alone_has_a_loss_but_no_auc(weight):
    label = [0, 0, 0] if weight is None else [0, 0, 1]
    t = task(classes=PAIR)
    got = t.metrics(predictions(label, t.columns({"logit": np.zeros((3, 1), np.float32)}), weight=weight))
    assert got["loss"] == pytest.approx(np.log(2))
    assert (got["auc"], got["auc_error"]) == (None, None)
    json.dumps(got, allow_nan=False)


def test_events_without_truth_are_left_out(scored):
    label, logit, _ = scored
    t = task(classes=PAIR)
    columns = t.columns({"logit": logit[:, None]})
    known = t.metrics(predictions(label[:200], {k: v[:200] for k, v in columns.items()}))
    assert t.metrics(predictions(np.where(np.arange(300) < 200, label, -1), columns)) == known
    with pytest.raises(InputError, match="no event with a known class"):
        t.metrics(predictions(np.full(300, -1), columns))


def test_a_certain_mistake_costs_a_finite_loss():
    t = task(classes=PAIR)
    got = t.metrics(predictions([0, 1], t.columns({"logit": np.full((2, 1), 1e4, np.float32)})))
    assert np.isfinite(got["loss"])


def test_many_classes_have_a_macro_auc_and_one_each():
    rng = np.random.default_rng(1)
    label = rng.integers(0, 3, 300)
    t = task()
    logits = rng.normal(size=(300, 3)).astype(np.float32) + np.eye(3, dtype=np.float32)[label]
    columns = t.columns({"logits": logits})
    got = t.metrics(predictions(label, columns, SCHEMA.class_names))
    each = {name: roc_auc_score(label == k, columns[f"p_{name}"]) for k, name in enumerate(SCHEMA.class_names)}
    assert got["auc_per_class"] == pytest.approx(each)
    assert got["auc"] == pytest.approx(np.mean(list(each.values())))
    assert task(signal="pion").metrics(predictions(label, columns, SCHEMA.class_names))["auc"] == pytest.approx(
        each["pion"]
    )
    json.dumps(got, allow_nan=False)


def test_many_classes_with_some_absent():
    t = task()
    columns = t.columns({"logits": np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)})
    two = t.metrics(predictions(np.arange(20) % 2, columns, SCHEMA.class_names))
    assert two["auc_per_class"]["pion"] is None
    assert two["auc"] is not None
    one = t.metrics(predictions(np.zeros(20, int), columns, SCHEMA.class_names))
    assert one["auc"] is None
    json.dumps([one, two], allow_nan=False)


def test_predictions_of_other_classes_are_refused():
    with pytest.raises(MismatchError, match="expected photon, electron"):
        task(classes=PAIR).metrics(predictions([0], {}, ("electron", "photon")))
