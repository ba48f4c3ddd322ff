"""Hits of a volume in a page, to be turned by hand: a canvas that needs no library and no network."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import Normalize, to_hex

from pidcam.events import EventBatch, Images, Points
from pidcam.reports.images import colour_scale
from pidcam.reports.style import ENERGY_MAP, SIGNED_MAP, with_unit
from pidcam.reports.views import View, hits, views
from pidcam.schema import Image

MOST_HITS = 20_000
"""Of an event with more, those with the largest values are shown."""


def volume_script() -> str:
    """The script that turns canvases: every one of `volume_canvas` on a page, and those a page makes itself."""
    return (Path(__file__).parent / "templates" / "volume.js").read_text(encoding="utf-8")


def volume_canvas(batch: EventBatch, image: Image, title: str) -> str:
    """HTML of the first channel of the first event, an image with three axes: hits where they are, coloured by value.

    Without JavaScript nothing is shown; give the flat views beside it.
    """
    view = views(image, batch.images[image.name])[0]
    place, value = event_hits(batch.images[image.name], image, view, 0)
    scale = colour_scale(view, [value[None]] if len(value) else [np.ones((1, 1))])
    shown = min(len(value), MOST_HITS)
    data = {
        "hits": encode_hits(place, value, scale, MOST_HITS),
        "colours": encode_colours(SIGNED_MAP if view.signed else ENERGY_MAP),
        "box": json.dumps(describe_box(image)),
    }
    attributes = " ".join(f'data-{name}="{html.escape(text)}"' for name, text in data.items())
    what, ends = f"{image.name}: {with_unit(view.name, view.unit)}", (f"{scale.vmin:.2g}", f"{scale.vmax:.2g}")
    name = f"{what}, {' to '.join(ends)}"
    label = html.escape(f"{title}. {name}. {shown} hits in space; arrow keys turn, plus and minus zoom.")
    caption = html.escape(f"{shown:,} hits. Drag or arrow keys turn, + and - zoom, Home puts back.")
    bar = _bar(SIGNED_MAP if view.signed else ENERGY_MAP)
    how = "" if type(scale) is Normalize else " (logarithmic)"
    size_and_role = 'class="volume" width="900" height="720" tabindex="0" role="img"'
    canvas = f'<canvas {size_and_role} aria-label="{label}" hidden {attributes}>'
    legend = f"{html.escape(what)} {ends[0]}{bar}{ends[1]}{how}; {caption}"
    return f'<figure class="large">{canvas}</canvas><figcaption>{legend}</figcaption></figure>'


def _bar(name: str) -> str:
    """The colours of a Matplotlib map from left to right."""
    colours = ", ".join(to_hex(mpl.colormaps[name](step)) for step in np.linspace(0, 1, 9))
    return f'<span class="bar" style="background: linear-gradient(to right, {colours})"></span>'


def event_hits(images: Images, image: Image, view: View, number: int) -> tuple[np.ndarray, np.ndarray]:
    """(h, 3) places of the hits of one event in the box around the volume, -1 to 1, and their values (h,) in `view`.

    Points are where they were measured, cells in their middle; those outside the grid are left out.
    """
    one = images.take(np.array([number]))
    _, cell, value = hits(one, image)
    low, pitch = np.array(image.low or [0.0] * 3), np.array(image.pitch or [1.0] * 3)
    if isinstance(one, Points) and len(value) == len(one.value):
        place = one.place.astype(np.float64)
    else:
        place = low + (cell + 0.5) * pitch
    centre, stretch, unit = _box(image)
    return (place - centre) * stretch / unit, value[:, view.channel].astype(np.float64) * view.factor


def encode_hits(place: np.ndarray, value: np.ndarray, scale: Normalize, most: int) -> str:
    """Base64 of at most `most` hits, largest first: their places as int16, then their steps on the colour scale."""
    shown = np.argsort(-np.abs(value), kind="stable")[:most]
    steps = np.rint(255 * np.clip(np.ma.filled(scale(value[shown]), 0.0), 0, 1)).astype(np.uint8)
    return _text(np.rint(32767 * place[shown]).astype("<i2").tobytes() + steps.tobytes())


def encode_colours(name: str) -> str:
    """256 colours of a Matplotlib map as base64 of red, green, blue bytes."""
    return _text(np.rint(255 * mpl.colormaps[name](np.arange(256))[:, :3]).astype(np.uint8).tobytes())


def describe_box(image: Image) -> dict[str, Any]:
    """`half` the size of the drawn box along each axis, what is written on its `axes`, and the `length` of 1 in `unit`.

    The unit is empty where the size of cells is not known: then no length can be told.
    """
    _, stretch, unit = _box(image)
    size = np.array(image.shape) * np.array(image.pitch or [1.0] * 3)
    names = image.axes or ("axis 0", "axis 1", "axis 2")
    axes = [with_unit(name, image.unit if image.pitch else "cell") for name in names]
    half = (size / 2 * stretch / unit).round(4).tolist()
    return {"half": half, "axes": axes, "length": unit, "unit": image.unit if image.pitch else ""}


def _box(image: Image) -> tuple[np.ndarray, np.ndarray, float]:
    """Centre and stretch along each axis, and the length that becomes 1: the box fits whatever way it is turned."""
    size = np.array(image.shape) * np.array(image.pitch or [1.0] * 3)
    stretch = np.ones(3) if image.pitch else size.max() / size  # cells of unknown size fill a cube
    return np.array(image.low or [0.0] * 3) + size / 2, stretch, float(size.max() / 2 * np.sqrt(3))


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
