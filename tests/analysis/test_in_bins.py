"""Quantities against a variable, and the species table."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pidcam.analysis import (
    auc_in_bins,
    cut_in_bins,
    delong,
    efficiency_in_bins,
    fake_rate_in_bins,
    fraction,
    fraction_in_bins,
    quantile_edges,
    species_table,
    threshold_at_fake_rate,
    working_point,
)
from pidcam.errors import InputError

EDGES = [0.0, 1.0, 2.5, 4.0]
NAMES = ("electron", "photon", "pion")


def sample(n=3000, seed=0):
    rng = np.random.default_rng(seed)
    energy = rng.uniform(-0.5, 4.5, n)
    truth = rng.random(n) < 0.5
    return truth, rng.normal(size=n) + energy * truth, energy, rng.uniform(0.5, 1.5, n)


@pytest.mark.parametrize("weighted", [False, True])
def test_each_bin_is_the_measurement_of_its_events(weighted):
    truth, score, energy, weight = sample()
    used = weight if weighted else None
    areas = auc_in_bins(truth, score, energy, EDGES, used)
    kept = efficiency_in_bins(truth, score, energy, EDGES, 1.0, used)
    fakes = fake_rate_in_bins(truth, score, energy, EDGES, 1.0, used)
    for k in range(3):
        here = (energy >= EDGES[k]) & (energy < EDGES[k + 1])
        parts = (truth[here], score[here], weight[here] if weighted else None)
        area, point = delong(*parts), working_point(*parts[:2], 1.0, parts[2])
        assert (areas.value[k], areas.error[k]) == pytest.approx((area.auc, area.error))
        for binned, one in ((kept, point.efficiency), (fakes, point.fake_rate)):
            assert [getattr(binned, name)[k] for name in ("value", "error", "low", "high", "n")] == pytest.approx(
                [one.value, one.error, one.low, one.high, one.n]
            )
    assert areas.warnings == ()
    assert areas.value[2] > areas.value[0]


@given(st.lists(st.integers(0, 6), min_size=40, max_size=60))
def test_no_event_is_lost_or_counted_twice(values):
    result = fraction_in_bins(np.ones(len(values)), values, [0, 2, 3, 6])
    inside = [sum(low <= v < high for v in values) for low, high in ((0, 2), (2, 3), (3, 7))]
    assert result.n.tolist() == inside


def test_small_bins_are_gaps_with_their_reason():
    truth, score, energy, weight = sample()
    truth = truth & (energy < 2.5)
    areas = auc_in_bins(truth, score, energy, [*EDGES, 10, 11])
    assert np.isnan(areas.value).tolist() == [False, False, True, True, True]
    assert areas.warnings[0] == "bin 2.5 to 4: 0 signal events, fewer than 10"
    assert areas.warnings[2] == "bin 10 to 11: 0 signal events, fewer than 10"
    kept = fraction_in_bins(score > 0, energy, [0, 4, 10, 11])
    assert kept.warnings == ("bin 10 to 11: 0 events, fewer than 10",)
    negative = np.where(energy < 1, -weight, weight)
    gap = fraction_in_bins(score > 0, energy, EDGES, negative)
    assert np.isnan(gap.value[0])
    assert "bin 0 to 1: weight: the weights of all events sum to -" in gap.warnings[0]


def test_cut_of_one_efficiency_in_every_bin():
    truth, score, energy, weight = sample()
    for target in ("efficiency", "fake_rate"):
        cut = cut_in_bins(truth, score, energy, EDGES, weight, **{target: 0.8})
        own = truth if target == "efficiency" else ~truth
        passed = cut.passes(score, energy)
        result = fraction_in_bins(passed[own], energy[own], EDGES, weight[own])
        np.testing.assert_allclose(result.value, 0.8, atol=0.01)
    assert cut.passes([9.0, -9.0], [-100.0, 100.0]).tolist() == [True, False]


def test_cut_in_an_empty_bin_is_that_of_the_whole_sample():
    truth, score, energy, _ = sample()
    cut = cut_in_bins(truth, score, energy, [*EDGES, 10, 11], fake_rate=0.1)
    assert cut.thresholds[-1] == threshold_at_fake_rate(truth, score, 0.1)
    assert cut.warnings == ("bin 10 to 11: 0 signal events, fewer than 10; it takes the threshold of the whole sample",)


def test_quantile_edges():
    values = np.random.default_rng(0).exponential(size=1000)
    edges = quantile_edges(values, 4)
    assert np.histogram(values, edges)[0].tolist() == [250, 250, 250, 250]
    assert len(quantile_edges([1, 1, 1, 1, 2, 3], 4)) == 3  # equal values share a bin


def three_species(n=6000, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, n)
    logits = rng.normal(size=(n, 3)) + 2 * np.eye(3)[truth]
    return truth, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), rng.uniform(0.5, 1.5, n)


@pytest.mark.parametrize("discriminant", ["probability", "ratio"])
def test_species_table_is_a_working_point_for_each_pair(discriminant):
    validation, test = three_species(seed=1), three_species(seed=2)
    table = species_table(validation, test, NAMES, fake_rate=0.05, discriminant=discriminant)
    assert np.isnan(np.diag(table.efficiency)).all()

    def pair(sample, a, b):
        truth, p, weight = sample
        here = (truth == a) | (truth == b)
        score = p[:, a] if discriminant == "probability" else p[:, a] / (p[:, a] + p[:, b])
        return (truth == a)[here], score[here], weight[here]

    truth, score, weight = pair(validation, 0, 2)
    cut = threshold_at_fake_rate(truth, score, 0.05, weight)
    truth, score, weight = pair(test, 0, 2)
    kept = fraction(score[truth] >= cut, weight[truth])
    assert table.thresholds[0, 2] == pytest.approx(cut)
    assert (table.efficiency[0, 2], table.error[0, 2]) == pytest.approx((kept.value, kept.error))
    off = ~np.eye(3, dtype=bool)
    assert np.abs(table.fake_rate[off] - 0.05).max() < 0.02
    assert (table.low[off] < table.efficiency[off]).all()
    assert (table.efficiency[off] < table.high[off]).all()
    (line,) = table.warnings  # one for all pairs
    assert line.startswith("fewer than 100 background events pass in ")


def test_the_ratio_is_the_better_cut_for_a_pair():
    samples = three_species(seed=1), three_species(seed=2)
    off = ~np.eye(3, dtype=bool)
    one, best = (species_table(*samples, NAMES, fake_rate=0.05, discriminant=d) for d in ("probability", "ratio"))
    assert best.efficiency[off].mean() > one.efficiency[off].mean()


def test_species_without_events_is_a_named_gap():
    truth, p, _ = three_species()
    truth = np.where(truth == 2, 0, truth)
    table = species_table((truth, p), (truth, p), NAMES, fake_rate=0.1)
    assert np.isfinite(table.efficiency[0, 1])
    assert np.isnan(table.efficiency[:, 2]).all()
    assert table.warnings[0] == (
        "electron against pion: truth: one class only: "
        f"{np.sum(truth == 0)} signal and 0 background events; give a sample that holds both"
    )


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (
            lambda t, s, e: auc_in_bins(t, s, e[:-1], EDGES),
            "variable: 39 entries for 40 events; give one value per event",
        ),
        (lambda t, s, e: auc_in_bins(t, s, e, [1, 0]), "edges: bin edges must be two or more, increasing"),
        (lambda t, s, e: cut_in_bins(t, s, e, EDGES), "cut_in_bins: give one target, either efficiency or fake_rate"),
        (lambda t, s, e: quantile_edges([2, 2]), "variable: all values are 2, no bins can be made"),
    ],
)
def test_bad_input_is_one_clear_line(call, line):
    with pytest.raises(InputError) as caught:
        call(*sample(40)[:3])
    assert str(caught.value) == line


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"fake_rate": 2}, "fake_rate: 2 is not between 0 and 1"),
        ({"discriminant": "x"}, "discriminant: unknown discriminant 'x'; known: probability, ratio"),
        ({"quote": ([0, 1], [[0.5, 0.5]] * 2)}, "probabilities: 3 classes to choose on, 2 to quote on"),
    ],
)
def test_bad_species_input_is_one_clear_line(change, line):
    events = three_species(30)
    with pytest.raises(InputError) as caught:
        species_table(**{"choose": events, "quote": events, "classes": NAMES, **change})
    assert str(caught.value) == line
