"""The regression task: scales, losses, errors of events, metrics; its road through training, evaluation and page."""

from __future__ import annotations

import json
import signal
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch

import pidcam
from pidcam.analysis import ONE_SIGMA
from pidcam.batch import Batch
from pidcam.detectors.base import Detector
from pidcam.errors import ConfigError, InputError, Stopped, UnknownNameError
from pidcam.evaluation.resolution import bin_edges
from pidcam.formats.layout import ImageSource, LabelSource, Layout
from pidcam.predictions import Predictions
from pidcam.schema import Channel, Column, EventSchema, Image, ParticleClass
from pidcam.tasks.base import tasks
from pidcam.tasks.regress import sigma_scales, with_scaled_sigma
from pidcam.training.step import Stepper
from pidcam.verbs.evaluate import score_split

A, B = 0.2, 0.02
"""Stochastic and constant term of the calorimeter below."""
SCHEMA = EventSchema(
    name="box",
    images=(Image(name="cells", shape=(4, 4), axes=("x", "y"), channels=(Channel(name="energy", unit="GeV"),)),),
    targets=(Column(name="energy", unit="GeV"), Column(name="angle", unit="rad", optional=True)),
    classes=(ParticleClass(name="electron", pdg=(11,)), ParticleClass(name="photon", pdg=(22,))),
)
SCALES = {"centre": {"energy": 50.0, "angle": 0.0}, "spread": {"energy": 20.0, "angle": 2.0}}


def task(**options):
    kind = tasks["regress"]
    return kind(SCHEMA, kind.Options(**{"targets": ["energy"], **SCALES, **options}))


def batch(**targets) -> Batch:
    n = len(next(iter(targets.values())))
    columns = {name: torch.tensor(values, dtype=torch.float32) for name, values in targets.items()}
    return Batch({}, {}, columns, torch.zeros(n).long(), torch.ones(n), torch.zeros(n, 2).long())


def predictions(truth, columns) -> Predictions:
    n = len(truth)
    zero = np.zeros(n, np.int64)
    weight, spectators = np.ones(n, np.float32), {"energy": np.asarray(truth, np.float32)}
    return Predictions(("electron", "photon"), ("f",), zero, weight, zero, zero, columns, spectators)


def test_outputs_are_standardised_and_columns_are_in_the_unit_of_the_target():
    asked = task(targets=["energy", "angle"])
    assert asked.outputs == {"value": 2, "log_sigma": 2}
    outputs = {"value": np.array([[1.0, -0.5]]), "log_sigma": np.log([[0.1, 0.5]])}
    columns = {name: float(value[0]) for name, value in asked.columns(outputs).items()}
    assert columns == pytest.approx(
        {"energy_predicted": 70, "energy_sigma": 2, "angle_predicted": -1, "angle_sigma": 1}
    )
    assert list(task(loss="mse").columns(outputs)) == ["energy_predicted"]
    assert asked.question == "energy, angle of electron, photon"


def test_the_likelihood_is_gauss_s_and_beta_weights_it_by_the_variance():
    value, log_sigma = torch.tensor([[0.3]]), torch.tensor([[np.log(0.2)]]).float()
    outputs, events = {"value": value, "log_sigma": log_sigma}, batch(energy=[60.0])  # standardised 0.5
    nll = np.log(0.2) + 0.2**2 / (2 * 0.2**2)
    assert float(task(loss="nll").loss(outputs, events)) == pytest.approx(nll)
    assert float(task(beta=0.5).loss(outputs, events)) == pytest.approx(nll * 0.2)
    assert float(task(loss="mse").loss(outputs, events)) == pytest.approx(0.04)
    assert float(task(loss="huber", delta=0.1).loss(outputs, events)) == pytest.approx(0.2 - 0.05)


def test_a_target_that_is_not_known_costs_nothing_and_gives_no_gradient():
    outputs = {"value": torch.zeros(2, 2, requires_grad=True), "log_sigma": torch.zeros(2, 2)}
    loss = task(targets=["energy", "angle"]).loss(outputs, batch(energy=[60.0, 60.0], angle=[1.0, np.nan]))
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert loss[0].item() > loss[1].item()
    assert outputs["value"].grad[1, 1] == 0


def test_metrics_of_a_gaussian_measurement_are_what_was_put_in():
    rng = np.random.default_rng(0)
    truth = rng.uniform(20, 80, 40_000)
    sigma = 0.03 * truth
    value = 1.01 * truth + rng.normal(0, sigma)
    found = task(loss="nll").metrics(predictions(truth, {"energy_predicted": value, "energy_sigma": sigma}))
    for name, expected in {"bias": 0.01, "resolution": 0.03, "pull": 1 / 3, "pull_width": 1.0}.items():
        assert abs(found[name] - expected) < 4 * found[f"{name}_error"] + 5e-4 * expected, name
    assert found["resolution_error"] == pytest.approx(0.03 / np.sqrt(40_000), rel=0.6)
    assert found["coverage"] == pytest.approx(0.6507, abs=0.01)  # normal, shifted by a third of sigma
    assert json.loads(json.dumps(found)) == found
    narrow = task(loss="nll").metrics(predictions(truth, {"energy_predicted": value, "energy_sigma": sigma / 2}))
    assert narrow["pull_width"] == pytest.approx(2 * found["pull_width"])
    assert narrow["nll"] > found["nll"]


def test_residuals_are_relative_for_energies_alone_unless_told():
    events = predictions([50.0], {"energy_predicted": np.array([55.0])})
    assert task().residuals(events, "energy") == pytest.approx(0.1)
    assert task(relative=[]).residuals(events, "energy") == pytest.approx(5.0)
    assert task(targets=["energy", "angle"]).relative == {"energy"}


def test_the_scales_are_those_of_the_training_events():
    asked = task(centre=None, spread={"energy": 7.0})
    fixed = asked.fitted(lambda name: np.array([1.0, np.nan, 3.0]))
    assert (fixed.centre, fixed.spread) == ({"energy": 2.0}, {"energy": 7.0})
    with pytest.raises(InputError, match=r"task.targets: target 'energy' is unknown in every training event"):
        asked.fitted(lambda name: np.array([np.nan]))


def test_bins_are_narrow_where_the_resolution_changes_fast_and_none_is_thin():
    truth = np.random.default_rng(0).uniform(10, 510, 8000)
    edges = bin_edges(truth)
    counts = np.histogram(truth, edges)[0]
    assert counts.sum() == 8000
    assert counts.min() >= 100
    assert len(edges) == 12  # the lowest two of twelve are one
    assert edges[1] / edges[0] < 2
    assert len(bin_edges(truth[:150])) == 2
    assert len(bin_edges(truth - 260)) == 13  # of equal population where signs differ


def test_errors_of_several_models_add_to_what_they_differ_by():
    each = [{"energy_predicted": np.array([x]), "energy_sigma": np.array([3.0])} for x in (46.0, 54.0)]
    assert task().averaged(each) == {"energy_predicted": [50.0], "energy_sigma": [5.0]}


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"targets": None}, InputError, "task.targets: which target? 'box' has energy, angle"),
        ({"targets": "energie"}, UnknownNameError, "unknown target 'energie'; did you mean 'energy'?"),
        ({"targets": ["energy", "energy"]}, ConfigError, "names every target once"),
        ({"relative": ["mass"]}, UnknownNameError, "task.relative: unknown target 'mass'"),
        ({"classes": ["tau"]}, UnknownNameError, "unknown class 'tau'"),
    ],
)
def test_mistakes_are_told_in_one_line(options, error, words):
    with pytest.raises(error) as caught:
        task(**options)
    assert words in str(caught.value)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A box of 16 cells that measures energies of 10 to 100 GeV with a = 0.2 sqrt(GeV), b = 0.02."""
    folder, rng, n = tmp_path_factory.mktemp("box"), np.random.default_rng(1), 4000
    energy = rng.uniform(10, 100, n)
    measured = energy + rng.normal(0, energy * np.hypot(A / np.sqrt(energy), B))
    shares = rng.dirichlet(np.full(16, 2.0), n)
    with h5py.File(folder / "box.h5", "w") as file:
        file["cells"] = (measured[:, None] * shares).reshape(n, 4, 4).astype("f4")
        file["energy"], file["pdg"] = energy.astype("f4"), rng.choice([11, 22], n)
    source, label = ImageSource(key="cells", order="no-channel"), LabelSource(key="pdg", pdg=True)
    layout = Layout(format="hdf5", images={"cells": source}, targets={"energy": "energy"}, label=label)
    detector = Detector(name="box", title="A box", schema=SCHEMA, layout=layout)
    return pidcam.prepare(detector, [folder / "box.h5"], folder / "store", split="0.6/0.1/0.3", workers=1)


HOW = {"task": "regress", "set": ["task.targets=energy", "training.epochs=3", "training.batch_size=64"]}


def test_trees_measure_energies_and_their_errors(store, tmp_path):
    config = {"model": {"name": "bdt", "trees": 60, "learning_rate": 0.1, "threads": 1}}
    run = pidcam.train(store.path, tmp_path / "bdt", config=config, **HOW)
    test = store.events("test")
    scored = run.predict(test)
    metrics = run.task.metrics(replace(scored, spectators=test.targets))
    best = np.hypot(A / np.sqrt(50), B)  # near the middle of the range
    assert best < metrics["resolution"] < 2.5 * best
    assert metrics["coverage"] == pytest.approx(0.683, abs=0.08)
    again = pidcam.load_run(run.path).predict(test)
    np.testing.assert_array_equal(again.columns["energy_sigma"], scored.columns["energy_sigma"])
    assert len(run.model.importance()) > 5


def test_sigma_is_scaled_to_hold_what_it_says_by_target_and_of_known_truth():
    rng = np.random.default_rng(2)
    width, n = np.array([0.2, 1e-3]), 20_000
    truth = rng.normal(0, width, (n, 2))
    truth[::2, 1] = np.nan
    outputs = {"value": np.zeros((n, 2), np.float32), "log_sigma": np.tile(np.log([0.4, 1e-6]), (n, 1))}
    scales = sigma_scales(outputs, truth, np.ones(n))
    assert scales[0] == pytest.approx(0.5, rel=0.03)
    sigma = np.exp(with_scaled_sigma(outputs, scales)["log_sigma"])
    np.testing.assert_allclose(sigma[0], width, rtol=0.03)  # also of what was below the narrowest
    assert sigma_scales(outputs, np.zeros((n, 2)), np.ones(n))[0] > 0


def test_a_network_s_errors_hold_what_they_say_and_are_kept(store, tmp_path, monkeypatch):
    """Dropout is noise in training that is gone in evaluation: the error that is learnt is twice too large."""
    how = {**HOW, "config": {"model": {"name": "mlp", "widths": [64, 64], "dropout": 0.4}}}
    how["set"] = [*HOW["set"], "training.epochs=8"]
    run = pidcam.train(store.path, tmp_path / "run", **how)
    scales, test = run.model.scales, score_split(run, store, "test")
    metrics = run.task.metrics(test)
    valid = run.task.pulls(score_split(run, store, "valid"), "energy")
    assert (np.abs(valid) <= 1 + 1e-6).mean() == pytest.approx(ONE_SIGMA, abs=1 / len(valid))
    assert abs(metrics["coverage"] - ONE_SIGMA) < 4 * np.hypot(metrics["coverage_error"], (0.22 / len(valid)) ** 0.5)
    assert metrics["pull_width"] == pytest.approx(1, abs=0.15)

    run.model.scales = []
    raw = score_split(run, store, "test")
    learnt = run.task.metrics(raw)
    assert learnt["coverage"] > 0.9
    assert learnt["pull_width"] < 0.6
    assert learnt["nll"] > metrics["nll"]
    np.testing.assert_allclose(test.columns["energy_sigma"], raw.columns["energy_sigma"] * scales, rtol=1e-5)
    np.testing.assert_array_equal(test.columns["energy_predicted"], raw.columns["energy_predicted"])
    again = score_split(pidcam.load_run(run.path), store, "test")
    np.testing.assert_array_equal(again.columns["energy_sigma"], test.columns["energy_sigma"])

    def stopped(self, batch, step=Stepper.__call__):
        if self.state.step == 50:
            signal.raise_signal(signal.SIGTERM)
        return step(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Stepper, "__call__", stopped)
        with pytest.raises(Stopped):
            pidcam.train(store.path, tmp_path / "stopped", **how)
    assert pidcam.train(store.path, tmp_path / "stopped", **how).model.scales == scales


def test_a_network_goes_all_the_road(store, tmp_path):
    run = pidcam.train(store.path, tmp_path / "mlp", config={"model": {"name": "mlp", "dropout": 0.0}}, **HOW)
    told = run.config.task.options
    assert told["centre"]["energy"] == pytest.approx(55, abs=2)
    assert "valid_nll" in run.history[-1]
    metrics = pidcam.evaluate(run, by=["hits"], shift=["scale=1.02"], importance=True)
    assert metrics["test"]["resolution"] < 0.3
    fit = metrics["resolution"]["targets"]["energy"]["fit"]
    assert fit["terms"] == ["a", "b", "c"]
    assert len(fit["covariance"]) == 3
    for place in ("by hits", "robustness", "importance"):
        assert "classifications" in metrics["warnings"][place][0]
    for figure in ("predicted", "pulls", "resolution"):
        assert (run.path / "figures" / f"{figure}.png").exists()
    out = pidcam.predict(run, store.path, tmp_path / "scores.parquet").out
    scores = Predictions.load(out)
    assert set(scores.columns) == {"energy_predicted", "energy_sigma"}
    with pytest.raises(
        InputError, match=r"mlp: only classifications can be compared event by event; regressions stand"
    ):
        pidcam.compare([run.path, run.path / ".." / "mlp"])
    page = pidcam.report(run.path).read_text(encoding="utf-8")
    assert "box: energy of electron, photon" in page
    assert "resolution 0." in page
