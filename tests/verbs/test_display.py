"""`display`: the right events, drawn."""

import numpy as np
import pytest

import pidcam
from pidcam.cli.show_display import show_display
from pidcam.errors import InputError
from pidcam.predictions import Predictions


def test_an_event_of_a_raw_file(egamma_files, tmp_path):
    found = pidcam.display(egamma_files[0], event=17, out=tmp_path / "e.png")
    (event,) = found.events
    assert (event.true, event.row, event.file) == ("electron", 17, egamma_files[0].name)
    assert (tmp_path / "e.png").read_bytes().startswith(b"\x89PNG")


def test_events_of_a_store_by_class(egamma_store):
    found = pidcam.display(egamma_store.path, of_class="photon", number=3, split="valid")
    label = egamma_store.events("valid").label
    rows = egamma_store.events("valid").row[label == 0][:3]
    assert [event.row for event in found.events] == rows.tolist()
    assert {event.true for event in found.events} == {"photon"}
    assert {event.predicted for event in found.events} == {None}


def test_mistakes_of_a_run_show_their_own_images(evaluated, egamma_store):
    found = pidcam.display(evaluated["mlp"], mistakes=True, number=2)
    table = Predictions.load(evaluated["mlp"] / "predictions" / "test.parquet")
    p = table.probabilities
    wrong = np.flatnonzero(p.argmax(axis=1) != table.label)
    worst = wrong[np.argsort(-p[wrong].max(axis=1))][:2]
    assert [event.score for event in found.events] == p[worst].max(axis=1).tolist()
    stored = egamma_store.events("test")
    for i, row in enumerate(worst):
        assert stored.row[row] == found.batch.row[i]
        assert np.array_equal(found.batch.images["ecal"].take([i]).value, stored.images["ecal"].take([row]).value)


def test_a_run_scores_events_from_elsewhere(evaluated, egamma_files, egamma_store):
    found = pidcam.display(egamma_files[1], event=3, run=evaluated["bdt"])
    run = pidcam.load_run(evaluated["bdt"])
    p = run.predict(found.batch).probabilities[0]
    assert found.events[0].score == p.max()
    assert found.events[0].predicted == run.classes[p.argmax()]
    # the same event through the store
    stored = Predictions.load(evaluated["bdt"] / "predictions" / "train.parquet")
    mine = (stored.row == 3) & (np.array(stored.files)[stored.file] == egamma_files[1].name)
    if mine.any():
        assert stored.probabilities[mine][0] == pytest.approx(p, abs=1e-6)


def test_a_page_opens_offline(evaluated, tmp_path):
    out = tmp_path / "events.html"
    found = pidcam.display(evaluated["mlp"], number=2, out=out)
    text = out.read_text(encoding="utf-8")
    assert text.count('<img src="data:image/png;base64,') == 2 * 2, "of each event energy and time"
    assert "http" not in text
    assert f"<h2>{found.events[0].title}</h2>" in text
    assert f'alt="{found.events[0].title}, energy [GeV]"' in text


def test_the_terminal_shows_every_channel(evaluated, capsys):
    found = pidcam.display(evaluated["mlp"], event=0)
    show_display(found, "RUN")
    text = capsys.readouterr().out
    assert text.startswith(found.events[0].title)
    assert "ecal: energy [GeV], " in text
    assert "ecal: time [ns], " in text
    assert "@" in text  # the brightest cell
    assert text.endswith("next: pidcam display RUN --out events.html\n")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"event": 900}, "{file}: has no event 900; it has events 0 to 199"),
        ({"of_class": "pion"}, "--class: unknown class 'pion'; did you mean 'photon'?"),
        ({"of_class": "photon"}, "{file}: has no event of class 'photon'"),
        ({"mistakes": True}, "{file}: only a run knows its mistakes; give an evaluated run: pidcam display RUN"),
        ({"out": "x.gif"}, "x.gif: '.gif' is no picture format; use one of .png, .pdf, .html"),
    ],
)
def test_bad_input_is_one_line(egamma_files, options, line):
    with pytest.raises(InputError) as error:
        pidcam.display(egamma_files[0], **options)
    assert str(error.value) == line.format(file=egamma_files[0])


def test_a_run_that_was_not_evaluated(copy):
    run = copy("mlp")
    (run / "predictions" / "test.parquet").unlink()
    with pytest.raises(InputError) as error:
        pidcam.display(run)
    assert str(error.value) == f"{run}: has no predictions of the test split; run: pidcam evaluate {run}"
