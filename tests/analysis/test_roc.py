"""ROC, AUC and DeLong: closed forms, scikit-learn, invariants, coverage, bad input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn import metrics

from pidcam.analysis import auc, delong, delong_compare, roc
from pidcam.errors import InputError


def normals(n=2000, shift=1.0, seed=0, ties=False):
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < 0.4
    score = rng.normal(size=n) + shift * truth
    return truth, np.round(score, 1) if ties else score, rng.uniform(0.2, 2, n)


@st.composite
def samples(draw):
    n = draw(st.integers(4, 40))
    score = draw(st.lists(st.integers(-5, 5), min_size=n, max_size=n))
    truth = draw(st.lists(st.booleans(), min_size=n, max_size=n).filter(lambda t: 2 <= sum(t) <= len(t) - 2))
    weight = draw(st.lists(st.integers(1, 4), min_size=n, max_size=n))
    return np.array(truth), np.array(score, dtype=float), np.array(weight)


def by_pairs(truth, score, weight):
    """The AUC by its definition, all pairs."""
    difference = score[truth][:, None] - score[~truth][None, :]
    wins = (difference > 0) + 0.5 * (difference == 0)
    pair_weight = weight[truth][:, None] * weight[~truth][None, :]
    return (wins * pair_weight).sum() / pair_weight.sum()


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_agrees_with_scikit_learn(ties, weighted):
    truth, score, weight = normals(ties=ties)
    weight = weight if weighted else None
    expected = metrics.roc_curve(truth, score, sample_weight=weight, drop_intermediate=False)
    curve = roc(truth, score, weight)
    for ours, theirs in zip((curve.fpr, curve.tpr, curve.thresholds), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)
    assert auc(truth, score, weight) == pytest.approx(metrics.roc_auc_score(truth, score, sample_weight=weight), 1e-12)


def test_binormal_area_is_its_closed_form():
    rng = np.random.default_rng(1)
    truth = np.arange(400_000) % 2 == 0
    result = delong(truth, rng.normal(size=len(truth)) + 1.2 * truth)
    assert abs(result.auc - norm.cdf(1.2 / np.sqrt(2))) < 3 * result.error
    assert result.error < 1e-3


def test_exponential_roc_is_a_power_law():
    rng = np.random.default_rng(2)
    truth = np.arange(200_000) % 2 == 0
    score = rng.exponential(np.where(truth, 3.0, 1.0))  # tpr = exp(-t/3), fpr = exp(-t)
    curve = roc(truth, score)
    grid = np.linspace(0.01, 0.99, 50)
    assert np.abs(np.interp(grid, curve.fpr, curve.tpr) - grid ** (1 / 3)).max() < 0.01
    result = delong(truth, score)
    assert abs(result.auc - 3 / 4) < 3 * result.error


@given(samples())
def test_area_is_the_fraction_of_ordered_pairs(sample):
    truth, score, weight = sample
    assert auc(truth, score, weight) == pytest.approx(by_pairs(truth, score, weight))
    curve = roc(truth, score, weight)
    assert np.trapezoid(curve.tpr, curve.fpr) == pytest.approx(auc(truth, score, weight))


@given(samples(), st.integers(0, 1000))
def test_order_of_events_does_not_matter(sample, seed):
    order = np.random.default_rng(seed).permutation(len(sample[0]))
    first, second = delong(*sample), delong(*(column[order] for column in sample))
    assert (first.auc, first.error) == pytest.approx((second.auc, second.error))


@given(samples())
def test_monotone_transform_changes_nothing(sample):
    truth, score, weight = sample
    assert delong(truth, np.exp(score / 3), weight) == delong(truth, score, weight)


@given(samples())
def test_swapping_the_classes_gives_one_minus_auc(sample):
    truth, score, weight = sample
    forward, back = delong(truth, score, weight), delong(~truth, score, weight)
    assert back.auc == pytest.approx(1 - forward.auc)
    assert back.error == pytest.approx(forward.error)


@given(samples())
def test_integer_weights_equal_repetition(sample):
    truth, score, weight = sample
    repeated = auc(np.repeat(truth, weight), np.repeat(score, weight))
    assert auc(truth, score, weight) == pytest.approx(repeated)


@given(samples())
def test_delong_is_the_textbook_covariance(sample):
    truth, score_a, _ = sample
    score_b = np.roll(score_a, 1)
    wins = []
    for score in (score_a, score_b):
        difference = score[truth][:, None] - score[~truth][None, :]
        wins.append((difference > 0) + 0.5 * (difference == 0))
    v10 = np.cov([w.mean(axis=1) for w in wins]) / truth.sum()
    v01 = np.cov([w.mean(axis=0) for w in wins]) / (~truth).sum()
    covariance = v10 + v01
    compared = delong_compare(truth, score_a, score_b)
    assert delong(truth, score_a).error ** 2 == pytest.approx(covariance[0, 0])
    assert compared.error**2 == pytest.approx(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], abs=1e-12)
    assert compared.difference == pytest.approx(compared.auc_a - compared.auc_b)


def test_equal_weights_do_not_change_the_error():
    truth, score, _ = normals(500)
    plain, weighted = delong(truth, score), delong(truth, score, np.full(500, 7.0))
    assert (weighted.auc, weighted.error) == pytest.approx((plain.auc, plain.error))


@pytest.mark.parametrize("weighted", [False, True])
def test_delong_interval_covers_the_true_area(weighted):
    rng = np.random.default_rng(3)
    expected = norm.cdf(1 / np.sqrt(2))
    pulls = []
    for _ in range(1500):
        truth = np.arange(200) < 80
        score = rng.normal(size=200) + truth
        result = delong(truth, score, rng.exponential(size=200) if weighted else None)
        pulls.append((result.auc - expected) / result.error)
    assert abs(np.mean(np.abs(pulls) < 1) - 0.683) < 0.04
    assert abs(np.std(pulls) - 1) < 0.08


def test_delong_error_is_the_bootstrap_spread():
    truth, score, weight = normals(1500, seed=5)
    rng = np.random.default_rng(0)
    replicas = [auc(truth, score, weight * rng.poisson(1, 1500)) for _ in range(600)]
    assert np.std(replicas) == pytest.approx(delong(truth, score, weight).error, rel=0.1)


def test_comparison_of_equal_scores_is_null_and_p_value_is_uniform():
    truth, score, weight = normals(300)
    same = delong_compare(truth, score, np.exp(score), weight)
    assert (same.difference, same.error, same.z, same.p_value) == (0, 0, 0, 1)
    rng = np.random.default_rng(4)
    p_values = []
    for _ in range(800):
        common = rng.normal(size=200) + (np.arange(200) < 100)
        a, b = common + rng.normal(size=(2, 200))
        p_values.append(delong_compare(np.arange(200) < 100, a, b).p_value)
    assert abs(np.mean(np.array(p_values) < 0.317) - 0.317) < 0.05


def test_single_negative_weights_are_legitimate():
    truth, score, weight = normals(400)
    weight[::10] *= -1
    assert auc(truth, score, weight) == pytest.approx(by_pairs(truth, score, weight))
    assert delong(truth, score, weight).error > 0


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ([0, 1], [0.1, np.nan]),
            "score: NaN or infinite in 1 of 2 events, first in event 1; repair or drop those events",
        ),
        (([0, 1], [0.1]), "truth: 2 entries for 1 events; give one value per event"),
        (
            ([0, 0], [0.1, 0.2]),
            "truth: one class only: 0 signal and 2 background events; give a sample that holds both",
        ),
        (
            ([1, 1], [0.1, 0.2]),
            "truth: one class only: 2 signal and 0 background events; give a sample that holds both",
        ),
        (([0, 2], [0.1, 0.2]), "truth: 2 at event 1 is neither 0 nor 1"),
        (
            ([0, 1, 1], [0.1, 0.2, 0.3], [1, 1, -2]),
            "weight: the weights of signal sum to -1, must be above zero; check their sign or merge classes",
        ),
        (
            ([0, 1, 1], [0.1, 0.2, 0.3], [0, 1, 1]),
            "weight: the weights of background sum to 0, must be above zero; check their sign or merge classes",
        ),
        (([0, 1], [0.1, 0.2], [1]), "weight: 1 entries for 2 events; give one value per event"),
        (
            ([0, 1], [0.1, 0.2], [1, np.inf]),
            "weight: NaN or infinite in 1 of 2 events, first in event 1; repair or drop those events",
        ),
        (([], []), "score: no events"),
        (([[0, 1]], [[0.1, 0.2]]), "score: shape (1, 2), expected (n,); give one value per event"),
        ((["a", "b"], [0.1, 0.2]), "truth: not an array of numbers"),
    ],
)
def test_bad_input_is_one_clear_line(arguments, line):
    for function in (roc, auc, delong):
        with pytest.raises(InputError) as caught:
            function(*arguments)
        assert str(caught.value) == line
