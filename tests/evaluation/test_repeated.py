"""Runs that differ in the seed, and in the number of training events."""

import numpy as np
import pytest

from pidcam.evaluation.repeated import Row, seeds, sizes


def row(name, auc, trained_on=1000):
    rate = {"value": (auc or 0) / 2, "error": 0.02}
    point = {"target": "fake_rate", "asked": 0.1, "efficiency": rate, "fake_rate": rate}
    numbers = {"n": 500, "loss": 1 - (auc or 0), "auc": auc, "auc_error": 0.01, "accuracy": 0.8, "accuracy_error": 0.02}
    return Row(name, numbers, {"signals": {"electron": {"points": [point]}}}, None, None, None, trained_on)


def config(seed=0, limit=None):
    return {"model": {"name": "mlp"}, "training": {"seed": seed, "limit": limit}}


def test_working_points_have_a_spread_over_seeds_too():
    (group,) = seeds([row("a", 0.8), row("b", 0.84), row("c", 0.9)], [config(1), config(2), config(1, limit=50)])
    assert group.runs == ("a", "b")
    spread = group.points["efficiency at fake rate 10 %"]
    assert (spread.mean, spread.statistical) == pytest.approx((0.41, 0.02))
    assert spread.spread == pytest.approx(np.std([0.4, 0.42], ddof=1))


def test_sizes_make_a_learning_curve_of_the_mean_over_seeds():
    limits = (1000, 1000, 2000, 4000, 16000)
    areas = [1 - 0.05 - 2 * n**-0.5 for n in limits]
    rows = [row(f"r{i}", auc, n) for i, (auc, n) in enumerate(zip(areas, limits, strict=True))]
    (curve,) = sizes([*rows, row("other", 0.7)], [*(config(i, n) for i, n in enumerate(limits)), {"model": {}}])
    assert [(p.events, p.auc.n) for p in curve.points] == [(1000, 2), (2000, 1), (4000, 1), (16000, 1)]
    assert curve.points[0].runs == ("r0", "r1")
    assert (curve.fit.floor, curve.fit.scale, curve.fit.exponent) == pytest.approx((0.05, 2, 0.5), rel=0.02)


def test_two_sizes_have_no_fit_and_one_is_no_curve():
    two = [row("a", 0.8, 100), row("b", 0.9, 1000)]
    (curve,) = sizes(two, [config(limit=100), config()])
    assert curve.fit is None
    assert sizes(two, [config(), {**config(), "model": {"name": "bdt"}}]) == []
    assert sizes([row("a", None, 100), two[1]], [config(limit=100), config()]) == []
