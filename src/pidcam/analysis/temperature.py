"""Temperature scaling: one number, fitted on validation, that softens or sharpens all probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from pidcam.analysis._check import FloatArray, check_class_probabilities, check_total, check_unit_rows, check_weight
from pidcam.errors import InputError

RANGE = (0.01, 100.0)


@dataclass(frozen=True)
class Temperature:
    """The fitted temperature with its error, and the mean NLL (nats) of the n events before and after."""

    value: float
    error: float
    nll_before: float
    nll_after: float
    n: int
    warnings: tuple[str, ...]


def fit_temperature(truth: ArrayLike, probabilities: ArrayLike, weight: ArrayLike | None = None) -> Temperature:
    """Return the temperature T that minimises the NLL of softmax(log p / T); above 1 the model was too sure.

    `truth` (n,) flags with `probabilities` (n,) of signal, or class indices with (n, K); fit on validation only. Since
    log p differs from the logits by a constant per event, this is C. Guo et al., ICML 2017, sec. 4.2. The error is the
    sandwich estimate of maximum likelihood. Raises InputError for probabilities outside 0..1 or rows that do not sum to
    one, NaN, differing lengths, total weight <= 0.
    """
    index, p = check_class_probabilities(truth, probabilities)
    weights = check_weight(weight, len(p))
    share = np.ones(len(p)) if weights is None else weights
    check_total(share, "all events")
    share = share / share.sum()
    logits = _logits(p)
    own = logits[np.arange(len(p)), index]

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logits * np.exp(-log_temperature), axis=1)
        return -float(np.dot(share, scaled[np.arange(len(p)), index]))

    low, high = np.log(RANGE)
    fit = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-6})
    best = float(min((0.0, low, high, fit.x), key=loss))  # a flat loss leaves T at 1
    value = float(np.exp(best))
    at_edge = min(best - low, high - best) < 1e-3
    warnings = (f"the temperature ran to the edge of its range {RANGE[0]:g}..{RANGE[1]:g}",) if at_edge else ()
    tempered = softmax(logits / value, axis=1)
    expected = np.sum(tempered * logits, axis=1)
    variance = np.sum(tempered * logits**2, axis=1) - expected**2
    with np.errstate(divide="ignore", invalid="ignore"):  # errors of 1 / T, then of T
        error = np.sqrt(np.sum((share * (expected - own)) ** 2)) / np.dot(share, variance) * value**2
    return Temperature(value, float(error), loss(0.0), loss(best), len(p), warnings)


def apply_temperature(probabilities: ArrayLike, temperature: float) -> FloatArray:
    """Return softmax(log p / T), of the same shape: (n,) of signal or (n, K).

    Raises InputError for a temperature that is not above zero and as `fit_temperature`.

    >>> apply_temperature([0.5, 0.9], 2).round(3).tolist()
    [0.5, 0.75]
    """
    if not temperature > 0:
        raise InputError(f"{temperature:g} is not above zero", where="temperature")
    tempered = softmax(_logits(check_unit_rows(probabilities)) / temperature, axis=1)
    return tempered[:, 1] if np.ndim(probabilities) == 1 else tempered


def _logits(p: FloatArray) -> FloatArray:
    return np.log(np.maximum(p, np.finfo(np.float32).tiny))  # what a float32 softmax cannot tell from zero
