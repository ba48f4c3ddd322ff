"""What a cut is worth: significance of a counting experiment, purity at a prevalence, Q factor, the best cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pidcam.analysis._check import FloatArray, check_binary
from pidcam.analysis._ranking import from_the_top, rank
from pidcam.analysis.working_points import few_background
from pidcam.errors import InputError


@dataclass(frozen=True)
class BestCut:
    """The threshold with the highest figure of merit, and what passes it in the sample it was chosen on."""

    threshold: float
    merit: float
    efficiency: float
    fake_rate: float
    background_passed: int
    warnings: tuple[str, ...]


def significance(signal: ArrayLike, background: ArrayLike, background_error: ArrayLike = 0.0) -> FloatArray:
    """Return the median discovery significance Z of `signal` expected events above `background` +- `background_error`.

    Any shapes that broadcast. Without error G. Cowan et al., EPJC 71 (2011) 1554, eq. 97; with one G. Cowan,
    "Discovery sensitivity for a counting experiment with background uncertainty" (2012), eq. 20. Near s << b this is
    s / sqrt(b + error^2). Infinite for b = 0 < s without error. Raises InputError for negative values.

    >>> round(float(significance(10, 100)), 3), round(float(significance(10, 100, 10)), 3)
    (0.984, 0.69)
    """
    s, b, error = (np.asarray(each, dtype=np.float64) for each in (signal, background, background_error))
    if (s < 0).any() or (b < 0).any() or (error < 0).any():
        raise InputError("expected events and their error must not be negative", where="significance")
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = s / b
        if not error.any():
            # (1 + x) log(1 + x) - x loses its digits for small x, where it is x^2 / 2 - x^3 / 6
            core = np.where(ratio < 1e-4, ratio**2 / 2 - ratio**3 / 6, (1 + ratio) * np.log1p(ratio) - ratio)
            z = np.sqrt(2 * b * core)
        else:
            v = error**2
            first = (s + b) * np.log1p(s * b / (b**2 + (s + b) * v))
            second = np.where(v > 0, b**2 / v * np.log1p(v * s / (b * (b + v))), s)
            z = np.sqrt(np.maximum(2 * (first - second), 0))
    return np.where(s == 0, 0.0, np.where(b == 0, np.where(error == 0, np.inf, 0.0), z))


def purity(efficiency: ArrayLike, fake_rate: ArrayLike, prevalence: ArrayLike) -> FloatArray:
    """Return the fraction of signal among what passes, where signal is `prevalence` of all events before the cut.

    Bayes: e p / (e p + f (1 - p)); any shapes that broadcast; NaN where nothing passes.

    >>> round(float(purity(0.9, 0.01, 0.1)), 4)
    0.9091
    """
    kept = np.asarray(efficiency, dtype=np.float64) * np.asarray(prevalence, dtype=np.float64)
    fakes = np.asarray(fake_rate, dtype=np.float64) * (1 - np.asarray(prevalence, dtype=np.float64))
    total = kept + fakes
    return np.divide(kept, total, out=np.full_like(total, np.nan), where=total > 0)


def quality_factor(efficiency: ArrayLike, fake_rate: ArrayLike) -> FloatArray:
    """Return Q = efficiency / sqrt(fake rate), the gain of a cut in significance where background dominates.

    Any shapes that broadcast; infinite for a fake rate of zero, NaN where nothing passes.

    >>> float(quality_factor(0.5, 0.01))
    5.0
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(efficiency, dtype=np.float64) / np.sqrt(np.asarray(fake_rate, dtype=np.float64))


def best_cut(
    truth: ArrayLike,
    score: ArrayLike,
    merit: Callable[[FloatArray, FloatArray], FloatArray] = quality_factor,
    weight: ArrayLike | None = None,
    *,
    min_background: int = 10,
) -> BestCut:
    """Return the cut with the highest merit(efficiency, fake_rate), both arrays (cuts,), of all possible thresholds.

    Only cuts that leave at least `min_background` background events (unweighted) are tried: a merit that divides by
    the fake rate would otherwise choose a fluctuation. Choose on validation and quote elsewhere by `working_point`.
    For the significance of 50 signal in 1000 background events before the cut:
    `merit=lambda e, f: significance(50 * e, 1000 * f)`. Arguments and errors raised as for `roc`; InputError also
    where no cut is left.
    """
    flags, values, weights = check_binary(truth, score, weight)
    ranked = rank(flags, values, weights)
    passed = np.cumsum(ranked.counts(flags)[1][::-1])
    thresholds = ranked.score[::-1]
    efficiency, fake_rate = from_the_top(ranked.signal)[1:], from_the_top(ranked.background)[1:]
    values = np.asarray(merit(efficiency, fake_rate), dtype=np.float64)
    allowed = (passed >= min_background) & np.isfinite(values)
    if not allowed.any():
        raise InputError(f"no cut leaves {min_background} background events", where="best_cut", fix="give more events")
    best = int(np.where(allowed, values, -np.inf).argmax())
    return BestCut(
        threshold=float(thresholds[best]),
        merit=float(values[best]),
        efficiency=float(efficiency[best]),
        fake_rate=float(fake_rate[best]),
        background_passed=int(passed[best]),
        warnings=few_background(int(passed[best])),
    )
