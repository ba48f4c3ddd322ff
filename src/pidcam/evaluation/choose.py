"""Which events to look at: one by its number, the first of a class, the worst mistakes; and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pidcam.errors import InputError, UnknownNameError
from pidcam.predictions import Predictions


@dataclass(frozen=True)
class EventFacts:
    """One event in words; what is unknown is None. `score` is the probability of the predicted class."""

    file: str | None
    row: int
    true: str | None
    predicted: str | None = None
    score: float | None = None

    @property
    def title(self) -> str:
        """`photon taken for electron (84.2 %), a.hdf5 row 17`."""
        parts = []
        if self.predicted is None or self.score is None:
            parts.append(self.true or "unknown class")
        elif self.true is None:
            parts.append(f"predicted {self.predicted} ({100 * self.score:.1f} %)")
        else:
            verb = "recognised" if self.true == self.predicted else f"taken for {self.predicted}"
            parts.append(f"{self.true} {verb} ({100 * self.score:.1f} %)")
        parts.append(f"{self.file} row {self.row}" if self.file else f"row {self.row}")
        return ", ".join(parts)


def choose_rows(
    label: np.ndarray, classes: tuple[str, ...], *, event: int | None, of_class: str | None, most: int, where: str
) -> np.ndarray:
    """Rows of `label` (n,): the one asked for, or the first `most` (of a class). `InputError` if there are none."""
    if of_class is not None and of_class not in classes:
        raise UnknownNameError("class", of_class, classes, where="--class")
    if event is not None:
        if not 0 <= event < len(label):
            raise InputError(f"has no event {event}", where=where, fix=f"it has events 0 to {len(label) - 1}")
        return np.array([event])
    rows = np.arange(len(label)) if of_class is None else np.flatnonzero(label == classes.index(of_class))
    if not len(rows):
        raise InputError(f"has no event of class '{of_class}'" if of_class else "has no events", where=where)
    return rows[:most]


def confident_mistakes(predictions: Predictions, most: int, *, only: str | None = None) -> np.ndarray:
    """Rows of the events that the model is most sure of and wrong about, worst first; of true class `only`."""
    scores, label = predictions.probabilities, predictions.label
    wrong = (label >= 0) & (scores.argmax(axis=1) != label) & np.isfinite(scores).all(axis=1)
    if only is not None:
        if only not in predictions.classes:
            raise UnknownNameError("class", only, predictions.classes, where="--class")
        wrong &= label == predictions.classes.index(only)
    rows = np.flatnonzero(wrong)
    return rows[np.argsort(-scores[rows].max(axis=1), kind="stable")][:most]


def facts(predictions: Predictions, rows: np.ndarray) -> list[EventFacts]:
    """What predictions say of the events at `rows`; no class is predicted where the task has none."""
    scores = predictions.probabilities if predictions.classify else None
    found = []
    for row in rows:
        file = predictions.files[predictions.file[row]] if predictions.files else None
        label = int(predictions.label[row])
        true = predictions.classes[label] if label >= 0 else None
        event = EventFacts(file, int(predictions.row[row]), true)
        if scores is not None:
            best = int(scores[row].argmax())
            event = replace(event, predicted=predictions.classes[best], score=float(scores[row, best]))
        found.append(event)
    return found
