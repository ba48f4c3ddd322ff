"""What the events look like before any model: spectra per class, and how many events of each class there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pidcam.errors import DataError
from pidcam.events import EventBatch
from pidcam.reports.style import colour, count, label_axes, marker, new_figure, styled, with_unit
from pidcam.reports.views import hits, physical, signed_channels
from pidcam.schema import EventSchema

BINS = 50


@styled
def spectra(batch: EventBatch, schema: EventSchema) -> Figure:
    """Per class: the summed value of each channel (mean over hits where signed), hits per event, and every feature.

    Histograms have unit area per class, errors are sqrt(sum of w^2); the legend says how many events are outside.
    """
    variables = _variables(batch, schema)
    if not variables:
        raise DataError("has neither images nor features to draw", where=schema.name)
    columns = min(3, len(variables))
    rows = -(-len(variables) // columns)
    figure = new_figure(3.5 * columns + 0.6 * (columns == 1), 3.2 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel, (label, values) in zip(panels, variables.items(), strict=False):
        _draw_spectrum(panel, values, batch, schema)
        label_axes(panel, label, "fraction of events / bin")
    for panel in panels[len(variables) :]:
        panel.set_axis_off()
    return figure


def _variables(batch: EventBatch, schema: EventSchema) -> dict[str, np.ndarray]:
    """{axis label: (n,) value}"""
    out: dict[str, np.ndarray] = {}
    for image in schema.images:
        if image.name not in batch.images:
            continue
        event, _, value = hits(batch.images[image.name], image)
        n_hits = np.bincount(event, minlength=len(batch))
        prefix = f"{image.name} " if len(schema.images) > 1 else ""
        signed = signed_channels(image, batch.images[image.name])
        for k, channel in enumerate(image.channels):
            factor, unit = physical(channel)
            total: np.ndarray = np.bincount(event, value[:, k] * factor, len(batch))
            if signed[k]:
                with np.errstate(invalid="ignore", divide="ignore"):
                    total = total / n_hits
            what = "mean" if signed[k] else "summed"
            out[with_unit(f"{prefix}{what} {channel.name}", unit)] = total
        out[f"{prefix}hits per event"] = n_hits
    for column in schema.features:
        if column.name in batch.features:
            out[with_unit(column.name, column.unit)] = np.asarray(batch.features[column.name], np.float64)
    return out


def _draw_spectrum(panel: Axes, values: np.ndarray, batch: EventBatch, schema: EventSchema) -> None:
    finite = np.isfinite(values)
    edges = _edges(values[finite])
    for k, name in [*enumerate(schema.class_names), (-1, "unknown class")]:
        mine = (batch.label == k) & finite
        if not mine.any():
            continue
        weight = batch.weight[mine].astype(np.float64)
        height = np.histogram(values[mine], edges, weights=weight)[0] / weight.sum()
        error = np.sqrt(np.histogram(values[mine], edges, weights=weight**2)[0]) / weight.sum()
        outside = 1 - height.sum()
        text = f"{name} ({count(mine.sum())}{f', {100 * outside:.1f} % outside' if outside > 5e-4 else ''})"
        panel.stairs(height, edges, color=colour(k), label=text, lw=1.2)
        middle, shown = (edges[1:] + edges[:-1]) / 2, height > 0
        look: dict[str, Any] = {"fmt": marker(k), "ms": 1.8, "elinewidth": 0.7}
        panel.errorbar(middle[shown], height[shown], error[shown], color=colour(k), **look)
    panel.set_xlim(edges[0], edges[-1])
    panel.set_ylim(0, panel.get_ylim()[1] * (1.12 + 0.09 * min(len(schema.classes), 6)))
    panel.legend(fontsize=7.5, ncols=1 if len(schema.classes) <= 6 else 2)


def _edges(values: np.ndarray) -> np.ndarray:
    """Bins over the bulk; whole numbers get bins of whole width, so that no comb appears."""
    if len(values) == 0:
        return np.linspace(0, 1, BINS + 1)
    low, high = np.percentile(values, [0.2, 99.8])
    if np.array_equal(values, np.rint(values)):
        width = max(1, round((high - low) / BINS))
        return np.arange(low - 0.5, high + width, width)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, BINS + 1)


@styled
def class_counts(counts: Mapping[str, Mapping[str, int]]) -> Figure:
    """Number of events of each class in each split, {split: {class: n}}, with the number beside every bar."""
    classes = list(dict.fromkeys(name for split in counts.values() for name in split))
    thick = 0.8 / len(counts)
    figure = new_figure(5.6, 1.1 + 0.26 * len(classes) * max(len(counts), 1.6))
    axes = figure.subplots()
    for i, (split, per_class) in enumerate(counts.items()):
        n = [per_class.get(name, 0) for name in classes]
        place = np.arange(len(classes)) + (i - (len(counts) - 1) / 2) * thick
        bars = axes.barh(place, n, 0.92 * thick, color=colour(i), label=f"{split} ({count(sum(n))})")
        axes.bar_label(bars, [count(each) for each in n], padding=3, fontsize=8)
    axes.set_yticks(range(len(classes)), classes)
    axes.invert_yaxis()
    axes.tick_params(axis="y", which="both", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_xlim(0, 1.18 * max(axes.get_xlim()[1], 1))
    label_axes(axes, "number of events", "")
    if len(counts) > 1:
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure
