"""Every figure: units on the axes, numbers of events, errors, nothing changed that was given, same bytes twice."""

import copy

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import Normalize, SymLogNorm
from matplotlib.figure import Figure

from pidcam import reports
from pidcam.analysis import delong
from pidcam.errors import DataError, UnknownNameError
from pidcam.events import Dense, EventBatch, Points
from pidcam.predictions import Predictions
from pidcam.reports.images import colour_scale, few_ticks
from pidcam.reports.style import value_with_error
from pidcam.reports.views import hits, mean_picture, picture, signed_channels, views
from pidcam.schema import Channel, EventSchema, Image, ParticleClass


def texts(figure: Figure) -> str:
    """Every text of a figure, on one line."""
    return " | ".join(t.get_text() for t in figure.findobj(mpl.text.Text) if t.get_text())


def assert_unchanged(function, *given):
    before = copy.deepcopy(given)
    figure = function(*given)
    for a, b in zip(before, given, strict=True):
        for x, y in zip(_arrays(a), _arrays(b), strict=True):
            np.testing.assert_array_equal(x, y)
    return figure


def _arrays(thing):
    if isinstance(thing, dict):
        thing = list(thing.values())
    if isinstance(thing, list | tuple):
        return [array for each in thing for array in _arrays(each)]
    if isinstance(thing, Predictions | EventBatch):
        return _arrays(vars(thing))
    if isinstance(thing, Dense | Points) or hasattr(thing, "place"):
        return _arrays(vars(thing))
    return [thing] if isinstance(thing, np.ndarray) else []


def test_roc_legend_has_auc_with_delong_error_and_event_numbers(predictions, make_predictions):
    figure = assert_unchanged(reports.roc, {"cnn": predictions, "bdt": make_predictions(seed=1)})
    truth = predictions.label == 1
    area = delong(truth, predictions.columns["p_electron"])
    found = texts(figure)
    assert f"cnn, AUC = {value_with_error(area.auc, area.error)}" in found
    assert f"n = {truth.sum()} + {(~truth).sum()}" in found
    assert "efficiency for photon (false positive rate)" in found
    assert "rejection of photon, 1 / efficiency" in found
    assert [axes.get_yscale() for axes in figure.axes] == ["linear", "log"]
    assert all(axes.collections for axes in figure.axes), "each curve has its band"


def test_the_signal_can_be_named(predictions):
    assert "efficiency for photon" in figure_labels(reports.roc({"m": predictions}, signal="photon"), "y")
    with pytest.raises(UnknownNameError, match="photon"):
        reports.roc({"m": predictions}, signal="photn")


def figure_labels(figure, axis):
    return " ".join(getattr(axes, f"get_{axis}label")() for axes in figure.axes)


def test_many_classes_are_drawn_against_the_rest(make_predictions):
    many = make_predictions(("pion", "proton", "deuteron"), n=600)
    assert {"pion", "proton", "deuteron"} <= {t.split(",")[0] for t in texts(reports.roc({"m": many})).split(" | ")}
    assert len(reports.scores({"test": many}).axes) == 3
    assert "rest, test" in texts(reports.scores({"test": many}))


def test_several_models_and_classes_have_a_panel_for_each_class(make_predictions):
    names = ("pion", "proton", "deuteron")
    figure = reports.roc({"cnn": make_predictions(names, n=600), "bdt": make_predictions(names, n=600, seed=1)})
    panels = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_xlabel() for axes in panels] == [f"efficiency for {name}" for name in names]
    assert all(len(axes.get_lines()) == 2 for axes in panels)
    assert texts(figure).count("cnn, AUC = ") == 3


def test_so_many_curves_that_bands_hide_them_have_none(make_predictions, monkeypatch):
    monkeypatch.setattr("pidcam.analysis.resampling.roc_replicas", None)  # what is not drawn is not made
    names = tuple(f"species {k}" for k in range(7))
    figure = reports.roc({"cnn": make_predictions(names, n=1400)})
    assert not any(axes.collections for axes in figure.axes)


def test_a_class_without_events_has_no_curve(make_predictions):
    events = make_predictions(("pion", "proton", "deuteron"))
    events.label[events.label == 2] = 0
    assert "deuteron, AUC" not in texts(reports.roc({"m": events}))


def test_scores_show_both_splits_with_numbers(predictions, make_predictions):
    figure = assert_unchanged(reports.scores, {"train": make_predictions(seed=2), "test": predictions})
    found = texts(figure)
    assert f"electron, test ({(predictions.label == 1).sum()})" in found
    assert "photon, train" in found
    assert "score for electron" in found
    heights = [patch.get_data().values for patch in figure.axes[0].patches]
    assert all(np.isclose(h.sum(), 1) for h in heights), "unit area per class"


def test_confusion_rows_sum_to_one_hundred_percent(predictions):
    figure = assert_unchanged(reports.confusion, predictions)
    matrix = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(np.asarray(matrix).sum(axis=1), 100)
    assert f"electron\n({(predictions.label == 1).sum()})" in texts(figure)
    assert "±" in texts(figure)


def test_weights_move_the_confusion_and_unknown_labels_are_left_out(make_predictions):
    weighted = make_predictions(weighted=True)
    assert "±" in texts(reports.confusion(weighted))
    weighted.label[:] = -1
    with pytest.raises(DataError, match="known class"):
        reports.confusion(weighted)


def test_history_draws_what_was_recorded(history_rows):
    figure = reports.history(history_rows, n={"train": 1000, "valid": 200})
    labels = figure_labels(figure, "y")
    assert "loss per event" in labels
    assert "accuracy" in labels
    assert "area under the ROC curve" in labels
    assert "learning rate" in labels
    assert "valid (200)" in texts(figure)
    accuracy = next(a for a in figure.axes if a.get_ylabel() == "accuracy")
    assert len(accuracy.collections) == 2, "binomial bands where n is known"


def test_history_of_trees_has_losses_alone():
    rows = [{"epoch": i, "train_loss": 1 / (i + 1), "valid_loss": 1.1 / (i + 1)} for i in range(50)]
    figure = reports.history(rows, step="boosting round")
    assert [a.get_ylabel() for a in figure.axes] == ["loss per event"]
    assert figure.axes[0].get_xlabel() == "boosting round"
    with pytest.raises(DataError, match="empty"):
        reports.history([])


@pytest.mark.parametrize("cells", [True, False])
def test_sample_images_show_every_channel_in_physical_units(schema, cells, make_batch):
    batch = make_batch(schema, cells=cells)
    figure = assert_unchanged(lambda b: reports.sample_images(b, schema, per_class=3), batch)
    found = texts(figure)
    assert "energy [GeV]" in found
    assert "time [ns]" in found
    assert "$\\phi$ [cell]" in found
    pictures = [axes for axes in figure.axes if axes.images]
    assert len(pictures) == 2 * 2 * 3
    top = max(float(axes.images[0].norm.vmax) for axes in pictures[:6])
    raw = batch.take(np.array([0, 1, 2, 3, 4, 5])).images["ecal"]
    values = raw.values[:, 0] if isinstance(raw, Dense) else raw.value[:, 0]
    assert top == pytest.approx(50 * values.max(), rel=1e-3), "one unit is 50 GeV"


def test_volumes_are_shown_from_three_sides(make_schema, make_batch):
    schema = make_schema((8, 9, 10), axes=("x", "y", "z"))
    batch = make_batch(schema, n=6)
    assert len([a for a in reports.sample_images(batch, schema, per_class=2).axes if a.images]) == 2 * 3 * 2 * 2
    found = views(schema.images[0], batch.images["ecal"])
    assert [v.shape for v in found[:3]] == [(8, 9), (8, 10), (9, 10)]
    energies = [v for v in found if v.name == "energy"]
    event, cell, value = hits(batch.images["ecal"], schema.images[0])
    first = event == 0
    for view in energies:  # looking along an axis loses no energy
        assert np.nansum(picture(view, cell[first], value[first])) == pytest.approx(
            50 * value[first, 0].sum(), rel=1e-6
        )


def test_one_dimensional_and_huge_images_can_be_drawn(make_schema, make_batch):
    schema = make_schema((1500,), axes=("tick",))
    batch = make_batch(schema, n=4)
    figure = reports.sample_images(batch, schema, per_class=1)
    assert next(a for a in figure.axes if a.images).images[0].get_array().shape[0] == 1
    view = views(schema.images[0], batch.images["ecal"], zoom=False)[0]
    _, cell, value = hits(batch.images["ecal"], schema.images[0])
    assert picture(view, cell, value).shape == (1, 375)


def test_of_a_long_axis_only_the_part_with_hits_is_drawn():
    image = Image(name="planes", shape=(10, 4000), axes=("wire", "tick"), channels=(Channel(name="charge"),))
    values = np.zeros((1, 1, 10, 4000), np.float32)
    values[0, 0, [2, 5], [700, 1200]] = 1.0, 2.0
    batch = EventBatch({"planes": Dense(values)}, {}, {}, np.zeros(1, np.int16), np.zeros(1, np.int64))
    (view,) = views(image, batch.images["planes"])
    assert view.spans == ((0, 10), (680, 1221)), "the wires are few: all are shown"
    assert view.extent() == (679.5, 1220.5, -0.5, 9.5)
    _, cell, value = hits(batch.images["planes"], image)
    drawn = picture(view, cell, value, most_cells=541)
    assert (drawn[2, 20], drawn[5, 520], np.nansum(drawn)) == (1.0, 2.0, 3.0)
    outside = np.array([[0, 0]])
    assert np.isnan(picture(view, outside, np.ones((1, 1)))).all()
    assert views(image, batch.images["planes"], zoom=False)[0].shape == (10, 4000)


def test_tracks_far_above_noise_of_both_signs_are_on_a_logarithmic_scale():
    image = Image(name="planes", shape=(40, 50), channels=(Channel(name="charge", unit="ADC"),))
    noise = np.random.default_rng(1).normal(size=(40, 50))
    track = noise.copy()
    track[20] = 900.0
    (view,) = views(image, Dense(noise[None, None].astype(np.float32)))
    calm, loud = colour_scale(view, [noise]), colour_scale(view, [noise, track])
    assert (type(calm), type(loud)) == (Normalize, SymLogNorm)
    assert (loud.vmin, loud.vmax) == (-900, 900)
    assert np.ptp(loud(noise)) < 0.2, "noise is pale"
    figure = Figure()
    axes = figure.subplots()
    bar = figure.colorbar(axes.imshow(track, norm=loud))
    few_ticks(bar, loud)
    assert sorted(bar.get_ticks().tolist()) == [-100, -10, 0, 10, 100]


def test_of_signed_channels_a_zero_is_the_hit_of_another_channel():
    channels = (Channel(name="induction"), Channel(name="collection"))
    image = Image(name="planes", shape=(2, 3), channels=channels)
    values = np.array([[[[1, -1, 0], [0, 0, 0]], [[0, 0, -5], [5, 0, 0]]]], np.float32)
    first, _ = views(image, Dense(values))
    _, cell, value = hits(Dense(values), image)
    np.testing.assert_array_equal(picture(first, cell, value), [[1, -1, np.nan], [np.nan, np.nan, np.nan]])


def test_points_are_put_on_the_grid_and_those_outside_left_out():
    image = Image(
        name="tpc",
        shape=(4, 4, 4),
        pitch=(10.0, 10.0, 10.0),
        low=(-20.0, -20.0, 0.0),
        unit="mm",
        axes=("x", "y", "z"),
        channels=(Channel(name="energy", unit="MeV", non_negative=True),),
    )
    schema = EventSchema(name="tpc", images=(image,), classes=(ParticleClass(name="bb0nu"),))
    place = np.array([[-19.0, -19.0, 1.0], [19.0, 19.0, 39.0], [99.0, 0.0, 0.0]])
    points = Points(np.array([0, 3]), place, np.array([[1.0], [2.0], [4.0]]))
    batch = EventBatch({"tpc": points}, {}, {}, np.zeros(1, np.int16), np.zeros(1, np.int64))
    figure = reports.sample_images(batch, schema)
    drawn = np.asarray(next(a for a in figure.axes if a.images).images[0].get_array())
    assert drawn[0, 0] == 1
    assert drawn[3, 3] == 2
    assert np.nansum(drawn) == 3
    assert "x [mm]" in texts(figure)


def test_mean_images_and_their_difference(schema, batch):
    figure = assert_unchanged(lambda b: reports.mean_images(b, schema), batch)
    found = texts(figure)
    assert "photon (20)" in found
    assert "photon $-$ electron" in found
    assert "energy [GeV]\nmean per event" in found
    assert "time [ns]\nmean per hit" in found
    view = views(schema.images[0], batch.images["ecal"])[0]
    dense = batch.images["ecal"].to_dense(schema.images[0]).values
    np.testing.assert_allclose(mean_picture(view, batch, np.arange(20)), 50 * dense[:20, 0].mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("n_classes", [1, 3, 7])
def test_mean_images_of_any_number_of_classes(n_classes, make_schema, make_batch):
    schema = make_schema(classes=tuple(f"class {k}" for k in range(n_classes)))
    found = texts(reports.mean_images(make_batch(schema, n=14), schema))
    assert ("class 0 $-$ mean of classes" in found) == (n_classes > 2)


def test_noise_below_zero_does_not_make_an_energy_signed(schema, batch):
    values = batch.images["ecal"].to_dense(schema.images[0]).values
    values[0, 0, 0, 0] = -1e-3
    assert signed_channels(schema.images[0], Dense(values)) == [False, True]


def test_spectra_have_units_and_numbers(schema, batch):
    figure = assert_unchanged(lambda b: reports.spectra(b, schema), batch)
    found = texts(figure)
    assert "summed energy [GeV]" in found
    assert "mean time [ns]" in found
    assert "hits per event" in found
    assert "electron (20" in found


def test_class_counts_write_every_number():
    found = texts(reports.class_counts({"train": {"photon": 2243, "electron": 2245}, "test": {"photon": 7}}))
    assert "2,243" in found
    assert "train (4,488)" in found


def test_nothing_to_draw_is_one_clear_line(schema, batch):
    with pytest.raises(DataError, match="no events to draw"):
        reports.sample_images(batch.take(np.zeros(0, int)), schema)


def test_saved_twice_the_bytes_are_the_same_and_nothing_else_is_left(tmp_path):
    counts = {"train": {"photon": 3, "electron": 4}}
    first = reports.save(reports.class_counts(counts), tmp_path / "one" / "counts")
    second = reports.save(reports.class_counts(counts), tmp_path / "two" / "counts")
    assert [path.name for path in first] == ["counts.png", "counts.pdf"]
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes()
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["counts.pdf", "counts.png"]


def test_figures_leave_matplotlib_as_it_was(predictions):
    before = dict(mpl.rcParams)
    reports.scores({"test": predictions})
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.81042, 0.00123, "0.8104 ± 0.0012"),
        (0.7, 0.012, "0.700 ± 0.012"),
        (1.0, 0.0, "1.0000"),
        (12.3, 4.56, "12.3 ± 4.6"),
    ],
)
def test_errors_have_two_figures(value, error, text):
    assert value_with_error(value, error) == text
