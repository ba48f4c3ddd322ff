"""Everything against a variable: AUC, efficiency and fake rate per bin with error bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pidcam.errors import DataError
from pidcam.reports.style import colour, count, label_axes, marker, new_figure, styled, with_unit


@styled
def in_bins(section: Mapping[str, Any], name: str) -> Figure:
    """From a variable's entry in the section `by` of metrics.json: a panel per quantity, a colour per class.

    Left the AUC, in the middle efficiency (full) and fake rate (open) of one cut, right the fake rate with cuts of
    the same efficiency in every bin. Horizontal bars are bins, vertical ones 68 % intervals; a gap has too few events.
    """
    signals = section["signals"]
    if not signals:
        raise DataError("holds no class that could be measured", where=f"by {name}")
    first = next(iter(signals.values()))
    panels = 1 + ("cut" in first) + ("flat" in first)
    figure = new_figure(3.6 * panels + 0.4 * (panels == 1), 3.3)
    axes = figure.subplots(1, panels, squeeze=False)[0]
    edges = np.array(section["edges"], float)
    several = len(signals) > 1
    for k, (signal, of) in enumerate(signals.items()):
        _points(axes[0], edges, of["auc"], k, signal if several else "")
        if "cut" in of:
            # of several classes the colour says which one it is, as on the left
            _points(axes[1], edges, of["cut"]["efficiency"], k, "" if k else "efficiency")
            _points(axes[1], edges, of["cut"]["fake_rate"], k if several else 1, "" if k else "fake rate", hollow=True)
        if "flat" in of:
            _points(axes[-1], edges, of["flat"]["fake_rate"], k, "", hollow=True)
    x = with_unit(name, section.get("unit", ""))
    n = int(np.sum(first["auc"]["n"]))
    label_axes(axes[0], f"{x} ({count(n)} {section.get('quoted_on', 'test')} events)", "AUC")
    if "cut" in first:
        label_axes(axes[1], x, f"rate, cut at {100 * first['cut']['asked']:g} % fake rate")
        axes[1].set_ylim(0, 1.05)
    if "flat" in first:
        label_axes(axes[-1], x, f"fake rate at {100 * first['flat']['asked']:g} % efficiency in each bin")
        axes[-1].set_ylim(0, 1.05)
    if not np.isfinite([x for of in signals.values() for x in np.array(of["auc"]["value"], float)]).any():
        axes[0].set(xlim=(edges[0], edges[-1]), ylim=(0.5, 1))
        axes[0].text(0.5, 0.5, "too few events in every bin", ha="center", transform=axes[0].transAxes, fontsize=8)
    for panel in axes:
        if panel.get_legend_handles_labels()[1]:  # above, because points may be anywhere
            panel.legend(fontsize=7.5, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, columnspacing=1.0)
    return figure


def _points(panel: Axes, edges: np.ndarray, of: Mapping[str, Any], i: int, label: str, *, hollow: bool = False) -> None:
    value, low, high = (np.array(of[key], float) for key in ("value", "low", "high"))
    middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    shown = np.isfinite(value)
    bars = np.nan_to_num(np.maximum([value - low, high - value], 0))[:, shown]
    look: dict[str, Any] = {"fmt": marker(i), "ms": 4, "elinewidth": 1.0}
    if hollow:
        look["markerfacecolor"] = "white"
    panel.errorbar(middle[shown], value[shown], bars, half[shown], color=colour(i), label=label or None, **look)
