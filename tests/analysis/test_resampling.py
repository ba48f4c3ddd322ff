"""The bootstrap, bands on the ROC curve and partial areas."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from pidcam.analysis import (
    auc,
    bootstrap,
    delong,
    delong_compare,
    partial_auc,
    rejection_area,
    resampling,
    roc,
    roc_band,
)
from pidcam.errors import InputError


def normals(n, shift=1.0, seed=0):
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 2 == 0
    return truth, rng.normal(size=n) + shift * truth


def test_error_of_a_mean_is_its_standard_error():
    values = np.random.default_rng(0).normal(size=400)
    result = bootstrap(lambda w: np.average(values, weights=w), 400, replicas=1000)
    assert result.value == pytest.approx(values.mean())
    assert result.error == pytest.approx(values.std() / 20, rel=0.08)
    assert (result.high - result.low) / 2 == pytest.approx(result.error, rel=0.1)


def test_array_statistics_and_paired_difference():
    truth, a = normals(600)
    b = a + np.random.default_rng(1).normal(size=600)
    result = bootstrap(lambda w: np.array([auc(truth, a, w), auc(truth, a, w) - auc(truth, b, w)]), 600, replicas=400)
    paired = delong_compare(truth, a, b)
    assert result.value == pytest.approx([paired.auc_a, paired.difference])
    assert result.error == pytest.approx([delong(truth, a).error, paired.error], rel=0.15)


def test_same_seed_same_result_and_empty_classes_are_drawn_again():
    truth, score = [1, 1, 0, 0, 0], [0.9, 0.4, 0.5, 0.2, 0.1]
    first, second = (bootstrap(lambda w: auc(truth, score, w), 5, seed=3) for _ in range(2))
    assert first == second
    assert 0 <= first.low <= first.high <= 1


def test_hopeless_statistic_raises_its_own_line():
    def fails_when_resampled(weight):
        if (weight != 1).any():
            raise InputError("too few")
        return 1.0

    with pytest.raises(InputError, match=r"^too few$"):
        bootstrap(fails_when_resampled, 50)


@pytest.mark.parametrize("along", ["fake_rate", "efficiency"])
def test_band_covers_the_binormal_curve(along):
    at = np.array([0.2, 0.5, 0.8])
    expected = norm.cdf(norm.ppf(at) + 1) if along == "fake_rate" else norm.cdf(norm.ppf(at) - 1)
    inside = []
    for seed in range(120):
        band = roc_band(*normals(400, seed=seed), along=along, at=at, replicas=200, seed=1000 + seed)
        inside.append((band.low <= expected) & (expected <= band.high))
    assert abs(np.mean(inside) - 0.68) < 0.07


def test_band_of_a_large_sample_is_pooled_and_unchanged(monkeypatch):
    truth, score = normals(6000)
    weight = np.random.default_rng(5).uniform(0.5, 2, 6000)
    full = roc_band(truth, score, weight, replicas=300)
    monkeypatch.setattr(resampling, "GROUPS", 1000)
    pooled = roc_band(truth, score, weight, replicas=300)
    np.testing.assert_array_equal(pooled.value, full.value)
    middle = (full.at > 0.02) & (full.at < 0.98)
    np.testing.assert_allclose(pooled.error[middle], full.error[middle], rtol=0.3)
    assert np.mean(pooled.error[middle] / full.error[middle]) == pytest.approx(1, abs=0.05)


def test_without_replicas_there_is_the_curve_alone():
    sample = normals(300)
    alone, banded = (roc_band(*sample, along="efficiency", replicas=n) for n in (0, 20))
    np.testing.assert_array_equal(alone.value, banded.value)
    assert np.isnan([alone.error, alone.low, alone.high]).all()


def test_default_grids_span_the_axis():
    for along in ("fake_rate", "efficiency"):
        band = roc_band(*normals(300), along=along, replicas=20)
        assert band.at[0] == 0
        assert band.at[-1] == 1
        assert (np.diff(band.at) > 0).all()
        assert (np.diff(band.value) >= 0).all()
        assert (band.low <= band.high).all()


def test_reading_the_curve_on_its_steps():
    curve = roc([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.6])  # (0,0) (0,.5) (.5,.5) (.5,1) (1,1)
    assert curve.tpr_at([0, 0.25, 0.5, 1]).tolist() == [0.5, 0.5, 1, 1]
    assert curve.fpr_at([0, 0.5, 0.75, 1]).tolist() == [0, 0, 0.5, 0.5]
    tied = roc([1, 0], [0.5, 0.5])
    assert tied.tpr_at(0.3) == pytest.approx(0.3) == tied.fpr_at(0.3)


def test_thin_curve_is_the_curve():
    curve = roc(*normals(100_000))
    thin = curve.thin(1500)
    assert len(thin.fpr) <= 1502
    grid = np.geomspace(1e-3, 1, 200)
    assert np.abs(thin.tpr_at(grid) - curve.tpr_at(grid)).max() < 3 / 1500
    assert (thin.fpr[0], thin.tpr[0], thin.fpr[-1], thin.tpr[-1]) == (0, 0, 1, 1)
    assert curve.thin(10**6) is curve


def test_partial_areas_of_the_whole_curve_are_the_auc():
    truth, score = normals(500)
    score = np.round(score, 1)
    for axis in ("efficiency", "fake_rate"):
        whole = partial_auc(truth, score, **{axis: (0, 1)})
        assert whole.area == pytest.approx(auc(truth, score)) == whole.mean
        assert whole.error == pytest.approx(delong(truth, score).error, rel=0.2)
        halves = [partial_auc(truth, score, replicas=2, **{axis: ends}).area for ends in ((0, 0.3), (0.3, 1))]
        assert sum(halves) == pytest.approx(whole.area)


def test_partial_area_agrees_with_scikit_learn():
    truth, score = normals(500)
    area = partial_auc(truth, score, fake_rate=(0, 0.2), replicas=2).area
    least, most = 0.2**2 / 2, 0.2  # McClish
    assert 0.5 * (1 + (area - least) / (most - least)) == pytest.approx(roc_auc_score(truth, score, max_fpr=0.2))


def test_rejection_area_has_its_closed_form():
    rng = np.random.default_rng(3)
    truth = np.arange(200_000) % 2 == 0
    score = rng.exponential(np.where(truth, 2.0, 1.0))  # fpr = tpr^2, so the integral of 1 / fpr is 1/a - 1/b
    result = rejection_area(truth, score, efficiency=(0.3, 0.9), replicas=60)
    assert abs(result.area - (1 / 0.3 - 1 / 0.9)) < 3 * result.error * 0.6
    assert result.mean == pytest.approx(result.area / 0.6)
    assert 0 < result.error < 0.05


def test_rejection_area_stays_finite_without_background():
    result = rejection_area([1, 1, 0, 0, 0, 0], [0.9, 0.8, 0.4, 0.3, 0.2, 0.1], efficiency=(0.2, 1))
    assert result.mean == pytest.approx(4)


def test_rejection_area_of_tied_scores_integrates_the_slope():
    truth, score = [1] * 4 + [0] * 4, [2, 2, 1, 1, 2, 1, 1, 1]  # (0,0) - (1/4, 1/2) - (1, 1)
    result = rejection_area(truth, score, efficiency=(0.5, 1), replicas=2)
    assert result.area == pytest.approx(0.5 * np.log(4) / 0.75)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda t, s: roc_band(t, s, along="x"), "along: unknown axis 'x'; known: fake_rate, efficiency"),
        (
            lambda t, s: partial_auc(t, s),
            "partial_auc: give one range, either efficiency=(low, high) or fake_rate=(low, high)",
        ),
        (lambda t, s: partial_auc(t, s, fake_rate=(0.5, 0.1)), "fake_rate: 0.5..0.1 is no range inside 0..1"),
        (lambda t, s: rejection_area(t, s, efficiency=(0.5, 1.1)), "efficiency: 0.5..1.1 is no range inside 0..1"),
        (lambda t, s: bootstrap(lambda w: 0.0, 3, [1, 2]), "weight: 2 entries for 3 events; give one value per event"),
    ],
)
def test_bad_input_is_one_clear_line(call, line):
    with pytest.raises(InputError) as caught:
        call(*normals(20))
    assert str(caught.value) == line
