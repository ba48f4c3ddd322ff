"""`report`: evaluated runs -> one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pidcam import reports
from pidcam.config import load_yaml, parse
from pidcam.errors import InputError
from pidcam.evaluation.saliency import stored_events
from pidcam.evaluation.summary import metrics_tables
from pidcam.files import read_json, write_text
from pidcam.predictions import Predictions
from pidcam.progress import say
from pidcam.reports.explore import EventSample, choose_events
from pidcam.reports.page import DataView, RunView, render_page
from pidcam.runs import RunDirectory
from pidcam.schema import EventSchema
from pidcam.store.store import Store
from pidcam.tasks.base import Task
from pidcam.training.config import RunConfig
from pidcam.training.group import Group, is_group, load_group
from pidcam.verbs.commands import prepare_command, report_command, run_commands
from pidcam.verbs.together import Together, compare_all, table_view

_VERSIONS = ("pidcam", "python", "packages", "machine", "git_commit", "created", "device", "precision", "state")


def report(
    runs: Path | str | Sequence[Path | str],
    *,
    out: Path | str | None = None,
    reference: str | None = None,
) -> Path:
    """Write one self-contained page about one or several evaluated runs, or groups of them (of `train_group`), of which
    it shows every member, their mean and spread; returns its path.

    Default place: `report.html` in the run or group, or beside several. The page is made from the files of the runs
    alone, and written again whenever it is asked for. Several runs are compared with the first, or with the one called
    `reference`, as far as they have the same classes and test events; groups with groups, member by member.
    """
    given = [Path(runs)] if isinstance(runs, str | Path) else [Path(r) for r in runs]
    if not given:
        raise InputError("no runs to report", fix="give at least one run")
    groups = {path: load_group(path) for path in given if is_group(path)}
    paths = [run for path in given for run in (groups[path].members if path in groups else (path,))]
    directories = [RunDirectory.open(path) for path in paths]
    out = Path(out) if out else given[0] / "report.html" if len(given) == 1 else given[0].parent / "report.html"
    if out.is_dir():
        raise InputError("is a folder, not a page", where=out, fix="choose another --out")
    views = [_view(directory) for directory in directories]
    stores = [_store(directory) for directory in directories]
    about = directories[0].about
    events = _events(stores[0], views[0].predictions.get("test"))
    task = _task(directories[0])
    together = compare_all(paths, reference) if len(paths) > 1 and task.signals else Together([])
    overlay = dict(together.figures)
    tests = {view.name: view.predictions["test"] for view in views if "test" in view.predictions}
    if len(tests) > 1 and len({p.classes for p in tests.values()}) == 1:
        overlay = {"roc": reports.roc(tests), **overlay}
    page = render_page(
        views,
        title=f"{about['detector']}: {task.question}",
        data=_data([directory.about for directory in directories], views[0].name),
        comparisons=together.sentences,
        tables=together.tables,
        commands=[*_commands(groups, directories, stores, views), report_command(given, out)],
        figures=overlay,
        about={k: about[k] for k in ("pidcam", "python", "packages", "machine", "git_commit") if k in about},
        events=events,
    )
    write_text(out, page)
    return out


def _view(directory: RunDirectory) -> RunView:
    path, about = directory.path, directory.about
    if not (path / "metrics.json").exists():
        raise InputError("has not been evaluated", where=path, fix=f"run: pidcam evaluate {path}")
    config = (path / "config.yaml").read_text(encoding="utf-8")
    metrics = read_json(path / "metrics.json")
    tables = {p.stem: Predictions.load(p) for p in sorted((path / "predictions").glob("*.parquet"))}
    return RunView(
        name=f"{path.parent.name}/{path.name}" if is_group(path.parent) else path.name,
        metrics=metrics,
        warnings=_warnings(metrics),
        history=directory.history,
        figures={p.stem: p for p in sorted((path / "figures").glob("*.png"))},
        config_yaml=config,
        note=about.get("note", ""),
        about={k: about[k] for k in _VERSIONS if k in about},
        tables=[table_view(table) for table in metrics_tables(metrics)[1:]],  # the first is that of the summary
        seconds=about.get("fit_seconds"),
        parameters=about.get("parameters"),
        predictions={split: table for split, table in tables.items() if table.classify},
    )


def _config(directory: RunDirectory) -> RunConfig:
    return parse(RunConfig, load_yaml(directory.path / "config.yaml"), where=directory.path / "config.yaml")


def _task(directory: RunDirectory) -> Task:
    schema = parse(EventSchema, directory.about["schema"], where=directory.path / "run.json")
    return _config(directory).build_task(schema)


def _store(directory: RunDirectory) -> Store | None:
    """The store of a run, if it is still there."""
    try:
        return _config(directory).open_store()
    except InputError as error:
        say(f"{directory.path}: the page has neither its events nor the command that prepared them ({error})")
        return None


def _store_path(directory: RunDirectory) -> Path:
    return Path(_config(directory).store)


def _commands(
    groups: Mapping[Path, Group],
    directories: Sequence[RunDirectory],
    stores: Sequence[Store | None],
    views: Sequence[RunView],
) -> list[str]:
    """What makes the runs again, from raw files on; a store that is gone is told by a comment."""
    lines = []
    for directory, store in zip(directories, stores, strict=True):
        gone = f"# the store {_store_path(directory)} is gone: prepare it again"
        lines.append(prepare_command(store) if store else gone)
    for directory, view in zip(directories, views, strict=True):
        group = groups.get(directory.path.parent)
        if group is None or directory.path == group.members[0]:  # whose configuration is that of all
            lines += run_commands(directory, _store_path(directory), view.metrics, group)
    return list(dict.fromkeys(lines))


def _events(store: Store | None, predictions: Predictions | None) -> EventSample | None:
    """Test events to leaf through, from the store of a run."""
    if predictions is None or store is None:
        return None
    rows = choose_events(predictions)
    return EventSample("test", rows, stored_events(store, "test", predictions, rows), store.schema)


def _data(abouts: Sequence[Mapping[str, Any]], first: str) -> DataView:
    """The data of the first run; where the split of others is another (folds), their split and a note."""
    about = abouts[0]
    splits = list(dict.fromkeys(f"{each['split']}, seed {each['split_seed']}" for each in abouts))
    dropped = {reason: sum(n.values()) for reason, n in about["accounting"]["dropped"].items()}
    kept = about["accounting"]["kept"]
    classes = list(dict.fromkeys(name for of in kept.values() for name in of))
    missing = [name for name in classes if not any(of.get(name) for of in kept.values())]
    notes = [f"{n:,} events dropped: {reason}" for reason, n in dropped.items()]
    if missing:
        notes.append(f"no events of {', '.join(missing)}")
    if len(splits) > 1:
        notes.append(f"numbers of events and fingerprint are those of {first}")
    return DataView(
        detector=about["detector"],
        files=about["files"],
        counts={split: {name: n for name, n in of.items() if name not in missing} for split, of in kept.items()},
        split="; ".join(splits),
        fingerprint=about["split_fingerprint"],
        notes=notes,
    )


def _warnings(metrics: Mapping[str, Any]) -> list[str]:
    """What the evaluation could not make; gaps in bins are seen in their figure."""
    found = metrics.get("warnings", {}).items()
    return [f"{place.replace('_', ' ')}: {line}" for place, lines in found if place[:3] != "by " for line in lines]
