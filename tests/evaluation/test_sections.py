"""Sections of metrics.json against SciPy and scikit-learn, and every gap named."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest, ks_2samp
from sklearn import metrics as sk
from toys import THREE, judged, predictions, task

from pidcam.evaluation.sections import Gaps, Judged, make_sections
from pidcam.tasks.base import split_metrics


def make(of, *names):
    gaps = Gaps()
    made = make_sections(names or of.task.sections, of, gaps)
    json.dumps(made, allow_nan=False)  # strict JSON
    return made, dict(gaps)


def electron(table):
    return table.label == 1, table.columns["p_electron"]


@pytest.mark.parametrize("weighted", [False, True])
def test_working_points_are_chosen_on_valid_and_quoted_on_test(weighted):
    of = judged(weighted=weighted)
    section = make(of, "working_points")[0]["working_points"]
    assert section["signals"]["electron"]["background"] == "photon"
    points = section["signals"]["electron"]["points"]
    assert [(p["target"], p["asked"]) for p in points] == [
        ("efficiency", 0.3), ("efficiency", 0.5), ("efficiency", 0.7), ("efficiency", 0.9),
        ("fake_rate", 0.01), ("fake_rate", 0.1),
    ]  # fmt: skip
    (truth_v, score_v), (truth, score) = electron(of.splits["valid"]), electron(of.splits["test"])
    weight_v, weight = of.splits["valid"].weight.astype(float), of.splits["test"].weight.astype(float)
    for point in points:
        own = truth_v if point["target"] == "efficiency" else ~truth_v
        values, w = score_v[own], weight_v[own]
        rates = np.array([w[values >= t].sum() for t in np.sort(score_v)]) / w.sum()
        allowed = np.sort(score_v)[rates >= point["asked"] - 1e-12 if own is truth_v else rates <= point["asked"]]
        assert point["threshold"] == (allowed.max() if own is truth_v else allowed.min())
        passed = score >= point["threshold"]
        efficiency, fakes = (np.average(passed[mine], weights=weight[mine]) for mine in (truth, ~truth))
        assert point["efficiency"]["value"] == pytest.approx(efficiency)
        assert point["fake_rate"]["value"] == pytest.approx(fakes)
        assert point["rejection"] == pytest.approx(1 / fakes)
        assert point["background_passed"] == np.count_nonzero(passed & ~truth)
        if not weighted:
            interval = binomtest(int(passed[truth].sum()), int(truth.sum())).proportion_ci(0.6826894921370859, "exact")
            assert (point["efficiency"]["low"], point["efficiency"]["high"]) == pytest.approx(tuple(interval))


def test_few_background_events_are_named():
    _, gaps = make(judged(), "working_points")
    assert gaps == {
        "working_points": [
            "fewer than 100 background events pass at efficiency 30 %, efficiency 50 %, efficiency 70 %, "
            "efficiency 90 %, fake rate 1 %, fake rate 10 %"
        ]
    }


def test_calibration_agrees_with_scikit_learn():
    of = judged(sharpness=2.5, n=4000)
    section = make(of, "calibration")[0]["calibration"]
    truth, p = electron(of.splits["test"])
    assert section["of"] == "electron"
    assert section["raw"]["brier"]["value"] == pytest.approx(sk.brier_score_loss(truth, p))
    assert section["raw"]["nll"]["value"] == pytest.approx(sk.log_loss(truth, p))
    place = np.minimum((p * 15).astype(int), 14)
    gap = [abs(p[place == k].mean() - truth[place == k].mean()) * np.mean(place == k) for k in np.unique(place)]
    assert section["raw"]["reliability"]["ece"] == pytest.approx(sum(gap))

    truth_v, p_v = electron(of.splits["valid"])
    logit = np.log(p_v / (1 - p_v))
    best = minimize_scalar(
        lambda t: sk.log_loss(truth_v, 1 / (1 + np.exp(-logit / t))), bounds=(0.1, 10), method="bounded"
    )
    temperature = section["temperature"]
    assert temperature["fitted_on"] == "valid"
    assert temperature["value"] == pytest.approx(best.x, rel=1e-3)
    tempered = 1 / (1 + np.exp(-np.log(p / (1 - p)) / temperature["value"]))
    assert section["calibrated"]["nll"]["value"] == pytest.approx(sk.log_loss(truth, tempered))
    assert section["calibrated"]["reliability"]["ece"] < section["raw"]["reliability"]["ece"]


def test_calibration_of_several_classes_judges_the_highest_probability():
    of = judged(THREE, sharpness=2.0)
    section = make(of, "calibration")[0]["calibration"]
    assert section["of"] == "highest"
    assert "likelihood_ratio" not in section
    test = of.splits["test"]
    assert section["raw"]["nll"]["value"] == pytest.approx(sk.log_loss(test.label, test.probabilities))
    right = test.probabilities.argmax(axis=1) == test.label
    assert sum(section["raw"]["reliability"]["n"]) == len(right)


def test_overtraining_is_ks_per_class():
    of = judged()
    section = make(of, "overtraining")[0]["overtraining"]["signals"]["electron"]
    (truth_a, a), (truth_b, b) = electron(of.splits["train"]), electron(of.splits["test"])
    for key, mine_a, mine_b in (("signal", truth_a, truth_b), ("background", ~truth_a, ~truth_b)):
        expected = ks_2samp(a[mine_a], b[mine_b])
        assert section[key]["distance"] == pytest.approx(expected.statistic)
        assert section[key]["p_value"] == pytest.approx(expected.pvalue)
    assert section["difference"] == pytest.approx(sk.roc_auc_score(truth_a, a) - sk.roc_auc_score(truth_b, b))


@pytest.mark.parametrize("weighted", [False, True])
def test_confusion_and_top_k_agree_with_scikit_learn(weighted):
    of = judged(THREE, weighted=weighted)
    section, test = make(of, "confusion")[0]["confusion"], of.splits["test"]
    weight = test.weight if weighted else None
    expected = sk.confusion_matrix(test.label, test.probabilities.argmax(axis=1), sample_weight=weight)
    assert np.array(section["counts"]) == pytest.approx(expected)
    assert np.array(section["efficiency"]) == pytest.approx(expected / expected.sum(axis=1, keepdims=True))
    top = sk.top_k_accuracy_score(test.label, test.probabilities, k=2, sample_weight=weight)
    assert section["top_k"]["2"]["value"] == pytest.approx(top)
    assert section["classes"] == list(THREE)


def test_areas_agree_with_scikit_learn():
    of = judged(THREE)
    section, test = make(of, "areas")[0]["areas"], of.splits["test"]
    p = test.probabilities
    rest = section["one_vs_rest"]
    assert rest["macro"]["auc"] == pytest.approx(sk.roc_auc_score(test.label, p, multi_class="ovr", average="macro"))
    assert rest["per_class"][2]["auc"] == pytest.approx(sk.roc_auc_score(test.label == 2, p[:, 2]))
    one = sk.roc_auc_score(test.label, p, multi_class="ovo", average="macro")
    assert section["one_vs_one"]["macro"]["auc"] == pytest.approx(one)
    assert section["one_vs_one"]["auc"][0][0] is None


def test_species_table_is_the_efficiency_at_one_per_cent():
    of = judged(THREE, n=3000)
    section = make(of, "species")[0]["species"]
    valid, test = of.splits["valid"], of.splits["test"]
    photon_v, photon = valid.columns["p_photon"], test.columns["p_photon"]
    pions = np.sort(photon_v[valid.label == 2])
    cut = photon_v[
        (photon_v >= pions[-(int(0.01 * len(pions)) + 1)]) & (photon_v > pions[-(int(0.01 * len(pions)) + 1)])
    ]
    threshold = cut[np.isin(valid.label[np.isin(photon_v, cut)], (0, 2))].min()
    assert section["thresholds"][0][2] == threshold
    assert section["efficiency"][0][2] == pytest.approx(np.mean(photon[test.label == 0] >= threshold))
    assert section["fake_rate"][0][2] == pytest.approx(np.mean(photon[test.label == 2] >= threshold))
    assert section["asked"] == 0.01


def test_two_classes_have_no_species_and_areas():
    made, gaps = make(judged(), "areas", "species")
    assert (made, gaps) == ({}, {})


def test_a_signal_among_many_is_the_only_one_held_against_the_rest():
    section = make(judged(THREE, signal="pion"), "working_points")[0]["working_points"]
    assert list(section["signals"]) == ["pion"]
    assert section["signals"]["pion"]["background"] == "rest"


def test_sections_of_three_classes_hold_each_against_the_rest():
    section = make(judged(THREE), "working_points")[0]["working_points"]
    assert list(section["signals"]) == list(THREE)


# gaps


def test_without_a_test_split_every_section_is_a_named_gap():
    of = judged()
    made, gaps = make(Judged(of.task, {k: v for k, v in of.splits.items() if k != "test"}))
    line = "no test split; prepare the store with one: --split 0.8/0.1/0.1"
    assert made == {}
    assert gaps == {name: [line] for name in of.task.sections}


def test_without_validation_there_is_no_threshold_and_no_temperature():
    of = judged()
    made, gaps = make(Judged(of.task, {k: v for k, v in of.splits.items() if k != "valid"}))
    assert made.keys() == {"calibration", "cuts", "overtraining", "confusion"}
    assert "temperature" not in made["calibration"]
    assert gaps["working_points"] == ["no valid split; prepare the store with one: --split 0.8/0.1/0.1"]
    assert gaps["calibration"] == [f"no temperature: {gaps['working_points'][0]}"]


def test_a_class_without_events_makes_a_gap_and_the_rest_is_made():
    of = judged(THREE)
    test = of.splits["test"]
    made, gaps = make(Judged(of.task, {**of.splits, "test": test.take(test.label != 2)}))
    assert made.keys() == {"working_points", "cuts", "calibration", "overtraining", "confusion", "areas", "species"}
    assert list(made["working_points"]["signals"]) == ["photon", "electron"]
    left = np.count_nonzero(test.label != 2)
    line = f"truth: one class only: 0 signal and {left} background events; give a sample that holds both"
    assert f"pion: {line}" in gaps["working_points"]
    assert gaps["areas"] == ["pion: no events"]
    assert made["areas"]["one_vs_rest"]["per_class"][2]["auc"] is None
    assert any(each.startswith("pion against photon: truth: one class only") for each in gaps["species"])


def test_two_classes_of_which_one_is_missing():
    of = judged()
    test = of.splits["test"]
    made, gaps = make(Judged(of.task, {**of.splits, "test": test.take(test.label == 0)}))
    assert made.keys() == {"calibration", "confusion"}
    left = np.count_nonzero(test.label == 0)
    line = f"truth: one class only: 0 signal and {left} background events; give a sample that holds both"
    assert gaps["working_points"] == gaps["overtraining"] == [line]
    assert gaps["calibration"] == [f"no likelihood ratio: {line}"]


def test_a_class_whose_weights_sum_to_nothing_is_a_gap():
    of = judged()
    test = of.splits["test"]
    weight = np.where(test.label == 1, -1.0, 1.0)
    made, gaps = make(Judged(of.task, {**of.splits, "test": replace(test, weight=weight)}))
    total = -np.count_nonzero(test.label == 1)
    line = f"weight: the weights of signal sum to {total}, must be above zero; check their sign or merge classes"
    assert gaps["working_points"] == [line]
    assert "confusion" in made


def test_single_negative_weights_are_legitimate():
    of = judged(weighted=True)
    test = of.splits["test"]
    weight = np.where(np.arange(len(test)) % 20 == 0, -test.weight, test.weight)
    made, _ = make(Judged(of.task, {**of.splits, "test": replace(test, weight=weight)}))
    assert made.keys() == {"working_points", "cuts", "calibration", "overtraining", "confusion"}


def test_a_warning_is_taken_down_once():
    gaps = Gaps()
    for _ in range(2):
        gaps.warn("place")("line")
    assert gaps == {"place": ["line"]}


def test_the_numbers_per_split_are_told_from_sections():
    content = {"test": task().metrics(predictions()), **make(judged())[0], "warnings": {"test": ["line"]}}
    assert list(split_metrics(content)) == ["test"]
