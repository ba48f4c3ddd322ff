"""What a careful reader should worry about in a run: plain checks on its metrics and history, in plain words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

FEW_EVENTS = 1000
FEW_IN_CLASS = 200
SIGMAS = 3.0
WRONG_ERRORS = 0.1
"""How far from one the width of pulls may be."""
NAMES = {"auc": "AUC", "accuracy": "accuracy", "resolution": "resolution"}
FALLING = ("resolution",)
"""Metrics that are better when they are smaller."""


def worries(metrics: Mapping[str, Mapping[str, Any]], history: Sequence[Mapping[str, Any]] = ()) -> list[str]:
    """Sentences on overtraining, small samples, missing splits and an unfinished training; empty if all is well.

    `metrics` is {split: what `Task.metrics` gives}, `history` the rows of `history.jsonl`.
    """
    return [*_split_faults(metrics), *_gaps(metrics), *_wrong_errors(metrics), *_history_faults(history)]


def _split_faults(metrics: Mapping[str, Mapping[str, Any]]) -> list[str]:
    found = []
    if "test" not in metrics:
        found.append("There is no test split: every number here was seen while the model was chosen.")
    for split in ("valid", "test"):
        n = metrics.get(split, {}).get("n")
        if n is not None and n < FEW_EVENTS:
            found.append(f"Only {n:,} events in the {split} split: the statistical errors are large.")
        for name, events in metrics.get(split, {}).get("n_per_class", {}).items():
            if events == 0:
                found.append(f"No {name} in the {split} split.")
            elif events < FEW_IN_CLASS and (n or 0) >= FEW_EVENTS:
                found.append(f"Only {events:,} events of class {name} in the {split} split.")
    for split, values in metrics.items():
        bad = [key for key, value in values.items() if isinstance(value, float) and not math.isfinite(value)]
        if bad:
            found.append(f"The {split} split has no finite {', '.join(bad)}.")
    return found


def _gaps(metrics: Mapping[str, Mapping[str, Any]]) -> list[str]:
    found = []
    judge = "test" if "test" in metrics else "valid"
    pairs = [("train", judge, "the model has learnt its training events by heart (overtraining)")]
    if judge == "test":
        pairs.append(("valid", "test", "validation is not a fair sample, or the model was chosen to suit it"))
    for first, second, meaning in pairs:
        for key, name in NAMES.items():
            gap = difference(metrics.get(first, {}), metrics.get(second, {}), key)
            better = gap and (-gap[0] if key in FALLING else gap[0])
            if gap and better and better > SIGMAS * gap[1]:
                size = f"{better:.4f} ({better / gap[1]:.1f} standard errors)"
                found.append(f"{name} is {size} better on {first} than on {second}: {meaning}.")
                break  # accuracy would only say the same again
    return found


def _wrong_errors(metrics: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Of a regression, whether pulls are as wide as the standard normal distribution."""
    of = metrics.get("test", metrics.get("valid", {}))
    found = []
    for key in [key for key in of if key.endswith("pull_width")]:
        width, error = float(of[key]), float(of.get(f"{key}_error") or 0.0)
        if width > 0 and abs(width - 1) > max(SIGMAS * error, WRONG_ERRORS):
            target = key.removesuffix("pull_width").rstrip("_")
            times = f"{1 / width:.2g} times too large" if width < 1 else f"{width:.2g} times too small"
            whose = f" of {target}" if target else ""
            found.append(f"Pulls{whose} are {width:.2f} ± {error:.2f} wide: the predicted errors are {times}.")
    return found


def difference(first: Mapping[str, Any], second: Mapping[str, Any], key: str) -> tuple[float, float] | None:
    """(first - second, its error) of a metric on two disjoint samples; None where either is unknown."""
    a, a_error, b, b_error = (
        math.nan if each.get(k) is None else float(each[k]) for each in (first, second) for k in (key, f"{key}_error")
    )
    error = math.hypot(a_error, b_error)
    return (a - b, error) if math.isfinite(a - b) and error > 0 else None


def _history_faults(history: Sequence[Mapping[str, Any]]) -> list[str]:
    losses = [row.get("valid_loss") for row in history]
    known = [(i, loss) for i, loss in enumerate(losses) if loss is not None and math.isfinite(loss)]
    if not known:
        return []
    found = []
    if len(known) < len([loss for loss in losses if loss is not None]):
        found.append("The validation loss was not finite in some epochs.")
    best = min(known, key=lambda pair: pair[1])[0]
    if len(history) > 1 and best == len(history) - 1:
        found.append("The validation loss was lowest at the very end: training for longer may do better.")
    return found
