"""Single events as one page that opens offline: a picture of each, and volumes that can be turned by hand."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from pidcam.events import EventBatch
from pidcam.reports.display import SMALL, panels
from pidcam.reports.inline import data_address
from pidcam.reports.volume import volume_canvas, volume_script
from pidcam.schema import EventSchema
from pidcam.units import physical_unit

CSS = """
body { font-family: sans-serif; margin: 1rem auto; max-width: 75rem; padding: 0 1rem; color: #1a1a1a; }
h2 { font-size: 1.1rem; margin: 2rem 0 0.3rem; overflow-wrap: anywhere; }
h2 + p { margin: 0 0 0.6rem; color: #4d5a66; }
.views { display: flex; flex-wrap: wrap; gap: 1rem; align-items: start; }
.views figure { margin: 0; flex: 0 1 22.5rem; min-width: 0; }
.views figure.large { flex-basis: 35rem; }
.bar { display: inline-block; width: 6rem; height: 0.7rem; margin: 0 0.3rem; }
img, canvas { max-width: 100%; height: auto; }
canvas { touch-action: none; border: 1px solid #d5d8da; }
figcaption { font-size: 0.9rem; }
"""


def event_page(batch: EventBatch, schema: EventSchema, titles: Sequence[str], *, truth: str | None = None) -> str:
    """HTML text of the page, to be written as UTF-8; nothing in it asks for anything outside.

    truth: an image on top of which the others are drawn (`reports.on_truth`).
    """
    blocks = []
    for i, title in enumerate(titles):
        one = batch.take(np.array([i]))
        blocks.append(f"<section><h2>{html.escape(title)}</h2>")
        if known := _truth(one, schema):
            blocks.append(f"<p>Truth: {html.escape(known)}.</p>")
        blocks.append('<div class="views">')
        for label, figure in panels(one, schema, truth):
            address, width, height = data_address(figure)
            alt = html.escape(f"{title}, {label}")
            size = ' class="large"' if figure.get_figwidth() > SMALL else ""
            blocks.append(f'<figure{size}><img src="{address}" width="{width}" height="{height}" alt="{alt}"></figure>')
        blocks += [volume_canvas(one, image, title) for image in schema.images if len(image.shape) == 3]
        blocks.append("</div></section>")
    name, n = html.escape(schema.name), len(titles)
    script = f"<script>\n{volume_script()}</script>\n" if any("<canvas" in block for block in blocks) else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{name}: events</title><style>{CSS}</style></head>\n"
        f"<body><h1>{name}: {n} event{'s' * (n != 1)}</h1>\n" + "\n".join(blocks) + f"\n{script}</body></html>\n"
    )


def _truth(one: EventBatch, schema: EventSchema) -> str:
    """`energy 213.4 GeV, vertex x 12 cm`: the targets of the event that are known."""
    known = []
    for column in schema.targets:
        if column.name in one.targets and np.isfinite(value := float(one.targets[column.name][0])):
            factor, unit = physical_unit(column.unit)
            known.append(f"{column.name.replace('_', ' ')} {factor * value:.4g} {unit}".rstrip())
    return ", ".join(known)
