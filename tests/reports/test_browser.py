"""The interactive page in a real browser: it can be clicked and dragged, logs no error, asks for nothing outside."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from pidcam.reports import RunView, render_page
from pidcam.reports.explore import EventSample
from pidcam.reports.page import TableView

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium here: on Debian, apt-get install chromium")

FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --disable-extensions --force-prefers-reduced-motion --enable-logging=stderr
--virtual-time-budget=3000 --dump-dom"""

# what a person would do, told back as JSON
DRIVER = """
<pre id="told"></pre>
<script>
const told = {}, byId = (id) => document.getElementById(id), text = (id) => byId(id).textContent;
const fire = (id, name, value) => { byId(id).value = value; byId(id).dispatchEvent(new Event(name)); };
const press = (plot, x, y) => {
  const box = plot.getBoundingClientRect();
  plot.setPointerCapture = () => {};
  const at = { pointerId: 1, clientX: box.left + box.width * x, clientY: box.top + box.height * y };
  plot.dispatchEvent(new PointerEvent("pointerdown", at));
};
try {
  told.visible = !byId("explore").hidden && !byId("events").hidden;
  told.start = [text("explore-threshold"), text("explore-efficiency"), text("explore-fake")];
  told.confusion = [...document.querySelectorAll("#explore-confusion td")].map((c) => c.textContent);
  fire("explore-slider", "input", byId("explore-slider").max);
  told.tight = [text("explore-threshold"), text("explore-efficiency"), byId("explore-few").hidden];
  press(byId("explore-scores"), 0.3, 0.5);
  told.dragged = Number(text("explore-threshold"));
  press(byId("explore-roc"), 1, 0);
  told.corner = text("explore-efficiency");
  byId("explore-log").click();
  told.log = text("explore-roc").includes("rejection of photon");
  fire("explore-signal", "change", "0");
  told.signal = text("explore-passes");
  fire("explore-run", "change", "1");
  told.curves = document.querySelectorAll("#explore-roc .curve").length;
  fire("events-show", "change", "all");
  told.all = text("events-status");
  byId("events-next").click();
  told.next = [text("events-status"), document.querySelectorAll("#events-list canvas").length];
  fire("events-show", "change", "mistakes");
  told.mistakes = [...document.querySelectorAll("#events-list b")].map((b) => b.textContent);
  fire("events-view", "change", "1");
  told.scale = text("events-scale");
  const canvas = document.querySelector("#events-list canvas");
  told.painted = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((v) => v > 0);
  told.size = [innerWidth, document.documentElement.scrollWidth];
  told.injected = Boolean(window.hacked);
} catch (error) { told.error = String(error); }
byId("told").textContent = JSON.stringify(told);
</script></body>"""


VOLUMES = """
<pre id="told"></pre>
<script>
const told = {}, byId = (id) => document.getElementById(id);
try {
  told.views = [...byId("events-view").options].map((option) => option.textContent);
  const canvas = document.querySelector("#events-list canvas"), before = canvas.toDataURL();
  told.focus = canvas.tabIndex;
  told.colours = new Set(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data).size;
  canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
  told.turned = canvas.toDataURL() !== before;
  told.scale = byId("events-scale").textContent;
  byId("events-view").value = "1";
  byId("events-view").dispatchEvent(new Event("change"));
  told.flat = document.querySelector("#events-list canvas").className;
  told.size = [innerWidth, document.documentElement.scrollWidth];
} catch (error) { told.error = String(error); }
byId("told").textContent = JSON.stringify(told);
</script></body>"""


TABLES = """
<pre id="told"></pre>
<script>
const boxes = [...document.querySelectorAll(".scroll")], page = document.documentElement;
const told = { wide: boxes.filter((b) => b.scrollWidth > b.clientWidth).length, boxes: boxes.length };
told.folded = getComputedStyle(document.querySelector("#comparison thead")).display === "none";
told.size = [innerWidth, page.scrollWidth];
document.getElementById("told").textContent = JSON.stringify(told);
</script></body>"""


def drive(page, folder, width, driver=DRIVER):
    """Open the page, run the driver; returns (what it told, lines of the console)."""
    path = folder / f"page-{width}.html"
    path.write_text(page.replace("</body>", driver), encoding="utf-8")
    command = [
        BROWSER,
        *FLAGS.split(),
        f"--user-data-dir={folder / 'profile'}",
        f"--window-size={width},900",
        path.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    told = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, re.DOTALL)
    assert told, done.stderr[-2000:]
    answer = told[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return json.loads(answer), [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.fixture
def page(make_predictions, schema, make_batch):
    table, batch = make_predictions(n=400), make_batch(schema, n=400)
    rows = np.arange(0, 400, 8)
    runs = [
        RunView("cnn</script><script>window.hacked=1</script>", predictions={"valid": table, "test": table}),
        RunView("bdt", predictions={"test": make_predictions(n=400, seed=1, separation=2.0)}),
    ]
    # the second run scores other events: it has curves, and the browser shows the first alone
    runs[1].predictions["test"].row[:] += 1
    events = EventSample("test", rows, batch.take(rows), schema)
    return render_page(runs, title="Electron or photon?", events=events), table


@pytest.mark.parametrize("width", [1280, 400])
def test_clicks_and_drags_move_the_numbers(page, tmp_path, width):
    html, table = page
    told, console = drive(html, tmp_path, width)
    assert "error" not in told, told
    assert console == []
    assert told["visible"]
    assert not told["injected"]
    electron = table.label == 1
    efficiency = (table.columns["p_electron"][electron] >= 0.5).mean()
    assert told["start"][0] == "0.5000"
    assert told["start"][1].startswith(f"{100 * efficiency:.1f} %")
    passed = int((table.columns["p_electron"][~electron] >= 0.5).sum())
    assert told["confusion"][0].startswith(f"{passed} (")
    assert told["tight"][0] > "0.9"
    assert told["tight"][2] is False, "a warning where few background events pass"
    assert told["dragged"] == pytest.approx(0.2, abs=0.1)
    assert told["corner"].startswith("100.0 %")
    assert told["log"]
    assert told["signal"] == "taken as photon"
    assert told["curves"] == 2
    assert told["all"] == "50 of 50 events in the sample, page 1 of 5"
    assert told["next"] == ["50 of 50 events in the sample, page 2 of 5", 12]
    assert set(told["mistakes"]) == {"Mistake"}
    assert told["scale"].startswith("time, linear colours")
    assert told["painted"]
    shown, needed = told["size"]
    assert shown <= max(width, 500), "the narrowest window that some browsers open"
    assert needed <= shown, "nothing sticks out sideways"


def test_volumes_turn_in_the_event_browser(make_predictions, make_schema, make_batch, tmp_path):
    schema = make_schema((5, 6, 40), axes=("x", "y", "z"))
    rows = np.arange(0, 40, 4)
    events = EventSample("test", rows, make_batch(schema, n=40).take(rows), schema)
    html = render_page([RunView("cnn", predictions={"test": make_predictions(n=40)})], title="Volumes", events=events)
    told, console = drive(html, tmp_path, 1280, VOLUMES)
    assert "error" not in told, told
    assert console == []
    assert told["views"][:2] == ["energy, in space", "energy, y-x view"]
    assert told["focus"] == 0, "the keyboard reaches it"
    assert told["colours"] > 10
    assert told["turned"]
    assert "arrow keys turn" in told["scale"]
    assert told["flat"] == "event"
    assert told["size"][1] <= told["size"][0]


@pytest.mark.parametrize("width", [1280, 400])
def test_tables_are_read_without_scrolling_sideways(tmp_path, width):
    one = {"n": 7480, "auc": 0.8, "auc_error": 0.0051, "accuracy": 0.7, "accuracy_error": 0.0053}
    names = [f"egamma-{name}-repeats-5/seed-0" for name in ("reference-cnn", "resnet", "bdt")]
    runs = [RunView(name, metrics=dict.fromkeys(("train", "valid", "test"), one), parameters=868993) for name in names]
    heads = [
        "rejection at efficiency 50 %",
        "efficiency at fake rate 1 %",
        "mean rejection at efficiencies of 30 to 90 %",
    ]
    columns = ["run", "AUC", "difference", "z", "p", *heads]
    cells = ["0.8104 ± 0.0051", "-0.0137 ± 0.0018", "-7.629", "2.4e-14", *["0.0180 ± 0.0059"] * 3]
    rows = [[name, *cells] for name in names]
    table = TableView("Test events", columns, rows, [False] + [True] * 7)
    told, console = drive(render_page(runs, title="Tables", tables=[table]), tmp_path, width, TABLES)
    assert console == []
    assert (told["boxes"], told["wide"]) == (2, 0)
    assert told["folded"] is (width == 400)
    assert told["size"][1] <= told["size"][0]
