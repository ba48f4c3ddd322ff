"""Binomial fractions: SciPy's own intervals, exact coverage, weights, bad input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from pidcam.analysis import binomial_interval, effective_events, fraction
from pidcam.analysis.estimate import ONE_SIGMA
from pidcam.errors import InputError


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_intervals_are_those_of_scipy(counts):
    k, n = counts
    for ours, theirs in (("clopper-pearson", "exact"), ("wilson", "wilson")):
        expected = binomtest(k, n).proportion_ci(ONE_SIGMA, theirs)
        assert binomial_interval(k, n, method=ours) == pytest.approx((expected.low, expected.high), abs=1e-9)


def coverage(n, method):
    """The exact coverage at p on a grid: the sum of the binomial over the counts whose interval holds p."""
    p = (np.arange(500) + 0.5) / 500
    low, high = binomial_interval(np.arange(n + 1), n, method=method)
    holds = (low <= p[:, None]) & (p[:, None] <= high)
    return (binom.pmf(np.arange(n + 1), n, p[:, None]) * holds).sum(axis=1)


@pytest.mark.parametrize("n", [10, 30, 100, 400])
def test_exact_coverage(n):
    assert coverage(n, "clopper-pearson").min() >= ONE_SIGMA - 1e-9
    assert abs(coverage(n, "wilson").mean() - 0.683) < 0.02
    assert abs(coverage(n, "bootstrap").mean() - 0.683) < 0.02


def test_known_limits():
    assert binomial_interval(0, 20)[0] == 0
    assert binomial_interval(20, 20)[1] == 1
    assert binomial_interval(0, 20)[1] == pytest.approx(1 - ((1 - ONE_SIGMA) / 2) ** (1 / 20))
    for method in ("clopper-pearson", "wilson", "bootstrap"):
        assert [float(end) for end in binomial_interval(0, 0, method=method)] == [0, 1]


def test_weighted_error_is_the_spread_over_samples():
    rng = np.random.default_rng(0)
    results = [fraction(rng.random(300) < 0.3, rng.exponential(size=300)) for _ in range(600)]
    assert np.std([each.value for each in results]) == pytest.approx(np.mean([each.error for each in results]), rel=0.1)
    assert results[0].n == 300
    assert results[0].n_effective == pytest.approx(150, rel=0.2)  # exponential weights halve it


@pytest.mark.parametrize("method", ["wilson", "bootstrap"])
def test_weighted_intervals_cover(method):
    rng = np.random.default_rng(1)
    inside = []
    for seed, p in enumerate(rng.random(500)):
        result = fraction(rng.random(60) < p, rng.exponential(size=60), method=method, seed=seed)
        inside.append(result.low <= p <= result.high)
    assert abs(np.mean(inside) - 0.683) < 0.06  # three standard errors of 500 trials


@pytest.mark.parametrize("method", ["clopper-pearson", "wilson", "bootstrap"])
def test_scale_of_the_weights_does_not_matter(method):
    rng = np.random.default_rng(2)
    passed, weight = rng.random(80) < 0.4, rng.uniform(0.5, 1.5, 80)
    first, second = fraction(passed, weight, method=method), fraction(passed, 10 * weight, method=method)
    for name in ("value", "error", "low", "high", "n_effective"):
        assert getattr(first, name) == pytest.approx(getattr(second, name))
    equal, plain = fraction(passed, np.full(80, 3.0)), fraction(passed)
    assert (equal.error, equal.low, equal.high) == pytest.approx((plain.error, plain.low, plain.high))


@pytest.mark.parametrize("value", [0, 1])
def test_weighted_bootstrap_at_the_ends(value):
    result = fraction(np.full(20, value), np.linspace(1, 2, 20), method="bootstrap")
    assert (result.low, result.high)[value] == value == result.value
    assert 0 < result.high - result.low < 0.1


def test_effective_events():
    assert effective_events(np.full(7, 2.5)) == pytest.approx(7)
    assert effective_events(np.array([1.0, 1.0, -1.0])) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: fraction([0, 3]), "passed: 3 at event 1 is neither 0 nor 1"),
        (lambda: fraction([]), "passed: no events"),
        (lambda: fraction(np.array([], dtype=bool)), "passed: no events"),
        (
            lambda: fraction(np.ones((2, 2), dtype=bool)),
            "passed: shape (2, 2), expected (n,); give one value per event",
        ),
        (lambda: binomial_interval(3, 2), "passed: passed counts must lie between 0 and the total"),
        (
            lambda: binomial_interval(1, 2, method="wald"),
            "method: unknown interval 'wald'; known: clopper-pearson, wilson, bootstrap",
        ),
    ],
)
def test_bad_input_is_one_clear_line(call, line):
    with pytest.raises(InputError) as caught:
        call()
    assert str(caught.value) == line
