"""Numbers per bin of a variable, recomputed bin by bin."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score
from toys import THREE, judged

from pidcam.analysis import plain
from pidcam.errors import InputError
from pidcam.evaluation.against import against
from pidcam.evaluation.sections import Judged

EDGES = [10.0, 40.0, 70.0, 100.0]


def test_every_bin_agrees_with_its_own_events(heard):
    of = judged(n=2000)
    section = plain(against(of, "energy", heard, edges=EDGES, unit="GeV"))
    json.dumps(section, allow_nan=False)
    valid, test = of.splits["valid"], of.splits["test"]
    found = section["signals"]["electron"]
    cut = np.sort(valid.columns["p_electron"])
    fakes = np.array([np.mean(valid.columns["p_electron"][valid.label == 0] >= t) for t in cut])
    assert found["cut"]["threshold"] == cut[fakes <= 0.1].min()
    x, p = test.spectators["energy"], test.columns["p_electron"]
    x_valid = valid.spectators["energy"]
    for i, (low, high) in enumerate(itertools.pairwise(EDGES)):
        here = (x >= low) & (x < high)
        assert found["auc"]["value"][i] == pytest.approx(roc_auc_score(test.label[here] == 1, p[here]))
        for key, label in (("efficiency", 1), ("fake_rate", 0)):
            mine = here & (test.label == label)
            assert found["cut"][key]["value"][i] == pytest.approx(np.mean(p[mine] >= found["cut"]["threshold"]))
            assert found["cut"][key]["n"][i] == mine.sum()
        electrons = valid.columns["p_electron"][(valid.label == 1) & (x_valid >= low) & (x_valid < high)]
        threshold = np.sort(electrons)[::-1][int(np.ceil(0.9 * len(electrons) - 1e-9)) - 1]
        assert found["flat"]["thresholds"][i] == threshold
        assert found["flat"]["fake_rate"]["value"][i] == pytest.approx(
            np.mean(p[here & (test.label == 0)] >= threshold)
        )
    photons = test.label == 0
    assert found["sculpting"]["correlation"] == pytest.approx(spearmanr(p[photons], x[photons]).statistic)
    assert heard == []


def test_bins_of_equal_population_are_chosen(heard):
    of = judged(n=2000)
    edges = against(of, "energy", heard)["edges"]
    counts = np.histogram(of.splits["test"].spectators["energy"], edges)[0]
    assert len(counts) == 10
    assert set(counts) == {200}
    assert len(against(judged(n=200), "energy", heard)["edges"]) - 1 == 3  # about thirty of each class per bin


def test_a_bin_with_few_events_is_a_named_gap(heard):
    section = against(judged(), "energy", heard, edges=[10, 11, 100])
    found = plain(section)["signals"]["electron"]
    assert found["auc"]["value"][0] is None
    assert found["auc"]["value"][1] is not None
    test = judged().splits["test"]
    n = np.count_nonzero((test.label == 1) & (test.spectators["energy"] < 11))
    assert heard[0] == f"AUC, bin 10 to 11: {n} signal events, fewer than 10"
    assert any(line.startswith("flat cut, bin 10 to 11: ") for line in heard)


def test_without_validation_only_the_auc_is_given(heard):
    of = judged()
    section = against(Judged(of.task, {"test": of.splits["test"]}), "energy", heard)
    assert section["chosen_on"] is None
    assert section["signals"]["electron"].keys() == {"auc"}
    assert heard == ["no valid split: no cut was chosen, only the AUC is given"]


def test_events_without_the_variable_are_left_out(heard):
    of = judged()
    test = of.splits["test"]
    energy = np.where(np.arange(len(test)) < 5, np.nan, test.spectators["energy"])
    lacking = Judged(of.task, {**of.splits, "test": replace(test, spectators={"energy": energy})})
    found = against(lacking, "energy", heard, edges=[0, 200])["signals"]["electron"]
    assert "5 of 600 test events have no energy and are left out" in heard
    assert found["auc"].value[0] == pytest.approx(roc_auc_score(test.label[5:] == 1, test.columns["p_electron"][5:]))


def test_a_variable_that_is_unknown_everywhere_is_one_line(heard):
    of = judged()
    test = replace(of.splits["test"], spectators={"energy": np.full(600, np.nan)})
    with pytest.raises(InputError) as error:
        against(Judged(of.task, {**of.splits, "test": test}), "energy", heard)
    assert str(error.value) == "test split: energy is unknown in every event"


def test_several_classes_are_each_held_against_the_rest(heard):
    assert list(against(judged(THREE), "energy", heard)["signals"]) == list(THREE)


def test_a_task_without_classes_is_one_line(heard):
    class Regress:
        signals = ()

    with pytest.raises(InputError) as error:
        against(Judged(Regress(), judged().splits), "energy", heard)
    assert str(error.value) == "only classifications are held against a variable"
