"""How the resolution of a regression depends on the true value, and of an energy the three terms of a calorimeter."""

from __future__ import annotations

from typing import Any

import numpy as np

from pidcam import analysis
from pidcam.errors import InputError
from pidcam.evaluation.sample import weights
from pidcam.evaluation.sections import Judged, Warn, sections
from pidcam.tasks.regress import Regress

MOST_BINS, PER_BIN = 12, 100


@sections.register("resolution")
def resolution(judged: Judged, warn: Warn) -> dict[str, Any]:
    """Per target: bias and resolution of test events in bins of the true value; for positive relative
    targets the fit of sigma/E = sqrt(a^2/E + b^2 + (c/E)^2) to them."""
    task, test = judged.task, judged.need("test")
    if not isinstance(task, Regress):
        raise InputError("is made for the task 'regress'", where="resolution")
    weight, targets = weights(test), {}
    for name, unit in task.units.items():
        truth = test.spectators[name].astype(np.float64)
        binned = analysis.resolution_in_bins(task.residuals(test, name), truth, bin_edges(truth), weight)
        about: dict[str, Any] = {"unit": unit, "relative": name in task.relative, "bins": binned}
        if name in task.relative and (truth > 0).all():
            about["fit"] = _fit(binned, name, warn)
        targets[name] = about
    return {"quoted_on": "test", "targets": targets}


def bin_edges(truth: np.ndarray) -> np.ndarray:
    """At most `MOST_BINS` bins of `PER_BIN` events or more: of equal ratio where all values are positive, because the
    resolution changes fastest at low energies, else of equal population."""
    low, high = float(truth.min()), float(truth.max())
    if low <= 0 or high <= low:
        return analysis.quantile_edges(truth, int(np.clip(len(truth) // PER_BIN, 1, MOST_BINS)))
    wanted = np.geomspace(low, high, MOST_BINS + 1)
    edges, counts = [low], np.histogram(truth, wanted)[0]
    left, inside = int(counts.sum()), 0
    for edge, count in zip(wanted[1:], counts.tolist(), strict=True):
        inside, left = inside + count, left - count
        if inside >= PER_BIN and left >= PER_BIN:
            edges, inside = [*edges, float(edge)], 0
    return np.array([*edges, high])


def _fit(binned: analysis.BinnedResolution, name: str, warn: Warn) -> dict[str, Any] | None:
    known = np.isfinite(binned.resolution) & (binned.resolution_error > 0)
    try:
        fit = analysis.fit_resolution(binned.mean[known], binned.resolution[known], binned.resolution_error[known])
    except InputError as error:
        warn(f"{name}: no fit of the terms of resolution, {error}")
        return None
    return {"terms": list("abc"), **analysis.plain(fit)}
