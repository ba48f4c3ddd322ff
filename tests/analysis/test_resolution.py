"""Bias, effective width, resolution in bins, and the three terms of a calorimeter."""

from __future__ import annotations

import numpy as np
import pytest

from pidcam.analysis import (
    bias_and_width,
    effective_width,
    fit_resolution,
    median,
    resolution_curve,
    resolution_in_bins,
)
from pidcam.errors import InputError

RNG = np.random.default_rng(0)
NORMAL = RNG.normal(3.0, 2.0, 20_000)


def test_of_a_normal_distribution_it_is_mean_and_standard_deviation():
    bias, width = bias_and_width(NORMAL)
    assert abs(bias.value - 3) < 4 * bias.error
    assert abs(width.value - 2) < 4 * width.error
    assert bias.error == pytest.approx(2 * np.sqrt(np.pi / 2 / 20_000), rel=0.25)  # of a median
    # of a uniform distribution any interval of that content is the shortest
    assert effective_width(np.linspace(0, 1, 10_001)) == pytest.approx(0.6827 / 2, abs=1e-3)


def test_errors_are_the_spread_over_samples():
    found = [bias_and_width(RNG.normal(size=400), seed=k) for k in range(50)]
    for k in range(2):
        spread = np.std([each[k].value for each in found])
        assert np.mean([each[k].error for each in found]) == pytest.approx(spread, rel=0.4)


def test_errors_of_large_samples_scale_as_those_of_small_ones(monkeypatch):
    whole = bias_and_width(NORMAL)
    monkeypatch.setattr("pidcam.analysis.resolution.MOST", 4000)
    for a, b in zip(whole, bias_and_width(NORMAL), strict=True):
        assert a.value == b.value
        assert b.error == pytest.approx(a.error, rel=0.35)


def test_tails_do_not_move_the_effective_width():
    tails = np.concatenate([NORMAL, np.full(200, 1e6)])
    assert effective_width(tails) == pytest.approx(effective_width(NORMAL), rel=0.05)


def test_weights_count_as_copies():
    values, copies = np.array([0.0, 1.0, 2.0, 5.0]), np.array([1, 3, 2, 1])
    assert effective_width(values, copies) == effective_width(np.repeat(values, copies))
    assert median(values, [1, 1, 0, 0]) == pytest.approx(0.5)


def test_in_bins_every_bin_is_as_if_alone():
    x = RNG.uniform(0, 3, len(NORMAL))
    found = resolution_in_bins(NORMAL * (1 + x), x, [0, 1, 2, 3, 4])
    assert found.n.sum() == len(NORMAL)
    assert found.n[-1] == 0
    assert np.isnan(found.resolution[-1])
    inside = (x >= 1) & (x < 2)
    assert found.resolution[1] == effective_width((NORMAL * (1 + x))[inside])
    assert found.mean[1] == pytest.approx(x[inside].mean())


@pytest.mark.parametrize("terms", [(0.1356, 0.00908, 1.95), (0.1, 0.02, 0.0)])
def test_the_three_terms_come_back_with_the_errors_they_scatter_by(terms):
    energy = np.linspace(15, 505, 20)
    true = resolution_curve(energy, terms)
    fits = [fit_resolution(energy, true * (1 + 0.01 * RNG.normal(size=20)), 0.01 * true) for _ in range(60)]
    for k, value in enumerate(terms):
        found = np.array([fit.values[k] for fit in fits])
        assert abs(np.median(found) - value) < max(3 * found.std() / np.sqrt(60), 0.03), k
        if value:
            errors = [fit.errors[k] for fit in fits if np.isfinite(fit.errors[k])]
            assert np.median(errors) == pytest.approx(found.std(), rel=0.6)
    assert np.mean([fit.chi2 / fit.ndf for fit in fits]) == pytest.approx(1, abs=0.25)
    a_and_c = fits[0].covariance[0, 2]
    assert np.isnan(a_and_c) or a_and_c < 0, "more of one is less of the other"


def test_a_term_at_its_bound_has_no_error():
    energy = np.linspace(15, 505, 12)
    fit = fit_resolution(energy, resolution_curve(energy, (0.0, 0.02, 3.0)), np.full(12, 1e-3))
    assert fit.values[0] == pytest.approx(0, abs=0.02)
    assert np.isnan(fit.errors[0]) or fit.errors[0] > fit.values[0]
    assert fit(np.array([100.0])) == pytest.approx(resolution_curve(np.array([100.0]), fit.values))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: effective_width([]), "values: no events"),
        (lambda: effective_width([1.0, np.nan]), "values"),
        (lambda: effective_width([1.0, 2.0], [2, -1]), "must not be negative"),
        (lambda: resolution_in_bins([1.0], [1.0, 2.0], [0, 1]), "1 residuals for 2 values"),
        (lambda: resolution_in_bins([1.0], [1.0], [1, 0]), "edges: must rise"),
        (lambda: fit_resolution([1, 2, 3], [1, 1, 1], [1, 1, 1]), "four points or more, got 3"),
        (lambda: fit_resolution([0, 1, 2, 3], [1] * 4, [1] * 4), "must be above zero"),
    ],
)
def test_bad_input_is_one_line(call, words):
    with pytest.raises(InputError) as caught:
        call()
    assert words in str(caught.value)
