"""The events that can be judged: of known truth, with finite scores; and one class of them against the rest."""

from __future__ import annotations

import numpy as np

from pidcam.analysis.working_points import Sample
from pidcam.errors import InputError, MismatchError
from pidcam.predictions import Predictions
from pidcam.tasks.base import Task


def clean(task: Task, predictions: Predictions, split: str) -> tuple[Predictions, list[str]]:
    """The events whose truth `task` knows, with finite scores, and a line for what had to be left out.

    Raises `InputError` if none is left.
    """
    known = task.known(predictions)
    finite = np.ones(len(predictions), bool)
    for values in predictions.columns.values():
        finite &= np.isfinite(values)
    kept = known & finite
    warnings = []
    if bad := int(np.count_nonzero(known & ~finite)):
        warnings.append(f"{bad} of {np.count_nonzero(known)} events have a score that is not finite and are left out")
    if not kept.any():
        what = "no event has a finite score" if known.any() else "no event has a known truth"
        raise InputError(what, where=f"{split} split")
    return (predictions if kept.all() else predictions.take(kept)), warnings


def weights(predictions: Predictions) -> np.ndarray | None:
    """(n,) float64, or None where all events count the same."""
    weight = predictions.weight.astype(np.float64)
    return None if (weight == 1).all() else weight


def against_rest(predictions: Predictions, name: str) -> Sample:
    """Truth and score of class `name` against all others."""
    k = predictions.classes.index(name)
    return Sample(predictions.label == k, predictions.columns[f"p_{name}"], weights(predictions))


def rest_of(classes: tuple[str, ...], name: str) -> str:
    """What class `name` stands against: the other of two, or `rest`."""
    others = [c for c in classes if c != name]
    return others[0] if len(others) == 1 else "rest"


def align(reference: Predictions, other: Predictions, *, where: str) -> Predictions:
    """The events of `other` in the order of `reference`, matched by file name and row.

    Raises `MismatchError` unless both hold the same events with the same truth, and the same classes.
    """
    if other.classes != reference.classes:
        raise MismatchError(
            f"classes are {', '.join(other.classes)}, expected {', '.join(reference.classes)}",
            where=where,
            fix="compare runs of the same classes",
        )
    fix = "compare runs that were evaluated on the same store"
    if len(other) != len(reference):
        raise MismatchError(
            f"holds {len(other):,} events, the reference {len(reference):,}: not the same sample", where=where, fix=fix
        )
    names = {name: number for number, name in enumerate(dict.fromkeys((*reference.files, *other.files)))}
    mine, theirs = (_key(each, names) for each in (reference, other))
    order_mine, order_theirs = np.argsort(mine, kind="stable"), np.argsort(theirs, kind="stable")
    if not np.array_equal(mine[order_mine], theirs[order_theirs]):
        shared = len(np.intersect1d(mine, theirs))
        raise MismatchError(
            f"shares {shared:,} of {len(reference):,} events with the reference: not the same sample",
            where=where,
            fix=fix,
        )
    rows = np.empty(len(reference), np.int64)
    rows[order_mine] = order_theirs
    aligned = other.take(rows)
    if not np.array_equal(aligned.label, reference.label):
        differing = int(np.count_nonzero(aligned.label != reference.label))
        raise MismatchError(f"has another true class in {differing:,} of {len(reference):,} events", where=where)
    return aligned


def event_key(file: np.ndarray, row: np.ndarray) -> np.ndarray:
    """(n,) one number for each (file, row)."""
    return (file.astype(np.int64) << 40) + row


def _key(predictions: Predictions, names: dict[str, int]) -> np.ndarray:
    if not predictions.files:
        return event_key(np.zeros(len(predictions), np.int64), predictions.row)
    number = np.array([names[name] for name in predictions.files], np.int64)
    return event_key(number[predictions.file], predictions.row)
