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
    """Per target: bias and resolution of test events in bins of the true value, of equal population; for positive
    relative targets the fit of sigma/E = sqrt(a^2/E + b^2 + (c/E)^2) to them."""
    task, test = judged.task, judged.need("test")
    if not isinstance(task, Regress):
        raise InputError("is made for the task 'regress'", where="resolution")
    weight, targets = weights(test), {}
    for name, unit in task.units.items():
        truth = test.spectators[name].astype(np.float64)
        bins = int(np.clip(len(truth) // PER_BIN, 1, MOST_BINS))
        binned = analysis.resolution_in_bins(
            task.residuals(test, name), truth, analysis.quantile_edges(truth, bins), weight
        )
        about: dict[str, Any] = {"unit": unit, "relative": name in task.relative, "bins": binned}
        if name in task.relative and (truth > 0).all():
            about["fit"] = _fit(binned, name, warn)
        targets[name] = about
    return {"quoted_on": "test", "targets": targets}


def _fit(binned: analysis.BinnedResolution, name: str, warn: Warn) -> dict[str, Any] | None:
    known = np.isfinite(binned.resolution) & (binned.resolution_error > 0)
    try:
        fit = analysis.fit_resolution(binned.mean[known], binned.resolution[known], binned.resolution_error[known])
    except InputError as error:
        warn(f"{name}: no fit of the terms of resolution, {error}")
        return None
    return {"terms": list("abc"), **analysis.plain(fit)}
