"""Spread over seeds, learning curve, score histogram, plain results."""

import json

import numpy as np
import pytest

from pidcam.analysis import (
    auc,
    auc_one_vs_rest,
    delong,
    learning_curve,
    over_seeds,
    plain,
    roc,
    score_histogram,
    working_point,
)
from pidcam.errors import InputError, MismatchError


def test_seeds_shrink_but_the_shared_test_sample_does_not():
    rng = np.random.default_rng(0)
    values = rng.normal(0.9, 0.02, 4000)
    result = over_seeds(values, np.full(4000, 0.01))
    assert (result.spread, result.robust_spread) == pytest.approx((0.02, 0.02), rel=0.05)
    assert result.error_of_one == pytest.approx(np.hypot(0.02, 0.01), rel=0.03)
    assert result.error_of_mean == pytest.approx(0.01, rel=0.01)
    assert result.lowest <= result.median <= result.highest


def test_one_outlier_does_not_move_the_robust_spread():
    values = [0.90, 0.91, 0.92, 0.93, 0.2]
    result = over_seeds(values)
    assert result.robust_spread < 0.03 < result.spread
    assert result.median == 0.91
    assert np.isnan(over_seeds([0.9], [0.01]).spread)


def test_learning_curve_finds_its_law():
    events = np.geomspace(1e3, 1e6, 7)
    rng = np.random.default_rng(1)
    loss = 0.05 + 3 * events**-0.5
    exact = learning_curve(events, loss)
    assert (exact.floor, exact.scale, exact.exponent) == pytest.approx((0.05, 3, 0.5), rel=1e-3)
    assert exact.at(4e6) == pytest.approx(0.05 + 3 / 2000)
    pulls = []
    for _ in range(40):
        fit = learning_curve(events, loss + rng.normal(0, 5e-4, 7), np.full(7, 5e-4))
        pulls.append([(fit.floor - 0.05) / fit.floor_error, (fit.exponent - 0.5) / fit.exponent_error])
    assert np.std(pulls, axis=0) == pytest.approx([1, 1], abs=0.35)


def test_three_points_fix_a_curve_but_not_its_errors():
    fit = learning_curve([100, 200, 400], [0.3, 0.2, 0.15])
    assert fit.at([100, 400]) == pytest.approx([0.3, 0.15], abs=0.01)
    assert np.isnan(fit.exponent_error)


def chunks(n=6000):
    rng = np.random.default_rng(2)
    truth = rng.random(n) < 0.4
    return truth, np.clip(rng.normal(0.4 + 0.2 * truth, 0.2), 0, 1), rng.uniform(0.5, 1.5, n)


@pytest.mark.parametrize("weighted", [False, True])
def test_histogram_holds_the_exact_area_within_its_stated_error(weighted):
    truth, score, weight = chunks()
    exact = delong(truth, score, weight if weighted else None)
    for bins in (5, 50, 5000):
        parts = [
            score_histogram(truth[k::3], score[k::3], weight[k::3] if weighted else None, edges=np.linspace(0, 1, bins))
            for k in range(3)
        ]
        result = (parts[0] + parts[1] + parts[2]).auc()
        assert abs(result.auc - exact.auc) <= result.binning_error
        assert (result.n_signal, result.n_background) == (exact.n_signal, exact.n_background)
    assert result.error == pytest.approx(exact.error, rel=1e-3)
    assert result.binning_error < 1e-3 + 1e-2 * (score == 1).mean()


def test_histogram_of_integers_is_exact():
    truth, score, weight = chunks()
    score = np.round(5 * score)
    result = score_histogram(truth, score, weight, edges=np.arange(-0.5, 6)).auc()
    assert result.auc == pytest.approx(auc(truth, score, weight))
    assert result.error == pytest.approx(delong(truth, score, weight).error)


def test_results_become_strict_json():
    truth, score, weight = chunks(200)
    point = working_point(truth, score, 2.0, weight)
    text = json.dumps(plain({"point": point, "roc": roc(truth, score), "list": (np.int64(3), np.nan)}), allow_nan=False)
    back = json.loads(text)
    assert back["point"]["rejection"] is None
    assert back["point"]["fake_rate"]["value"] == 0
    assert back["roc"]["thresholds"][0] is None
    assert back["list"] == [3, None]
    several = plain(auc_one_vs_rest([0, 1], [[0.9, 0.1], [0.2, 0.8]]))
    assert several["per_class"][0]["error"] is None  # one event of each class cannot tell


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: over_seeds([0.9, 0.8], [0.1]), "errors: 1 entries for 2 events; give one value per event"),
        (
            lambda: learning_curve([1, 2, 2], [3, 2, 2]),
            "events: a learning curve needs three or more sizes above zero; train on more",
        ),
        (
            lambda: score_histogram([1, 1], [0.1, 0.2]).auc(),
            "weight: the weights of background sum to 0, must be above zero",
        ),
    ],
)
def test_bad_input_is_one_clear_line(call, line):
    with pytest.raises(InputError) as caught:
        call()
    assert str(caught.value) == line


def test_different_edges_cannot_be_added():
    with pytest.raises(MismatchError, match="different edges"):
        score_histogram([0], [0.5]) + score_histogram([0], [0.5], edges=[0, 0.5, 1])
