"""Which events are judged, and how two tables are matched."""

from dataclasses import replace

import numpy as np
import pytest
from toys import predictions, task

from pidcam.errors import InputError, MismatchError
from pidcam.evaluation.sample import align, clean, rest_of

TASK = task()


def with_scores(table, rows, value):
    column = table.columns["p_electron"].copy()
    column[rows] = value
    return replace(table, columns={**table.columns, "p_electron": column})


def test_events_without_a_finite_score_are_left_out_and_told():
    table = with_scores(predictions(), [3, 5, 7], [np.nan, np.inf, -np.inf])
    kept, lines = clean(TASK, table, "test")
    assert lines == ["3 of 600 events have a score that is not finite and are left out"]
    assert len(kept) == 597
    assert np.array_equal(kept.row, np.delete(table.row, [3, 5, 7]))
    assert np.array_equal(kept.spectators["energy"], np.delete(table.spectators["energy"], [3, 5, 7]))


def test_clean_events_stay_the_same_object():
    table = predictions()
    assert clean(TASK, table, "test") == (table, [])


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"label": np.full(600, -1)}, "test split: no event has a known truth"),
        ({"columns": {"p_photon": np.full(600, np.nan), "p_electron": np.zeros(600)}},
         "test split: no event has a finite score"),
    ],
)  # fmt: skip
def test_nothing_to_judge_is_one_line(change, line):
    with pytest.raises(InputError) as error:
        clean(TASK, replace(predictions(), **change), "test")
    assert str(error.value) == line


def test_events_are_matched_by_file_and_row_whatever_their_order():
    table = predictions()
    order = np.random.default_rng(1).permutation(len(table))
    # files are numbered in another order, as another store may have them
    other = replace(table, files=("b.hdf5", "a.hdf5"), file=1 - table.file).take(order)
    back = align(table, other, where="run b")
    assert np.array_equal(back.row, table.row)
    assert np.array_equal(back.columns["p_electron"], table.columns["p_electron"])


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda t: replace(t, classes=("electron", "photon")),
         "run b: classes are electron, photon, expected photon, electron; compare runs of the same classes"),
        (lambda t: t.take(np.arange(10)),
         "run b: holds 10 events, the reference 600: not the same sample; "
         "compare runs that were evaluated on the same store"),
        (lambda t: replace(t, row=t.row + 1),
         "run b: shares 598 of 600 events with the reference: not the same sample; "
         "compare runs that were evaluated on the same store"),
        (lambda t: replace(t, label=np.where(np.arange(600) < 3, 1 - t.label, t.label)),
         "run b: has another true class in 3 of 600 events"),
    ],
)  # fmt: skip
def test_tables_of_other_events_are_refused(change, line):
    with pytest.raises(MismatchError) as error:
        align(predictions(), change(predictions()), where="run b")
    assert str(error.value) == line


def test_the_rest_has_a_name():
    assert rest_of(("photon", "electron"), "electron") == "photon"
    assert rest_of(("photon", "electron", "pion"), "pion") == "rest"
