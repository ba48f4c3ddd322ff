"""Pictures as text, so that a page carries them inside and opens anywhere, also without a network."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from pidcam.errors import InputError
from pidcam.reports.style import style

Picture = Figure | Path | str | bytes
"""A figure, the path of a PNG, or the bytes of one."""

PAGE_DPI = 130
WIDEST = 1600


def data_address(picture: Picture) -> tuple[str, int, int]:
    """(`data:image/png;base64,...`, width, height): at most `WIDEST` pixels wide, in 256 colours if that is smaller."""
    raw = _png(picture)
    try:
        image = Image.open(io.BytesIO(raw)).convert("RGB")
    except (OSError, ValueError) as error:
        where = picture if isinstance(picture, Path | str) else None
        raise InputError("is not a picture", where=where, fix="make the figures again with pidcam evaluate") from error
    if image.width > WIDEST:
        image = image.resize((WIDEST, round(image.height * WIDEST / image.width)), Image.Resampling.LANCZOS)
        raw = _encode(image)
    few_colours = _encode(image.quantize(256, dither=Image.Dither.NONE))
    smallest = min(raw, few_colours, key=len)
    return "data:image/png;base64," + base64.b64encode(smallest).decode("ascii"), image.width, image.height


def _png(picture: Picture) -> bytes:
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, Figure):
        buffer = io.BytesIO()
        with style():
            picture.savefig(buffer, format="png", dpi=PAGE_DPI, metadata={"Software": None})
        return buffer.getvalue()
    try:
        return Path(picture).read_bytes()
    except FileNotFoundError as error:
        raise InputError("no such picture", where=picture) from error


def _encode(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
