"""Runs that belong together: those that differ in nothing but the seed, or in the number of training events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pidcam import analysis
from pidcam.analysis import LearningCurve, SeedSpread
from pidcam.errors import InputError
from pidcam.evaluation.paired import Paired

Measured = tuple[float, float]
"""A value and its statistical error."""


@dataclass(frozen=True)
class Row:
    """A run beside the reference: numbers on its test events, its working points, and the paired difference.

    `numbers` has `n`, `auc`, `accuracy` and their errors; `points` is the section `working_points` of metrics.json or
    None; `paired` is None for the reference itself.
    """

    name: str
    numbers: dict[str, Any]
    points: dict[str, Any] | None
    paired: Paired | None
    seconds: float | None
    parameters: int | None
    trained_on: int | None


@dataclass(frozen=True)
class Seeds:
    """Runs that differ in nothing but the seed; `points` are the spreads at the working points."""

    runs: tuple[str, ...]
    auc: SeedSpread | None
    accuracy: SeedSpread | None
    points: dict[str, SeedSpread]


@dataclass(frozen=True)
class SizePoint:
    """All runs with so many training events: AUC and loss over their seeds."""

    events: int
    runs: tuple[str, ...]
    auc: SeedSpread
    loss: SeedSpread


@dataclass(frozen=True)
class Sizes:
    """Runs that differ in nothing but the number of training events (`training.limit`) and the seed, by rising number.

    `fit` is the power law of 1 - AUC; None where fewer than three sizes, or these points, do not fix one.
    """

    points: tuple[SizePoint, ...]
    fit: LearningCurve | None


def seeds(rows: Sequence[Row], configs: Sequence[Mapping[str, Any]]) -> list[Seeds]:
    """Groups of two or more runs whose configurations are the same but for the seed."""
    found = []
    for group in _groups(rows, configs, without=()):
        if len(group) < 2:
            continue
        spread = _spread(row.numbers for row in group)
        points = [dict(_points(row)) for row in group]
        shared = [name for name in points[0] if all(name in each for each in points)]
        spreads = {name: _over([each[name] for each in points]) for name in shared}
        names = tuple(row.name for row in group)
        found.append(Seeds(names, spread.get("auc"), spread.get("accuracy"), spreads))
    return found


def sizes(rows: Sequence[Row], configs: Sequence[Mapping[str, Any]]) -> list[Sizes]:
    """Learning curves: groups of runs whose configurations differ in `training.limit` and the seed alone."""
    found = []
    for group in _groups(rows, configs, without=("limit",)):
        by_size: dict[int, list[Row]] = {}
        for row in group:
            if row.trained_on and row.numbers.get("auc") is not None:
                by_size.setdefault(row.trained_on, []).append(row)
        if len(by_size) < 2:
            continue
        points = []
        for events, same in sorted(by_size.items()):
            auc = _over([(row.numbers["auc"], row.numbers["auc_error"] or 0.0) for row in same])
            loss = _over([(row.numbers["loss"], 0.0) for row in same])
            points.append(SizePoint(events, tuple(row.name for row in same), auc, loss))
        found.append(Sizes(tuple(points), _fit(points)))
    return found


def _fit(points: Sequence[SizePoint]) -> LearningCurve | None:
    spread = [0.0 if np.isnan(p.auc.spread) else p.auc.spread / np.sqrt(p.auc.n) for p in points]
    error = np.hypot([p.auc.statistical for p in points], spread)
    try:
        return analysis.learning_curve(
            [p.events for p in points], [1 - p.auc.mean for p in points], error if (error > 0).all() else None
        )
    except InputError:
        return None


def _groups(rows: Sequence[Row], configs: Sequence[Mapping[str, Any]], *, without: tuple[str, ...]) -> list[list[Row]]:
    """Rows of the same configuration, apart from the seed and the keys of `training` that are named."""
    groups: dict[str, list[Row]] = {}
    for row, config in zip(rows, configs, strict=True):
        if config:
            groups.setdefault(_without(config, ("seed", *without)), []).append(row)
    return list(groups.values())


def _without(config: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    plain = json.loads(json.dumps(config, default=str))
    for section in ("training", "model"):
        if isinstance(plain.get(section), dict):
            for key in keys:
                plain[section].pop(key, None)
    return json.dumps(plain, sort_keys=True)


def _spread(numbers: Iterable[Mapping[str, Any]]) -> dict[str, SeedSpread]:
    """{`auc`, `accuracy`: spread} of those that every run has."""
    each = list(numbers)
    known = [key for key in ("auc", "accuracy") if all(n[key] is not None for n in each)]
    return {key: _over([(n[key], n[f"{key}_error"] or 0.0) for n in each]) for key in known}


def _points(row: Row) -> Iterable[tuple[str, Measured]]:
    """(description, rate) of every working point: the efficiency at a fake rate, the fake rate at an efficiency."""
    signals = row.points["signals"] if row.points else {}
    for signal, of in signals.items():
        for point in of["points"]:
            key = "efficiency" if point["target"] == "fake_rate" else "fake_rate"
            what = f"{key} at {point['target']} {100 * point['asked']:g} %".replace("_", " ")
            name = what if len(signals) == 1 else f"{signal}: {what}"
            yield name, (point[key]["value"], point[key]["error"])


def _over(values: Sequence[Measured]) -> SeedSpread:
    return analysis.over_seeds([v for v, _ in values], [e for _, e in values])
