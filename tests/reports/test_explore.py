"""The numbers behind the interactive page equal the analysis, and the events shown are those of the predictions."""

import base64
import json

import numpy as np
import pytest

from pidcam.analysis import working_point
from pidcam.errors import InputError, MismatchError
from pidcam.events import Dense, EventBatch
from pidcam.reports import explore
from pidcam.reports.explore import EventSample, as_script_json, choose_events, explorer_data


@pytest.mark.parametrize("weighted", [False, True])
def test_efficiencies_at_every_threshold_are_those_of_the_analysis(make_predictions, weighted):
    table = make_predictions(n=500, weighted=weighted)
    data = explorer_data({"m": {"test": table}})
    split = data["runs"][0]["splits"]["test"]
    curve = split["signals"][1]
    truth, score = table.label == 1, table.columns["p_electron"]
    for i in range(0, len(curve["thresholds"]), 17):
        point = working_point(truth, score, curve["thresholds"][i], table.weight)
        assert curve["passed"][1][i] == pytest.approx(point.efficiency.value, abs=1e-5)
        assert curve["passed"][0][i] == pytest.approx(point.fake_rate.value, abs=1e-5)
    assert np.sum(curve["heights"], axis=1) == pytest.approx([1, 1], abs=0.01)
    assert split["n"] == [int((~truth).sum()), int(truth.sum())]
    assert json.loads(json.dumps(data, allow_nan=False))


def test_runs_that_cannot_be_compared_are_left_out(make_predictions):
    two, other = make_predictions(), make_predictions(("a", "b", "c"))
    one_class = make_predictions()
    one_class.label[:] = 0
    data = explorer_data({"two": {"test": two}, "other": {"test": other}, "none": {}, "one": {"test": one_class}})
    assert [run["name"] for run in data["runs"]] == ["two"]
    assert explorer_data({}) == {} == explorer_data({"one": {"test": one_class}})


def test_events_without_a_finite_score_are_left_out(make_predictions, schema, make_batch):
    table, batch = make_predictions(n=40), make_batch(schema, n=40)
    table.columns["p_electron"][[3, 5]] = np.nan
    rows = choose_events(table)
    assert {3, 5}.isdisjoint(rows)
    other = make_predictions(n=40)
    other.columns["p_electron"][rows[0]] = np.nan
    sample = EventSample("test", rows, batch.take(rows), schema)
    data = explorer_data({"m": {"test": table}, "n": {"test": other}}, sample)
    json.dumps(data, allow_nan=False)
    left = np.delete(table.label, [3, 5])
    assert data["runs"][0]["splits"]["test"]["n"] == np.bincount(left).tolist()
    assert list(data["browser"]["scores"]) == ["m"]
    table.columns["p_electron"][:] = np.nan
    assert explorer_data({"m": {"test": table}}) == {}


def test_a_large_table_stays_small(make_predictions):
    text = as_script_json(explorer_data({"m": {"test": make_predictions(tuple("abcdefghijklmno"), n=20_000)}}))
    assert len(text) < 600_000


def test_events_are_chosen_with_mistakes_of_every_class(make_predictions):
    table = make_predictions(("a", "b", "c"), n=900)
    rows = choose_events(table, 60)
    assert len(rows) == len(set(rows)) == 60
    assert (np.diff(rows) > 0).all()
    wrong = table.probabilities.argmax(axis=1)[rows] != table.label[rows]
    assert 20 <= wrong.sum() < 60
    assert set(table.label[rows]) == {0, 1, 2}
    worst = np.flatnonzero(table.label == 0)
    margins = np.sort(table.probabilities, axis=1)
    margins = (margins[:, -1] - margins[:, -2])[worst]
    mistaken = table.probabilities.argmax(axis=1)[worst] != 0
    assert worst[mistaken][margins[mistaken].argmax()] in rows


def make_sample(table, batch, schema, rows):
    chosen = batch.take(rows)
    return EventSample("test", rows, chosen, schema)


def test_pictures_decode_to_the_hits(make_predictions, schema, make_batch):
    table, batch = make_predictions(n=40), make_batch(schema, n=40)
    rows = np.array([3, 5, 8])
    data = explorer_data({"m": {"test": table}}, make_sample(table, batch, schema, rows))
    browser = data["browser"]
    assert browser["row"] == [3, 5, 8]
    assert browser["label"] == table.label[rows].tolist()
    assert [view["title"] for view in browser["views"]] == ["energy", "time"]
    assert [view["log"] for view in browser["views"]] == [True, False]
    raw = base64.b64decode(browser["pictures"][0][0])
    n = len(raw) // 3
    energy = batch.images["ecal"].to_dense(schema.images[0]).values[3, 0]
    cells, steps = np.frombuffer(raw[: 2 * n], "<u2"), np.frombuffer(raw[2 * n :], np.uint8)
    np.testing.assert_array_equal(cells, np.flatnonzero(energy))
    order = np.argsort(energy.ravel()[cells])
    assert (np.diff(steps[order].astype(int)) >= 0).all(), "brighter cells have later colours"


def test_volumes_are_embedded_as_hits_in_space(make_predictions, make_schema, make_batch, monkeypatch):
    monkeypatch.setattr(explore, "MOST_HITS", 25)
    schema = make_schema((5, 6, 60), axes=("x", "y", "z"))
    table, batch, rows = make_predictions(n=40), make_batch(schema, n=40), np.array([3, 5])
    browser = explorer_data({"m": {"test": table}}, make_sample(table, batch, schema, rows))["browser"]
    titles = [view["title"] for view in browser["views"]]
    assert titles[:2] == ["energy, in space", "energy, y-x view"]
    assert titles[4] == "time, in space"
    box = browser["views"][0]["box"]
    assert box["axes"] == ["x [cell]", "y [cell]", "z [cell]"]
    raw = base64.b64decode(browser["pictures"][0][0])
    place = np.frombuffer(raw[:150], "<i2").reshape(25, 3) / 32767
    assert len(raw) == 7 * 25
    energy = batch.images["ecal"].to_dense(schema.images[0]).values[3, 0]
    brightest = (np.array(np.unravel_index(energy.argmax(), energy.shape)) + 0.5) / energy.shape * 2 - 1
    assert place[0] == pytest.approx(brightest * box["half"], abs=1e-4)


def test_events_of_other_rows_are_refused(make_predictions, schema, batch, make_batch):
    table = make_predictions(n=40)
    wrong = EventSample("test", np.array([1, 2]), batch.take(np.array([3, 4])), schema)
    with pytest.raises(InputError, match="not those of the predictions"):
        explorer_data({"m": {"test": table}}, wrong)
    short = EventSample("test", np.array([1, 2]), batch.take(np.array([1])), schema)
    with pytest.raises(MismatchError, match="2 rows for 1 events"):
        explorer_data({"m": {"test": table}}, short)


def test_huge_images_are_cut_to_what_a_page_can_carry(make_predictions, make_schema, monkeypatch):
    monkeypatch.setattr(explore, "MOST_BYTES", 20_000)
    schema = make_schema((600, 30))
    values = np.random.default_rng(0).random((40, 2, 600, 30), dtype=np.float32)
    batch = EventBatch({"ecal": Dense(values)}, {}, {}, np.zeros(40, np.int16), np.arange(40))
    browser = explorer_data({"m": {"test": make_predictions(n=40)}}, EventSample("test", np.arange(40), batch, schema))
    assert browser["browser"]["views"][0]["rows"] == 200
    assert len(browser["browser"]["pictures"]) == len(browser["browser"]["label"]) < 40


def test_json_cannot_leave_its_script():
    text = as_script_json({"name": "</script><script>alert(1)</script>&\u2028"})
    assert "<" not in text
    assert "&" not in text
    assert "\u2028" not in text
    assert json.loads(str(text))["name"].startswith("</script>")
