"""How much a model gains from more training events: the learning curve of runs that differ in their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from pidcam.errors import DataError
from pidcam.reports.style import colour, label_axes, marker, new_figure, styled


@styled
def learning_curve(curves: Sequence[Mapping[str, Any]]) -> Figure:
    """From the part `sizes` of comparison.json: 1 - AUC against training events, with the power law floor + a N^-b.

    Bars are the statistical error, with several seeds the spread of their mean as well. The test events are the same
    for all points, so that these move up and down together more than the bars say.
    """
    if not curves:
        raise DataError("holds no runs that differ in the number of training events", where="learning curve")
    figure = new_figure(5.6, 3.9)
    axes = figure.subplots()
    for i, curve in enumerate(curves):
        points, fit = curve["points"], curve["fit"]
        events = np.array([point["events"] for point in points], float)
        areas = [point["auc"] for point in points]
        error = [area["error_of_mean"] if area["n"] > 1 else area["statistical"] for area in areas]
        label = points[-1]["runs"][0] + (f" and {points[-1]['auc']['n'] - 1} seeds" if areas[-1]["n"] > 1 else "")
        if fit is not None:
            at = np.geomspace(events.min() / 1.3, events.max() * 3, 200)
            label += f"\n{fit['floor']:.3f} + {fit['scale']:.3g} $N^{{-{fit['exponent']:.2f}}}$"
            line = fit["floor"] + fit["scale"] * at ** -fit["exponent"]
            axes.plot(at, line, color=colour(i), lw=1, ls="--")
        look: dict[str, Any] = {"fmt": marker(i), "color": colour(i), "label": label}
        axes.errorbar(events, [1 - area["mean"] for area in areas], error, **look)
    axes.set(xscale="log", yscale="log")
    axes.yaxis.set_major_formatter("{x:.3g}")
    axes.yaxis.set_minor_formatter("{x:.3g}" if np.ptp(np.log10(axes.get_ylim())) < 0.8 else NullFormatter())
    axes.tick_params(which="both", labelsize=8)
    label_axes(axes, "training events", "1 $-$ AUC on test events")
    axes.legend(fontsize=8)
    return figure
