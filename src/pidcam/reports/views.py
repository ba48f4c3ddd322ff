"""From detector images of any kind and dimension to flat pictures: projections on two axes, in physical units."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from pidcam.events import Cells, Dense, EventBatch, Images, Points
from pidcam.reports.style import with_unit
from pidcam.schema import Channel, Image
from pidcam.units import physical_unit

MOST_CELLS = 400
"""A picture has at most so many cells along an axis; finer read-outs are merged for display."""
LONG_AXIS = 128
"""Of an axis with more cells that is mostly empty, the part with hits is shown."""
FINE_CELLS = 100
"""Points are drawn on cells of which so many lie across all of them, or as coarse as they were measured."""

_GREEK = {"eta", "phi", "theta"}
_COUNTED = {"wire", "tick"}
"""What a cell along such an axis is called already."""


@dataclass(frozen=True)
class View:
    """One way of looking at one channel: the axes kept as rows and columns, and how values are shown.

    `factor` and `unit` turn stored values into physical ones ("50 GeV" per unit is shown in GeV). Signed values (time,
    induced charge) are not added up along a line of sight, and get a two-sided colour scale. `window` are the first
    cell and that after the last, of rows and of columns, where not the whole axes are seen.
    """

    image: Image
    channel: int
    rows: int | None
    columns: int
    factor: float
    unit: str
    signed: bool
    window: tuple[tuple[int, int], tuple[int, int]] | None = None

    @property
    def spans(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """(first cell, cell after the last) of rows and of columns."""
        shape = self.image.shape
        return self.window or ((0, 1 if self.rows is None else shape[self.rows]), (0, shape[self.columns]))

    @property
    def shape(self) -> tuple[int, int]:
        rows, columns = self.spans
        return rows[1] - rows[0], columns[1] - columns[0]

    @property
    def name(self) -> str:
        return self.image.channels[self.channel].name

    @property
    def title(self) -> str:
        """`energy`, or `energy, y-x projection` where an axis is looked along."""
        kept = [i for i in (self.rows, self.columns) if i is not None]
        if len(kept) == len(self.image.shape):
            return self.name
        return f"{self.name}, {'-'.join(self.axis(i) for i in reversed(kept))} view"

    def axis(self, i: int | None) -> str:
        if i is None:
            return ""
        return self.image.axes[i] if self.image.axes else f"axis {i}"

    def extent(self) -> tuple[float, float, float, float]:
        """(left, right, bottom, top): the detector's own coordinates if the image has them, else cell numbers."""
        ends = []
        for i, (first, stop) in zip((self.columns, self.rows), reversed(self.spans), strict=True):
            pitch = self.image.pitch[i] if self.image.pitch and i is not None else 1.0
            # cell numbers sit in the middle of their cell; measured coordinates start at the edge
            low = -0.5 * (not self.image.pitch) if i is None or not self.image.low else self.image.low[i]
            ends += [low + pitch * first, low + pitch * stop]
        return ends[0], ends[1], ends[2], ends[3]

    def sees(self, cell: np.ndarray) -> np.ndarray:
        """(h,) whether the cells (h, axes) are in the window."""
        inside = np.ones(len(cell), bool)
        for i, (first, stop) in zip((self.rows, self.columns), self.spans, strict=True):
            if i is not None:
                inside &= (cell[:, i] >= first) & (cell[:, i] < stop)
        return inside

    def axis_label(self, i: int | None) -> str:
        if i is None:
            return ""
        name = self.axis(i)
        unit = self.image.unit if self.image.pitch else "" if name in _COUNTED else "cell"
        return with_unit(rf"$\{name}$" if name in _GREEK else name, unit)


def views(image: Image, images: Images, *, most: int = 3, zoom: bool = True) -> list[View]:
    """Every channel of an image from every side: one view of a plane, three of a volume.

    With `zoom`, of long axes that are empty for the most part, the part where these images have hits.
    """
    axes = range(len(image.shape))
    pairs: list[tuple[int | None, int]] = list(itertools.combinations(axes, 2)) if len(axes) > 1 else [(None, 0)]
    signed = signed_channels(image, images)
    parts = _parts_with_hits(image, images) if zoom else [(0, n) for n in image.shape]
    return [
        View(
            image, k, rows, columns, *physical(channel), signed[k],
            window=((0, 1) if rows is None else parts[rows], parts[columns]),
        )
        for k, channel in enumerate(image.channels)
        for rows, columns in pairs[:most]
    ]  # fmt: skip


def finer(image: Image, points: Points) -> Image:
    """The image on a grid as fine as its points were measured, but for no more than `FINE_CELLS` across all of them."""
    size = np.array(image.shape) * np.array(image.pitch)
    if not len(points.place):
        return image
    # of a lattice the step is the smallest gap; what was measured without one has far smaller gaps
    gaps = [np.diff(np.unique(axis.round(3))) for axis in points.place.T]
    step = np.array([each.min() if len(each) else np.inf for each in gaps])
    pitch = np.clip(step, float(np.ptp(points.place, axis=0).max()) / FINE_CELLS, image.pitch)
    cells = np.maximum(np.floor(size / pitch), 1).astype(int)
    return image.model_copy(update={"shape": tuple(cells.tolist()), "pitch": tuple((size / cells).tolist())})


def _parts_with_hits(image: Image, images: Images) -> list[tuple[int, int]]:
    """(first cell, cell after the last) along each axis: the whole axis, unless it is long and mostly empty."""
    parts = [(0, n) for n in image.shape]
    long = [i for i, n in enumerate(image.shape) if n > LONG_AXIS]
    cell = hits(images, image)[1] if long else np.empty((0, 0))
    for i in long if len(cell) else ():
        n, first, last = image.shape[i], int(cell[:, i].min()), int(cell[:, i].max())
        room = max(2, (last - first) // 25)
        part = max(0, first - room), min(n, last + 1 + room)
        if part[1] - part[0] < n / 2:
            parts[i] = part
    return parts


def signed_channels(image: Image, images: Images) -> list[bool]:
    """Which channels are really two-sided: an energy that noise pulls below zero here and there is not."""
    values = images.values.swapaxes(0, 1) if isinstance(images, Dense) else images.value.T
    return [
        not channel.non_negative and bool(-np.minimum(each, 0).sum() > 0.02 * np.abs(each).sum())
        for channel, each in zip(image.channels, values, strict=True)
    ]


def physical(channel: Channel) -> tuple[float, str]:
    """(factor, unit): a unit such as `50 GeV` is read as fifty times GeV.

    >>> physical(Channel(name="energy", unit="50 GeV"))
    (50.0, 'GeV')
    """
    return physical_unit(channel.unit)


def hits(images: Images, image: Image) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(event (h,), cell (h, axes), value (h, channels)) of every hit; points outside the grid are left out."""
    if isinstance(images, Dense):
        images = Cells.from_dense(images)
    event = np.repeat(np.arange(len(images)), images.hits())
    if isinstance(images, Points):
        cell = np.floor((images.place - np.asarray(image.low)) / np.asarray(image.pitch)).astype(np.int64)
        inside = ((cell >= 0) & (cell < image.shape)).all(axis=1)
        return event[inside], cell[inside], images.value[inside]
    cell = np.stack(np.unravel_index(images.place.astype(np.int64), image.shape), axis=1)
    return event, cell, images.value


def picture(view: View, cell: np.ndarray, value: np.ndarray, *, most_cells: int = MOST_CELLS) -> np.ndarray:
    """(rows, columns) of one event's hits, NaN where there is none: values added up along the line of sight, or the
    largest in size where they are signed (and not zero: such a hit is one of another channel)."""
    inside = view.sees(cell)
    cell, value = cell[inside], value[inside]
    flat, shape = _flat(view, cell, most_cells)
    x = value[:, view.channel].astype(np.float64) * view.factor
    out = np.full(int(np.prod(shape)), np.nan)
    if view.signed:
        order = np.argsort(np.abs(x), kind="stable")  # the largest is written last
        order = order[x[order] != 0]
        out[flat[order]] = x[order]
    else:
        total = np.bincount(flat, x, len(out))
        out[np.unique(flat)] = total[np.unique(flat)]
    return out.reshape(shape)


def mean_picture(view: View, batch: EventBatch, mine: np.ndarray) -> np.ndarray:
    """(rows, columns) weighted mean over the events `mine`: per event, or per hit (NaN without) for signed values."""
    events = batch.take(mine)
    event, cell, value = hits(events.images[view.image.name], view.image)
    inside = view.sees(cell)
    event, cell, value = event[inside], cell[inside], value[inside]
    flat, shape = _flat(view, cell)
    weight = events.weight.astype(np.float64)
    size = int(np.prod(shape))
    total = np.bincount(flat, value[:, view.channel] * view.factor * weight[event], size)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / (np.bincount(flat, weight[event], size) if view.signed else weight.sum())
    return mean.reshape(shape)


def _flat(view: View, cell: np.ndarray, most_cells: int = MOST_CELLS) -> tuple[np.ndarray, tuple[int, int]]:
    """Flat number of the picture's cell that each hit falls in, and the picture's shape."""
    merge = [-(-n // most_cells) for n in view.shape]
    shape = (-(-view.shape[0] // merge[0]), -(-view.shape[1] // merge[1]))
    (first_row, _), (first_column, _) = view.spans
    row = 0 if view.rows is None else (cell[:, view.rows] - first_row) // merge[0]
    return row * shape[1] + (cell[:, view.columns] - first_column) // merge[1], shape
