"""Single events as one page that opens offline: a picture of each, and volumes that can be turned by hand."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from pidcam.events import EventBatch
from pidcam.reports.display import display, on_truth
from pidcam.reports.inline import data_address
from pidcam.reports.volume import volume_canvas, volume_script
from pidcam.schema import EventSchema

CSS = """
body { font-family: sans-serif; margin: 1rem auto; max-width: 75rem; padding: 0 1rem; color: #1a1a1a; }
figure { margin: 0 0 2rem; }
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
        figure = on_truth(one, schema, [title], truth) if truth else display(one, schema, [title])
        address, width, height = data_address(figure)
        alt = html.escape(title)
        blocks.append(f'<figure><img src="{address}" width="{width}" height="{height}" alt="{alt}"></figure>')
        blocks += [volume_canvas(one, image, title) for image in schema.images if len(image.shape) == 3]
    name, n = html.escape(schema.name), len(titles)
    script = f"<script>\n{volume_script()}</script>\n" if any("<canvas" in block for block in blocks) else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{name}: events</title><style>{CSS}</style></head>\n"
        f"<body><h1>{name}: {n} event{'s' * (n != 1)}</h1>\n" + "\n".join(blocks) + f"\n{script}</body></html>\n"
    )
