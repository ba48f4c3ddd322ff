"""How the training went: every quantity that was recorded, per epoch (or boosting round)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pidcam import analysis
from pidcam.errors import DataError
from pidcam.reports.style import INK, PALE, colour, count, label_axes, new_figure, styled

SPLITS = ("train", "valid")
QUANTITIES = {"loss": "loss per event", "accuracy": "accuracy", "auc": "area under the ROC curve"}
QUANTITIES |= {"nll": "negative log likelihood per event", "resolution": "resolution"}


@styled
def history(rows: Sequence[Mapping[str, Any]], *, n: Mapping[str, int] | None = None, step: str = "epoch") -> Figure:
    """Training history from the rows of `history.jsonl`; a panel for every quantity that was recorded.

    `n` gives the events per split, {"train": ..., "valid": ...}: they go into the legend and give accuracy its
    binomial band. `step` names the x axis (`boosting round` for trees). The dotted line marks the lowest validation
    loss. AUC gets a band where rows have `<split>_auc_error`.
    """
    if not rows:
        raise DataError("the history is empty", fix="train for at least one epoch")
    n = n or {}
    recorded = [q for q in QUANTITIES if any(np.isfinite(_column(rows, f"{s}_{q}")).any() for s in SPLITS)]
    rate = np.isfinite(_column(rows, "learning_rate")).any()
    panels = max(1, len(recorded) + bool(rate))
    columns = panels if panels <= 3 else 2
    lines = -(-panels // columns)
    figure = new_figure(3.5 * columns + 1.2 * (columns == 1), 2.9 * lines)
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    x = _column(rows, "epoch")
    x = np.where(np.isfinite(x), x, np.arange(len(rows)))
    best = _column(rows, "valid_loss")
    for panel, quantity in zip(axes, recorded, strict=False):
        for i, split in enumerate(SPLITS):
            _draw(panel, x, rows, f"{split}_{quantity}", i, n.get(split))
        label_axes(panel, step, QUANTITIES[quantity])
        if quantity == "loss" and np.isfinite(best).any():
            panel.plot([], [], color=PALE, lw=0.9, ls=":", label="lowest validation loss")
        panel.legend(fontsize=8)
    if rate:
        panel = axes[len(recorded)]
        panel.plot(x, _column(rows, "learning_rate"), color=INK, drawstyle="steps-mid")
        panel.set_yscale("log")
        label_axes(panel, step, "learning rate")
    for panel in axes[:panels]:
        if np.isfinite(best).any():
            panel.axvline(x[np.nanargmin(best)], color=PALE, lw=0.9, ls=":", zorder=0)
        panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        panel.xaxis.minorticks_off()
    for panel in axes[panels:]:
        panel.set_axis_off()
    return figure


def _draw(panel: Axes, x: np.ndarray, rows: Sequence[Mapping[str, Any]], key: str, i: int, n: int | None) -> None:
    y = _column(rows, key)
    if not np.isfinite(y).any():
        return
    label = SPLITS[i] if n is None else f"{SPLITS[i]} ({count(n)})"
    few: dict[str, Any] = {"marker": "os"[i], "ms": 3.5} if len(rows) <= 40 else {}
    panel.plot(x, y, color=colour(i), ls=("--", "-")[i], label=label, **few)
    error = _column(rows, f"{key}_error")
    low, high = y - error, y + error
    if key.endswith("accuracy") and n and not np.isfinite(error).any():
        low, high = analysis.binomial_interval(np.clip(y, 0, 1) * n, n, method="wilson")
    if np.isfinite(low).any():
        panel.fill_between(x, low, high, color=colour(i), alpha=0.2, lw=0)


def _column(rows: Sequence[Mapping[str, Any]], key: str) -> np.ndarray:
    values = [row.get(key) for row in rows]
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)
