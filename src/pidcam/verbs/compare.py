"""`compare`: evaluated runs, event by event; `compare_groups`: groups of them, seed by seed or fold by fold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pidcam import reports
from pidcam.config import load_yaml, parse
from pidcam.errors import InputError, MismatchError, UnknownNameError
from pidcam.evaluation.comparison import (
    Comparison,
    Entry,
    compare_runs,
    comparison_table,
    seeds_table,
    signals_table,
    sizes_table,
)
from pidcam.evaluation.groups import GroupComparison, groups_table
from pidcam.evaluation.groups import compare_groups as compare_members
from pidcam.evaluation.sample import clean
from pidcam.evaluation.tables import Table, check_format, table_text
from pidcam.files import write_json, write_text
from pidcam.predictions import Predictions
from pidcam.runs import RunDirectory
from pidcam.schema import EventSchema
from pidcam.training.config import RunConfig
from pidcam.training.group import is_group, load_group


def compare(
    runs: Sequence[Path | str],
    *,
    out: Path | str | None = None,
    reference: str | None = None,
    table: str | None = None,
) -> Comparison:
    """Compare evaluated runs on the same test events with the first of them, or with `reference`: its name, or its path
    as it is given.

    Writes `comparison.json`, `roc.png` and `.pdf`, for runs that differ in `training.limit` also `learning_curve.png`
    and `.pdf`, and with `table` (`tex` or `csv`) the tables into the folder `out`, nothing without
    one. Raises `MismatchError` for runs of other classes or other test events, `InputError` for one
    that was not evaluated.
    """
    form = check_format(table) if table else None
    paths = [Path(run) for run in runs]
    names = _names(paths)
    first = _reference(reference, paths, names)
    entries = [read_entry(path, name) for path, name in zip(paths, names, strict=True)]
    entries.sort(key=lambda entry: entry.name != first)
    result = compare_runs(entries)
    if out is not None:
        out = Path(out)
        signals = entries[0].task.signals
        tests = {entry.name: clean(entry.task, entry.splits["test"], "test")[0] for entry in entries}
        try:
            figure = reports.roc(tests, signal=signals[0] if len(signals) == 1 else None)
            reports.save(figure, out / "roc")
        except InputError as error:  # weights that sum to nothing: the gap is named, the tables are written
            result.warnings["roc"] = [str(error)]
        write_json(out / "comparison.json", result.as_json())
        if result.sizes:
            reports.save(reports.learning_curve(result.as_json()["sizes"]), out / "learning_curve")
        for each in comparison_tables(result) if form else ():
            write_text(out / f"{each.name}.{form}", table_text(each, str(form)))
    return result


def compare_groups(
    groups: Sequence[Path | str],
    *,
    out: Path | str | None = None,
    reference: str | None = None,
    table: str | None = None,
) -> GroupComparison:
    """Compare evaluated groups (of `train_group`) with the first of them, or with `reference`, as `compare` does runs.

    Seeds are paired with seeds, folds with folds, each pair on its own test events. Writes `comparison.json` and with
    `table` the table into `out`. Raises `MismatchError` for seeds against folds, or for other test events.
    """
    form = check_format(table) if table else None
    paths = [Path(group) for group in groups]
    for path in paths:
        if not is_group(path):
            raise InputError("is no group of runs", where=path, fix="compare groups with groups, and runs with runs")
    names = _names(paths)
    first = _reference(reference, paths, names)
    loaded = {name: load_group(path) for path, name in zip(paths, names, strict=True)}
    kind = loaded[first].kind
    for name, group in loaded.items():
        if group.kind != kind:
            raise MismatchError(f"is a group of {group.kind}, the reference one of {kind}", where=name)
    ordered = sorted(loaded, key=lambda name: name != first)
    entries = {name: [read_entry(m, f"{name}/{m.name}") for m in loaded[name].members] for name in ordered}
    result = compare_members(kind, entries)
    if out is not None:
        write_json(Path(out) / "comparison.json", result.as_json())
        if form:
            write_text(Path(out) / f"groups.{form}", table_text(groups_table(result), form))
    return result


def comparison_tables(result: Comparison | GroupComparison) -> list[Table]:
    """That of groups; of runs the table of all, that of several signals, and those of seeds and of numbers of training
    events where runs differ in them alone."""
    if isinstance(result, GroupComparison):
        return [groups_table(result)]
    made = (comparison_table(result), signals_table(result), seeds_table(result), sizes_table(result))
    return [each for each in made if each is not None]


def read_entry(path: Path, name: str) -> Entry:
    """What a comparison needs of the run at `path`; the model itself is not loaded."""
    directory = RunDirectory.open(path)
    about = directory.about
    splits = {}
    for split in ("valid", "test"):
        if (file := path / "predictions" / f"{split}.parquet").exists():
            splits[split] = Predictions.load(file)
    if not splits and not (path / "metrics.json").exists():
        raise InputError("has not been evaluated", where=path, fix=f"run: pidcam evaluate {path}")
    config = parse(RunConfig, load_yaml(path / "config.yaml"), where=path / "config.yaml")
    schema = parse(EventSchema, about.get("schema", {}), where=path / "run.json")
    task = config.build_task(schema)
    facts: dict[str, Any] = {"seconds": about.get("fit_seconds"), "parameters": about.get("parameters")}
    kept = about.get("accounting", {}).get("kept", {}).get("train", {})
    events = sum(kept.get(member, 0) for _, members in task.selection.groups for member in members)
    facts["note"] = about.get("note", "")
    facts["trained_on"] = min(events, config.training.limit or events) or None
    return Entry(name, task, splits, config.model_dump(mode="json"), **facts)


def _reference(asked: str | None, paths: Sequence[Path], names: Sequence[str]) -> str:
    """The name of the reference, which is asked for by name or by path; of the first, if none is."""
    if asked is None:
        return names[0]
    name = {str(path): name for path, name in zip(paths, names, strict=True)}.get(asked, asked)
    if name not in names:
        raise UnknownNameError("run", name, names, where="reference")
    return name


def _names(paths: Sequence[Path]) -> list[str]:
    """Folder names, or whole paths where two folders have the same name."""
    names = [path.resolve().name for path in paths]
    twice = {name for name, count in Counter(names).items() if count > 1}
    given = [str(path) if name in twice else name for path, name in zip(paths, names, strict=True)]
    if len(set(given)) < len(given):
        again = next(name for name, count in Counter(given).items() if count > 1)
        raise InputError("is given twice", where=again, fix="name each run once")
    return given
