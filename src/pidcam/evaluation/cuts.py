"""What a cut on the score is worth: the best one, the purity it gives where signal is rare, and partial areas."""

from __future__ import annotations

from typing import Any

import numpy as np

from pidcam import analysis
from pidcam.analysis import WorkingPoint
from pidcam.errors import InputError
from pidcam.evaluation.sample import against_rest
from pidcam.evaluation.sections import Judged, Warn, sections
from pidcam.evaluation.working_points import for_each_signal

PREVALENCES = (0.5, 0.1, 0.01, 0.001)
"""Shares of signal among all events before the cut, for which purities are quoted."""
FAKE_RATES = (0.0, 0.1)
EFFICIENCIES = (0.3, 0.9)
"""Between these, the partial area under the ROC curve and the area of 1 / fake rate."""


@sections.register("cuts")
def cuts(judged: Judged, warn: Warn) -> dict[str, Any]:
    """Per signal: the cut of best Q chosen on valid, purities at the working points, and partial areas, on test."""
    test, valid = judged.need("test"), judged.splits.get("valid")
    if valid is None:
        warn("no valid split: no cut was chosen, only partial areas are given")

    def measure(name: str) -> dict[str, Any]:
        sample = against_rest(test, name)
        partial, rejection = (
            analysis.partial_auc(*sample, fake_rate=FAKE_RATES),
            analysis.rejection_area(*sample, efficiency=EFFICIENCIES),
        )
        made: dict[str, Any] = {"partial_auc": partial, "rejection_area": rejection}
        if valid is None:
            return made
        chosen = against_rest(valid, name)
        points = analysis.working_points(chosen, sample)
        made["purity"] = [
            {"target": point.target, "asked": point.asked, **dict(zip(("value", "error"), _purity(point), strict=True))}
            for point in points
        ]
        try:
            best = analysis.best_cut(chosen.truth, chosen.score, weight=chosen.weight)
        except InputError as error:
            warn(f"{name}: {error}")
            return made
        point = analysis.working_point(sample.truth, sample.score, best.threshold, sample.weight)
        quality, quality_error = _quality(point)
        made["best"] = {"quality_factor": quality, "quality_factor_error": quality_error, **analysis.plain(point)}
        return made

    return {
        "chosen_on": "valid" if valid is not None else None,
        "quoted_on": "test",
        "prevalences": PREVALENCES,
        "signals": for_each_signal(judged, warn, measure),
    }


def _purity(point: WorkingPoint) -> tuple[np.ndarray, np.ndarray]:
    """Purity at every prevalence and its error, from those of efficiency and fake rate; NaN where no background passes,
    because then the purity is what one event more would say."""
    value = analysis.purity(point.efficiency.value, point.fake_rate.value, PREVALENCES)
    if not point.fake_rate.value > 0:
        value = np.full_like(value, np.nan)
    efficiency, fake_rate = _relative_errors(point)
    return value, value * (1 - value) * np.hypot(efficiency, fake_rate)


def _quality(point: WorkingPoint) -> tuple[float, float]:
    value = float(analysis.quality_factor(point.efficiency.value, point.fake_rate.value))
    efficiency, fake_rate = _relative_errors(point)
    return value, value * float(np.hypot(efficiency, fake_rate / 2))


def _relative_errors(point: WorkingPoint) -> tuple[float, float]:
    """Of efficiency and fake rate; NaN where nothing passes."""
    rates = (point.efficiency, point.fake_rate)
    efficiency, fake_rate = (rate.error / rate.value if rate.value > 0 else np.nan for rate in rates)
    return efficiency, fake_rate
