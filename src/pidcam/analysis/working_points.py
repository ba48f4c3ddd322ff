"""Working points: a threshold chosen on one sample, efficiency, fake rate and rejection quoted on another.

An event passes where score >= threshold, everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pidcam.analysis._check import BoolArray, FloatArray, check_binary, check_fraction
from pidcam.analysis.estimate import Estimate, Method, fraction
from pidcam.analysis.roc import Roc, roc
from pidcam.errors import InputError

EFFICIENCIES = (0.3, 0.5, 0.7, 0.9)
FAKE_RATES = (0.01, 0.1)
FEW_EVENTS = 100
"""With fewer background events behind a cut than this, its fake rate carries a warning."""

Target = Literal["efficiency", "fake_rate", "threshold"]


class Sample(NamedTuple):
    """Events of one split: truth (n,) bool or 0/1, score (n,), weight (n,) or None."""

    truth: ArrayLike
    score: ArrayLike
    weight: ArrayLike | None = None


@dataclass(frozen=True)
class WorkingPoint:
    """What a cut at `threshold` does to a sample; `target` and `asked` say how the threshold was chosen.

    `rejection` is 1 / fake rate with its interval, infinite where no background passes. `signal_passed` and
    `background_passed` count events, unweighted.
    """

    target: Target
    asked: float
    threshold: float
    efficiency: Estimate
    fake_rate: Estimate
    rejection: float
    rejection_error: float
    rejection_low: float
    rejection_high: float
    signal_passed: int
    background_passed: int
    warnings: tuple[str, ...]


def threshold_at_efficiency(
    truth: ArrayLike, score: ArrayLike, efficiency: float, weight: ArrayLike | None = None
) -> float:
    """Return the tightest threshold that keeps at least `efficiency` of the signal.

    Arguments and errors as for `roc`; InputError also for an efficiency outside 0..1.

    >>> threshold_at_efficiency([1, 1, 1, 1, 0], [0.1, 0.6, 0.7, 0.9, 0.3], 0.5)
    0.7
    """
    return _at_efficiency(roc(truth, score, weight), check_fraction(efficiency, "efficiency"))


def threshold_at_fake_rate(
    truth: ArrayLike, score: ArrayLike, fake_rate: float, weight: ArrayLike | None = None
) -> float:
    """Return the loosest threshold that lets at most `fake_rate` of the background pass.

    Where even the highest score holds more background than that, the threshold is just above it: nothing passes.
    Arguments and errors as for `roc`; InputError also for a fake rate outside 0..1.

    >>> threshold_at_fake_rate([0, 0, 0, 0, 1], [0.1, 0.6, 0.7, 0.9, 0.8], 0.25)
    0.8
    """
    return _at_fake_rate(roc(truth, score, weight), check_fraction(fake_rate, "fake_rate"))


def working_point(
    truth: ArrayLike,
    score: ArrayLike,
    threshold: float,
    weight: ArrayLike | None = None,
    *,
    method: Method = "clopper-pearson",
    target: Target = "threshold",
    asked: float | None = None,
) -> WorkingPoint:
    """Return efficiency, fake rate and rejection of the cut score >= threshold, with 68.27 % intervals by `method`.

    Arguments and errors as for `roc`. The errors are those of this sample at this cut; that the cut came from a finite
    sample too shows in how far the result lies from what was asked.
    """
    flags, values, weights = check_binary(truth, score, weight)
    if np.isnan(threshold):
        raise InputError("is NaN", where="threshold", fix="choose one by threshold_at_efficiency")
    passed = values >= threshold
    signal_weight, background_weight = (None, None) if weights is None else (weights[flags], weights[~flags])
    efficiency = fraction(passed[flags], signal_weight, method=method)
    fake_rate = fraction(passed[~flags], background_weight, method=method)
    background_passed = int(np.count_nonzero(passed[~flags]))
    return WorkingPoint(
        target=target,
        asked=float(threshold if asked is None else asked),
        threshold=float(threshold),
        efficiency=efficiency,
        fake_rate=fake_rate,
        rejection=_inverse(fake_rate.value),
        rejection_error=fake_rate.error * _inverse(fake_rate.value) ** 2 if fake_rate.value > 0 else np.inf,
        rejection_low=_inverse(fake_rate.high),
        rejection_high=_inverse(fake_rate.low),
        signal_passed=int(np.count_nonzero(passed[flags])),
        background_passed=background_passed,
        warnings=few_background(background_passed),
    )


def working_points(
    choose: Sample | tuple[ArrayLike, ...],
    quote: Sample | tuple[ArrayLike, ...],
    *,
    efficiencies: Sequence[float] = EFFICIENCIES,
    fake_rates: Sequence[float] = FAKE_RATES,
    method: Method = "clopper-pearson",
) -> tuple[WorkingPoint, ...]:
    """Return working points with thresholds chosen on the sample `choose` (validation), quoted on `quote` (test).

    Each sample is (truth, score) or (truth, score, weight). Errors raised as for `roc`.

    >>> validation = ([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> test = ([0, 0, 1, 1], [0.2, 0.9, 0.5, 0.3])
    >>> (point,) = working_points(validation, test, efficiencies=[0.9], fake_rates=[])
    >>> point.threshold, point.efficiency.value, point.fake_rate.value
    (0.35, 0.5, 0.5)
    """
    curve = roc(*Sample(*choose))
    chosen: list[tuple[Target, float, float]] = []
    for asked in efficiencies:
        chosen.append(("efficiency", asked, _at_efficiency(curve, check_fraction(asked, "efficiency"))))
    for asked in fake_rates:
        chosen.append(("fake_rate", asked, _at_fake_rate(curve, check_fraction(asked, "fake_rate"))))
    truth, score, weight = Sample(*quote)
    return tuple(
        working_point(truth, score, threshold, weight, method=method, target=target, asked=asked)
        for target, asked, threshold in chosen
    )


def few_background(passed: int) -> tuple[str, ...]:
    """Return the warning that a cut deserves which only `passed` background events survive, or none."""
    if passed >= FEW_EVENTS:
        return ()
    return (f"only {passed} background events pass, fewer than {FEW_EVENTS}: its fake rate is uncertain",)


def _at_efficiency(curve: Roc, efficiency: float) -> float:
    enough = _at_least(curve.tpr, efficiency)
    return float(curve.thresholds[int(enough.argmax())])


def _at_fake_rate(curve: Roc, fake_rate: float) -> float:
    too_many = ~_at_least(-curve.fpr, -fake_rate)
    last = int(too_many.argmax()) - 1  # the full sample always has too many
    return float(curve.thresholds[last]) if last > 0 else float(np.nextafter(curve.thresholds[1], np.inf))


def _at_least(values: FloatArray, limit: float) -> BoolArray:
    return values >= limit - 1e-12  # 0.7 of ten events is seven, whatever the rounding


def _inverse(value: float) -> float:
    return 1 / value if value > 0 else np.inf
