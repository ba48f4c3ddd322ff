"""How well a quantity is measured: predicted against true, pulls, resolution and bias against the true value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from pidcam.analysis import median, resolution_curve
from pidcam.errors import DataError
from pidcam.reports.style import (
    ENERGY_MAP,
    INK,
    PALE,
    colour,
    count,
    label_axes,
    marker,
    new_figure,
    styled,
    value_with_error,
    with_unit,
)

BINS, FEW_BINS, FEW_EVENTS = 60, 30, 3000
CENTRAL = (0.5, 99.5)
"""Percentiles that a histogram of residuals shows; what lies beyond is in its outermost bins."""


@styled
def predicted(
    truth: np.ndarray, value: np.ndarray, residual: np.ndarray, name: str, unit: str, *, relative: bool = False
) -> Figure:
    """Left: predicted against true values (n,), events per cell. Right: the distribution of their residuals (n,), which
    may be `relative` to the truth."""
    _require(truth)
    figure = new_figure(8.4, 3.6)
    left, right = figure.subplots(1, 2)
    low, high = float(min(truth.min(), value.min())), float(max(truth.max(), value.max()))
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    counts, _, _ = np.histogram2d(truth, value, bins=(edges, edges))
    shown = np.ma.masked_equal(counts.T, 0)
    mesh = left.pcolormesh(edges, edges, shown, cmap=ENERGY_MAP, norm=LogNorm(vmin=1, vmax=max(2, counts.max())))
    left.plot(edges[[0, -1]], edges[[0, -1]], color=INK, lw=0.8, ls="--")
    label_axes(left, with_unit(f"true {name}", unit), with_unit(f"predicted {name}", unit))
    figure.colorbar(mesh, ax=left, label="events")
    low, high = np.percentile(residual, CENTRAL)
    edges = np.linspace(low, high if high > low else low + 1, _bins(residual) + 1)
    right.hist(
        np.clip(residual, edges[0], edges[-1]), bins=edges.tolist(), histtype="stepfilled", color=colour(0), alpha=0.5
    )
    right.axvline(0, color=PALE, lw=0.9, ls=":")
    right.axvline(median(residual), color=INK, lw=0.9, label=f"median {median(residual):.3g}")
    what = f"(predicted $-$ true) / true {name}" if relative else with_unit(f"predicted $-$ true {name}", unit)
    label_axes(right, what, f"events ({count(len(truth))} of test)")
    right.legend(fontsize=8)
    return figure


@styled
def pulls(values: np.ndarray, name: str) -> Figure:
    """(predicted - true) / sigma (n,) with the standard normal distribution."""
    _require(values)
    figure = new_figure(4.8, 3.6)
    axes = figure.subplots()
    edges = np.linspace(-5, 5, _bins(values) + 1)
    inside = np.clip(values, edges[0], edges[-1])
    filled: dict[str, Any] = {"histtype": "stepfilled", "color": colour(0), "alpha": 0.5}
    axes.hist(inside, bins=edges.tolist(), label=f"{count(len(values))} test events", **filled)
    x = np.linspace(-5, 5, 201)
    normal = len(values) * (edges[1] - edges[0]) * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    axes.plot(x, normal, color=INK, lw=1, ls="--", label="standard normal")
    label_axes(axes, f"(predicted $-$ true) / $\\sigma$ of {name}", "events")
    axes.legend(fontsize=8)
    return figure


@styled
def resolution(section: Mapping[str, Any], name: str) -> Figure:
    """From a target's entry in the section `resolution` of metrics.json: resolution (left) and bias (right) in bins of
    the true value, with the fit of the three terms where there is one."""
    bins, fit = section["bins"], section.get("fit")
    mean = np.array(bins["mean"], float)
    figure = new_figure(8.4, 3.4)
    left, right = figure.subplots(1, 2)
    edges = np.array(bins["edges"], float)
    across = np.abs(np.stack([mean - edges[:-1], edges[1:] - mean]))
    look: dict[str, Any] = {"fmt": marker(0), "color": colour(0), "ms": 4}
    for panel, key in ((left, "resolution"), (right, "bias")):
        value, error = np.array(bins[key], float), np.array(bins[f"{key}_error"], float)
        shown = np.isfinite(value)
        panel.errorbar(mean[shown], value[shown], error[shown], across[:, shown], **look)
    if fit:
        energy = np.geomspace(fit["low"], fit["high"], 200)
        told = [
            _term(term, value, error, section["unit"])
            for term, value, error in zip(fit["terms"], fit["values"], fit["errors"], strict=True)
        ]
        label = "\n".join([*told, f"$\\chi^2$ / ndf = {fit['chi2']:.1f} / {fit['ndf']}"])
        left.plot(energy, resolution_curve(energy, fit["values"]), color=INK, lw=1, ls="--", label=label)
        left.legend(fontsize=8, title=r"$\sigma/E = a/\sqrt{E} \oplus b \oplus c/E$", title_fontsize=8)
    right.axhline(0, color=PALE, lw=0.9, ls=":")
    relative = " / true" if section["relative"] else ""
    unit = "" if section["relative"] else section["unit"]
    x = with_unit(f"true {name}", section["unit"])
    label_axes(left, f"{x} ({count(np.sum(bins['n']))} test events)", with_unit(f"$\\sigma_{{eff}}${relative}", unit))
    label_axes(right, x, with_unit(f"median residual{relative}", unit))
    left.set_ylim(bottom=0)
    return figure


def _term(term: str, value: float, error: float | None, unit: str) -> str:
    """`a = 20.4 ± 1.4 % sqrt(GeV)`; a term without an error stands at its bound, which is zero."""
    if error is None:
        return f"${term}$ = 0, its bound"
    if term == "c":
        return f"$c$ = {value_with_error(value, error)} {unit}"
    return f"${term}$ = {value_with_error(100 * value, 100 * error)} %" + (
        f" $\\sqrt{{\\mathrm{{{unit}}}}}$" if term == "a" else ""
    )


def _bins(values: np.ndarray) -> int:
    return FEW_BINS if len(values) < FEW_EVENTS else BINS


def _require(values: np.ndarray) -> None:
    if not len(values):
        raise DataError("no events", where="figure", fix="evaluate a split that has some")
