"""Are the probabilities true? The reliability diagram, before and after the temperature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from pidcam.errors import DataError
from pidcam.reports.style import PALE, colour, count, label_axes, marker, new_figure, styled


@styled
def reliability(section: Mapping[str, Any]) -> Figure:
    """From the section `calibration` of metrics.json: observed fraction against probability, and how many events.

    Error bars are 68 % intervals; ECE beside what a perfectly calibrated model would show with as many events.
    """
    if "raw" not in section:
        raise DataError("holds no reliability", where="calibration")
    figure = new_figure(4.6, 5.0)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    top.plot([0, 1], [0, 1], color=PALE, lw=0.8, ls=":")
    temperature = section.get("temperature")
    for i, key in enumerate(k for k in ("raw", "calibrated") if k in section):
        curve = section[key]["reliability"]
        x, y, low, high = (np.array(curve[k], float) for k in ("predicted", "observed", "low", "high"))
        name = "as predicted" if key == "raw" else f"temperature {temperature['value']:.3f}" if temperature else key
        label = f"{name}\nECE {100 * curve['ece']:.2f} % (perfect: {100 * curve['ece_null']:.2f} %)"
        shown = np.isfinite(y)
        # of few events the interval need not hold the fraction itself
        bars = np.maximum([y[shown] - low[shown], high[shown] - y[shown]], 0)
        look: dict[str, Any] = {"fmt": marker(i), "ms": 4, "elinewidth": 1.0, "markerfacecolor": "white" if i else None}
        top.errorbar(x[shown], y[shown], bars, color=colour(i), label=label, **look)
        n = np.array(curve["n"], float)
        bottom.stairs(n, curve["edges"], color=colour(i), fill=not i, alpha=None if i else 0.35, lw=1.2)
    judged = "highest probability" if section["of"] == "highest" else f"probability of {section['of']}"
    label_axes(top, "", "fraction that came true" if section["of"] == "highest" else f"fraction of {section['of']}")
    total = int(np.sum(section["raw"]["reliability"]["n"]))
    label_axes(bottom, f"{judged} ({count(total)} {section['quoted_on']} events)", "events")
    top.set(xlim=(0, 1), ylim=(0, 1))
    bottom.set_yscale("log")
    bottom.set_ylim(bottom=0.5)
    top.legend(loc="upper left", fontsize=8)
    return figure
