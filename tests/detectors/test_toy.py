"""The toy's likelihood against sums by hand, and its optimum in `evaluate`."""

import math

import numpy as np
import pytest

import pidcam
from pidcam.analysis import delong
from pidcam.detectors.toy import BACKGROUND, GRID, SIGNAL, expected_counts, log_likelihood
from pidcam.events import Cells, EventBatch
from pidcam.simulators.base import simulators
from pidcam.simulators.toy import ToyParameters, events


def simulated(n, seed=0) -> EventBatch:
    rng = np.random.default_rng(seed)
    return EventBatch.concat([events(ToyParameters(), s, n, rng) for s in simulators["toy"].species])


def test_expected_counts_add_up_wherever_the_template_lies():
    expected = expected_counts()
    assert expected.shape == (2, 64, GRID**2)
    np.testing.assert_allclose(expected.sum(axis=2), SIGNAL + BACKGROUND * GRID**2)


def test_the_likelihood_is_the_sum_over_places_of_poisson_probabilities():
    batch = simulated(2)
    counts = batch.images["counts"].values.reshape(4, -1)
    for event, found in enumerate(log_likelihood(batch)):
        for expected, of_class in zip(expected_counts(), found, strict=True):
            by_hand = sum(
                math.prod(m**c * math.exp(-m) for m, c in zip(place, counts[event], strict=True)) for place in expected
            )
            assert math.log(by_hand) == pytest.approx(of_class, abs=1e-9), "up to the factorials of the counts"


def test_hits_have_the_likelihood_of_their_dense_image():
    batch = simulated(3)
    cells = EventBatch({"counts": Cells.from_dense(batch.images["counts"])}, {}, {}, batch.label, batch.row)
    np.testing.assert_allclose(log_likelihood(cells), log_likelihood(batch))


def test_the_optimum_lies_between_080_and_090():
    batch = simulated(4000)
    log = log_likelihood(batch)
    result = delong(batch.label == 1, log[:, 1] - log[:, 0])
    assert result.auc == pytest.approx(0.8472, abs=4 * result.error)
    # what the exact likelihood says is calibrated: events of equal odds are shared out by them
    p = 1 / (1 + np.exp(log[:, 0] - log[:, 1]))
    for low in (0.1, 0.4, 0.7):
        inside = (p > low) & (p < low + 0.2)
        share = (batch.label[inside] == 1).mean()
        assert share == pytest.approx(p[inside].mean(), abs=4 * 0.5 / np.sqrt(inside.sum()))


def test_evaluate_shows_the_optimum(tmp_path):
    raw = pidcam.simulate("toy", 300, tmp_path / "raw", seed=1, workers=1)
    store = pidcam.prepare("toy", raw.files, tmp_path / "store", workers=1, seed=1, split="0.4/0.2/0.4")
    run = pidcam.train(store.path, tmp_path / "run", model="bdt", set=["model.trees=10"])
    metrics = pidcam.evaluate(run)
    best = metrics["optimum"]
    assert best["splits"]["test"]["n"] == metrics["test"]["n"]
    assert best["splits"]["test"]["auc"] > metrics["test"]["auc"]
    share = (metrics["test"]["auc"] - 0.5) / (best["splits"]["test"]["auc"] - 0.5)
    assert best["share"] == pytest.approx(share)
    assert 0 < best["share_error"] < 0.2
