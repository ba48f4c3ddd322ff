"""What the figures take from a predictions table: the events whose class is known, and one class against the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pidcam.errors import DataError, UnknownNameError
from pidcam.predictions import Predictions


@dataclass(frozen=True)
class Known:
    """The n events of known class with finite scores: label (n,), score (n, classes), weight (n,) or None where all are
    the same."""

    classes: tuple[str, ...]
    label: np.ndarray
    score: np.ndarray
    weight: np.ndarray | None

    def one_against_rest(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """(n,) whether the event is of class `name`, and (n,) its score for that class."""
        k = self.classes.index(name)
        return self.label == k, self.score[:, k]


def known(predictions: Predictions) -> Known:
    """The events with known truth and finite scores; `DataError` if there are none."""
    keep = predictions.label >= 0
    if not keep.any():
        raise DataError("no event has a known class", fix="figures of performance need predictions with truth")
    keep &= np.isfinite(predictions.probabilities).all(axis=1)
    if not keep.any():
        raise DataError("no event has a finite score", fix="look at the training: its scores are NaN")
    weight = predictions.weight[keep].astype(np.float64)
    return Known(
        predictions.classes,
        predictions.label[keep],
        predictions.probabilities[keep],
        None if (weight == 1).all() else weight,
    )


def signal_class(classes: Sequence[str], signal: str | None = None) -> str:
    """The class that counts as signal: the one asked for, the one called `signal`, else the last.

    The last, because official files of two classes label background 0 and signal 1.
    """
    if signal is None:
        return "signal" if "signal" in classes else classes[-1]
    if signal not in classes:
        raise UnknownNameError("class", signal, classes)
    return signal


def rest_name(classes: Sequence[str], signal: str) -> str:
    """What stands against the signal: the other class's name, or `rest` of more than two."""
    others = [name for name in classes if name != signal]
    return others[0] if len(others) == 1 else "rest"
