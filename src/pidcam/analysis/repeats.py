"""Several trainings: the spread over seeds beside the statistical error, and the curve against training events."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import OptimizeWarning, curve_fit
from scipy.stats import median_abs_deviation

from pidcam.analysis._check import FloatArray, check_values
from pidcam.errors import InputError


@dataclass(frozen=True)
class SeedSpread:
    """One quantity from n trainings that differ in their seed, on one test sample, or in the fold they are tested on.

    `spread` is the standard deviation over trainings (NaN for one), `robust_spread` the same from the median absolute
    deviation; `statistical` is the error from a test sample (NaN where none is known). `error_of_one` is the error
    of a single training, `error_of_mean` that of `mean`. If all share the test sample, only the spread shrinks with n;
    if each has its own, their spread holds the statistical error already and all of it shrinks.
    """

    mean: float
    median: float
    lowest: float
    highest: float
    spread: float
    robust_spread: float
    statistical: float
    error_of_one: float
    error_of_mean: float
    n: int


@dataclass(frozen=True)
class LearningCurve:
    """The fit floor + scale * events^-exponent, and the errors of the three (NaN where the points do not fix them)."""

    floor: float
    scale: float
    exponent: float
    floor_error: float
    scale_error: float
    exponent_error: float

    def at(self, events: ArrayLike) -> FloatArray:
        """Return the loss expected with so many training events."""
        return _power_law(np.asarray(events, dtype=np.float64), self.floor, self.scale, self.exponent)


def over_seeds(values: ArrayLike, errors: ArrayLike | None = None, *, shared: bool = True) -> SeedSpread:
    """Return mean, spread and errors of a quantity `values` (n,) of n trainings, with statistical `errors` (n,).

    `shared`: all were tested on the same events; False for folds, whose trainings still share most of their events, so
    that the error of the mean is somewhat too small (Y. Bengio, Y. Grandvalet, JMLR 5 (2004) 1089). Raises InputError
    for NaN and differing lengths.

    >>> result = over_seeds([0.90, 0.92, 0.94], [0.01, 0.01, 0.01])
    >>> round(result.mean, 3), round(result.spread, 3), round(result.error_of_mean, 4)
    (0.92, 0.02, 0.0153)
    """
    each = check_values(values, "values")
    n = len(each)
    statistical = np.nan if errors is None else float(np.sqrt(np.mean(check_values(errors, "errors", n) ** 2)))
    spread = float(each.std(ddof=1)) if n > 1 else np.nan
    common = statistical if shared and errors is not None else 0.0
    return SeedSpread(
        mean=float(each.mean()),
        median=float(np.median(each)),
        lowest=float(each.min()),
        highest=float(each.max()),
        spread=spread,
        robust_spread=float(median_abs_deviation(each, scale="normal")) if n > 1 else np.nan,
        statistical=statistical,
        error_of_one=float(np.hypot(common, spread)),
        error_of_mean=float(np.hypot(common, spread / np.sqrt(n))),
        n=n,
    )


def learning_curve(events: ArrayLike, loss: ArrayLike, error: ArrayLike | None = None) -> LearningCurve:
    """Return the power-law fit of a loss (1 - AUC, NLL) against the number of training events; arrays (points,).

    `error` (points,) are standard errors of the loss. C. Cortes et al., NIPS 1993. Raises InputError for fewer than
    three points or where the fit finds no answer.
    """
    x = check_values(events, "events")
    y = check_values(loss, "loss", len(x))
    sigma = None if error is None else check_values(error, "error", len(x))
    if len(np.unique(x)) < 3 or (x <= 0).any():
        raise InputError("a learning curve needs three or more sizes above zero", where="events", fix="train on more")
    unit = x.max()  # fitted in units of the largest sample, where the scale is of the size of the loss
    start = [max(y.min() * 0.5, 0.0), max(float(np.ptp(y)), 1e-12), 0.5]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizeWarning)  # no covariance: the errors are then NaN
            fit, covariance = curve_fit(
                _power_law, x / unit, y, p0=start, sigma=sigma, absolute_sigma=sigma is not None,
                bounds=([0, 0, 0], [np.inf, np.inf, 3]), maxfev=10_000,
            )  # fmt: skip
    except RuntimeError as fault:
        raise InputError("the power law does not fit these points", where="loss", fix="add sizes") from fault
    floor, scale, exponent = (float(value) for value in fit)
    growth = unit**exponent
    slope = np.array([growth, scale * growth * np.log(unit)])  # of scale * unit^exponent
    covariance = np.where(np.isfinite(covariance), covariance, np.nan)
    scale_error = float(np.sqrt(slope @ covariance[1:, 1:] @ slope))
    errors = np.sqrt(np.diag(covariance))
    return LearningCurve(floor, scale * growth, exponent, float(errors[0]), scale_error, float(errors[2]))


def _power_law(events: FloatArray, floor: float, scale: float, exponent: float) -> FloatArray:
    return floor + scale * events**-exponent
