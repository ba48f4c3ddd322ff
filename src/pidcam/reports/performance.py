"""How well the classes are told apart: ROC curves with bands, score distributions, the confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from pidcam import analysis
from pidcam.predictions import Predictions
from pidcam.reports.style import (
    INK,
    PALE,
    PALETTE,
    colour,
    count,
    label_axes,
    line,
    marker,
    new_figure,
    styled,
    value_with_error,
)
from pidcam.reports.truth import Known, known, rest_name, signal_class

FEWEST = 10
"""Background events that say something about a rejection."""
MOST_BANDS = 6
"""Curves in a panel of which the bands can still be told apart."""
REPLICAS = 400
"""Of the bootstrap behind a band."""


@styled
def roc(predictions: Mapping[str, Predictions], *, signal: str | None = None) -> Figure:
    """ROC curves of several models or splits, {name: Predictions}, and the background rejection on a log scale.

    Bands are 68 % pointwise from the bootstrap, AUC errors DeLong's. Of two classes one is the signal (see
    `signal_class`); of more, each class is drawn against the rest unless `signal` names one. Several models have a
    panel for each of several classes, with the rejection alone; beyond six curves in a panel there are no bands.
    """
    classes = next(iter(predictions.values())).classes
    signals = [signal_class(classes, signal)] if signal or len(classes) == 2 else list(classes)
    if len(signals) > 1 and len(predictions) > 1:
        return _rejection_panels(predictions, signals)
    figure = new_figure(9.2, 4.3)
    linear, rejection = figure.subplots(1, 2)
    banded = len(signals) * len(predictions) <= MOST_BANDS
    worst = 1.0
    for i, (name, table) in enumerate(predictions.items()):
        events = known(table)
        for k, wanted in enumerate(signals):
            truth, score = events.one_against_rest(wanted)
            if truth.all() or not truth.any():
                continue  # a class without events here has no curve; the legend shows which were drawn
            label = name if len(signals) == 1 else wanted
            look = {"color": colour(k if len(signals) > 1 else i), "linestyle": line(i + k // len(PALETTE))}
            worst = min(worst, _draw_roc(linear, rejection, events, truth, score, label, look, banded))
    linear.plot([0, 1], [0, 1], color=PALE, lw=0.8, ls=":")
    against = rest_name(classes, signals[0]) if len(signals) == 1 else "rest"
    front = signals[0] if len(signals) == 1 else "class"
    label_axes(
        linear, f"efficiency for {against} (false positive rate)", f"efficiency for {front} (true positive rate)"
    )
    label_axes(rejection, f"efficiency for {front}", f"rejection of {against}, 1 / efficiency")
    linear.set(xlim=(0, 1), ylim=(0, 1.001), aspect="equal")
    rejection.set(xlim=(0, 1), yscale="log", ylim=(1, 1 / worst))
    handles, labels = linear.get_legend_handles_labels()
    if len(labels) <= 4:
        linear.legend(loc="lower right", handlelength=2.2, borderpad=0.3)
    else:  # they would cover the curves
        widest = max(len(part) for label in labels for part in label.split("\n"))
        across = min(4, -(-len(labels) // 2), int(9.0 / (0.45 + 0.062 * widest)))
        figure.legend(handles, labels, loc="outside lower center", ncols=across, fontsize=8)
        figure.set_figheight(4.3 + 0.38 * -(-len(labels) // across))
    return figure


def _rejection_panels(predictions: Mapping[str, Predictions], signals: Sequence[str]) -> Figure:
    """A panel per class: its rejection of the rest by every model."""
    columns = 3 if len(signals) > 4 else 2
    rows = -(-len(signals) // columns)
    figure = new_figure(10.2, (3.2 + 0.3 * len(predictions)) * rows)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True).ravel()
    for panel, wanted in zip(panels, signals, strict=False):
        worst = 1.0
        for i, (name, table) in enumerate(predictions.items()):
            events = known(table)
            truth, score = events.one_against_rest(wanted)
            if not truth.all() and truth.any():
                look = {"color": colour(i), "linestyle": line(i)}
                banded = len(predictions) <= MOST_BANDS
                worst = min(worst, _draw_roc(None, panel, events, truth, score, name, look, banded))
        label_axes(panel, f"efficiency for {wanted}", "rejection of rest, 1 / efficiency")
        panel.tick_params(labelbottom=True)
        panel.set(xlim=(0, 1), yscale="log", ylim=(1, 1 / worst))
        if not any(len(drawn.get_xdata()) for drawn in panel.get_lines()):
            words = f"fewer than {FEWEST} events\nof the rest pass any cut"
            panel.text(0.5, 0.5, words, transform=panel.transAxes, ha="center", va="center", color=PALE, fontsize=9)
        panel.legend(loc="lower center", bbox_to_anchor=(0.5, 1), fontsize=7, borderpad=0.2)
    for panel in panels[len(signals) :]:
        panel.set_axis_off()
    return figure


def _draw_roc(
    linear: Axes | None,
    rejection: Axes,
    events: Known,
    truth: np.ndarray,
    score: np.ndarray,
    label: str,
    look: dict[str, Any],
    banded: bool,
) -> float:
    """Draw one curve in both panels; returns the smallest background efficiency it can speak of."""
    area = analysis.delong(truth, score, events.weight)
    n = f"n = {count(area.n_signal)} + {count(area.n_background)}"
    text = f"{label}, AUC = {value_with_error(area.auc, area.error)}"
    replicas = REPLICAS if banded else 0
    if linear is not None:
        band = analysis.roc_band(truth, score, events.weight, replicas=replicas)
        linear.plot(band.at, band.value, label=f"{text}\n{n}", **look)
        if banded:
            linear.fill_between(band.at, band.low, band.high, color=look["color"], alpha=0.22, lw=0)
    floor = 1 / area.n_background
    band = analysis.roc_band(truth, score, events.weight, along="efficiency", replicas=replicas)
    shown = band.value * area.n_background >= FEWEST
    rejection.plot(band.at[shown], 1 / band.value[shown], label=f"{text}, {n}", **look)
    top = 1 / np.maximum((band.low if banded else band.value)[shown], floor)
    if banded:
        rejection.fill_between(band.at[shown], 1 / band.high[shown], top, color=look["color"], alpha=0.22, lw=0)
    return max(floor, min(1 / (1.3 * top.max()), 0.09)) if shown.any() else 0.09


@styled
def scores(predictions: Mapping[str, Predictions], *, signal: str | None = None, log: bool = False) -> Figure:
    """Score distributions per true class, {split: Predictions}: `test` (or the last) filled, the others as points.

    Histograms have unit area per class and split; errors are sqrt(sum of w^2). Of more than two classes every class
    gets a panel with its own score, against the rest.
    """
    classes = next(iter(predictions.values())).classes
    signals = [signal_class(classes, signal)] if signal or len(classes) == 2 else list(classes)
    columns = min(3, len(signals))
    rows = -(-len(signals) // columns)
    figure = new_figure(5.4 if columns == 1 else 3.9 * columns, 3.9 * rows if columns == 1 else 3.3 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    filled = "test" if "test" in predictions else list(predictions)[-1]
    bins = _bins([known(table).score for table in predictions.values()])
    for panel, wanted in zip(panels, signals, strict=False):
        for i, (split, table) in enumerate(sorted(predictions.items(), key=lambda item: item[0] != filled)):
            _draw_scores(panel, known(table), wanted, f", {split}", i, bins)
        long = columns > 1 and len(predictions) > 1 and len(wanted) > 12  # two beside each other would be cut
        label_axes(panel, f"score for {wanted}", f"fraction of events / {1 / bins:g}")
        panel.set_xlim(0, 1)
        if log:
            panel.set_yscale("log")
            panel.set_ylim(top=panel.get_ylim()[1] * 8)
        else:
            room = 2.0 if long else 1.3 if columns == 1 or len(predictions) < 3 else 1.5
            panel.set_ylim(0, panel.get_ylim()[1] * room)
        across = 1 if long else min(len(predictions), 3 if columns == 1 else 2)
        size = 7 if columns > 1 or across > 2 else 8
        panel.legend(ncols=across, fontsize=size, loc="upper center", columnspacing=1.0, handletextpad=0.5)
    for panel in panels[len(signals) :]:
        panel.set_axis_off()
    return figure


def _draw_scores(panel: Axes, events: Known, wanted: str, split: str, nth: int, bins: int) -> None:
    truth, score = events.one_against_rest(wanted)
    edges = np.linspace(0, 1, bins + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    for k, (name, mine) in enumerate(((wanted, truth), (rest_name(events.classes, wanted), ~truth))):
        if not mine.any():
            continue
        weight = np.ones(mine.sum()) if events.weight is None else events.weight[mine]
        height, error = (
            _histogram(score[mine], edges, weight**power) ** (1 / power) / weight.sum() for power in (1, 2)
        )
        label = f"{name}{split} ({count(mine.sum())})"
        ink = colour(events.classes.index(name)) if name in events.classes else INK
        if nth == 0:
            panel.stairs(height, edges, fill=True, color=ink, alpha=0.25, lw=0)
            panel.stairs(height, edges, color=ink, lw=1.2, label=label)
            panel.errorbar(middle, height, error, fmt="none", ecolor=ink, elinewidth=0.8)
            continue
        shown = height > 0
        fill = {"markerfacecolor": "white"} if nth == 2 else {}
        look: dict[str, Any] = {"fmt": marker(k), "ms": 3.2, "elinewidth": 0.9, **fill}
        panel.errorbar(middle[shown], height[shown], error[shown], color=ink, label=label, **look)


def _bins(scores: Sequence[np.ndarray]) -> int:
    """Bins from 0 to 1, coarse for few events, finer where all scores lie close together."""
    low, high = np.quantile(np.concatenate([s.ravel() for s in scores]), [0.02, 0.98])
    few = min(map(len, scores)) < 4000
    return next((n for n in (25, 50, 100) if n * (high - low) > (12 if few else 24)), 200)


def _histogram(values: np.ndarray, edges: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return np.histogram(values, edges, weights=weight)[0]


@styled
def confusion(predictions: Predictions) -> Figure:
    """The confusion matrix by efficiency: each row, a true class, sums to 100 %; binomial errors, sums of weights."""
    events = known(predictions)
    table = analysis.confusion(events.label, events.score.argmax(axis=1), events.classes, events.weight)
    size = len(table.classes)
    side = 2.6 + 0.62 * max(size, 3)
    figure = new_figure(side + 1.0, side)
    axes = figure.subplots()
    axes.tick_params(which="both", length=0)
    shown = axes.imshow(100 * table.efficiency, cmap="Blues", vmin=0, vmax=100, origin="upper", aspect="equal")
    for (i, j), share in np.ndenumerate(table.efficiency):
        if np.isnan(share):
            continue
        error = float(table.efficiency_error[i, j])
        spread = f" ± {100 * error:.1f}" if error > 0 else ""  # none of 300 are not 0.0 ± 0.0 %
        text = f"{100 * share:.1f}" if size > 5 else f"{100 * share:.1f}{spread} %"
        if size <= 5:
            text += f"\n({count(float(table.counts[i, j]))})"
        axes.text(j, i, text, ha="center", va="center", color="white" if share > 0.55 else INK, fontsize=9)
    totals = [f"{name}\n({count(n)})" for name, n in zip(table.classes, table.counts.sum(axis=1).tolist(), strict=True)]
    axes.set_xticks(range(size), table.classes, rotation=35 if size > 4 else 0, ha="right" if size > 4 else "center")
    axes.set_yticks(range(size), totals)
    axes.minorticks_off()
    label_axes(axes, "predicted class (most probable)", "true class")
    figure.colorbar(shown, ax=axes, shrink=0.85, label="share of the true class", format=PercentFormatter())
    return figure
