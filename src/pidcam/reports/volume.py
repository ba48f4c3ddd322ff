"""Hits of a volume in a page, to be turned by hand: a canvas that needs no library and no network."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path

import matplotlib as mpl
import numpy as np

from pidcam.events import EventBatch, Points
from pidcam.reports.images import colour_scale
from pidcam.reports.style import ENERGY_MAP, SIGNED_MAP, with_unit
from pidcam.reports.views import hits, views
from pidcam.schema import Image

MOST_HITS = 20_000
"""Of an event with more, those with the largest values are shown."""


def volume_script() -> str:
    """The script that brings every canvas of `volume_canvas` on a page to life; once per page."""
    return (Path(__file__).parent / "templates" / "volume.js").read_text(encoding="utf-8")


def volume_canvas(batch: EventBatch, image: Image, title: str) -> str:
    """HTML of the first channel of the first event, an image with three axes: hits where they are, coloured by value.

    Without JavaScript nothing is shown; give the flat views beside it.
    """
    images = batch.images[image.name]
    event, cell, value = hits(images, image)
    mine = event == 0
    view = views(image, images)[0]
    x = value[mine, 0].astype(np.float64) * view.factor
    if isinstance(images, Points) and mine.sum() == images.hits()[0]:
        place = images.place[: images.hits()[0]].astype(np.float64)
    else:
        pitch, low = np.array(image.pitch or [1.0] * 3), np.array(image.low or [0.0] * 3)
        place = low + (cell[mine] + 0.5) * pitch
    shown = np.argsort(-np.abs(x), kind="stable")[:MOST_HITS]
    size = np.array(image.shape) * np.array(image.pitch or [1.0] * 3)
    stretch = np.ones(3) if image.pitch else size.max() / size  # cells of unknown size fill a cube
    centre = np.array(image.low or [0.0] * 3) + size / 2
    unit = size.max() / 2 * np.sqrt(3)  # so that the box stays inside whatever way it is turned
    scale = colour_scale(view, [x[None]] if len(x) else [np.ones((1, 1))])
    steps = np.rint(255 * np.clip(np.ma.filled(scale(x[shown]), 0.0), 0, 1)).astype(np.uint8)
    table = np.rint(255 * mpl.colormaps[SIGNED_MAP if view.signed else ENERGY_MAP](np.arange(256))[:, :3])
    axes = [
        with_unit(name, image.unit if image.pitch else "cell") for name in image.axes or ("axis 0", "axis 1", "axis 2")
    ]
    data = {
        "place": _text(((place[shown] - centre) * stretch / unit).astype("<f4")),
        "step": _text(steps),
        "colours": _text(table.astype(np.uint8)),
        "half": json.dumps((size / 2 * stretch / unit).round(4).tolist()),
        "axes": json.dumps(axes),
    }
    attributes = " ".join(f'data-{name}="{html.escape(text)}"' for name, text in data.items())
    name = f"{image.name}: {with_unit(view.name, view.unit)}, {scale.vmin:.3g} to {scale.vmax:.3g}"
    label = html.escape(f"{title}. {name}. {len(shown)} hits in space; arrow keys turn, plus and minus zoom.")
    caption = html.escape(f"{name}; {len(shown):,} hits. Drag or arrow keys turn, + and - zoom, Home puts back.")
    size_and_role = 'class="volume" width="900" height="720" tabindex="0" role="img"'
    canvas = f'<canvas {size_and_role} aria-label="{label}" hidden {attributes}>'
    return f"<figure>{canvas}</canvas><figcaption>{caption}</figcaption></figure>"


def _text(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")
