"""The verb `train`: from a store, or from raw files, to a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pidcam.cli.options import Assignments, Out, Quick, Shown
from pidcam.cli.shell import verb

commands = typer.Typer()


@commands.command("train")
@verb
def train_command(
    store: Annotated[Path | None, typer.Argument(help="Store made by prepare.", show_default=False)] = None,
    assignments: Assignments = None,
    out: Out = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="See: pidcam list models. [default: auto, the best measured]")
    ] = None,
    from_raw: Annotated[
        str | None,
        typer.Option(
            "--from-raw",
            metavar="DETECTOR",
            help="Take raw files instead of STORE; the store is written while the first epoch is trained.",
            show_default=False,
        ),
    ] = None,
    made: Annotated[
        Path | None,
        typer.Option("--store", help="With --from-raw: the store. [default: stores/DETECTOR]", show_default=False),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="With --from-raw: processes that read. [default: half of the cores]")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="RUN", help="Go on with a stopped or killed run.")
    ] = None,
    parent: Annotated[
        Path | None, typer.Option("--from", metavar="RUN", help="Start from the weights and configuration of a run.")
    ] = None,
    time_limit: Annotated[
        str | None, typer.Option("--time-limit", help="Stop in time with a checkpoint: 55m, 1h30m.", show_default=False)
    ] = None,
    task: Annotated[str | None, typer.Option("--task", help="See: pidcam list tasks. [default: classify]")] = None,
    config: Annotated[Path | None, typer.Option("--config", help="YAML laid over the model's recipe.")] = None,
    repeats: Annotated[
        int | None, typer.Option("--repeats", help="Train so many seeds, for the spread.", show_default=False)
    ] = None,
    folds: Annotated[
        int | None, typer.Option("--folds", help="Train every fold of a store with so many.", show_default=False)
    ] = None,
    note: Annotated[str, typer.Option("--note", help="What reports and comparisons say with the results.")] = "",
    quick: Quick = False,
) -> Shown:
    """Fit a model to a store; stopped, it goes on when called again."""
    from pidcam.cli.show import show_training
    from pidcam.verbs import train as verbs

    if resume is not None:
        given = {"--out": out, "--model": model, "--task": task, "--config": config, "--from": parent, "--quick": quick}
        _refuse_with("--resume", given | {"key=value": assignments})
        _refuse_with("--resume", {"--repeats": repeats, "--folds": folds, "--note": note})
        run = verbs.resume(resume, store=store, time_limit=time_limit)
    else:
        how: dict[str, Any] = {"model": model, "task": task, "config": config, "quick": quick, "parent": parent}
        how["note"] = note
        if from_raw is not None:
            _refuse_with("--from-raw", {"--repeats": repeats, "--folds": folds, "--quick": quick})
            words = [*([str(store)] if store else []), *(assignments or [])]
            store, assignments, how["from_raw"] = _raw(from_raw, words, made)
            how["workers"] = workers
        else:
            store = _needed(store)
            _refuse_without_raw({"--store": made, "--workers": workers})
        name = parent.name if parent else _model_name(store, model, from_raw)
        several = "-folds" if folds is not None else "-repeats" if repeats is not None else ""
        out = out or Path("runs") / f"{store.resolve().name}-{name}{several}"
        if several:
            return _train_group(store, out, repeats, folds, {**how, "set": assignments or (), "time_limit": time_limit})
        run = verbs.train(store, out, **how, set=assignments or (), time_limit=time_limit)
    return {"run": str(run.path), **run.about}, lambda: show_training(run)


def _raw(detector: str, words: list[str], made: Path | None) -> tuple[Path, list[str], dict[str, Any]]:
    """Where the store goes, what configures the training, and what the store is made of; `prepare.KEY=VALUE` are
    options of prepare."""
    from pidcam.cards import find_detector
    from pidcam.config import overrides
    from pidcam.files import find_files

    assignments = [w for w in words if "=" in w and not Path(w).exists()]
    files = [str(path) for w in words if w not in assignments for path in find_files(w)]
    options = [a for a in assignments if a.startswith("prepare.")]
    raw = {"detector": detector, "files": files, **overrides(options)}
    store = made or Path("stores") / find_detector(detector).name
    return store, [a for a in assignments if a not in options], raw


def _model_name(store: Path, model: str | None, raw: str | None) -> str:
    """The model that will be trained, to name its run after it."""
    from pidcam.cards import find_detector
    from pidcam.models.choice import AUTO, choose_model
    from pidcam.store.store import Store

    if model not in (None, AUTO):
        return str(model)
    if raw is not None:
        detector = find_detector(raw)
        return choose_model(detector.name, detector.schema)[0]
    opened = Store(store)
    return choose_model(opened.manifest.detector, opened.schema)[0]


def _train_group(store: Path, out: Path, repeats: int | None, folds: int | None, how: dict[str, Any]) -> Shown:
    from pidcam.cli.tables import show_wrote
    from pidcam.verbs.repeat import train_group

    group = train_group(store, out, repeats=repeats, folds=folds, **how)
    content = {"group": str(group.path), "kind": group.kind, "runs": [str(member) for member in group.members]}
    return content, lambda: show_wrote(f"{len(group.members)} runs", group.path, f"pidcam evaluate {group.path}")


def _needed(store: Path | None) -> Path:
    from pidcam.errors import InputError

    if store is None:
        raise InputError("which store?", fix="pidcam train STORE, or go on with: pidcam train --resume RUN")
    return store


def _refuse_without_raw(given: dict[str, Any]) -> None:
    from pidcam.errors import InputError

    for name, value in given.items():
        if value is not None:
            raise InputError(f"{name} is about reading raw files", fix="add --from-raw DETECTOR, or leave it out")


def _refuse_with(option: str, given: dict[str, Any]) -> None:
    """The configuration of a run that goes on is the one it began with; a store in the making is trained on once."""
    from pidcam.errors import InputError

    for name, value in given.items():
        if value:
            raise InputError(f"{name} does not go with {option}", fix=f"leave {name} out")
