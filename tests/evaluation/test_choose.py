"""Events to look at."""

from dataclasses import replace

import numpy as np
import pytest
from toys import PAIR, predictions

from pidcam.errors import InputError, UnknownNameError
from pidcam.evaluation.choose import EventFacts, choose_rows, confident_mistakes, facts

LABEL = np.array([0, 1, 1, 0, 1])


def test_one_event_or_the_first_of_a_class():
    def rows(**wish):
        return choose_rows(LABEL, PAIR, **{"event": None, "of_class": None, "most": 2, "where": "x", **wish}).tolist()

    assert rows(event=3) == [3]
    assert rows() == [0, 1]
    assert rows(of_class="electron") == [1, 2]
    assert rows(of_class="electron", most=9) == [1, 2, 4]


@pytest.mark.parametrize(
    ("wish", "kind", "line"),
    [
        ({"event": 5}, InputError, "store: has no event 5; it has events 0 to 4"),
        ({"event": -1}, InputError, "store: has no event -1; it has events 0 to 4"),
        ({"of_class": "pion"}, UnknownNameError, "--class: unknown class 'pion'; did you mean 'photon'?"),
    ],
)
def test_what_is_not_there_is_one_line(wish, kind, line):
    with pytest.raises(kind) as error:
        choose_rows(LABEL, PAIR, **{"event": None, "of_class": None, "most": 2, "where": "store", **wish})
    assert str(error.value) == line


def test_a_class_without_events():
    with pytest.raises(InputError) as error:
        choose_rows(np.zeros(3, int), PAIR, event=None, of_class="electron", most=1, where="store")
    assert str(error.value) == "store: has no event of class 'electron'"


def test_mistakes_come_worst_first():
    table = predictions()
    rows = confident_mistakes(table, 10)
    p = table.probabilities
    wrong = np.flatnonzero(p.argmax(axis=1) != table.label)
    assert rows.tolist() == wrong[np.argsort(-p[wrong].max(axis=1))][:10].tolist()
    electrons = confident_mistakes(table, 10, only="electron")
    assert (table.label[electrons] == 1).all()
    assert (p[electrons].argmax(axis=1) == 0).all()


def test_facts_of_events():
    table = predictions()
    row = int(confident_mistakes(table, 1)[0])
    (found,) = facts(table, np.array([row]))
    assert (found.true, found.predicted) == (PAIR[table.label[row]], PAIR[1 - table.label[row]])
    assert found.score == table.probabilities[row].max()
    assert (found.file, found.row) == (table.files[table.file[row]], table.row[row])


@pytest.mark.parametrize(
    ("event", "title"),
    [
        (EventFacts("a.h5", 3, "photon", "electron", 0.842), "photon taken for electron (84.2 %), a.h5 row 3"),
        (EventFacts("a.h5", 3, "photon", "photon", 0.842), "photon recognised (84.2 %), a.h5 row 3"),
        (EventFacts(None, 3, None, "photon", 0.842), "predicted photon (84.2 %), row 3"),
        (EventFacts("a.h5", 3, "photon"), "photon, a.h5 row 3"),
        (EventFacts("a.h5", 3, None), "unknown class, a.h5 row 3"),
    ],
)
def test_titles(event, title):
    assert event.title == title


def test_what_is_no_classification_has_no_predicted_class():
    table = predictions()
    table = replace(table, columns={"energy": table.spectators["energy"]})
    (found,) = facts(table, np.array([0]))
    assert (found.predicted, found.score) == (None, None)
    assert found.true == PAIR[table.label[0]]
