"""Everything against a variable: AUC, efficiency, fake rate per bin, cuts of one efficiency everywhere, sculpting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pidcam import analysis
from pidcam.analysis.working_points import Sample
from pidcam.errors import InputError
from pidcam.evaluation.sample import against_rest
from pidcam.evaluation.sections import Judged, Warn
from pidcam.evaluation.working_points import for_each_signal
from pidcam.predictions import Predictions

FAKE_RATE = 0.1
"""One cut for all bins lets this share of the background of the validation split pass."""
EFFICIENCY = 0.9
"""The flat cuts keep this share of the signal of the validation split in every bin."""
MOST_BINS, PER_BIN = 10, 30


def against(
    judged: Judged, name: str, warn: Warn, *, edges: Sequence[float] | None = None, unit: str = ""
) -> dict[str, Any]:
    """The test split in bins of the variable `name`, a spectator of the predictions.

    Without `edges` at most ten bins of equal population, fewer where a class would have less than 30 events in each.
    """
    if not judged.signals:
        raise InputError("only classifications are held against a variable")
    test = _with_values(judged.need("test"), name, "test", warn)
    bins = np.asarray(edges, np.float64) if edges is not None else _edges(test, name)
    valid = _with_values(judged.splits["valid"], name, "valid", warn) if "valid" in judged.splits else None
    if valid is None:
        warn("no valid split: no cut was chosen, only the AUC is given")

    def measure(signal: str) -> dict[str, Any]:
        sample, x = against_rest(test, signal), test.spectators[name]
        auc = analysis.auc_in_bins(sample.truth, sample.score, x, bins, sample.weight)
        made: dict[str, Any] = {"auc": auc}
        _pass_on(auc.warnings, "AUC", warn)
        if valid is not None:
            chosen, x_valid = against_rest(valid, signal), valid.spectators[name]
            made |= _one_cut(chosen, sample, x, bins, warn) | _flat_cuts(chosen, x_valid, sample, x, bins, warn)
        return made

    return {
        "unit": unit,
        "edges": bins,
        "chosen_on": "valid" if valid is not None else None,
        "quoted_on": "test",
        "signals": for_each_signal(judged, warn, measure),
    }


def _one_cut(chosen: Sample, sample: Sample, x: np.ndarray, edges: np.ndarray, warn: Warn) -> dict[str, Any]:
    threshold = analysis.threshold_at_fake_rate(chosen.truth, chosen.score, FAKE_RATE, chosen.weight)
    efficiency = analysis.efficiency_in_bins(sample.truth, sample.score, x, edges, threshold, sample.weight)
    fake_rate = analysis.fake_rate_in_bins(sample.truth, sample.score, x, edges, threshold, sample.weight)
    _pass_on(efficiency.warnings, "efficiency", warn)
    _pass_on(fake_rate.warnings, "fake rate", warn)
    made = {"target": "fake_rate", "asked": FAKE_RATE, "threshold": threshold}
    made |= {"efficiency": efficiency, "fake_rate": fake_rate}
    background = ~np.asarray(sample.truth)
    weight = None if sample.weight is None else np.asarray(sample.weight)[background]
    try:
        shape = analysis.sculpting(np.asarray(sample.score)[background], x[background], threshold, weight, edges=edges)
    except InputError as error:
        warn(f"sculpting: {error}")
        return {"cut": made}
    return {"cut": made, "sculpting": shape}


def _flat_cuts(
    chosen: Sample, x_chosen: np.ndarray, sample: Sample, x: np.ndarray, edges: np.ndarray, warn: Warn
) -> dict[str, Any]:
    cut = analysis.cut_in_bins(chosen.truth, chosen.score, x_chosen, edges, chosen.weight, efficiency=EFFICIENCY)
    _pass_on(cut.warnings, "flat cut", warn)
    passed, truth = cut.passes(sample.score, x), np.asarray(sample.truth)
    rates = {}
    for key, mine in (("efficiency", truth), ("fake_rate", ~truth)):
        weight = None if sample.weight is None else np.asarray(sample.weight)[mine]
        rates[key] = analysis.fraction_in_bins(passed[mine], x[mine], edges, weight)
        _pass_on(rates[key].warnings, f"flat cut, {key.replace('_', ' ')}", warn)
    return {"flat": {"target": "efficiency", "asked": EFFICIENCY, "thresholds": cut.thresholds, **rates}}


def _with_values(predictions: Predictions, name: str, split: str, warn: Warn) -> Predictions:
    """The events for which the variable is known."""
    known = np.isfinite(predictions.spectators[name])
    if known.all():
        return predictions
    if not known.any():
        raise InputError(f"{name} is unknown in every event", where=f"{split} split")
    warn(f"{np.count_nonzero(~known)} of {len(known)} {split} events have no {name} and are left out")
    return predictions.take(known)


def _edges(predictions: Predictions, name: str) -> np.ndarray:
    counts = np.bincount(predictions.label)
    bins = int(np.clip(counts[counts > 0].min() // PER_BIN, 2, MOST_BINS))
    return analysis.quantile_edges(predictions.spectators[name], bins)


def _pass_on(warnings: Sequence[str], what: str, warn: Warn) -> None:
    for line in warnings:
        warn(f"{what}, {line}")
