"""The page of single events: offline, described, and volumes that turn in a real browser."""

import base64
import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from pidcam.events import EventBatch, Points
from pidcam.reports.event_page import event_page
from pidcam.reports.volume import MOST_HITS
from pidcam.schema import Channel, EventSchema, Image, ParticleClass

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
    assert 'alt="one &lt;b&gt;"' in page
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
