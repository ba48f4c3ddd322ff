"""`evaluate` writes what docs/metrics.md says, and names what it cannot make."""

import json
import re
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.metrics import log_loss, roc_auc_score

import pidcam
from pidcam.errors import ConfigError, InputError
from pidcam.files import read_json
from pidcam.predictions import Predictions
from pidcam.training.run import Run
from pidcam.verbs.evaluate import evaluate

SECTIONS = {"working_points", "cuts", "calibration", "overtraining", "confusion", "warnings"}


def test_splits_and_sections(evaluated):
    metrics = read_json(evaluated["mlp"] / "metrics.json")
    assert metrics.keys() == {"train", "valid", "test"} | SECTIONS
    test = Predictions.load(evaluated["mlp"] / "predictions" / "test.parquet")
    truth, p = test.label == 1, test.columns["p_electron"]
    assert metrics["test"]["auc"] == pytest.approx(roc_auc_score(truth, p))
    assert metrics["test"]["loss"] == pytest.approx(log_loss(truth, p), rel=1e-6)
    point = metrics["working_points"]["signals"]["electron"]["points"][1]
    assert point["efficiency"]["value"] == pytest.approx(np.mean(p[truth] >= point["threshold"]))


def test_predictions_carry_energy_and_hits(evaluated, egamma_store):
    table = Predictions.load(evaluated["bdt"] / "predictions" / "valid.parquet")
    images = egamma_store.to_numpy("valid")["ecal"]
    assert table.spectators.keys() >= {"energy", "hits"}
    assert table.spectators["energy"] == pytest.approx(50 * images[:, 0].sum(axis=(1, 2), dtype=np.float64), rel=1e-6)


def test_everything_on_request(copy):
    run = copy("mlp")
    asked = {"by": ["hits:0,40,1000", "energy"], "shift": ["scale=1.5", "dead=0"], "importance": True, "saliency": True}
    metrics = evaluate(run, table="csv", **asked)
    json.dumps(metrics, allow_nan=False)
    assert metrics == read_json(run / "metrics.json")
    assert metrics.keys() >= {"by", "robustness", "importance", "saliency"}
    assert metrics["by"].keys() == {"hits", "energy"}
    assert metrics["by"]["energy"]["unit"] == "GeV"

    nominal, scaled, dead = metrics["robustness"]["nominal"], *metrics["robustness"]["shifts"]
    assert nominal["auc"] == metrics["test"]["auc"]
    assert dead["difference"]["auc"]["difference"] == 0  # no cell is dead
    assert dead["auc"] == nominal["auc"]
    assert scaled["title"] == "scale 1.5"
    assert scaled["difference"]["auc"]["difference"] == pytest.approx(scaled["auc"] - nominal["auc"])
    thresholds = {p["threshold"] for row in (nominal, scaled, dead) for p in row["signals"]["electron"]}
    assert len(thresholds) == 2  # one per cut, whatever the shift

    assert {row["kind"] for row in metrics["importance"]["permutation"]} == {"channel", "region"}
    for event in metrics["saliency"]["events"]:
        assert event["true"] != event["predicted"]
        assert sum(event["share"].values()) == pytest.approx(1)
        assert event["log_odds"] == pytest.approx(logit(event["score"]), abs=1e-4)
        assert event["gap"] < 0.1
    figures = {path.stem for path in (run / "figures").glob("*.png")}
    assert figures >= {"reliability", "by_hits", "by_energy", "robustness", "importance", "saliency"}
    tables = {path.name for path in (run / "tables").iterdir()}
    assert tables == {
        f"{n}.csv"
        for n in ("results", "working_points", "cuts", "purity", "robustness", "importance", "by_hits", "by_energy")
    }

    again = evaluate(run)  # what was made on request is kept
    assert again["robustness"] == metrics["robustness"]
    assert again["warnings"] == metrics["warnings"]
    assert evaluate(run, by=["hits"])["by"].keys() == {"hits"}


def keys(content):
    """Every key at any depth."""
    if isinstance(content, dict):
        return set(content).union(*map(keys, content.values()))
    return set().union(*map(keys, content)) if isinstance(content, list) else set()


def test_every_key_is_documented(copy):
    asked = {"by": ["energy"], "shift": ["scale=1.5"], "importance": True}
    found = keys(evaluate(copy("mlp"), saliency=True, **asked)) | keys(evaluate(copy("bdt"), **asked))
    names = {"photon", "electron", "energy", "ecal.energy", "ecal.time", "by energy"}
    text = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    told = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", prose))))
    told |= {f"{key}_error" for key in told if "its `_error`" in text}
    assert ", ".join(sorted(found - told - names)) == ""


def test_a_shift_is_what_scaled_images_score(copy, egamma_store):
    run = copy("bdt")
    row = evaluate(run, shift=["scale=1.5"])["robustness"]["shifts"][0]
    arrays = egamma_store.to_numpy("test")
    arrays["ecal"][:, 0] *= 1.5
    p = pidcam.load_run(run).predict(arrays["ecal"]).columns["p_electron"]
    assert row["auc"] == pytest.approx(roc_auc_score(arrays["label"] == 1, p))


def test_trees_tell_their_gain_and_have_no_gradients(copy):
    metrics = evaluate(copy("bdt"), importance=True, saliency=True)
    shares = [row["share"] for row in metrics["importance"]["gain"]]
    assert sum(shares) == pytest.approx(1)
    assert shares == sorted(shares, reverse=True)
    assert "saliency" not in metrics
    assert metrics["warnings"]["saliency"] == ["--saliency: model 'bdt' has no gradients; try --importance"]


# calibration


def test_the_temperature_is_kept_with_the_run_and_applied_on_request(evaluated, egamma_store, tmp_path):
    run = pidcam.load_run(evaluated["mlp"])
    temperature = read_json(run.path / "temperature.json")
    assert temperature == read_json(run.path / "metrics.json")["calibration"]["temperature"]
    images = egamma_store.to_numpy("test")["ecal"]
    raw, tempered = (run.predict(images, calibrated=c).columns["p_electron"] for c in (False, True))
    assert tempered == pytest.approx(expit(logit(raw) / temperature["value"]), abs=1e-9)
    plain = Predictions.load(evaluated["mlp"] / "predictions" / "test.parquet").columns["p_electron"]
    assert raw == pytest.approx(plain, abs=1e-6)  # nothing is calibrated unasked

    out = tmp_path / "scores.parquet"
    pidcam.predict(run, egamma_store.path, out, calibrated=True)
    scores = Predictions.load(out)
    both = scores.take(np.isin(scores.row, egamma_store.to_numpy("test")["row"]))
    assert len(both) >= 40
    assert np.isin(tempered.round(6), scores.columns["p_electron"].round(6)).all()


def test_without_a_temperature_there_is_no_calibrated_score(copy, egamma_store):
    run = copy("mlp")
    (run / "temperature.json").unlink()
    with pytest.raises(InputError) as error:
        pidcam.load_run(run).predict(egamma_store.to_numpy("test")["ecal"], calibrated=True)
    assert str(error.value) == f"{run}: has no fitted temperature; run: pidcam evaluate {run}"


@pytest.mark.parametrize("content", ["[]", '{"value": -1}', "{}", '{"value": null}'])
def test_a_damaged_temperature_is_one_line(copy, egamma_store, content):
    run = copy("mlp")
    (run / "temperature.json").write_text(content)
    with pytest.raises(InputError) as error:
        pidcam.load_run(run).predict(egamma_store.to_numpy("test")["ecal"], calibrated=True)
    path = run / "temperature.json"
    assert str(error.value) == f"{path}: holds no temperature above zero; run: pidcam evaluate {run}"


# another store


@pytest.fixture(scope="module")
def other_store(egamma_files, tmp_path_factory):
    """The same events from a detector with another energy scale."""
    folder = tmp_path_factory.mktemp("other")
    for source in egamma_files:
        with h5py.File(source) as raw, h5py.File(folder / source.name, "w") as changed:
            changed["X"], changed["y"] = raw["X"][:] * 1.1, raw["y"][:]
    files = sorted(folder.iterdir())
    return pidcam.prepare("cms-ecal", files, tmp_path_factory.mktemp("stores") / "other", seed=1, workers=1)


def test_another_store_takes_thresholds_and_temperature_from_the_runs_own_validation(copy, other_store):
    run = copy("mlp")
    own, other = read_json(run / "metrics.json"), evaluate(run, other_store.path)
    assert "overtraining" not in other
    assert other["calibration"]["temperature"] == own["calibration"]["temperature"]
    for a, b in zip(*(m["working_points"]["signals"]["electron"]["points"] for m in (own, other)), strict=True):
        assert a["threshold"] == b["threshold"]
    assert (run / "evaluations" / "other" / "metrics.json").exists()
    assert read_json(run / "metrics.json") == own
    (run / "predictions" / "valid.parquet").unlink()
    lacking = evaluate(run, other_store.path)
    line = f"the run's own validation split was not scored; run: pidcam evaluate {run}"
    assert lacking["warnings"]["valid"] == [line]
    assert "working_points" not in lacking


# bad input


def test_scores_that_are_not_finite_are_named_and_the_rest_is_made(copy, monkeypatch):
    run = Run.load(copy("mlp"))
    predict = run.predict_batches

    def broken(batches, files=(), **options):
        table = predict(batches, files, **options)
        p = table.columns["p_electron"].copy()
        p[:2] = np.nan
        return replace(table, columns={**table.columns, "p_electron": p})

    monkeypatch.setattr(run, "predict_batches", broken)
    metrics = evaluate(run, shift=["scale=1.1"])
    for split, n in (("train", 320), ("valid", 40), ("test", 40)):
        assert metrics[split]["n"] == n - 2
        assert metrics["warnings"][split] == [f"2 of {n} events have a score that is not finite and are left out"]
    assert metrics.keys() >= SECTIONS | {"robustness"}
    assert metrics["robustness"]["nominal"]["n"] == 38


def test_a_class_whose_weights_sum_to_nothing_is_named_and_the_rest_is_made(copy, monkeypatch):
    run = Run.load(copy("mlp"))
    predict = run.predict_batches

    def broken(*args, **options):
        table = predict(*args, **options)
        return replace(table, weight=np.where(table.label == 1, -0.5, 1.0).astype(np.float32))

    monkeypatch.setattr(run, "predict_batches", broken)
    metrics = evaluate(run)
    assert metrics["test"]["auc"] is None
    assert metrics["test"]["accuracy"] is not None
    assert metrics.keys() == {"train", "valid", "test", "calibration", "confusion", "warnings"}
    line = "weight: the weights of signal sum to -10, must be above zero; check their sign or merge classes"
    assert metrics["warnings"]["overtraining"] == [line.replace("-10", "-80")]
    assert metrics["warnings"]["working_points"] == [line]
    assert "figures" in metrics["warnings"]  # no ROC curve


def test_no_score_at_all_is_one_line(copy, monkeypatch):
    run = Run.load(copy("mlp"))
    predict = run.predict_batches

    def broken(*args, **options):
        table = predict(*args, **options)
        return replace(table, columns={name: np.full(len(table), np.nan) for name in table.columns})

    monkeypatch.setattr(run, "predict_batches", broken)
    with pytest.raises(InputError) as error:
        evaluate(run)
    lines = "; ".join(f"{split} split: no event has a finite score" for split in ("train", "valid", "test"))
    assert str(error.value) == f"{run.path}: no split can be judged: {lines}"


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"by": ["enrgy"]}, "--by: unknown variable 'enrgy'; did you mean 'energy'?"),
        ({"shift": ["scale"]}, "--shift: 'scale' is not kind=value; write for example scale=1.02"),
        ({"table": "pdf"}, "--table: 'pdf' is no table format; known: tex, csv"),
    ],
)
def test_bad_requests_are_told_before_anything_is_scored(evaluated, options, line, monkeypatch):
    monkeypatch.setattr("pidcam.verbs.evaluate.score_split", None)
    with pytest.raises(InputError) as error:
        evaluate(evaluated["mlp"], **options)
    assert str(error.value) == line
    assert isinstance(error.value, InputError | ConfigError)
