"""What a change does: the difference it makes to AUC and accuracy, a row per change, with paired errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from pidcam.errors import DataError
from pidcam.reports.style import PALE, colour, count, label_axes, marker, new_figure, styled


@styled
def robustness(section: Mapping[str, Any]) -> Figure:
    """From the section `robustness` of metrics.json: shifted minus nominal, for every shift of the detector."""
    rows = [(row["title"], row["difference"]) for row in section["shifts"]]
    return _differences(rows, "shifted $-$ nominal", section["nominal"]["n"])


@styled
def importance(section: Mapping[str, Any]) -> Figure:
    """From the section `importance` of metrics.json: what is lost when a part of the input is shuffled among events."""
    rows = [(f"{row['kind']} {row['name']}", row["loss"]) for row in section["permutation"]]
    return _differences(rows, "loss when shuffled", section["n"])


@styled
def gain(section: Mapping[str, Any], *, most: int = 20) -> Figure:
    """From the section `importance` of metrics.json: which features trees gained most by, in % of all gain."""
    rows = section.get("gain", ())[:most]
    if not rows:
        raise DataError("holds no gain", where="importance")
    figure = new_figure(6.0, 0.9 + 0.24 * len(rows))
    axes = figure.subplots()
    axes.barh(range(len(rows)), [100 * row["share"] for row in rows], color=colour(0), height=0.7)
    axes.set_yticks(range(len(rows)), [row["feature"] for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.tick_params(axis="y", which="both", length=0)
    label_axes(axes, "share of the gain in all trees [%]", "")
    return figure


def _differences(rows: Sequence[tuple[str, Mapping[str, Any]]], what: str, n: int) -> Figure:
    if not rows:
        raise DataError("there is nothing to draw", where=what)
    figure = new_figure(6.6, 1.1 + 0.3 * len(rows))
    axes = figure.subplots()
    axes.axvline(0, color=PALE, lw=0.8, ls=":")
    for i, (key, name) in enumerate((("auc", "AUC"), ("accuracy", "accuracy"))):
        known = [(y, row[key]) for y, (_, row) in enumerate(rows) if row.get(key)]
        if not known:
            continue
        place = np.array([y for y, _ in known]) + 0.14 * (2 * i - 1)
        value, error = (np.array([each[k] for _, each in known], float) for k in ("difference", "error"))
        look: dict[str, Any] = {"fmt": marker(i), "ms": 4.5, "elinewidth": 1.1}
        axes.errorbar(value, place, xerr=np.nan_to_num(error), color=colour(i), label=name, **look)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", which="both", length=0)
    label_axes(axes, f"{what} ({count(n)} events)", "")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure
