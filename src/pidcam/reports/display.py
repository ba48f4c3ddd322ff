"""Event display: single events, every channel from every side, and on which cells a decision rested."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pidcam.errors import DataError
from pidcam.events import Dense, EventBatch, Points
from pidcam.reports.images import colour_scale, few_ticks, heat_map, view_label
from pidcam.reports.style import colour, new_figure, style, styled
from pidcam.reports.views import View, finer, hits, picture, views
from pidcam.schema import EventSchema

MOST_COLUMNS = 6
"""Panels of an event beside each other; the others come below."""
SMALL, LARGE = 3.6, 5.6
"""Inches of a panel that stands alone: three of them are beside each other on a page, or two."""

Panel = tuple[View, list[np.ndarray], Normalize, str]
"""What is drawn in one column: the view, its picture of every event, the common scale, the label of the colour bar."""


@styled
def display(batch: EventBatch, schema: EventSchema, titles: Sequence[str]) -> Figure:
    """A row per event under its title: every channel of every image, volumes from three sides.

    Values are in physical units; the events share one scale per channel, logarithmic or, of signed channels, two-sided.
    Of long axes that are mostly empty only the part with hits is drawn, and points as finely as they were measured.
    """
    return _sheet(_columns(batch, schema, fine=True), titles)


@styled
def on_truth(batch: EventBatch, schema: EventSchema, titles: Sequence[str], truth: str) -> Figure:
    """A row per event: the image `truth` in colours, and every other image of the same grid as frames on top of it.

    First channels, volumes from three sides; a frame is a cell with a hit. `DataError` where no image is like it.
    """
    columns, frames = _columns_on_truth(batch, schema, truth)
    return _framed(_sheet(columns, titles), columns, frames)


def panels(batch: EventBatch, schema: EventSchema, truth: str | None = None) -> Iterator[tuple[str, Figure]]:
    """(label, figure) of every view of one event, as `display` or, with `truth`, `on_truth` has it in a column."""
    with style():
        columns, frames = (
            _columns_on_truth(batch, schema, truth) if truth else (_columns(batch, schema, fine=True), None)
        )
        width = LARGE if len(columns) < 3 else SMALL
        for i, column in enumerate(columns):
            figure = _sheet([column], [""], width=width)
            yield column[3], _framed(figure, [column], [frames[i]]) if frames else figure


def _columns_on_truth(batch: EventBatch, schema: EventSchema, truth: str) -> tuple[list[Panel], list[list[np.ndarray]]]:
    """Columns of the image `truth`, and of each the pictures of the hits to frame, one per event."""
    image = schema.image(truth)
    others = [i for i in schema.images if i.name != truth and i.shape == image.shape and i.name in batch.images]
    if not others:
        fix = f"images are {', '.join(i.name for i in schema.images)}"
        raise DataError(f"no other image has the grid of '{truth}'", where=schema.name, fix=fix)
    alone = replace(batch, images={truth: batch.images[truth]})
    columns, frames = [], []
    for other in others:
        event, cell, value = hits(batch.images[other.name], other)
        for view, pictures, norm, label in _columns(alone, schema, zoom=False):
            if view.channel:
                continue
            seen = replace(view, image=other, signed=False)
            columns.append((view, pictures, norm, f"{truth}: {label}; frames: {other.name}"))
            frames.append([picture(seen, cell[event == i], value[event == i]) for i in range(len(batch))])
    return columns, frames


def _framed(figure: Figure, columns: Sequence[Panel], frames: Sequence[Sequence[np.ndarray]]) -> Figure:
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    for number, panel in enumerate(panels):
        row, column = divmod(number, len(columns))
        _frame_hits(panel, columns[column][0], frames[column][row])
    return figure


def _frame_hits(panel: Axes, view: View, hit: np.ndarray) -> None:
    """A frame around every cell of the picture that is not empty."""
    left, right, bottom, top = view.extent()
    width, height = (right - left) / hit.shape[1], (top - bottom) / hit.shape[0]
    for r, c in np.argwhere(np.isfinite(hit) & (hit != 0)):
        place = (left + c * width, bottom + r * height)
        panel.add_patch(Rectangle(place, width, height, fill=False, edgecolor=colour(1), linewidth=0.9))


@styled
def saliency(
    batch: EventBatch, schema: EventSchema, attributions: Mapping[str, np.ndarray], titles: Sequence[str]
) -> Figure:
    """A row per event: every channel, and beside it what each cell added to the log odds of the predicted class.

    attributions: {image: (n, channels, *grid)}. Red cells spoke for the prediction, blue ones against it; volumes are
    added up along the line of sight, and one scale holds for all channels of an event.
    """
    columns: list[Panel] = []
    for image in schema.images:
        values = attributions[image.name]
        of_image = replace(batch, images={image.name: batch.images[image.name]})
        event, cell, value = hits(Dense(values.astype(np.float32)), image)
        several = f"{image.name}: " if len(schema.images) > 1 else ""
        for view, pictures, norm, label in _columns(of_image, schema):
            columns.append((view, pictures, norm, several + label))
            added = replace(view, factor=1.0, unit="", signed=False)
            maps = [picture(added, cell[event == i], value[event == i]) for i in range(len(batch))]
            columns.append((added, maps, Normalize(-1, 1), f"{several}{view.title}: added to the log odds"))
    tops = []
    for i in range(len(batch)):
        sizes = [np.abs(maps[i][np.isfinite(maps[i])]) for _, maps, _, label in columns if label.endswith("log odds")]
        tops.append(max((float(size.max()) for size in sizes if len(size)), default=1.0) or 1.0)
    return _sheet(columns, titles, tops)


def _columns(batch: EventBatch, schema: EventSchema, *, zoom: bool = True, fine: bool = False) -> list[Panel]:
    if not len(batch):
        raise DataError("no events to draw", where=schema.name)
    columns: list[Panel] = []
    several = len(batch.images) > 1
    for image in schema.images:
        if image.name not in batch.images:
            continue
        if fine and isinstance(points := batch.images[image.name], Points):
            image = finer(image, points)
        event, cell, value = hits(batch.images[image.name], image)
        for view in views(image, batch.images[image.name], zoom=zoom):
            pictures = [picture(view, cell[event == i], value[event == i]) for i in range(len(batch))]
            columns.append((view, pictures, colour_scale(view, pictures), view_label(view, several=several)))
    if not columns:
        raise DataError("has no images to draw", where=schema.name)
    return columns


def _sheet(
    columns: list[Panel], titles: Sequence[str], tops: Sequence[float] | None = None, width: float | None = None
) -> Figure:
    """`tops` are the ends of the scale of attributions, per event; `width` that of a panel, in inches."""
    across = min(len(columns), MOST_COLUMNS)
    rows = -(-len(columns) // across)
    wide = width or max(2.6 if len(columns) > 2 else 3.4, 5.2 / len(columns))
    figure = new_figure(wide * across, 3.1 * rows * len(titles))
    blocks = np.ravel(figure.subfigures(len(titles), 1, squeeze=False))
    for i, (block, title) in enumerate(zip(blocks, titles, strict=True)):
        block.suptitle(title, x=0.02, ha="left", fontsize=10, fontweight="bold")
        panels = block.subplots(rows, across, squeeze=False).ravel()
        for spare in panels[len(columns) :]:
            spare.remove()
        for panel, (view, pictures, norm, label) in zip(panels, columns, strict=False):
            own = Normalize(-tops[i], tops[i]) if tops and label.endswith("log odds") else norm
            mappable = heat_map(panel, view, pictures[i], own, outer=(True, True))
            beyond = "both" if (np.abs(pictures[i]) > (own.vmax or np.inf)).any() else "neither"
            look: dict[str, Any] = {"extend": "min" if isinstance(own, LogNorm) else beyond}
            bar = block.colorbar(mappable, ax=panel, location="bottom", pad=0.02, aspect=25, **look)
            bar.set_label(label, fontsize=8)
            bar.ax.tick_params(labelsize=7)
            few_ticks(bar, own)
    return figure
