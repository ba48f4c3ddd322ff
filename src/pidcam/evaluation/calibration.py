"""Are the probabilities true on test events, and what does a temperature fitted on validation change?"""

from __future__ import annotations

from typing import Any

import numpy as np

from pidcam import analysis
from pidcam.errors import InputError
from pidcam.evaluation.sample import weights
from pidcam.evaluation.sections import Judged, Warn, sections
from pidcam.predictions import Predictions


@sections.register("calibration")
def calibration(judged: Judged, warn: Warn) -> dict[str, Any]:
    """Reliability, ECE, Brier score and NLL on test, as they are and after the temperature.

    Of two classes the probability of the signal is judged, of more the highest one.
    """
    test = judged.need("test")
    truth, p = _truth_and_probability(test, judged)
    result: dict[str, Any] = {
        "quoted_on": "test",
        "of": "highest" if p.ndim == 2 else judged.signals[0],
        "raw": _judge(truth, p, test),
    }
    try:
        valid = judged.need("valid")
        fitted = analysis.fit_temperature(*_truth_and_probability(valid, judged), weights(valid))
        for line in fitted.warnings:
            warn(line)
        result["temperature"] = {"fitted_on": "valid", **analysis.plain(fitted)}
        result["calibrated"] = _judge(truth, analysis.apply_temperature(p, fitted.value), test)
    except InputError as error:
        warn(f"no temperature: {error}")
    if p.ndim == 1:
        try:
            result["likelihood_ratio"] = analysis.likelihood_ratio_check(truth, p, weights(test))
        except InputError as error:
            warn(f"no likelihood ratio: {error}")
    return result


def _truth_and_probability(predictions: Predictions, judged: Judged) -> tuple[np.ndarray, np.ndarray]:
    """(n,) flags and signal probability of two classes, (n,) labels and (n, K) probabilities of more."""
    if len(predictions.classes) > 2:
        return predictions.label, predictions.probabilities
    name = judged.signals[0]
    return predictions.label == predictions.classes.index(name), predictions.columns[f"p_{name}"]


def _judge(truth: np.ndarray, p: np.ndarray, predictions: Predictions) -> dict[str, Any]:
    weight = weights(predictions)
    return {
        "reliability": analysis.reliability(truth, p, weight),
        "brier": analysis.brier(truth, p, weight),
        "nll": analysis.nll(truth, p, weight),
    }
