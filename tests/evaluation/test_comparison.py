"""Several runs side by side."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm
from toys import THREE, predictions, task

from pidcam.analysis import delong, delong_compare
from pidcam.errors import InputError, MismatchError
from pidcam.evaluation.comparison import Entry, compare_runs, comparison_table, seeds_table, signals_table


def noisy(table, seed, amount=0.4):
    rng = np.random.default_rng(seed)
    p = np.exp(np.log(table.probabilities) + amount * rng.normal(size=(len(table), len(table.classes))))
    p /= p.sum(axis=1, keepdims=True)
    return replace(table, columns={f"p_{name}": p[:, k] for k, name in enumerate(table.classes)})


def entry(name, seed=None, *, classes=("photon", "electron"), config=None, **options):
    splits = {split: predictions(classes, seed=i) for i, split in ((1, "valid"), (2, "test"))}
    if seed is not None:
        splits = {split: noisy(table, seed) for split, table in splits.items()}
    return Entry(name, task(classes, **options), splits, config or {}, seconds=2.0, parameters=10)


def config(seed, model="resnet", epochs=20):
    return {"store": "s", "model": {"name": model, "seed": seed}, "training": {"epochs": epochs, "seed": seed}}


def test_every_run_is_held_against_the_first():
    runs = [entry("a"), entry("b", 7), entry("c", 8)]
    result = compare_runs(runs)
    json.dumps(result.as_json(), allow_nan=False)
    assert result.reference == "a"
    assert [row.name for row in result.rows] == ["a", "b", "c"]
    assert result.rows[0].paired is None
    for run, row in zip(runs[1:], result.rows[1:], strict=True):
        test, base = run.splits["test"], runs[0].splits["test"]
        columns = test.columns["p_electron"], base.columns["p_electron"]
        assert row.paired.auc == delong_compare(test.label == 1, *columns)
        assert row.paired.auc.p_value == pytest.approx(2 * norm.sf(abs(row.paired.auc.z)))
        alone = delong(test.label == 1, test.columns["p_electron"])
        assert (row.numbers["auc"], row.numbers["auc_error"]) == (alone.auc, alone.error)


def test_thresholds_are_each_runs_own_from_validation():
    result = compare_runs([entry("a"), entry("b", 7)])
    thresholds = [row.points["signals"]["electron"]["points"][0]["threshold"] for row in result.rows]
    for run, threshold in zip((entry("a"), entry("b", 7)), thresholds, strict=True):
        valid = run.splits["valid"]
        electrons = np.sort(valid.columns["p_electron"][valid.label == 1])[::-1]
        assert threshold == electrons[int(np.ceil(0.3 * len(electrons))) - 1]


def test_the_table():
    table = comparison_table(compare_runs([entry("a"), entry("b", 7)]))
    assert table.columns == (
        "run", "AUC", "difference", "z", "p", "accuracy", "rejection at efficiency 50 %",
        "efficiency at fake rate 1 %", "efficiency at fake rate 10 %", "fit time [s]", "parameters",
    )  # fmt: skip
    assert table.title == "Test events; paired differences of AUC to a"
    assert table.rows[0][2:5] == (None, None, None)
    assert table.rows[1][-2:] == (2.0, 10)
    assert signals_table(compare_runs([entry("a"), entry("b", 7)])) is None


def test_of_several_signals_every_one_has_a_row_for_each_run():
    result = compare_runs([entry("a", classes=THREE), entry("b", 7, classes=THREE)])
    assert comparison_table(result).columns[6:] == ("fit time [s]", "parameters")
    table = signals_table(result)
    assert table.columns[:3] == ("class", "run", "rejection at efficiency 50 %")
    assert [row[:2] for row in table.rows] == [(name, run) for name in THREE for run in ("a", "b")]
    points = result.rows[1].points["signals"][THREE[2]]["points"]
    chosen = next(p for p in points if (p["target"], p["asked"]) == ("fake_rate", 0.01))
    assert table.rows[-1][3] == (chosen["efficiency"]["value"], chosen["efficiency"]["error"])


def test_runs_that_differ_in_the_seed_alone_are_summed_up():
    runs = [entry(f"r{i}", i, config=config(i)) for i in (1, 2, 3)]
    runs += [entry("bdt", 4, config=config(1, "bdt")), entry("long", 5, config=config(2, epochs=40))]
    result = compare_runs(runs)
    (group,) = result.seeds
    assert group.runs == ("r1", "r2", "r3")
    values = [row.numbers["auc"] for row in result.rows[:3]]
    errors = [row.numbers["auc_error"] for row in result.rows[:3]]
    assert group.auc.mean == pytest.approx(np.mean(values))
    assert group.auc.spread == pytest.approx(np.std(values, ddof=1))
    assert group.auc.statistical == pytest.approx(np.sqrt(np.mean(np.square(errors))))
    assert group.auc.error_of_mean == pytest.approx(np.hypot(group.auc.statistical, group.auc.spread / np.sqrt(3)))
    table = seeds_table(result)
    assert table.rows[0] == (
        "r1, r2, r3", 3, "AUC", (group.auc.mean, group.auc.error_of_mean), group.auc.spread, group.auc.statistical
    )  # fmt: skip
    assert seeds_table(compare_runs(runs[2:])) is None


def test_without_validation_the_working_points_are_a_named_gap():
    lacking = entry("b", 7)
    result = compare_runs([entry("a"), replace(lacking, splits={"test": lacking.splits["test"]})])
    assert result.rows[1].points is None
    assert result.warnings["b"] == ["no valid split; prepare the store with one: --split 0.8/0.1/0.1"]
    assert comparison_table(result).rows[1][6:9] == (None, None, None)


def test_scores_that_are_not_finite_are_told_and_left_out():
    broken = entry("b", 7)
    broken.splits["test"].columns["p_electron"][:3] = np.nan
    result = compare_runs([entry("a"), broken])
    assert result.rows[1].numbers["n"] == result.rows[1].paired.n == 597
    line = "3 of 600 events have a score that is not finite and are left out"
    assert result.warnings["b"][:2] == [line, f"test: {line}"]


def test_weights_that_sum_to_nothing_are_a_named_gap():
    first, second = entry("a"), entry("b", 7)
    splits = {k: replace(t, weight=np.where(t.label == 0, -1.0, 1.0)) for k, t in second.splits.items()}
    result = compare_runs([first, replace(second, splits=splits)])
    row = result.rows[1]
    assert row.numbers["auc"] is row.points is row.paired.auc is None
    assert any("must be above zero" in line for line in result.warnings["b"])
    assert result.rows[0].numbers["auc"] > 0.5
    assert len(comparison_table(result).rows) == 2


@pytest.mark.parametrize(
    ("others", "kind", "line"),
    [
        ([], InputError, "a comparison needs two runs or more; pidcam compare RUN RUN ..."),
        ([entry("b", classes=THREE)], MismatchError,
         "b: classes are photon, electron, pion, expected photon, electron; compare runs of the same classes"),
        ([replace(entry("b"), splits={"valid": predictions()})], InputError,
         "b: has no predictions of a test split; evaluate it on a store with one"),
        ([replace(entry("b"), splits={"test": predictions().take(np.arange(9))})], MismatchError,
         "b: holds 9 events, the reference 600: not the same sample; "
         "compare runs that were evaluated on the same store"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_one_line(others, kind, line):
    with pytest.raises(kind) as error:
        compare_runs([entry("a"), *others])
    assert str(error.value) == line
