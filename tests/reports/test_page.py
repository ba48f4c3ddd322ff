"""The page says what it must, opens offline, escapes whatever names it is given, and can be read without seeing it."""

import base64
import io
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from pidcam import reports
from pidcam.errors import InputError
from pidcam.reports import DataView, RunView, render_page, worries
from pidcam.reports.inline import data_address
from pidcam.reports.page import duration, headline

HOSTILE = "<script>alert('x')</script>\"&"


def metrics(auc, train_auc=None, n=2000):
    one = {"n": n, "n_per_class": {"photon": n // 2, "electron": n // 2}, "loss": 0.5, "accuracy": 0.74}
    one |= {"accuracy_error": 0.01, "auc_error": 0.01}
    return {"train": one | {"auc": train_auc or auc}, "valid": one | {"auc": auc}, "test": one | {"auc": auc}}


@pytest.fixture(scope="module")
def png():
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "white").save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.fixture
def page(png):
    run = RunView(
        "resnet",
        "Small ResNet",
        metrics(0.81),
        figures={"roc": png, "my own": png},
        config_yaml="model:\n  name: resnet\n",
        about={"git_commit": "abc1234", "packages": {"numpy": "2.0"}},
        seconds=200.0,
        parameters=174593,
        commands=["pidcam train stores/egamma --out runs/resnet"],
    )
    other = RunView("bdt", metrics=metrics(0.78, train_auc=0.90), seconds=4.2, parameters=800)
    data = DataView(
        "cms-ecal",
        {"electron.hdf5": 3740},
        {"train": {"photon": 900, "electron": 901}, "test": {"photon": 99, "electron": 98}},
        "0.8/0.1/0.1, seed 7",
        "3f1c9a",
        ["7 events dropped: empty"],
    )
    return render_page(
        [run, other],
        title="Electron or photon?",
        data=data,
        comparisons=["resnet minus bdt: +0.0300 ± 0.0050 (z = 6.0)"],
        warnings=["The moon is full."],
        commands=["pidcam run egamma"],
        about={"machine": "2 cores"},
    )


class Parsed(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "link", "br", "input", "hr"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def test_the_page_says_what_a_supervisor_asks(page):
    text = page.replace("\N{NO-BREAK SPACE}", " ")
    for expected in (
        "Electron or photon?",
        "electron.hdf5",
        "(3,740 events)",
        "3f1c9a",
        "0.8/0.1/0.1, seed 7",
        "7 events dropped: empty",
        "AUC 0.810 ± 0.010, accuracy 0.740 ± 0.010 on 2,000 test events",
        "174,593",
        "3 min 20 s",
        "resnet minus bdt: +0.0300 ± 0.0050",
        "The moon is full.",
        "AUC is 0.1200 (8.5 standard errors) better on train than on test",
        "pidcam train stores/egamma --out runs/resnet",
        "pidcam run egamma",
        "abc1234",
        "numpy 2.0",
        "Please cite as: pidcam",
    ):
        assert expected in text, expected


def test_it_loads_nothing_from_outside(page):
    for tag, attributes in Parsed(page).tags:
        for name in ("src", "href", "srcset", "data", "action", "poster"):
            address = attributes.get(name, "")
            assert address.startswith(("data:", "#")) or not address, (tag, address)
    assert not re.search(r"url\(|@import|https?://", re.sub(r"data:image/png;base64,[\w+/=]+", "", page))
    assert "default-src 'none'" in page


def test_it_can_be_read_without_seeing_it(page):
    parsed = Parsed(page)
    assert all(image["alt"].strip() for image in parsed.all("img"))
    assert len(parsed.all("img")) == 2
    assert all("scope" in attributes for attributes in parsed.all("th"))
    assert parsed.all("html") == [{"lang": "en"}]
    assert len(parsed.all("h1")) == len(parsed.all("main")) == 1
    identities = [attributes["id"] for _, attributes in parsed.tags if "id" in attributes]
    assert len(identities) == len(set(identities))
    targets = {a["href"][1:] for a in parsed.all("a")}
    assert targets <= set(identities)


def test_hostile_names_stay_text(png):
    run = RunView(
        HOSTILE,
        HOSTILE,
        {"test": {"n": 10, "auc": 0.5, "auc_error": 0.1, "n_per_class": {HOSTILE: 0}}},
        figures={HOSTILE: png},
        config_yaml=HOSTILE,
        about={HOSTILE: HOSTILE},
        commands=[HOSTILE],
        warnings=[HOSTILE],
        note=HOSTILE,
    )
    data = DataView(HOSTILE, {HOSTILE: 1}, {HOSTILE: {HOSTILE: 1}}, HOSTILE, HOSTILE, [HOSTILE])
    page = render_page(
        [run], title=HOSTILE, data=data, comparisons=[HOSTILE], warnings=[HOSTILE], commands=[HOSTILE], citation=HOSTILE
    )
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert not any("alert" in (attrs.get("onclick") or "") for _, attrs in Parsed(page).tags)


def test_pictures_of_all_runs_are_shown_once(png):
    runs = [RunView(name, figures={"sample_images": png}) for name in ("a", "b", "c")]
    images = Parsed(render_page(runs, title="t")).all("img")
    assert len(images) == 1
    assert images[0]["alt"] == "A sheet of detector images of single events, a row per class"


def test_a_bare_run_is_a_page_too():
    page = render_page([RunView("fresh")], title="t")
    assert "Not evaluated yet" in page
    assert "There is no test split" in page


def test_pictures_from_figures_files_and_bytes_are_whole(tmp_path, make_predictions):
    figure = reports.scores({"test": make_predictions()})
    (path, _) = reports.save(figure, tmp_path / "scores")
    for picture in (figure, path, path.read_bytes()):
        address, width, height = data_address(picture)
        inside = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
        assert inside.size == (width, height)
        assert width > 300
    with pytest.raises(InputError, match="no such picture"):
        data_address(tmp_path / "nothing.png")
    (tmp_path / "bad.png").write_text("not a picture")
    with pytest.raises(InputError, match="is not a picture"):
        data_address(tmp_path / "bad.png")


def test_worries_are_silent_when_all_is_well():
    good = metrics(0.81)
    assert worries(good, [{"valid_loss": loss} for loss in (0.6, 0.5, 0.55)]) == []


@pytest.mark.parametrize(
    ("given", "history", "expected"),
    [
        (metrics(0.78, train_auc=0.9), (), "overtraining"),
        (metrics(0.78, n=400), (), "Only 400 events in the test split"),
        ({"train": {}, "valid": {}}, (), "no test split"),
        (metrics(0.78), [{"valid_loss": 0.5}, {"valid_loss": 0.4}], "lowest at the very end"),
        ({"test": {"n": 5000, "n_per_class": {"photon": 0, "electron": 50}}}, (), "No photon in the test split"),
        ({"test": {"n": 5000, "n_per_class": {"photon": 0, "electron": 50}}}, (), "Only 50 events of class electron"),
        ({"test": {"pull_width": 0.5, "pull_width_error": 0.02}}, (), "errors are 2 times too large"),
        ({"test": {"px_pull_width": 1.3, "px_pull_width_error": 0.02}}, (), "Pulls of px are 1.30 ± 0.02 wide"),
    ],
)
def test_worries_name_what_is_wrong(given, history, expected):
    assert any(expected in sentence for sentence in worries(given, history))


def test_a_gap_within_three_standard_errors_is_no_worry():
    assert worries({"test": {"pull_width": 1.2, "pull_width_error": 0.07}}) == []
    assert worries(metrics(0.800, train_auc=0.842)) == []
    assert worries(metrics(0.800, train_auc=0.843)) != []


@pytest.mark.parametrize(("seconds", "text"), [(4.2, "4.2 s"), (42, "42 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")])
def test_durations_are_read_at_a_glance(seconds, text):
    assert duration(seconds) == text


def test_the_headline_prefers_events_never_seen():
    assert "test events" in headline(RunView("r", metrics=metrics(0.8)))
    assert "validation events" in headline(RunView("r", metrics={"valid": metrics(0.8)["valid"]}))


def test_a_note_is_said_once_for_all_runs_it_is_about():
    runs = [RunView(f"cnn seed-{i}", metrics=metrics(0.7), note="hardly begun") for i in (0, 1)]
    page = render_page([*runs, RunView("bdt", metrics=metrics(0.8))], title="Three")
    summary, own = page.split('id="run-1"')
    assert summary.count("hardly begun") == 1
    assert "<b>cnn seed-0, cnn seed-1:</b> hardly begun.</p>" in summary
    assert own.count("Note: hardly begun.") == 2
