"""Working points, significance, purity, best cut: exact small cases, closed forms, coverage, bad input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import norm, poisson

from pidcam.analysis import (
    Sample,
    best_cut,
    purity,
    quality_factor,
    significance,
    threshold_at_efficiency,
    threshold_at_fake_rate,
    working_point,
    working_points,
)
from pidcam.errors import InputError


def normals(n, seed=0, shift=2.0):
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 2 == 0
    return truth, rng.normal(size=n) + shift * truth, rng.uniform(0.5, 1.5, n)


@given(st.integers(0, 10_000), st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]), st.booleans())
def test_thresholds_are_the_tightest_and_the_loosest_allowed(seed, asked, tied):
    truth, score, weight = normals(40, seed)
    score = np.round(score) if tied else score
    signal, background = (weight * truth).sum(), (weight * ~truth).sum()
    cut = threshold_at_efficiency(truth, score, asked, weight)
    assert weight[truth & (score >= cut)].sum() / signal >= asked - 1e-12
    assert weight[truth & (score > cut)].sum() / signal < asked
    cut = threshold_at_fake_rate(truth, score, asked, weight)
    assert weight[~truth & (score >= cut)].sum() / background <= asked + 1e-12
    looser = score[score < cut].max()
    assert weight[~truth & (score >= looser)].sum() / background > asked


def test_round_fractions_are_met_exactly():
    truth, score = np.arange(20) < 10, np.arange(20, 0, -1.0)
    for k in range(1, 10):
        assert np.sum(score[truth] >= threshold_at_efficiency(truth, score, k / 10)) == k


def test_background_that_saturates_leaves_nothing():
    truth, score = [1, 1, 0, 0], [1.0, 1.0, 1.0, 0.2]
    cut = threshold_at_fake_rate(truth, score, 0.1)
    assert 1 < cut < 1 + 1e-12
    point = working_point(truth, score, cut)
    assert (point.efficiency.value, point.fake_rate.value, point.rejection) == (0, 0, np.inf)
    assert np.isfinite(point.rejection_low)


def test_binormal_working_points():
    validation, test = Sample(*normals(200_000, 1)[:2]), Sample(*normals(200_000, 2)[:2])
    points = working_points(validation, test)
    assert [(each.target, each.asked) for each in points] == [
        *(("efficiency", e) for e in (0.3, 0.5, 0.7, 0.9)),
        *(("fake_rate", f) for f in (0.01, 0.1)),
    ]
    for each in points:
        expected = norm.isf(each.asked) + (2 if each.target == "efficiency" else 0)
        assert each.threshold == pytest.approx(expected, abs=0.04)
        assert each.efficiency.value == pytest.approx(norm.sf(each.threshold - 2), abs=4 * each.efficiency.error)
        assert each.fake_rate.value == pytest.approx(norm.sf(each.threshold), abs=4 * each.fake_rate.error)
        assert each.rejection == pytest.approx(1 / each.fake_rate.value)
        assert each.rejection_low < each.rejection < each.rejection_high
        assert each.rejection_error == pytest.approx(each.fake_rate.error / each.fake_rate.value**2)


def test_few_background_events_are_a_warning():
    truth, score, _ = normals(1000)
    tight, loose = working_point(truth, score, 2.5), working_point(truth, score, 0.0)
    count = int(np.sum(score[~truth] >= 2.5))
    assert tight.warnings == (f"only {count} background events pass, fewer than 100: its fake rate is uncertain",)
    assert tight.background_passed == count
    assert loose.warnings == ()


@pytest.mark.parametrize("method", ["clopper-pearson", "wilson", "bootstrap"])
def test_weights_and_methods(method):
    truth, score, weight = normals(400)
    point = working_point(truth, score, 1.0, weight, method=method)
    passed = score >= 1.0
    assert point.efficiency.value == pytest.approx(np.average(passed[truth], weights=weight[truth]))
    assert point.fake_rate.value == pytest.approx(np.average(passed[~truth], weights=weight[~truth]))
    for each in (point.efficiency, point.fake_rate):
        assert each.low < each.value < each.high
        assert (each.high - each.low) / 2 == pytest.approx(each.error, rel=0.2)


def test_significance_is_the_likelihood_ratio_itself():
    signal, background = 12.0, 30.0
    expected = np.sqrt(2 * (poisson.logpmf(42, 42) - poisson.logpmf(42, 30)))
    assert significance(signal, background) == pytest.approx(expected)
    error = 6.0  # the background from a control count of (b / error)^2 events
    tau = background / error**2

    def minus_log(b, s):
        return (s + b) - 42 * np.log(s + b) + tau * b - tau * background * np.log(tau * b)

    fit = minimize(
        lambda b: minus_log(b[0], 0.0), [35.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12}
    )
    expected = np.sqrt(2 * (fit.fun - minus_log(background, signal)))
    assert significance(signal, background, error) == pytest.approx(expected, rel=1e-6)


def test_significance_limits():
    assert significance(1e-3, 1e6) == pytest.approx(1e-3 / 1e3, rel=1e-6)
    assert significance(1, 1e6, 1e3) == pytest.approx(1 / np.sqrt(1e6 + 1e6), rel=1e-4)
    assert significance(10, 100, 1e-6) == pytest.approx(float(significance(10, 100)))
    assert [float(significance(*each)) for each in ((0, 5), (0, 0), (3, 0), (0, 5, 1))] == [0, 0, np.inf, 0]
    assert significance([1, 2], [[10], [20], [30]]).shape == (3, 2)
    around = [float(significance(100 * ratio, 100)) / ratio for ratio in (0.99e-4, 1.01e-4)]
    assert around[0] == pytest.approx(around[1], rel=1e-5)


def test_purity_and_quality():
    assert purity(0.8, 0.8, 0.25) == pytest.approx(0.25)
    assert purity(0.5, 0.0, 0.01) == 1
    assert np.isnan(purity(0.0, 0.0, 0.5))
    assert quality_factor(0.6, 0.09) == pytest.approx(2)
    assert quality_factor(0.6, 0.0) == np.inf


def test_best_cut_finds_the_optimum():
    truth, score, weight = normals(40_000)
    best = best_cut(truth, score, lambda e, f: e - f, weight)  # Youden: where the densities cross
    assert best.threshold == pytest.approx(1, abs=0.15)
    assert best.merit == pytest.approx(best.efficiency - best.fake_rate)
    point = working_point(truth, score, best.threshold, weight)
    assert (point.efficiency.value, point.fake_rate.value) == pytest.approx((best.efficiency, best.fake_rate))
    assert point.background_passed == best.background_passed


def test_best_cut_never_chooses_a_fluctuation():
    truth, score, _ = normals(2000)
    best = best_cut(truth, score, min_background=25)
    assert best.background_passed >= 25
    assert np.isfinite(best.merit)
    assert best.warnings or best.background_passed >= 100
    yields = best_cut(truth, score, lambda e, f: significance(50 * e, 1000 * f))
    assert yields.merit == pytest.approx(significance(50 * yields.efficiency, 1000 * yields.fake_rate))


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda t, s: threshold_at_efficiency(t, s, 1.5), "efficiency: 1.5 is not between 0 and 1"),
        (lambda t, s: threshold_at_fake_rate(t, s, 0), "fake_rate: 0 is not between 0 and 1"),
        (
            lambda t, s: best_cut(t, s, min_background=99),
            "best_cut: no cut leaves 99 background events; give more events",
        ),
        (lambda t, s: significance(-1, 1), "significance: expected events and their error must not be negative"),
        (lambda t, s: working_point(t, s, np.nan), "threshold: is NaN; choose one by threshold_at_efficiency"),
        (
            lambda t, s: working_point(t, s, 0.5, method="wald"),
            "method: unknown interval 'wald'; known: clopper-pearson, wilson, bootstrap",
        ),
    ],
)
def test_bad_input_is_one_clear_line(call, line):
    with pytest.raises(InputError) as caught:
        call(*normals(20)[:2])
    assert str(caught.value) == line
