"""Paired differences against DeLong's own matrices and a direct count."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import accuracy_score, roc_auc_score
from toys import THREE, predictions, task

from pidcam.errors import InputError, MismatchError
from pidcam.evaluation.paired import compare_scores


def noisy(table, amount=0.5, seed=9):
    rng = np.random.default_rng(seed)
    logits = np.log(table.probabilities) + amount * rng.normal(size=(len(table), len(table.classes)))
    p = np.exp(logits)
    p /= p.sum(axis=1, keepdims=True)
    return replace(table, columns={f"p_{name}": p[:, k] for k, name in enumerate(table.classes)})


def delong_variance(truth, a, b):
    """E. R. DeLong et al. (1988), eq. 5, by all pairs."""
    psi = [
        (s[truth][:, None] > s[~truth]) + 0.5 * (s[truth][:, None] == s[~truth]) for s in (a, b)
    ]  # (signal, background)
    v10, v01 = (np.array([p.mean(axis=axis) for p in psi]) for axis in (1, 0))
    covariance = np.cov(v10) / v10.shape[1] + np.cov(v01) / v01.shape[1]
    return covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]


def test_two_classes(heard):
    a = predictions()
    b = noisy(a)
    found = compare_scores(task(), a, b, heard, where="b")
    truth, p_a, p_b = a.label == 1, a.columns["p_electron"], b.columns["p_electron"]
    assert found.n == 600
    assert found.auc.difference == pytest.approx(roc_auc_score(truth, p_b) - roc_auc_score(truth, p_a))
    assert found.auc.error == pytest.approx(np.sqrt(delong_variance(truth, p_a, p_b)))
    assert found.auc.p_value == pytest.approx(2 * norm.sf(abs(found.auc.difference / found.auc.error)))
    gain = (p_b > 0.5).astype(float) * np.where(truth, 1, -1) - (p_a > 0.5) * np.where(truth, 1, -1)
    assert found.accuracy.difference == pytest.approx(
        accuracy_score(truth, p_b > 0.5) - accuracy_score(truth, p_a > 0.5)
    )
    assert found.accuracy.error == pytest.approx(gain.std() / np.sqrt(600))
    assert found.per_class == {}
    assert heard == []


def test_the_order_of_events_does_not_matter(heard):
    a = predictions()
    b = noisy(a)
    order = np.random.default_rng(3).permutation(len(b))
    ordered, mixed = (compare_scores(task(), a, each, heard, where="b") for each in (b, b.take(order)))
    assert ordered == mixed


def test_the_same_scores_do_not_differ(heard):
    found = compare_scores(task(), predictions(), predictions(), heard, where="b")
    assert (found.auc.difference, found.auc.error, found.auc.p_value) == (0, 0, 1)
    assert (found.accuracy.difference, found.accuracy.p_value) == (0, 1)


def test_several_classes_have_each_and_the_mean(heard):
    a = predictions(THREE)
    b = noisy(a)
    found = compare_scores(task(THREE), a, b, heard, where="b")
    macro = [roc_auc_score(each.label, each.probabilities, multi_class="ovr") for each in (b, a)]
    assert found.auc.difference == pytest.approx(macro[0] - macro[1])
    for k, name in enumerate(THREE):
        truth = a.label == k
        p_a, p_b = a.probabilities[:, k], b.probabilities[:, k]
        assert found.per_class[name].difference == pytest.approx(roc_auc_score(truth, p_b) - roc_auc_score(truth, p_a))
        assert found.per_class[name].error == pytest.approx(np.sqrt(delong_variance(truth, p_a, p_b)))
    one = compare_scores(task(THREE, signal="pion"), a, b, heard, where="b")
    assert one.auc == found.per_class["pion"]


def test_the_error_of_the_mean_over_classes_is_its_spread(heard):
    differences, errors = [], []
    for seed in range(150):
        a = predictions(THREE, 150, seed=seed)
        found = compare_scores(task(THREE), a, noisy(a, seed=1000 + seed), heard, where="b")
        differences.append(found.auc.difference)
        errors.append(found.auc.error)
    assert np.std(differences) == pytest.approx(np.mean(errors), rel=0.2)


def test_events_without_a_score_in_either_are_left_out_of_both(heard):
    a = predictions()
    b = noisy(a)
    b.columns["p_electron"][[1, 2]] = np.nan
    found = compare_scores(task(), a, b, heard, where="b")
    assert found.n == 598
    assert heard == ["2 of 600 events have a score that is not finite and are left out"]
    kept = np.delete(np.arange(600), [1, 2])
    assert found.auc == compare_scores(task(), a.take(kept), b.take(kept), heard, where="b").auc


def test_one_class_has_an_accuracy_and_no_auc(heard):
    a = predictions()
    only = a.take(a.label == 1)
    found = compare_scores(task(), only, noisy(only), heard, where="b")
    assert found.auc is None
    n = len(only)
    assert heard == [f"AUC: truth: one class only: {n} signal and 0 background events; give a sample that holds both"]


def test_bad_input_is_one_line(heard):
    a = predictions()
    with pytest.raises(MismatchError, match=r"^b: holds 5 events, the reference 600: not the same sample"):
        compare_scores(task(), a, a.take(np.arange(5)), heard, where="b")

    class Other:
        signals = ()

    with pytest.raises(InputError) as error:
        compare_scores(Other(), a, a, heard, where="b")
    assert str(error.value) == "b: only classifications can be compared"
