"""What the detector saw: sheets of single events, the mean image of each class, and how the means differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LogNorm, Normalize, SymLogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import NullFormatter

from pidcam.errors import DataError
from pidcam.events import EventBatch
from pidcam.reports.style import ENERGY_MAP, PALE, SIGNED_MAP, count, new_figure, styled, with_unit
from pidcam.reports.views import View, hits, mean_picture, picture, views
from pidcam.schema import EventSchema

NO_HIT = "#dfe2e4"
FAR_ABOVE = 20
"""Times what 97 % of the cells stay below: what is larger than that would be lost on a linear scale."""


@styled
def sample_images(batch: EventBatch, schema: EventSchema, *, per_class: int = 5, image: str | None = None) -> Figure:
    """The first `per_class` events of each class, every channel, from every side; one scale per channel.

    Cells without a hit stay white. Colour scales are logarithmic, those of signed channels two-sided.
    """
    shown = _views(batch, schema, image)
    groups = _classes(batch, schema)
    columns = max(min(per_class, len(rows)) for _, rows in groups)
    long = max(len(name) for name, _ in groups) > 9  # such a name would run into the number of the row
    figure = _sheet_figure(len(shown), len(groups), columns)
    for block, view in zip(np.ravel(figure.subfigures(len(shown), 1, squeeze=False)), shown, strict=True):
        axes = block.subplots(len(groups), columns, squeeze=False)
        grid = {}
        for i, (_, rows) in enumerate(groups):
            chosen = batch.take(rows[:columns])
            event, cell, value = hits(chosen.images[view.image.name], view.image)
            for j in range(len(chosen)):
                grid[i, j] = picture(view, cell[event == j], value[event == j])
        norm = colour_scale(view, list(grid.values()))
        for (i, j), panel in np.ndenumerate(axes):
            if (i, j) not in grid:
                panel.set_axis_off()
                continue
            mappable = heat_map(panel, view, grid[i, j], norm, outer=(i == len(groups) - 1, j == 0))
            panel.set_title(f"row {batch.row[groups[i][1][j]]}", fontsize=7, color=PALE, loc="right", pad=3)
            if j == 0:
                panel.annotate(
                    groups[i][0], (0, 1), (0, 11 if long else 3), "axes fraction", "offset points", weight="bold"
                )
        bar = block.colorbar(mappable, ax=axes, shrink=0.9, pad=0.015, aspect=12 * len(groups), extend=_extend(norm))
        few_ticks(bar, norm)
        bar.set_label(view_label(view, several=len(schema.images) > 1))
    return figure


@styled
def mean_images(batch: EventBatch, schema: EventSchema, *, image: str | None = None) -> Figure:
    """The mean image of each class, every channel, and what sets the classes apart.

    Means are per event, of signed channels per hit. Of two classes the difference first - second
    is drawn; of more, each class minus the mean of all classes. The difference is plain, not a significance.
    """
    shown = _views(batch, schema, image)
    groups = _classes(batch, schema)
    rows = 1 if len(groups) < 3 else -(-len(groups) // 5)  # of means, and as many of differences
    columns = 3 if len(groups) == 2 else -(-len(groups) // rows)
    height = 2.5 * rows * (1 + (len(groups) > 2)) + 0.2
    figure = new_figure(2.75 * columns + 0.4, height * len(shown))
    for block, view in zip(np.ravel(figure.subfigures(len(shown), 1, squeeze=False)), shown, strict=True):
        panels = block.subplots(rows * (1 + (len(groups) > 2)), columns, squeeze=False)
        means = [mean_picture(view, batch, mine) for _, mine in groups]
        titles = [f"{name} ({count(len(mine))})" for name, mine in groups]
        label = f"{view_label(view, several=len(schema.images) > 1)}\nmean per {'hit' if view.signed else 'event'}"
        front = panels.ravel() if len(groups) < 3 else panels[:rows].ravel()
        _row_of_maps(block, front, view, means, titles, colour_scale(view, means, span=1e-5), label)
        if len(groups) == 1:
            continue
        if len(groups) == 2:
            differences, titles = [means[0] - means[1]], [f"{groups[0][0]} $-$ {groups[1][0]}"]
        else:
            centre = np.mean(means, axis=0)
            differences, titles = [m - centre for m in means], [f"{name} $-$ mean of classes" for name, _ in groups]
        back = front[2:] if len(groups) == 2 else panels[rows:].ravel()
        norm = _two_sided(differences) if view.signed else _two_sided_log(differences)
        _row_of_maps(block, back, view, differences, titles, norm, with_unit("difference", view.unit))
    return figure


def _row_of_maps(
    block: Any, panels: np.ndarray, view: View, maps: list[np.ndarray], titles: list[str], norm: Normalize, label: str
) -> None:
    """Draw maps of one scale, with their colour bar; panels left over stay empty if they are nobody's."""
    for i, (panel, values, title) in enumerate(zip(panels, maps, titles, strict=False)):
        mappable = heat_map(panel, view, values, norm, outer=(True, i == 0))
        panel.set_title(title)
    for panel in panels[len(maps) :] if len(panels) > 3 or len(maps) > 2 else ():
        panel.set_axis_off()
    bar = block.colorbar(mappable, ax=list(panels[: len(maps)]), pad=0.015, extend=_extend(norm))
    bar.set_label(label)
    few_ticks(bar, norm)


def _views(batch: EventBatch, schema: EventSchema, image: str | None) -> list[View]:
    images = [schema.image(image)] if image else schema.images
    if not images:
        raise DataError("has no images", where=schema.name, fix="draw its features instead")
    return [view for each in images for view in views(each, batch.images[each.name])]


def view_label(view: View, *, several: bool) -> str:
    """`energy [GeV]`, or `hcal: energy [GeV]` of several images."""
    return with_unit(f"{view.image.name}: {view.title}" if several else view.title, view.unit)


def _classes(batch: EventBatch, schema: EventSchema) -> list[tuple[str, np.ndarray]]:
    """(name, rows) of each class with events; events of unknown class make a class of their own."""
    names = [*enumerate(schema.class_names), (-1, "unknown class")]
    groups = [(name, np.flatnonzero(batch.label == k)) for k, name in names]
    groups = [(name, rows) for name, rows in groups if len(rows)]
    if not groups:
        raise DataError("no events to draw", where=schema.name)
    return groups


def _sheet_figure(blocks: int, rows: int, columns: int) -> Figure:
    cell = 1.35 if blocks * rows <= 12 else 1.0
    return new_figure(cell * columns + 1.5, blocks * (cell * 1.06 * rows + 0.6))


def colour_scale(view: View, pictures: Sequence[np.ndarray], span: float = 1e-4) -> Normalize:
    """One scale for all `pictures` of a view: logarithmic down to `span` of the peak, two-sided where signed."""
    if view.signed:
        return _two_sided(pictures)
    values = _finite(pictures)
    values = values[values > 0]
    top = float(values.max()) if len(values) else 1.0
    # far below the peak is noise that would take all the colours
    return LogNorm(max(float(values.min()) if len(values) else 0.1, span * top), top * 1.0001)


def _two_sided(pictures: Sequence[np.ndarray]) -> Normalize:
    """Linear up to what all but a few cells have; where those few are far above (tracks in noise), logarithmic from
    there on."""
    size = np.abs(_finite(pictures))
    size = size[size > 0]
    top = float(np.percentile(size, 97)) if len(size) else 1.0
    high = float(size.max()) if len(size) else 1.0
    if high > FAR_ABOVE * top:
        return SymLogNorm(2 * top, linscale=0.4, vmin=-high, vmax=high)
    return Normalize(-top, top)


def _two_sided_log(pictures: Sequence[np.ndarray]) -> Normalize:
    top = float(np.abs(_finite(pictures)).max()) or 1.0
    return SymLogNorm(3e-3 * top, vmin=-top, vmax=top)


def few_ticks(bar: Colorbar, norm: Normalize) -> None:
    """Of a logarithmic scale powers of ten; where it spans less than some, three values, or one if all are equal."""
    if isinstance(norm, SymLogNorm):
        exponents = np.arange(np.ceil(np.log10(norm.linthresh) + 0.3), np.log10(norm.vmax or 1.0))
        ends = 10.0 ** exponents[:: max(1, -(-len(exponents) // 3))]
        bar.set_ticks([*-ends, 0, *ends])
        bar.ax.minorticks_off()
    if not isinstance(norm, LogNorm):
        return
    low, high = float(norm.vmin or 1.0), float(norm.vmax or 1.0)
    if high / low < 30:
        ticks = np.geomspace(low, high, 3 if high / low > 1.01 else 1)
        bar.set_ticks(ticks.tolist(), labels=[f"{tick:.2g}" for tick in ticks])
    bar.minorformatter = NullFormatter()


def _finite(pictures: Sequence[np.ndarray]) -> np.ndarray:
    values = np.concatenate([p.ravel() for p in pictures])
    return values[np.isfinite(values)]


def _extend(norm: Normalize) -> str:
    return "neither" if isinstance(norm, SymLogNorm) else "min" if isinstance(norm, LogNorm) else "both"


def _extents(view: View) -> tuple[tuple[float, ...], ...]:
    """Of what is seen, and of the whole image."""
    return view.extent(), replace(view, window=None).extent()


def heat_map(panel: Axes, view: View, values: np.ndarray, norm: Normalize, *, outer: tuple[bool, bool]) -> AxesImage:
    """Draw one picture; `outer` says whether it carries the label of the x and of the y axis."""
    colours = ENERGY_MAP if isinstance(norm, LogNorm) else SIGNED_MAP
    if isinstance(norm, LogNorm):
        values = np.where(values > 0, values, np.nan)
    else:
        panel.set_facecolor(NO_HIT)  # white is zero here, and zero is not nothing
    # a long drift next to a few wires would be a line at equal scales, and what is seen of it is no picture of space
    alike = all(1 / 3 < (right - left) / (top - bottom) < 3 for left, right, bottom, top in _extents(view))
    aspect: Literal["equal", "auto"] = "equal" if alike else "auto"
    mappable = panel.imshow(values, norm=norm, cmap=colours, extent=view.extent(), aspect=aspect)
    panel.minorticks_off()
    panel.tick_params(which="both", labelbottom=outer[0], labelleft=outer[1], color=PALE, labelsize=7, length=2)
    panel.locator_params(nbins=4, integer=not view.image.pitch)  # cells have whole numbers
    if outer[0]:
        panel.set_xlabel(view.axis_label(view.columns), fontsize=8, labelpad=1)
    if outer[1]:
        panel.set_ylabel(view.axis_label(view.rows), fontsize=8, labelpad=1)
    return mappable
