"""Kolmogorov-Smirnov, train against test, sculpting."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp, spearmanr

from pidcam.analysis import delong, ks, overtraining, sculpting
from pidcam.errors import InputError


def test_ks_is_that_of_scipy():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=200), rng.normal(0.2, 1, size=300)
    expected = ks_2samp(a, b)
    result = ks(a, b)
    assert (result.distance, result.p_value) == pytest.approx((expected.statistic, expected.pvalue))
    weighted = ks(a, b, np.full(200, 2.0))
    asymptotic = ks_2samp(a, b, method="asymp")
    assert (weighted.distance, weighted.p_value) == pytest.approx((asymptotic.statistic, asymptotic.pvalue))


def test_integer_weights_equal_repetition():
    rng = np.random.default_rng(1)
    a, b, weight = np.round(rng.normal(size=100), 1), rng.normal(size=80), rng.integers(1, 4, 100)
    assert ks(a, b, weight).distance == pytest.approx(ks(np.repeat(a, weight), b).distance)


def test_weighted_p_values_are_uniform():
    rng = np.random.default_rng(2)
    p = [ks(rng.normal(size=150), rng.normal(size=100), rng.exponential(size=150)).p_value for _ in range(400)]
    assert abs(np.mean(np.array(p) < 0.3) - 0.3) < 0.08


def labelled(n, shift, seed):
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 2 == 0
    return truth, rng.normal(size=n) + shift * truth, rng.uniform(0.5, 1.5, n)


def test_overtraining_is_seen_and_its_absence_too():
    good = overtraining(labelled(3000, 1.0, 1), labelled(2000, 1.0, 2))
    assert good.signal.p_value > 0.01
    assert good.background.p_value > 0.01
    assert good.p_value > 0.01
    bad = overtraining(labelled(3000, 1.6, 1), labelled(2000, 1.0, 2))
    assert bad.signal.p_value < 1e-6 < bad.background.p_value
    assert bad.z > 5
    assert bad.difference == pytest.approx(bad.train.auc - bad.test.auc)
    assert bad.train == delong(*labelled(3000, 1.6, 1))


def background(n=4000, slope=0.0, seed=0):
    rng = np.random.default_rng(seed)
    mass = rng.exponential(size=n)
    return rng.normal(size=n) + slope * mass, mass, rng.uniform(0.5, 1.5, n)


def test_independent_score_does_not_sculpt():
    values = [sculpting(*background(seed=seed)[:2], 0.0) for seed in range(30)]
    null = np.mean([each.jensen_shannon_null for each in values])
    assert np.mean([each.jensen_shannon for each in values]) == pytest.approx(null, rel=0.15)
    assert abs(np.mean([each.correlation for each in values])) < 0.01
    assert np.mean([each.ks.p_value for each in values]) == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("weighted", [False, True])
def test_sculpting_numbers(weighted):
    score, mass, weight = background(slope=1.0)
    weight = weight if weighted else None
    edges = np.linspace(0, 3, 13)
    result = sculpting(score, mass, 1.0, weight, edges=edges)
    shapes = [
        np.histogram(mass[part], edges, weights=None if weight is None else weight[part])[0]
        for part in (score >= 1, score < 1)
    ]
    np.testing.assert_allclose(result.passed, shapes[0] / shapes[0].sum())
    np.testing.assert_allclose(result.rate.value, shapes[0] / (shapes[0] + shapes[1]))
    assert result.jensen_shannon == pytest.approx(jensenshannon(*shapes, base=2) ** 2)
    assert result.jensen_shannon > 10 * result.jensen_shannon_null
    assert result.ks.p_value < 1e-6
    if weight is None:
        assert result.correlation == pytest.approx(spearmanr(score, mass).statistic)


def test_perfect_sculpting_is_one_bit():
    mass = np.random.default_rng(0).uniform(size=400)
    result = sculpting(mass, mass, 0.5, edges=np.linspace(0, 1, 11))
    assert result.jensen_shannon == pytest.approx(1)
    assert result.correlation == pytest.approx(1)
    assert result.ks.distance == 1


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda s, m: sculpting(s, m, 1e3), "threshold: 0 of 50 events pass; choose another"),
        (lambda s, m: sculpting(s, m[:-1], 0), "spectator: 49 entries for 50 events; give one value per event"),
        (
            lambda s, m: ks(s, m, -np.ones(50)),
            "weight: the weights of a sum to -50, must be above zero; check their sign or merge classes",
        ),
    ],
)
def test_bad_input_is_one_clear_line(call, line):
    with pytest.raises(InputError) as caught:
        call(*background(50)[:2])
    assert str(caught.value) == line
