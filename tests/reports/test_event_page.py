"""The page of single events: offline, described, and volumes that turn in a real browser."""

import base64
import html
import json
import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from pidcam.events import EventBatch, Points
from pidcam.reports.event_page import event_page
from pidcam.reports.views import finer
from pidcam.reports.volume import MOST_HITS
from pidcam.schema import Channel, Column, EventSchema, Image, ParticleClass

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

DRIVER = """
<pre id="told"></pre>
<script>
const told = {}, canvas = document.querySelector("canvas.volume");
const picture = () => canvas.toDataURL();
const key = (name) => canvas.dispatchEvent(new KeyboardEvent("keydown", { key: name }));
try {
  told.visible = !canvas.hidden;
  const start = picture();
  told.blank = new Set(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data).size;
  key("ArrowLeft");
  told.turned = picture() !== start;
  key("Home");
  told.back = picture() === start;
  key("+");
  told.zoomed = picture() !== start;
  key("Home");
  canvas.dispatchEvent(new PointerEvent("pointermove", { buttons: 1, movementX: 40, movementY: 20 }));
  told.dragged = picture() !== start;
  told.width = [innerWidth, document.documentElement.scrollWidth];
} catch (error) { told.error = String(error); }
document.getElementById("told").textContent = JSON.stringify(told);
</script></body>"""


def track(hits=60, events=2, pitch=(2.0, 2.0, 1.0)):
    """Points along a line, in a chamber whose lower corner is at -10 mm."""
    image = Image(
        name="track", shape=(10, 10, 20), channels=(Channel(name="energy", unit="MeV"),), axes=("x", "y", "z"),
        unit="mm", pitch=pitch, low=(-10.0, -10.0, -10.0), storage="points",
    )  # fmt: skip
    schema = EventSchema(name="tpc", images=(image,), classes=(ParticleClass(name="bb0nu"),))
    line = np.linspace(-9, 9, hits)[:, None] * np.ones(3)
    value = np.linspace(1, 2, hits, dtype=np.float32)[:, None]
    points = Points(np.arange(events + 1) * hits, np.tile(line, (events, 1)), np.tile(value, (events, 1)))
    return EventBatch({"track": points}, {}, {}, np.zeros(events, np.int16), np.arange(events)), schema


def attributes(page):
    """The data of the first canvas."""
    found = dict(re.findall(r'data-(\w+)="([^"]*)"', page[page.index("<canvas") : page.index("</canvas>")]))
    raw = base64.b64decode(found["hits"])
    n = len(raw) // 7
    place = np.frombuffer(raw[: 6 * n], "<i2").reshape(-1, 3) / 32767
    return place, np.frombuffer(raw[6 * n :], np.uint8), json.loads(html.unescape(found["box"]))["half"]


def test_the_hits_are_where_they_were():
    batch, schema = track()
    page = event_page(batch, schema, ["one <b>", "two"])
    place, step, half = attributes(page)
    # brightest first; the box is 20 mm wide in every direction
    assert place == pytest.approx(np.linspace(9, -9, 60)[:, None] * np.ones(3) / (10 * np.sqrt(3)), abs=2e-5)
    assert half == pytest.approx([1 / np.sqrt(3)] * 3, abs=1e-4)
    assert step[0] == 255
    assert (np.diff(step.astype(int)) <= 0).all()
    assert page.count("<canvas") == 2
    assert page.count("<script>") == 1
    assert 'alt="one &lt;b&gt;, energy, y-x view [MeV]"' in page
    assert page.count("<img") == 2 * 3, "every view by itself, so that a phone shows them below each other"
    assert "track: energy [MeV] 1<span" in page
    assert "http" not in page


def test_planes_have_no_volume_and_no_script(batch, schema):
    page = event_page(batch.take(np.array([0])), schema, ["one"])
    assert "<canvas" not in page
    assert "<script>" not in page
    assert "<h1>toy: 1 event</h1>" in page


def test_cells_without_a_size_fill_a_cube(make_batch, make_schema):
    schema = make_schema((5, 5, 60), axes=("x", "y", "z"))
    place, step, half = attributes(event_page(make_batch(schema, 1), schema, ["one"]))
    assert half == pytest.approx([1 / np.sqrt(3)] * 3, abs=1e-4)
    assert np.abs(place).max() < 1 / np.sqrt(3)
    assert len(place) == len(step) > 0


def test_of_very_many_hits_the_largest_are_shown():
    batch, schema = track(hits=MOST_HITS + 500, events=1)
    page = event_page(batch, schema, ["one"])
    place, _, _ = attributes(page)
    assert len(place) == MOST_HITS
    assert f"{MOST_HITS:,} hits. Drag or arrow keys turn" in page


def test_points_are_drawn_as_finely_as_they_were_measured():
    batch, schema = track(hits=10, events=1)
    image = finer(schema.images[0], batch.images["track"])
    assert (image.shape, image.pitch) == ((10, 10, 20), (2.0, 2.0, 1.0)), "2 mm apart: no finer than that"
    lattice = np.arange(-9.5, 10, 0.5)[:, None] * np.ones(3)
    value = np.ones((500, 1), np.float32)
    image = finer(schema.images[0], Points(np.array([0, len(lattice)]), lattice, value[: len(lattice)]))
    assert (image.shape, image.pitch) == ((40, 40, 40), (0.5, 0.5, 0.5))
    anywhere = np.random.default_rng(0).uniform(-9, 9, (500, 3))
    image = finer(schema.images[0], Points(np.array([0, 500]), anywhere, value))
    assert image.pitch == pytest.approx((0.18, 0.18, 0.18), rel=0.02), "a hundred cells across the hits"
    none = Points(np.zeros(2, np.int64), np.empty((0, 3)), np.empty((0, 1), np.float32))
    assert finer(schema.images[0], none) is schema.images[0]


def test_what_is_known_to_be_true_is_said(make_batch, make_schema):
    schema = make_schema().model_copy(update={"targets": (Column(name="true_mass", unit="50 GeV"), Column(name="x"))})
    batch = make_batch(make_schema(), 1)
    batch = replace(batch, targets={"true_mass": np.array([2.0]), "x": np.array([np.nan])})
    page = event_page(batch, schema, ["one"])
    assert "<h2>one</h2>\n<p>Truth: true mass 100 GeV.</p>" in page
    assert page.count('<figure class="large">') == 2, "two planes have half of the page each"


@pytest.mark.skipif(BROWSER is None, reason="no chromium here: on Debian, apt-get install chromium")
@pytest.mark.parametrize("width", [1280, 400])
def test_a_volume_turns_by_key_and_by_hand(tmp_path, width):
    path = tmp_path / "page.html"
    path.write_text(event_page(*track(), ["one", "two"]).replace("</body>", DRIVER), encoding="utf-8")
    flags = "--headless --no-sandbox --disable-gpu --enable-logging=stderr --virtual-time-budget=3000 --dump-dom"
    size = (f"--window-size={width},900", f"--user-data-dir={tmp_path / 'profile'}")
    done = subprocess.run([BROWSER, *flags.split(), *size, path.as_uri()], capture_output=True, text=True, timeout=60)
    told = json.loads(re.search(r'<pre id="told">(.*?)</pre>', done.stdout)[1])
    assert "error" not in told
    assert told["visible"]
    assert told["turned"]
    assert told["back"]
    assert told["zoomed"]
    assert told["dragged"]
    assert told["blank"] > 10
    assert told["width"][1] <= told["width"][0]
    assert "CONSOLE" not in done.stderr
