"""Several runs on the same test events: one row each, paired differences to the first, and what repeats tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pidcam import analysis
from pidcam.errors import InputError, MismatchError
from pidcam.evaluation.paired import Paired, compare_scores
from pidcam.evaluation.repeated import Row, Seeds, Sizes, seeds, sizes
from pidcam.evaluation.sample import clean
from pidcam.evaluation.sections import Gaps, Judged
from pidcam.evaluation.tables import Table
from pidcam.evaluation.working_points import working_points
from pidcam.predictions import Predictions
from pidcam.tasks.base import Task


@dataclass(frozen=True)
class Entry:
    """One evaluated run: its predictions per split, its configuration as plain data, and what its fit cost.

    `trained_on` is the number of its training events; `note` is to be read with its results.
    """

    name: str
    task: Task
    splits: Mapping[str, Predictions]
    config: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    parameters: int | None = None
    trained_on: int | None = None
    note: str = ""


@dataclass(frozen=True)
class Comparison:
    """Rows in the order given, the first being the reference; `warnings` per run."""

    reference: str
    rows: tuple[Row, ...]
    seeds: tuple[Seeds, ...]
    sizes: tuple[Sizes, ...]
    warnings: dict[str, list[str]]

    def as_json(self) -> dict[str, Any]:
        content: dict[str, Any] = analysis.plain(self)
        return content


def compare_runs(entries: Sequence[Entry]) -> Comparison:
    """Compare runs on their test splits, matched by (file, row), with the first. What cannot be told is a named gap.

    Raises `InputError` for fewer than two runs or one without test split, `MismatchError` for other classes or events.
    """
    if len(entries) < 2:
        raise InputError("a comparison needs two runs or more", fix="pidcam compare RUN RUN ...")
    if not entries[0].task.signals:
        fix = "regressions stand side by side in: pidcam report RUN RUN"
        raise InputError("only classifications can be compared event by event", where=entries[0].name, fix=fix)
    gaps = Gaps()
    tests = [test_of(entry) for entry in entries]
    task, base = entries[0].task, tests[0]  # one question for all: the reference says what is signal
    rows = []
    for entry, test in zip(entries, tests, strict=True):
        if entry.note:
            gaps.warn(entry.name)(entry.note)
        paired = None if entry is entries[0] else _paired(task, base, test, gaps, entry.name)
        numbers, points = _alone(task, entry, test, gaps)
        cost = (entry.seconds, entry.parameters, entry.trained_on)
        rows.append(Row(entry.name, numbers, points, paired, *cost))
    configs = [entry.config for entry in entries]
    repeated = tuple(seeds(rows, configs)), tuple(sizes(rows, configs))
    return Comparison(entries[0].name, tuple(rows), *repeated, dict(gaps))


def test_of(entry: Entry) -> Predictions:
    """Its test predictions; `InputError` without any."""
    if "test" not in entry.splits:
        raise InputError("has no predictions of a test split", where=entry.name, fix="evaluate it on a store with one")
    return entry.splits["test"]


def _paired(task: Task, base: Predictions, test: Predictions, gaps: Gaps, name: str) -> Paired | None:
    try:
        return compare_scores(task, base, test, gaps.warn(name), where=name)
    except MismatchError:
        raise  # not the same question: nothing can be compared
    except InputError as error:
        gaps.warn(name)(str(error))
        return None


def _alone(task: Task, entry: Entry, test: Predictions, gaps: Gaps) -> tuple[dict[str, Any], dict[str, Any] | None]:
    warn = gaps.warn(entry.name)
    splits = {}
    for split, predictions in {"test": test, "valid": entry.splits.get("valid")}.items():
        if predictions is not None:
            splits[split], lines = clean(task, predictions, split)
            for line in lines:
                warn(f"{split}: {line}")
    metrics = gaps.attempt(entry.name, lambda: task.metrics(splits["test"])) or {}
    numbers = {k: metrics.get(k) for k in ("n", "loss", "auc", "auc_error", "accuracy", "accuracy_error")}
    points = gaps.attempt(entry.name, lambda: working_points(Judged(task, splits), warn))
    return numbers, points


def comparison_table(comparison: Comparison) -> Table:
    """A row per run: AUC, difference to the reference with its significance, accuracy, cost; and the working points,
    unless there are several signals (`signals_table`)."""
    asked = _asked(comparison)
    signals = list(dict.fromkeys(signal for signal, *_ in asked))
    if len(signals) > 1:
        asked = []
    rows = []
    for row in comparison.rows:
        n = row.numbers
        auc = row.paired.auc if row.paired else None
        cells: list[Any] = [row.name, _pair(n["auc"], n["auc_error"])]
        cells += [(auc.difference, auc.error), auc.z, auc.p_value] if auc else [None, None, None]
        cells.append(_pair(n["accuracy"], n["accuracy_error"]))
        rows.append((*cells, *(_point(row, *which) for which in asked), row.seconds, row.parameters))
    heads = [_head(target, value) for _, _, target, value in asked]
    columns = ("run", "AUC", "difference", "z", "p", "accuracy", *heads, "fit time [s]", "parameters")
    title = f"Test events; paired differences of AUC to {comparison.reference}"
    return Table("comparison", title, columns, tuple(rows))


def signals_table(comparison: Comparison) -> Table | None:
    """The working points of several signals, a row per signal and run; None where there is one."""
    asked = _asked(comparison)
    signals = list(dict.fromkeys(signal for signal, *_ in asked))
    if len(signals) < 2:
        return None
    rows = tuple(
        (signal, row.name, *(_point(row, *which) for which in asked if which[0] == signal))
        for signal in signals
        for row in comparison.rows
    )
    heads = [_head(target, value) for signal, _, target, value in asked if signal == signals[0]]
    return Table("signals", "Test events; each class against the rest", ("class", "run", *heads), rows)


def _asked(comparison: Comparison) -> list[tuple[str, int, str, float]]:
    """(signal, number, target, value) of the working points that a comparison tells."""
    first = comparison.rows[0].points
    told = (("fake_rate", 0.01), ("fake_rate", 0.1), ("efficiency", 0.5))
    return [
        (signal, i, point["target"], point["asked"])
        for signal, of in (first["signals"] if first else {}).items()
        for i, point in enumerate(of["points"])
        if (point["target"], point["asked"]) in told
    ]


def _head(target: str, asked: float) -> str:
    """`efficiency at fake rate 1 %`, `rejection at efficiency 50 %`."""
    what = "efficiency" if target == "fake_rate" else "rejection"
    return f"{what} at {target.replace('_', ' ')} {100 * asked:g} %"


def _point(row: Row, signal: str, number: int, target: str, asked: float) -> tuple[Any, Any] | None:
    of = (row.points or {"signals": {}})["signals"].get(signal)
    if of is None:
        return None
    point = of["points"][number]
    if target == "fake_rate":
        return _pair(point["efficiency"]["value"], point["efficiency"]["error"])
    return _pair(point["rejection"], point["rejection_error"])


def seeds_table(comparison: Comparison) -> Table | None:
    """Mean over seeds with its error, the spread over seeds and the statistical error; None without repeats."""
    rows = []
    for group in comparison.seeds:
        for name, spread in {"AUC": group.auc, "accuracy": group.accuracy, **group.points}.items():
            if spread is not None:
                numbers = ((spread.mean, spread.error_of_mean), spread.spread, spread.statistical)
                rows.append((", ".join(group.runs), spread.n, name, *numbers))
    columns = ("runs", "seeds", "quantity", "mean", "spread over seeds", "statistical error")
    return Table("seeds", "Runs that differ in the seed alone", columns, tuple(rows)) if rows else None


def sizes_table(comparison: Comparison) -> Table | None:
    """A row per number of training events; None where no runs differ in that alone."""
    rows = []
    for curve in comparison.sizes:
        for point in curve.points:
            auc, several = point.auc, point.auc.n > 1
            value = (auc.mean, auc.error_of_mean if several else auc.statistical)
            numbers = (value, auc.spread if several else None, point.loss.mean)
            rows.append((", ".join(point.runs), point.events, auc.n, *numbers))
    columns = ("runs", "training events", "seeds", "AUC", "spread over seeds", "loss")
    title = "Learning curve: runs that differ in the number of training events"
    return Table("learning_curve", title, columns, tuple(rows)) if rows else None


def _pair(value: Any, error: Any) -> tuple[Any, Any] | None:
    return None if value is None else (value, error)
