"""Does a cut on the score shape a spectator? Its distribution in the background that passes and that fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from pidcam.errors import DataError
from pidcam.reports.style import colour, label_axes, marker, new_figure, styled, with_unit

MOST_COLUMNS = 4
"""Panels beside each other that can be read on a page."""


@styled
def sculpting(section: Mapping[str, Any], name: str) -> Figure:
    """From a variable's entry in the section `by` of metrics.json: a panel per signal, the background of its one cut.

    Above the variable where background passes and fails, each of unit area; below the fraction that passes.
    """
    known = {signal: of for signal, of in section["signals"].items() if "sculpting" in of}
    if not known:
        raise DataError("holds no sculpting", where=f"by {name}")
    columns = min(len(known), MOST_COLUMNS)
    rows = -(-len(known) // columns)
    figure = new_figure(4.6 if len(known) == 1 else 3.6 * columns, 4.4 * rows)
    panels = figure.subplots(2 * rows, columns, sharex=True, height_ratios=(2, 1) * rows, squeeze=False)
    tops, bottoms = panels[::2].ravel(), panels[1::2].ravel()
    for spare in (*tops[len(known) :], *bottoms[len(known) :]):
        spare.set_axis_off()
    edges = np.array(section["edges"], float)
    for top, bottom, (signal, of) in zip(tops, bottoms, known.items(), strict=False):
        shape = of["sculpting"]
        passed, failed = (np.array(shape[key], float) / np.diff(edges) for key in ("passed", "failed"))
        n = int(np.sum(shape["rate"]["n"]))
        js = f"Jensen-Shannon {shape['jensen_shannon']:.4f} bit (chance: {shape['jensen_shannon_null']:.4f})"
        top.stairs(failed, edges, color=colour(0), fill=True, alpha=0.25, lw=0)
        top.stairs(failed, edges, color=colour(0), label="fails")
        top.stairs(passed, edges, color=colour(1), label=f"passes\n{js}", ls="--", lw=1.6)
        rate, low, high = (np.array(shape["rate"][key], float) for key in ("value", "low", "high"))
        shown = np.isfinite(rate)
        middle, half = (edges[1:] + edges[:-1])[shown] / 2, np.diff(edges)[shown] / 2
        bars = np.maximum([rate - low, high - rate], 0)[:, shown]
        bottom.errorbar(middle, rate[shown], bars, half, fmt=marker(1), ms=4, color=colour(1), elinewidth=1)
        top.set_ylim(0, 1.4 * np.nanmax([*passed, *failed]))
        bottom.set_ylim(bottom=0)
        top.legend(fontsize=7.5, loc="upper left")
        unit = section.get("unit") or "unit"
        label_axes(top, "", f"fraction of background / {unit}")
        bottom.tick_params(labelbottom=True)
        label_axes(bottom, f"{with_unit(name, section.get('unit', ''))} ({n:,} events against {signal})", "passes")
    return figure
