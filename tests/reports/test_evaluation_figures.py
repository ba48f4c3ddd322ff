"""Figures of the sections of metrics.json, and the event display."""

import numpy as np
import pytest

from pidcam import analysis, reports
from pidcam.analysis import plain
from pidcam.errors import DataError
from pidcam.events import Dense, EventBatch
from pidcam.schema import Channel, EventSchema, Image


def texts(figure):
    """Every text in a figure."""
    from matplotlib.text import Text

    return [t.get_text() for t in figure.findobj(Text)]


@pytest.fixture
def calibration(predictions):
    truth, p = predictions.label == 1, predictions.columns["p_electron"]
    judged = {"reliability": analysis.reliability(truth, p)}
    temperature = {"value": 1.234, "fitted_on": "valid"}
    return plain(
        {"quoted_on": "test", "of": "electron", "raw": judged, "calibrated": judged, "temperature": temperature}
    )


def in_bins(n=3, gap=True):
    value = np.linspace(0.5, 0.9, n)
    value[0] = np.nan if gap else value[0]
    edges = np.linspace(0, 100, n + 1)
    return analysis.InBins(edges, value, 0 * value + 0.1, value - 0.1, value + 0.1, np.full(n, 50), ())


@pytest.fixture
def bins():
    cut = {"target": "fake_rate", "asked": 0.1, "threshold": 0.7, "efficiency": in_bins(), "fake_rate": in_bins()}
    flat = {"asked": 0.9, "thresholds": [0.1] * 3, "efficiency": in_bins(), "fake_rate": in_bins()}
    section = {"unit": "GeV", "edges": in_bins().edges, "quoted_on": "test"}
    return lambda *names: plain(
        {**section, "signals": {n: {"auc": in_bins(), "cut": cut, "flat": flat} for n in names}}
    )


def difference(value, error):
    return {"difference": value, "error": error, "z": 0.0, "p_value": 1.0}


def test_reliability_tells_ece_and_temperature(calibration):
    figure = reports.reliability(calibration)
    top, bottom = figure.axes
    ece, null = (calibration["raw"]["reliability"][key] for key in ("ece", "ece_null"))
    assert f"as predicted\nECE {100 * ece:.2f} % (perfect: {100 * null:.2f} %)" in texts(figure)
    assert any(text.startswith("temperature 1.234") for text in texts(figure))
    assert bottom.get_xlabel() == "probability of electron (400 test events)"
    assert top.get_ylabel() == "fraction of electron"
    with pytest.raises(DataError, match=r"^calibration: holds no reliability$"):
        reports.reliability({})


def test_bins_have_a_panel_per_quantity_and_leave_gaps_out(bins):
    figure = reports.in_bins(bins("electron"), "energy")
    assert [panel.get_xlabel() for panel in figure.axes] == ["energy [GeV] (150 test events)", *["energy [GeV]"] * 2]
    assert [panel.get_ylabel() for panel in figure.axes] == [
        "AUC", "rate, cut at 10 % fake rate", "fake rate at 90 % efficiency in each bin",
    ]  # fmt: skip
    points = figure.axes[0].containers[0].lines[0].get_xydata()
    assert points[:, 0] == pytest.approx([50, 250 / 3])  # the gap is not drawn
    several = texts(reports.in_bins(bins("electron", "pion"), "energy"))
    assert {"electron", "pion", "efficiency", "fake rate"} <= set(several)
    with pytest.raises(DataError, match=r"^by energy: holds no class that could be measured$"):
        reports.in_bins({"signals": {}}, "energy")


def test_differences_are_named_with_their_unit():
    rows = [{"title": "noise of 0.05 GeV on hit cells", "difference": {"auc": difference(-0.01, 0.004),
             "accuracy": difference(-0.02, 0.01)}}, {"title": "scale 1.02", "difference": {"auc": None,
             "accuracy": difference(0.0, 0.01)}}]  # fmt: skip
    figure = reports.robustness({"nominal": {"n": 4000}, "shifts": rows})
    assert {"noise of 0.05 GeV on hit cells", "scale 1.02", "AUC", "accuracy"} <= set(texts(figure))
    assert figure.axes[0].get_xlabel() == "shifted $-$ nominal (4,000 events)"
    assert figure.axes[0].containers[0].lines[0].get_xdata() == pytest.approx([-0.01])
    part = {"kind": "channel", "name": "energy", "loss": rows[0]["difference"]}
    assert "channel energy" in texts(reports.importance({"n": 100, "permutation": [part]}))
    with pytest.raises(DataError, match="there is nothing to draw"):
        reports.robustness({"nominal": {"n": 4000}, "shifts": []})


def test_gain_of_features():
    rows = [{"feature": f"f{i}", "share": 0.1} for i in range(30)]
    figure = reports.gain({"gain": rows})
    assert "f19" in texts(figure)
    assert "f20" not in texts(figure)
    with pytest.raises(DataError, match=r"^importance: holds no gain$"):
        reports.gain({})


@pytest.mark.parametrize("shape", [(16, 16), (8, 9, 10)])
def test_display_has_a_row_per_event_and_a_panel_per_view(make_batch, make_schema, shape):
    schema = make_schema(shape, axes=("x", "y", "z")[: len(shape)])
    figure = reports.display(make_batch(schema, 3), schema, ["one", "two", "three"])
    panels = [panel for block in figure.subfigs for panel in block.axes if panel.images]
    sides = 1 if len(shape) == 2 else 3
    assert len(panels) == 3 * 2 * sides
    assert {"one", "two", "three"} <= set(texts(figure))
    assert any("[GeV]" in text for text in texts(figure))
    assert len({panel.images[0].norm.vmax for panel in panels[:: 2 * sides]}) == 1  # one scale for all events


def test_display_of_nothing_is_one_line(batch, schema):
    with pytest.raises(DataError, match=r"^toy: no events to draw$"):
        reports.display(batch.take(np.arange(0)), schema, [])


def test_saliency_puts_attributions_beside_the_image(make_batch, make_schema):
    schema = make_schema((4, 4))
    batch = make_batch(schema, 2)
    attributions = {"ecal": np.zeros((2, 2, 4, 4))}
    attributions["ecal"][0, 0, 1, 2] = -0.5
    figure = reports.saliency(batch, schema, attributions, ["first", "second"])
    panels = [panel for block in figure.subfigs for panel in block.axes if panel.images]
    assert len(panels) == 2 * 2 * 2
    added = panels[1].images[0]
    assert added.get_array()[1, 2] == -0.5
    assert (added.norm.vmin, added.norm.vmax) == (-0.5, 0.5)
    assert "energy: added to the log odds" in texts(figure)


def test_sculpting_is_drawn_per_unit_of_the_variable(predictions):
    rng = np.random.default_rng(0)
    score, mass = rng.random(500), rng.exponential(30, 500)
    edges = np.array([0.0, 10, 30, 200])
    shape = analysis.sculpting(score, mass, 0.7, edges=edges)
    section = plain({"unit": "GeV", "edges": edges, "signals": {"electron": {"sculpting": shape}, "photon": {}}})
    figure = reports.sculpting(section, "mass")
    top, bottom = figure.axes
    assert top.get_ylabel() == "fraction of background / GeV"
    assert bottom.get_xlabel() == f"mass [GeV] ({int(shape.rate.n.sum())} events against electron)"
    failed = np.array(shape.failed) / np.diff(edges)
    assert top.patches[0].get_data().values == pytest.approx(failed)
    assert f"{shape.jensen_shannon:.4f} bit" in "".join(texts(figure))
    names = [f"species {k}" for k in range(6)]
    many = {**section, "signals": dict.fromkeys(names, section["signals"]["electron"])}
    wide, high = reports.sculpting(many, "mass").get_size_inches()
    assert wide < 15 < 2 * high, "the fifth and sixth come below the others"
    with pytest.raises(DataError, match=r"^by mass: holds no sculpting$"):
        reports.sculpting({**section, "signals": {"photon": {}}}, "mass")


def test_a_learning_curve_shows_its_power_law():
    def spread(mean):
        return {"mean": mean, "statistical": 0.01, "error_of_mean": 0.02, "n": 1}

    points = [{"events": n, "runs": [f"r{n}"], "auc": spread(0.9 - n**-0.5)} for n in (100, 400, 1600)]
    fit = {"floor": 0.1, "scale": 1.0, "exponent": 0.5}
    figure = reports.learning_curve([{"points": points, "fit": fit}, {"points": points[:2], "fit": None}])
    (axes,) = figure.axes
    assert axes.get_ylabel() == "1 $-$ AUC on test events"
    line = axes.lines[0]
    assert line.get_ydata() == pytest.approx(0.1 + line.get_xdata() ** -0.5)
    assert "r1600\n0.100 + 1 $N^{-0.50}$" in texts(figure)
    with pytest.raises(DataError, match="no runs that differ in the number of training events"):
        reports.learning_curve([])


@pytest.mark.parametrize("shape", [(6, 8), (5, 6, 7)])
def test_hits_are_framed_on_top_of_the_truth(shape):
    channel = (Channel(name="charge", unit="ADC"),)
    images = tuple(Image(name=name, shape=shape, channels=channel) for name in ("hits", "truth"))
    schema = EventSchema(name="toy", images=images)
    values = np.zeros((2, 2, 1, *shape), np.float32)  # image, event
    values[(0, 0, 0, 2, 3) + (4,) * (len(shape) - 2)] = 5
    values[1, 0, 0, 2] = 1
    events = EventBatch(
        {"hits": Dense(values[0]), "truth": Dense(values[1])}, {}, {}, np.zeros(2, np.int16), np.arange(2)
    )
    figure = reports.on_truth(events, schema, ["one", "two"], "truth")
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    assert len(panels) == 2 * (1 if len(shape) == 2 else 3)
    (frame,) = panels[0].patches
    assert frame.get_xy() == (2.5, 1.5)  # cell (2, 3), in the middle of its number
    assert not panels[-1].patches, "the second event has no hit"
    assert "truth: charge" in " ".join(texts(figure))
    assert "; frames: hits" in " ".join(texts(figure))
    alone = EventSchema(name="toy", images=images[1:])
    with pytest.raises(DataError) as error:
        reports.on_truth(events, alone, ["one", "two"], "truth")
    assert str(error.value) == "toy: no other image has the grid of 'truth'; images are truth"
