"""Accuracy, top-k, confusion and multi-class AUC: scikit-learn, repetition, bad input."""

import numpy as np
import pytest
from sklearn import metrics

from pidcam.analysis import accuracy, auc_one_vs_one, auc_one_vs_rest, confusion, delong, top_k
from pidcam.errors import InputError

NAMES = ("electron", "photon", "pion")


def three_species(n=900, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    logits = rng.normal(size=(n, 3)) + 1.2 * np.eye(3)[truth]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return truth, probabilities, rng.uniform(0.2, 2, n)


@pytest.mark.parametrize("weighted", [False, True])
def test_decisions_agree_with_scikit_learn(weighted):
    truth, probabilities, weight = three_species()
    weight = weight if weighted else None
    predicted = probabilities.argmax(axis=1)
    value = accuracy(truth, predicted, weight).value
    assert value == pytest.approx(metrics.accuracy_score(truth, predicted, sample_weight=weight))
    assert top_k(truth, probabilities, 1, weight).value == pytest.approx(value)
    expected = metrics.top_k_accuracy_score(truth, probabilities, k=2, sample_weight=weight)
    assert top_k(truth, probabilities, 2, weight).value == pytest.approx(expected)
    assert top_k(truth, probabilities, 3, weight).value == 1
    table = confusion(truth, predicted, NAMES, weight)
    for part, normalize in ((table.counts, None), (table.efficiency, "true"), (table.purity, "pred")):
        theirs = metrics.confusion_matrix(truth, predicted, sample_weight=weight, normalize=normalize)
        np.testing.assert_allclose(part, theirs)


def test_confusion_errors_are_binomial():
    truth, probabilities, _ = three_species()
    table = confusion(truth, probabilities.argmax(axis=1), NAMES)
    rows = table.counts.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(table.efficiency_error, np.sqrt(table.efficiency * (1 - table.efficiency) / rows))
    columns = table.counts.sum(axis=0, keepdims=True)
    np.testing.assert_allclose(table.purity_error, np.sqrt(table.purity * (1 - table.purity) / columns))


def test_class_without_events_is_a_gap_in_the_confusion_matrix():
    table = confusion([0, 0, 1], [0, 1, 0], NAMES)
    assert np.isnan(table.efficiency[2]).all()
    assert np.isnan(table.purity[:, 2]).all()
    assert table.counts.sum() == 3


@pytest.mark.parametrize("weighted", [False, True])
def test_multiclass_areas_agree_with_scikit_learn(weighted):
    truth, probabilities, weight = three_species()
    weight = weight if weighted else None
    result = auc_one_vs_rest(truth, probabilities, NAMES, weight)
    for k, each in enumerate(result.per_class):
        binary = delong(truth == k, probabilities[:, k], weight)
        assert (each.auc, each.error) == pytest.approx((binary.auc, binary.error))
    for average in ("macro", "micro"):
        expected = metrics.roc_auc_score(truth, probabilities, multi_class="ovr", average=average, sample_weight=weight)
        assert getattr(result, average).auc == pytest.approx(expected)
    if not weighted:  # scikit-learn has no weights here
        pairs = auc_one_vs_one(truth, probabilities, NAMES)
        assert pairs.macro.auc == pytest.approx(metrics.roc_auc_score(truth, probabilities, multi_class="ovo"))


def test_two_classes_one_vs_rest_is_the_binary_area():
    truth, probabilities, weight = three_species()
    two = np.stack([1 - probabilities[:, 0], probabilities[:, 0]], axis=1)
    binary = delong(truth == 0, probabilities[:, 0], weight)
    result = auc_one_vs_rest((truth == 0).astype(int), two, weight=weight)
    assert (result.macro.auc, result.macro.error) == pytest.approx((binary.auc, binary.error))  # fully correlated
    pairs = auc_one_vs_one((truth == 0).astype(int), two, weight=weight)
    assert (pairs.macro.auc, pairs.macro.error) == pytest.approx((binary.auc, binary.error))
    assert result.classes == ("class 0", "class 1")


def test_errors_of_the_averages_are_the_spread_over_samples():
    results = []
    for seed in range(250):
        truth, probabilities, weight = three_species(300, seed)
        rest, pairs = (each(truth, probabilities, NAMES, weight) for each in (auc_one_vs_rest, auc_one_vs_one))
        results.append([(each.auc, each.error) for each in (rest.macro, rest.micro, pairs.macro)])
    values = np.array(results)
    np.testing.assert_allclose(values[..., 1].mean(axis=0), values[..., 0].std(axis=0), rtol=0.12)


def test_class_without_events_is_named_and_the_rest_measured():
    truth, probabilities, _ = three_species()
    truth = np.where(truth == 2, 1, truth)
    for each in (auc_one_vs_rest, auc_one_vs_one):
        result = each(truth, probabilities, NAMES)
        assert result.warnings == ("pion: no events",)
        assert 0.5 < result.macro.auc < 1
    weight = np.where(truth == 1, -1.0, 1.0)
    with pytest.raises(InputError) as caught:
        auc_one_vs_rest(truth, probabilities, NAMES, weight)
    assert str(caught.value).startswith("truth_index: fewer than two classes with events (photon: the weights sum to -")


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: accuracy([0, 1], [0]), "predicted_index: 1 entries for 2 events; give one value per event"),
        (lambda: confusion([0, 3], [0, 1], NAMES), "truth_index: 3 at event 1 is not a class index 0..2"),
        (lambda: top_k([0], [[0.2, 0.8]], 3), "k: 3 is not between 1 and the 2 classes"),
        (
            lambda: auc_one_vs_rest([0, 1], [[0.5, 0.5], [np.nan, 1]]),
            "probabilities: NaN or infinite in 1 of 2 events, first in event 1; repair or drop those events",
        ),
        (
            lambda: auc_one_vs_rest([0, 1], [0.5, 0.5]),
            "probabilities: shape (2,), expected (n, classes) with two classes or more; give one column per class",
        ),
        (
            lambda: auc_one_vs_rest([0, 1], [[0.5, 0.5], [0, 1]], ["electron"]),
            "classes: 1 names for 2 columns; name each column of the prediction",
        ),
        (
            lambda: accuracy([0, 1], [0, 1], [1, -1]),
            "weight: the weights of all events sum to 0, must be above zero; check their sign or merge classes",
        ),
        (
            lambda: auc_one_vs_rest([0, 0], [[0.5, 0.5], [0, 1]]),
            "truth_index: fewer than two classes with events (class 1: no events); give two or more",
        ),
    ],
)
def test_bad_input_is_one_clear_line(call, line):
    with pytest.raises(InputError) as caught:
        call()
    assert str(caught.value) == line
