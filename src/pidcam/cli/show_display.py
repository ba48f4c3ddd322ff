"""Events on the terminal: a heat map per view, in colour where the terminal has colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from pidcam.cli.tables import console, show_next, show_wrote

if TYPE_CHECKING:
    from matplotlib.colors import Normalize

    from pidcam.verbs.display import Displayed

CELLS = 64
SHADES = " .:-=+*#%@"


def show_display(found: Displayed, source: object) -> None:
    """Titles, and the events themselves where they were not drawn into a file."""
    out = console()
    for i, event in enumerate(found.events):
        out.print(Text(event.title, style="bold"), soft_wrap=True)
        if found.out is None:
            _show_event(found, i)
    if found.out is not None:
        show_wrote("picture", found.out, f"open {found.out}")
    else:
        show_next(f"pidcam display {source} --out events.html")


def _show_event(found: Displayed, number: int) -> None:
    from pidcam.reports.images import colour_scale
    from pidcam.reports.style import ENERGY_MAP, SIGNED_MAP, with_unit
    from pidcam.reports.views import hits, picture, views

    out = console()
    batch = found.batch.take(np.array([number]))
    for image in found.schema.images:
        _, cell, value = hits(batch.images[image.name], image)
        for view in views(image, found.batch.images[image.name]):
            values = picture(view, cell, value, most_cells=CELLS)
            norm = colour_scale(view, [values])
            if not view.signed:
                values = np.where(values > 0, values, np.nan)
            name = with_unit(f"{image.name}: {view.title}", view.unit)
            out.print(Text(f"  {name}, {norm.vmin:.3g} to {norm.vmax:.3g}", style="dim"))
            if out.is_terminal and out.color_system:
                out.print(_coloured(values, norm, SIGNED_MAP if view.signed else ENERGY_MAP))
            else:
                out.print(Text(_plain(values, norm)))


def _plain(values: np.ndarray, norm: Normalize) -> str:
    """A character per cell, two wide, darker for more; blank where there is no hit. The first row is at the bottom."""
    level = np.ma.filled(norm(np.abs(np.nan_to_num(values))), 0.0)
    if (norm.vmin or 0) < 0:  # of a two-sided scale, from its middle
        level = 2 * level - 1
    steps = 1 + (np.clip(level, 0, 1) * (len(SHADES) - 2)).round().astype(int)
    steps = np.where(np.isfinite(values), steps, 0)
    return "\n".join("  " + "".join(2 * SHADES[k] for k in row).rstrip() for row in steps[::-1])


def _coloured(values: np.ndarray, norm: Normalize, colours: str) -> Text:
    """Two rows of cells per line, by half blocks."""
    import matplotlib as mpl

    shades = np.rint(255 * mpl.colormaps[colours](np.ma.filled(norm(np.nan_to_num(values)), 0.0))[..., :3]).astype(int)
    rows = list(range(len(values)))[::-1]
    text = Text()
    for top, bottom in zip(rows[::2], [*rows[1::2], None], strict=False):
        text.append("  ")
        for j in range(values.shape[1]):
            upper = _colour(values, shades, top, j)
            lower = None if bottom is None else _colour(values, shades, bottom, j)
            if upper and lower:
                text.append("▀", style=f"{upper} on {lower}")
            elif upper:
                text.append("▀", style=upper)
            else:
                text.append("▄" if lower else " ", style=lower or "")
        text.append("\n")
    text.rstrip()
    return text


def _colour(values: np.ndarray, shades: np.ndarray, row: int, column: int) -> str | None:
    if not np.isfinite(values[row, column]):
        return None
    red, green, blue = shades[row, column]
    return f"#{red:02x}{green:02x}{blue:02x}"
