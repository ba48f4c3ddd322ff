"""Calibration: scikit-learn, hand counts, true models that pass and distorted ones that fail."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, softmax
from sklearn import metrics
from sklearn.calibration import calibration_curve

from pidcam.analysis import (
    apply_temperature,
    bootstrap,
    brier,
    fit_temperature,
    likelihood_ratio_check,
    nll,
    prior_shift,
    reliability,
)
from pidcam.errors import InputError


def binary(n=4000, seed=0):
    """A perfectly calibrated model."""
    rng = np.random.default_rng(seed)
    p = rng.beta(1.5, 1.5, n)
    return rng.random(n) < p, p, rng.uniform(0.5, 1.5, n)


def species(n=4000, seed=0, sharpen=1.0):
    rng = np.random.default_rng(seed)
    logits = 1.5 * rng.normal(size=(n, 4))
    p = softmax(logits, axis=1)
    truth = (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return truth, softmax(sharpen * logits, axis=1), rng.uniform(0.5, 1.5, n)


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_agree_with_scikit_learn(weighted):
    for truth, p, weight in (binary(), species()):
        weight = weight if weighted else None
        assert nll(truth, p, weight).value == pytest.approx(metrics.log_loss(truth, p, sample_weight=weight))
        ours = brier(truth, p, weight)
        theirs = metrics.brier_score_loss(truth, p, sample_weight=weight)
        assert ours.value == pytest.approx(theirs)
        assert ours.error == pytest.approx(
            bootstrap(lambda w, t=truth, q=p: brier(t, q, w).value, len(p), weight).error, rel=0.2
        )


def test_reliability_agrees_with_scikit_learn():
    truth, p, _ = binary()
    result = reliability(truth, p, bins=10)
    observed, predicted = calibration_curve(truth, p, n_bins=10)
    np.testing.assert_allclose(result.observed, observed)
    np.testing.assert_allclose(result.predicted, predicted)
    assert result.n.sum() == len(p)


@pytest.mark.parametrize("weighted", [False, True])
def test_top_label_calibration_error_by_its_definition(weighted):
    truth, p, weight = species(500)
    used = weight if weighted else np.ones(500)
    confidence, correct = p.max(axis=1), p.argmax(axis=1) == truth
    expected = 0.0
    for k in range(15):
        here = (confidence > k / 15) & (confidence <= (k + 1) / 15)
        if here.any():
            gap = np.average(correct[here], weights=used[here]) - np.average(confidence[here], weights=used[here])
            expected += used[here].sum() / used.sum() * abs(gap)
    assert reliability(truth, p, weight if weighted else None).ece == pytest.approx(expected)


def test_calibrated_model_shows_only_the_null():
    results = [reliability(*species(seed=seed)) for seed in range(40)]
    assert np.mean([r.ece for r in results]) == pytest.approx(np.mean([r.ece_null for r in results]), rel=0.1)
    bad = reliability(*species(sharpen=2))
    assert bad.ece > 5 * bad.ece_null
    assert bad.mce >= bad.ece


def test_empty_bins_are_gaps():
    result = reliability([0, 1], [0.1, 0.9], bins=5)
    assert np.isnan(result.observed).tolist() == [False, True, True, True, False] == np.isnan(result.low).tolist()
    assert result.ece == pytest.approx(0.1)


@pytest.mark.parametrize("sharpen", [0.5, 1.0, 3.0])
def test_temperature_undoes_what_was_done(sharpen):
    truth, p, weight = species(20_000, sharpen=sharpen)
    fit = fit_temperature(truth, p, weight)
    assert abs(fit.value - sharpen) < 3.5 * fit.error < 0.2
    assert fit.nll_after <= fit.nll_before == pytest.approx(nll(truth, p, weight).value)
    assert nll(truth, apply_temperature(p, fit.value), weight).value == pytest.approx(fit.nll_after)


def test_temperature_error_is_the_spread_over_samples():
    fits = [fit_temperature(*species(1000, seed)) for seed in range(60)]
    assert np.std([f.value for f in fits]) == pytest.approx(np.mean([f.error for f in fits]), rel=0.3)


def test_binary_temperature_is_that_of_two_classes():
    truth, p, _ = binary()
    two = fit_temperature(truth.astype(int), np.stack([1 - p, p], axis=1))
    one = fit_temperature(truth, p)
    assert (one.value, one.error) == pytest.approx((two.value, two.error))
    assert apply_temperature(p, 2.0) == pytest.approx(expit(np.log(p / (1 - p)) / 2))


def test_separable_sample_runs_to_the_edge_and_says_so():
    fit = fit_temperature([0, 1, 0, 1], [0.4, 0.6, 0.3, 0.7])
    assert fit.value == pytest.approx(0.01)
    assert fit_temperature([0, 1], [0.5, 0.5]).value == 1  # nothing to learn from
    assert fit.warnings == ("the temperature ran to the edge of its range 0.01..100",)
    assert np.isfinite(apply_temperature([0.0, 1.0], 0.5)).all()


@given(st.lists(st.floats(0.05, 0.95), min_size=1, max_size=20), st.floats(0.1, 0.9), st.floats(0.1, 0.9))
def test_prior_shift_there_and_back(values, old, new):
    there = prior_shift(values, old, new)
    assert prior_shift(there, new, old) == pytest.approx(np.array(values))
    odds = np.array(values) / (1 - np.array(values)) * (new / (1 - new)) / (old / (1 - old))
    assert there == pytest.approx(odds / (1 + odds))
    both = np.stack([1 - np.array(values), values], axis=1)
    assert prior_shift(both, [1 - old, old], [1 - new, new])[:, 1] == pytest.approx(there)


def test_shifted_probabilities_are_calibrated_in_the_new_mixture():
    truth, p, _ = species(40_000)
    old = np.bincount(truth) / len(truth)
    new = np.array([0.1, 0.2, 0.3, 0.4])
    weight = (new / old)[truth]
    shifted = prior_shift(p, old, new)
    for k in (0, 3):
        before, after = (reliability(truth == k, each[:, k], weight) for each in (p, shifted))
        assert after.ece < 2 * after.ece_null < before.ece
    assert nll(truth, shifted, weight).value < nll(truth, p, weight).value


@pytest.mark.parametrize("prevalence", [None, 0.2])
def test_likelihood_ratio_of_a_true_model_passes(prevalence):
    p_values = []
    for seed in range(60):
        truth, p, _ = binary(seed=seed)
        if prevalence is not None:
            p = prior_shift(p, 0.5, prevalence)
        p_values.append(likelihood_ratio_check(truth, p, prevalence=prevalence).p_value)
    assert 0.3 < np.mean(p_values) < 0.7
    assert np.mean(np.array(p_values) < 0.05) < 0.15


def test_likelihood_ratio_of_gaussians():
    rng = np.random.default_rng(0)
    truth = np.arange(60_000) % 3 == 0
    x = rng.normal(size=60_000) + truth
    result = likelihood_ratio_check(truth, expit(x - 0.5), prevalence=0.5, bins=10)  # trained on equal classes
    assert result.bins == 10
    assert result.p_value > 1e-3
    biased = likelihood_ratio_check(truth, expit(2 * x - 1), prevalence=0.5)
    assert biased.p_value < 1e-6
    few = likelihood_ratio_check(truth[:90], expit(x - 0.5)[:90], bins=10)
    assert few.bins < 10
    assert np.isnan(few.measured).any()


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (
            lambda: reliability([0, 1], [0.2, 1.3]),
            "probabilities: 1.3 in event 1 is no probability; give the model's softmax output",
        ),
        (
            lambda: nll([0, 1], [[0.5, 0.5], [0.9, 0.3]]),
            "probabilities: the classes of event 1 sum to 1.2, not to one; give the model's softmax output",
        ),
        (lambda: brier([0, 3], [[0.5, 0.5], [0.9, 0.1]]), "truth: 3 at event 1 is not a class index 0..1"),
        (
            lambda: likelihood_ratio_check([0, 1], [-0.1, 0.5]),
            "probability: -0.1 in event 0 is no probability; give the model's softmax output",
        ),
        (lambda: apply_temperature([0.5], 0), "temperature: 0 is not above zero"),
        (lambda: prior_shift([0.5], 0.5, 0), "new: 0 is not between 0 and 1"),
        (
            lambda: prior_shift([[0.2, 0.3, 0.5]], [1, 1], [1, 1, 1]),
            "old: expected 3 class fractions, all above zero",
        ),
        (
            lambda: fit_temperature([0, 1], [0.2, 0.3], [1, -1]),
            "weight: the weights of all events sum to 0, must be above zero; check their sign or merge classes",
        ),
    ],
)
def test_bad_input_is_one_clear_line(call, line):
    with pytest.raises(InputError) as caught:
        call()
    assert str(caught.value) == line
