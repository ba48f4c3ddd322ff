"""Scores too many for memory: a histogram that chunks are added to, and the AUC from it with a stated binning error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pidcam.analysis._check import BoolArray, FloatArray, check_edges, check_flags, check_values, check_weight
from pidcam.analysis.roc import area_and_error
from pidcam.errors import InputError, MismatchError


@dataclass(frozen=True)
class BinnedAuc:
    """An AUC from a histogram: DeLong's `error`, and `binning_error`, the most that the exact AUC can be away."""

    auc: float
    error: float
    binning_error: float
    n_signal: int
    n_background: int


@dataclass(frozen=True)
class ScoreHistogram:
    """Sums of weights and of squared weights per score bin, arrays (bins,); two with the same edges can be added."""

    edges: FloatArray
    signal: FloatArray
    background: FloatArray
    signal_squares: FloatArray
    background_squares: FloatArray
    n_signal: int
    n_background: int

    def __add__(self, other: ScoreHistogram) -> ScoreHistogram:
        """The histogram of both sets of events; raises MismatchError where the edges differ."""
        if not np.array_equal(self.edges, other.edges):
            raise MismatchError("two score histograms have different edges", where="score_histogram")
        return ScoreHistogram(
            self.edges,
            self.signal + other.signal,
            self.background + other.background,
            self.signal_squares + other.signal_squares,
            self.background_squares + other.background_squares,
            self.n_signal + other.n_signal,
            self.n_background + other.n_background,
        )

    def auc(self) -> BinnedAuc:
        """Return the AUC, pairs inside one bin counting one half; raises InputError where a class has no weight."""
        for name, weight in (("signal", self.signal), ("background", self.background)):
            if weight.sum() <= 0:
                raise InputError(f"the weights of {name} sum to {weight.sum():g}, must be above zero", where="weight")
        area, error = area_and_error(self.signal, self.background, self.signal_squares, self.background_squares)
        total = self.signal.sum() * self.background.sum()
        binning_error = float(np.abs(self.signal * self.background).sum() / total / 2)
        return BinnedAuc(area, error, binning_error, self.n_signal, self.n_background)


def score_histogram(
    truth: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, *, edges: ArrayLike | None = None
) -> ScoreHistogram:
    """Return the histogram of one chunk; `edges` default to 10,000 bins in 0..1, scores beyond go to the end bins.

    `truth`, `score`, `weight` (n,); unlike `roc` a chunk may hold one class only. The bound on the binning error holds
    for weights that are not negative. Raises InputError for NaN and differing lengths.

    >>> both = score_histogram([0, 1], [0.2, 0.7]) + score_histogram([0, 1], [0.4, 0.3])
    >>> both.auc().auc
    0.75
    """
    bins = np.linspace(0, 1, 10_001) if edges is None else check_edges(edges)
    values = check_values(score, "score")
    flags = check_flags(truth, "truth", len(values))
    weights = check_weight(weight, len(values))
    each = np.ones(len(values)) if weights is None else weights
    place = np.searchsorted(bins[1:-1], values, side="right")

    def total(per_event: FloatArray, own: BoolArray) -> FloatArray:
        return np.bincount(place[own], per_event[own], len(bins) - 1).astype(np.float64)

    return ScoreHistogram(
        bins,
        total(each, flags),
        total(each, ~flags),
        total(each**2, flags),
        total(each**2, ~flags),
        int(np.count_nonzero(flags)),
        int(np.count_nonzero(~flags)),
    )
