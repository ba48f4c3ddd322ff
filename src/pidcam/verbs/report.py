"""`report`: evaluated runs -> one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pidcam import reports
from pidcam.config import load_yaml
from pidcam.errors import InputError, MismatchError
from pidcam.files import read_json, write_text
from pidcam.predictions import Predictions
from pidcam.progress import say
from pidcam.reports.explore import EventSample, choose_events
from pidcam.reports.page import DataView, RunView, render_page
from pidcam.runs import RunDirectory
from pidcam.store.store import Store
from pidcam.verbs.compare import compare

_VERSIONS = ("pidcam", "python", "packages", "machine", "git_commit", "created", "device", "precision", "state")


def report(
    runs: Path | str | Sequence[Path | str],
    *,
    out: Path | str | None = None,
    reference: str | None = None,
) -> Path:
    """Write one self-contained page about one or several evaluated runs; returns its path.

    Default place: `report.html` in the run, or beside several runs. The page is made from the files of the runs alone,
    and written again whenever it is asked for. Several runs are compared with the first, or with the one called
    `reference`, as far as they have the same classes and test events.
    """
    paths = [Path(runs)] if isinstance(runs, str | Path) else [Path(r) for r in runs]
    if not paths:
        raise InputError("no runs to report", fix="give at least one run")
    directories = [RunDirectory.open(path) for path in paths]
    out = Path(out) if out else paths[0] / "report.html" if len(paths) == 1 else paths[0].parent / "report.html"
    if out.is_dir():
        raise InputError("is a folder, not a page", where=out, fix="choose another --out")
    views = [_view(directory) for directory in directories]
    about = directories[0].about
    events = _events(directories[0], views[0].predictions.get("test"))
    lines = _comparison(paths, reference) if len(paths) > 1 else []
    overlay: dict[str, Any] = {}
    tests = {view.name: view.predictions["test"] for view in views if "test" in view.predictions}
    if len(tests) > 1 and len({p.classes for p in tests.values()}) == 1:
        overlay["roc"] = reports.roc(tests)
    page = render_page(
        views,
        title=f"{about['detector']}: {' against '.join(about['classes'])}",
        data=_data(about),
        comparisons=lines,
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
        name=path.name,
        metrics=metrics,
        warnings=_warnings(metrics),
        history=directory.history,
        figures={p.stem: p for p in sorted((path / "figures").glob("*.png"))},
        config_yaml=config,
        about={k: about[k] for k in _VERSIONS if k in about},
        seconds=about.get("fit_seconds"),
        parameters=about.get("parameters"),
        predictions={split: table for split, table in tables.items() if table.classify},
    )


def _events(directory: RunDirectory, predictions: Predictions | None) -> EventSample | None:
    """Test events to leaf through, from the run's store, if that is still there."""
    config = load_yaml(directory.path / "config.yaml")
    if predictions is None:
        return None
    try:
        store = Store(config["store"])
    except InputError as error:
        say(f"{directory.path}: the page has no events to look at, because its store is gone ({error})")
        return None
    rows = choose_events(predictions)
    shards = store.shards("test")
    stored = np.concatenate([_event_key(s.file, s.row) for s in shards])
    order = np.argsort(stored)
    wanted = _event_key(predictions.file[rows], predictions.row[rows])
    found = order[np.minimum(np.searchsorted(stored[order], wanted), len(stored) - 1)]
    if not np.array_equal(stored[found], wanted):
        raise MismatchError("is not the store that the predictions were made from", where=store.path)
    return EventSample("test", rows, store.events("test", found), store.schema)


def _event_key(file: np.ndarray, row: np.ndarray) -> np.ndarray:
    return file.astype(np.int64) << 40 | row


def _data(about: Mapping[str, Any]) -> DataView:
    dropped = {reason: sum(n.values()) for reason, n in about["accounting"]["dropped"].items()}
    return DataView(
        detector=about["detector"],
        files=about["files"],
        counts=about["accounting"]["kept"],
        split=f"{about['split']}, seed {about['split_seed']}",
        fingerprint=about["split_fingerprint"],
        notes=[f"{n:,} events dropped: {reason}" for reason, n in dropped.items()],
    )


def _warnings(metrics: Mapping[str, Any]) -> list[str]:
    """What the evaluation could not make; gaps in bins are seen in their figure."""
    found = metrics.get("warnings", {}).items()
    return [f"{place.replace('_', ' ')}: {line}" for place, lines in found if place[:3] != "by " for line in lines]


def _comparison(paths: Sequence[Path], reference: str | None) -> list[str]:
    """A sentence for each run against the reference, and for each group of runs that differ in the seed alone."""
    try:
        result = compare(paths, reference=reference)
    except InputError as error:
        say(f"no comparison: {error}")
        return [f"Not compared: {error}"]
    sentences = []
    for row in result.rows:
        if row.paired and (c := row.paired.auc):
            sentences.append(
                f"Test AUC of {row.name} minus {result.reference}: {c.difference:+.4f} ± {c.error:.4f} "
                f"(paired DeLong on the same events, z = {c.z:+.1f}, p = {c.p_value:.2g})"
            )
    for group in result.seeds:
        if auc := group.auc:
            sentences.append(
                f"{', '.join(group.runs)} differ in the seed alone: mean test AUC {auc.mean:.4f} ± "
                f"{auc.error_of_mean:.4f}, spread over seeds {auc.spread:.4f}, statistical error {auc.statistical:.4f}"
            )
    return sentences
