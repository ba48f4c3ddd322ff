"""How the inspection of a run looks on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from pidcam.cli.tables import duration, file_size, show_next, show_table, with_error

if TYPE_CHECKING:
    from pidcam.inspection.facts import RunFacts


def show_run(path: str, run: RunFacts) -> None:
    """What it was trained on and how, the metrics, the files, and the next verb."""
    show_table(["run", path], [[name, value] for name, value in _facts(run) if value not in (None, "", {})])
    if run.metrics:
        _show_metrics(run.metrics)
    folders: dict[str, list[int]] = {}
    for name, size in run.files.items():
        parts = PurePath(name).parts
        folders.setdefault(f"{parts[0]}/" if len(parts) > 1 else name, []).append(size)
    show_table(["file", "number", "size"], [[name, len(s), file_size(sum(s))] for name, s in folders.items()])
    if run.state != "trained":
        show_next("call the same train command again: it goes on from its checkpoint")
    elif not run.metrics:
        show_next(f"pidcam evaluate {path}")
    else:
        show_next(f"pidcam report {path}")


def _facts(run: RunFacts) -> list[tuple[str, Any]]:
    about, config = run.facts, run.config
    kept = about.get("accounting", {}).get("kept", {})
    training = config.get("training", {})
    return [
        ("state", run.state + (", evaluated" if run.metrics else "")),
        ("classes", ", ".join(run.classes)),
        ("task", _named(config.get("task", {}))),
        ("model", _named(config.get("model", {}))),
        ("parameters", about.get("parameters")),
        ("transforms", ", ".join(t["name"] for t in config.get("transforms", []))),
        ("store", config.get("store")),
        ("raw files", about.get("files")),
        ("split", f"{about.get('split')}, seed {about.get('split_seed')}"),
        ("fingerprint", about.get("split_fingerprint")),
        ("events", {split: sum(counts.values()) for split, counts in kept.items()}),
        ("epochs", f"{run.epochs} of {training.get('epochs')}" if run.epochs else None),
        ("best epoch", _best(run.best)),
        ("batch size", training.get("batch_size")),
        ("seed", training.get("seed")),
        ("fit time", duration(about["fit_seconds"]) if "fit_seconds" in about else None),
        ("device", ", ".join(filter(None, [about.get("device"), about.get("precision")]))),
        ("note", about.get("note")),
        ("made", f"{about.get('created')} by pidcam {about.get('pidcam')}, git commit {about.get('git_commit')}"),
    ]


def _named(thing: Mapping[str, Any]) -> str:
    """`mlp (widths 8, 16)`."""
    options = ", ".join(f"{k} {v}" for k, v in thing.items() if k != "name")
    return f"{thing.get('name', '')} ({options})" if options else str(thing.get("name", ""))


def _best(row: Mapping[str, Any]) -> str | None:
    valid = [f"{key.replace('_', ' ')} {value:.4g}" for key, value in row.items() if key.startswith("valid_")]
    return f"{row['epoch']}: {', '.join(valid)}" if row else None


def _show_metrics(metrics: Mapping[str, Mapping[str, Any]]) -> None:
    """Every plain number, with its error where it has one."""
    keys = dict.fromkeys(k for of in metrics.values() for k, v in of.items() if isinstance(v, int | float))
    shown = [k for k in keys if not k.endswith("_error")]
    rows = []
    for split, of in metrics.items():
        error = {k: of.get(f"{k}_error") for k in shown}
        values = [of.get(k) if error[k] is None else with_error(of.get(k), error[k]) for k in shown]
        rows.append([split, *values])
    show_table(["split", *shown], rows)
