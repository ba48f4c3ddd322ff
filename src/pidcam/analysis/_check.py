"""The one place where the arrays given to `pidcam.analysis` are checked; every fault is one clear line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pidcam.errors import InputError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IndexArray = NDArray[np.intp]


def check_values(values: ArrayLike, name: str, length: int | None = None) -> FloatArray:
    """Return `values` as finite float64 of shape (n,), with n = `length` where that is given."""
    array = _numbers(values, name)
    if array.ndim != 1:
        raise InputError(f"shape {array.shape}, expected (n,)", where=name, fix="give one value per event")
    if len(array) == 0:
        raise InputError("no events", where=name)
    _same_length(array, name, length)
    _finite(array, name)
    return array


def check_weight(weight: ArrayLike | None, length: int) -> FloatArray | None:
    """Return the weights as finite float64 of shape (length,), or None where none were given."""
    return None if weight is None else check_values(weight, "weight", length)


def check_total(weight: FloatArray, name: str) -> None:
    """Raise unless the weights of the class or bin `name` sum to more than zero."""
    total = float(weight.sum())
    if total <= 0:
        raise InputError(
            f"the weights of {name} sum to {total:g}, must be above zero",
            where="weight",
            fix="check their sign or merge classes",
        )


def check_binary(
    truth: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, *, score_name: str = "score"
) -> tuple[BoolArray, FloatArray, FloatArray | None]:
    """Return (truth as bool, score, weight): finite, of one length, both classes there with positive total weight."""
    values = check_values(score, score_name)
    flags = check_flags(truth, "truth", len(values))
    weights = check_weight(weight, len(values))
    n_signal = int(np.count_nonzero(flags))
    if n_signal in (0, len(flags)):
        raise InputError(
            f"one class only: {n_signal} signal and {len(flags) - n_signal} background events",
            where="truth",
            fix="give a sample that holds both",
        )
    if weights is not None:
        check_total(weights[flags], "signal")
        check_total(weights[~flags], "background")
    return flags, values, weights


def check_flags(flags: ArrayLike, name: str, length: int | None = None) -> BoolArray:
    """Return 0/1 or bool values of shape (n,) as bool."""
    array = np.asarray(flags)
    if array.dtype != np.bool_:
        values = check_values(array, name, length)
        bad = (values != 0) & (values != 1)
        if bad.any():
            first = int(bad.argmax())
            raise InputError(f"{values[first]:g} at event {first} is neither 0 nor 1", where=name)
        array = values == 1
    if array.ndim != 1 or len(array) == 0:
        return check_values(array, name) == 1  # raises
    _same_length(array, name, length)
    return array


def check_index(index: ArrayLike, name: str, n_classes: int, length: int | None = None) -> IndexArray:
    """Return class indices of shape (n,), each from 0 to n_classes - 1."""
    values = check_values(index, name, length)
    bad = (values < 0) | (values >= n_classes) | (values != np.floor(values))
    if bad.any():
        first = int(bad.argmax())
        raise InputError(f"{values[first]:g} at event {first} is not a class index 0..{n_classes - 1}", where=name)
    return values.astype(np.intp)


def check_probabilities(probabilities: ArrayLike, name: str = "probabilities") -> FloatArray:
    """Return per-class scores as finite float64 of shape (n, K) with n >= 1 and K >= 2. Rows need not sum to one."""
    array = _numbers(probabilities, name)
    if array.ndim != 2 or array.shape[1] < 2:
        raise InputError(
            f"shape {array.shape}, expected (n, classes) with two classes or more",
            where=name,
            fix="give one column per class",
        )
    if len(array) == 0:
        raise InputError("no events", where=name)
    _finite(array, name)
    return array


def check_unit(values: FloatArray, name: str) -> None:
    """Raise unless all values lie in 0..1."""
    bad = (values < 0) | (values > 1)
    if bad.any():
        event = int((bad if bad.ndim == 1 else bad.any(axis=1)).argmax())
        raise InputError(
            f"{values[bad][0]:g} in event {event} is no probability", where=name, fix="give the model's softmax output"
        )


def check_unit_rows(probabilities: ArrayLike) -> FloatArray:
    """Return probabilities (n, K) whose rows sum to one; binary ones (n,) become the columns 1 - p, p."""
    if np.ndim(probabilities) == 1:
        p = check_values(probabilities, "probabilities")
        check_unit(p, "probabilities")
        return np.stack([1 - p, p], axis=1)
    rows = check_probabilities(probabilities)
    check_unit(rows, "probabilities")
    total = rows.sum(axis=1)
    bad = np.abs(total - 1) > 1e-3
    if bad.any():
        event = int(bad.argmax())
        raise InputError(
            f"the classes of event {event} sum to {total[event]:g}, not to one",
            where="probabilities",
            fix="give the model's softmax output",
        )
    return rows


def check_class_probabilities(truth: ArrayLike, probabilities: ArrayLike) -> tuple[IndexArray, FloatArray]:
    """Return class indices (n,) and probabilities (n, K); binary input becomes two classes."""
    rows = check_unit_rows(probabilities)
    if np.ndim(probabilities) == 1:
        return check_flags(truth, "truth", len(rows)).astype(np.intp), rows
    return check_index(truth, "truth", rows.shape[1], len(rows)), rows


def check_fractions(fractions: ArrayLike, name: str, n_classes: int) -> FloatArray:
    """Return class fractions (K,), all above zero and normalised; one number is the fraction of the second of two."""
    if np.ndim(fractions) == 0 and n_classes == 2:
        second = check_fraction(float(np.asarray(fractions)), name)
        return np.array([1 - second, second])
    values = check_values(fractions, name)
    if len(values) != n_classes or (values <= 0).any():
        raise InputError(f"expected {n_classes} class fractions, all above zero", where=name)
    return values / values.sum()


def check_classes(classes: Sequence[str] | None, n_classes: int) -> tuple[str, ...]:
    """Return the class names, `class 0`, `class 1`, ... where none were given."""
    if classes is None:
        return tuple(f"class {k}" for k in range(n_classes))
    if len(classes) != n_classes:
        raise InputError(
            f"{len(classes)} names for {n_classes} columns", where="classes", fix="name each column of the prediction"
        )
    return tuple(classes)


def check_fraction(value: float, name: str) -> float:
    """Return `value` where it lies strictly between 0 and 1."""
    if not 0 < value < 1:
        raise InputError(f"{value:g} is not between 0 and 1", where=name)
    return float(value)


def check_edges(edges: ArrayLike, name: str = "edges") -> FloatArray:
    """Return bin edges: finite, increasing, two or more."""
    values = check_values(edges, name)
    if len(values) < 2 or not (np.diff(values) > 0).all():
        raise InputError("bin edges must be two or more, increasing", where=name)
    return values


def _numbers(values: ArrayLike, name: str) -> FloatArray:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("not an array of numbers", where=name) from error


def _same_length(array: NDArray[np.generic], name: str, length: int | None) -> None:
    if length is not None and len(array) != length:
        raise InputError(f"{len(array)} entries for {length} events", where=name, fix="give one value per event")


def _finite(array: FloatArray, name: str) -> None:
    bad = ~np.isfinite(array)
    if bad.any():
        events = bad if bad.ndim == 1 else bad.any(axis=1)
        raise InputError(
            f"NaN or infinite in {np.count_nonzero(events)} of {len(array)} events, first in event {events.argmax()}",
            where=name,
            fix="repair or drop those events",
        )
