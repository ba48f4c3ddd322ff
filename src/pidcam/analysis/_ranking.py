"""A sample sorted once by score, from which the ROC curve, its area and DeLong's error follow in a few sums."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pidcam.analysis._check import BoolArray, FloatArray, IndexArray


@dataclass(frozen=True)
class Ranked:
    """A sample sorted once: what lies at each distinct score, rising."""

    score: FloatArray
    signal: FloatArray  # sum of weights
    background: FloatArray
    n_signal: int
    n_background: int
    order: IndexArray  # events by rising score
    ends: IndexArray  # one past the last event of each distinct score, in that order

    @property
    def group(self) -> IndexArray:
        """The distinct score that each event has."""
        result = np.empty_like(self.order)
        result[self.order] = np.repeat(np.arange(len(self.ends)), np.diff(self.ends, prepend=0))
        return result

    def squares(self, truth: BoolArray, weight: FloatArray | None) -> tuple[FloatArray, FloatArray]:
        """The sums of squared weights of signal and of background at each distinct score."""
        if weight is None:
            return self.signal, self.background
        return _totals(truth, weight**2, self.order, self.ends)

    def counts(self, truth: BoolArray) -> tuple[FloatArray, FloatArray]:
        """The number of signal and of background events at each distinct score."""
        return _totals(truth, None, self.order, self.ends)


def rank(truth: BoolArray, score: FloatArray, weight: FloatArray | None) -> Ranked:
    """Sort a checked sample by score."""
    order = np.argsort(score)
    rising = score[order]
    ends = np.append(np.flatnonzero(rising[1:] != rising[:-1]) + 1, len(rising))
    signal, background = _totals(truth, weight, order, ends)
    n_signal = int(np.count_nonzero(truth))
    return Ranked(rising[ends - 1], signal, background, n_signal, len(truth) - n_signal, order, ends)


def from_the_top(weight: FloatArray) -> FloatArray:
    """The fraction of a class that passes a cut at each distinct score, tightest first, from nothing to all."""
    running = np.cumsum(weight[::-1])
    return np.concatenate([[0.0], running / running[-1]])


def auc_of(signal: FloatArray, background: FloatArray) -> float:
    """The chance that signal scores above background, ties counting one half."""
    return float(np.dot(signal, below(background)) / signal.sum())


def below(weight: FloatArray) -> FloatArray:
    """The fraction of a class that lies below each distinct score, ties counting one half."""
    running = np.cumsum(weight)
    return (running - weight / 2) / running[-1]


def _totals(
    truth: BoolArray, weight: FloatArray | None, order: IndexArray, ends: IndexArray
) -> tuple[FloatArray, FloatArray]:
    is_signal = truth[order]
    starts = np.concatenate([[0], ends[:-1]])
    if weight is None:
        signal = np.add.reduceat(is_signal, starts, dtype=np.float64)
        return signal, np.diff(ends, prepend=0) - signal
    weight = weight[order]
    return (
        np.add.reduceat(np.where(is_signal, weight, 0.0), starts),
        np.add.reduceat(np.where(is_signal, 0.0, weight), starts),
    )
