"""Verbs about models: from a store to a run, its numbers, its page and its predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pidcam.cli.options import Assignments, Out, Quick, Shown, TableFormat
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
    quick: Quick = False,
) -> Shown:
    """Fit a model to a store; stopped, it goes on when called again."""
    from pidcam.cli.show import show_training
    from pidcam.verbs import train as verbs

    if resume is not None:
        given = {"--out": out, "--model": model, "--task": task, "--config": config, "--from": parent, "--quick": quick}
        _refuse_with("--resume", given | {"key=value": assignments})
        _refuse_with("--resume", {"--repeats": repeats, "--folds": folds})
        run = verbs.resume(resume, store=store, time_limit=time_limit)
    else:
        how: dict[str, Any] = {"model": model, "task": task, "config": config, "quick": quick, "parent": parent}
        if from_raw is not None:
            _refuse_with("--from-raw", {"--repeats": repeats, "--folds": folds, "--quick": quick})
            words = [*([str(store)] if store else []), *(assignments or [])]
            store, assignments, how["from_raw"] = _raw(from_raw, words, made)
            how["workers"] = workers
        else:
            store = _needed(store)
            _refuse_with("a store", {"--store": made, "--workers": workers})
        name = parent.name if parent else _model_name(store, model, from_raw)
        out = out or Path("runs") / f"{store.resolve().name}-{name}"
        if repeats is not None or folds is not None:
            return _train_group(store, out, repeats, folds, {**how, "set": assignments or (), "time_limit": time_limit})
        run = verbs.train(store, out, **how, set=assignments or (), time_limit=time_limit)
    return {"run": str(run.path), **run.about}, lambda: show_training(run)


@commands.command("evaluate")
@verb
def evaluate_command(
    run: Annotated[Path, typer.Argument(help="Run made by train.")],
    more: Annotated[
        list[str] | None, typer.Argument(metavar="[MORE]...", help="Further values of --by and --shift.", hidden=True)
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Another store to evaluate on.")] = None,
    by: Annotated[
        list[str] | None, typer.Option("--by", help="Bin in this variable: energy hits, energy:0,10,50 ...")
    ] = None,
    shift: Annotated[
        list[str] | None,
        typer.Option("--shift", help="Shift the detector: scale=1.02 noise=0.05 threshold=0.1 dead=0.01 ..."),
    ] = None,
    importance: Annotated[bool, typer.Option("--importance", help="Shuffle channels and regions.")] = False,
    saliency: Annotated[bool, typer.Option("--saliency", help="Explain the worst mistakes.")] = False,
    train_events: Annotated[
        int | None,
        typer.Option("--train-events", min=1, help="Score at most so many events of train.", show_default=False),
    ] = None,
    table: TableFormat = None,
) -> Shown:
    """Score every split: predictions, metrics with errors, working points, calibration, figures."""
    from pidcam.cli.show_evaluation import show_evaluation
    from pidcam.cli.tables import show_wrote
    from pidcam.verbs.evaluate import evaluate

    variables, shifts = _sorted_out(more or [], by or [], shift or [])
    how: dict[str, Any] = {"by": variables, "shift": shifts, "importance": importance, "saliency": saliency}
    how["train_events"] = train_events
    if (run / "group.json").exists():
        return _evaluate_group(run, {**how, "data": data, "table": table})
    metrics = evaluate(run, data, **how, table=table)

    def show() -> None:
        show_evaluation(metrics, table)
        if not table:
            show_wrote("metrics, predictions and figures", run, f"pidcam report {run}")

    return {"run": str(run), "metrics": metrics}, show


@commands.command("compare")
@verb
def compare_command(
    runs: Annotated[list[Path], typer.Argument(help="Two or more evaluated runs; the first is the reference.")],
    out: Out = None,
    table: TableFormat = None,
) -> Shown:
    """Runs side by side on the same test events, with paired significances."""
    from pidcam.cli.show_evaluation import show_comparison
    from pidcam.verbs.compare import compare

    folder = out or runs[0].resolve().parent / "comparison"
    result = compare(runs, out=folder, table=table)
    return {**result.as_json(), "out": str(folder)}, lambda: show_comparison(result, table, folder)


@commands.command("report")
@verb
def report_command(
    runs: Annotated[list[Path], typer.Argument(help="One or more evaluated runs.")],
    out: Out = None,
) -> Shown:
    """One page about one or several runs, that opens offline."""
    from pidcam.cli.tables import show_wrote
    from pidcam.verbs.report import report

    page = report(runs, out=out)
    return {"report": str(page)}, lambda: show_wrote("report", page, f"open {page} in a browser")


@commands.command("predict")
@verb
def predict_command(
    run: Annotated[Path, typer.Argument(help="Fitted run.")],
    inputs: Annotated[list[Path], typer.Argument(help="Raw files of the run's detector, or one store.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Table to write: .parquet, .h5 or .root.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing table.")] = False,
    drop_bad: Annotated[bool, typer.Option("--drop-bad", help="Leave out and count bad events.")] = False,
    calibrated: Annotated[
        bool, typer.Option("--calibrated", help="With the temperature that evaluate fitted.")
    ] = False,
    fast: Annotated[
        bool, typer.Option("--fast", help="In bf16 where that is faster here; tells what it does to the scores.")
    ] = False,
) -> Shown:
    """Score raw files or a store into a table, with bounded memory."""
    from pidcam.cli.show import show_predicted
    from pidcam.verbs.predict import predict

    if out.exists() and not overwrite and _ask(f"{out} exists. Replace it?"):
        overwrite = True
    result = predict(run, inputs, out, overwrite=overwrite, drop_bad=drop_bad, calibrated=calibrated, fast=fast)
    return {**result.__dict__, "out": str(result.out)}, lambda: show_predicted(result)


@commands.command("run")
@verb
def run_command(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe (see: pidcam list recipes), or a YAML file.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[FILES]... [KEY.SUB=VALUE]...", show_default=False)
    ] = None,
    data: Annotated[Path, typer.Option(help="Folder of simulated raw files.")] = Path("data"),
    stores: Annotated[Path, typer.Option(help="Folder of stores.")] = Path("stores"),
    runs: Annotated[Path, typer.Option(help="Folder of runs.")] = Path("runs"),
    model: Annotated[list[str] | None, typer.Option("--model", "-m", help="Only this model of the recipe.")] = None,
    repeats: Annotated[
        int | None, typer.Option("--repeats", help="Train so many seeds of each, for the spread.", show_default=False)
    ] = None,
    folds: Annotated[
        int | None, typer.Option("--folds", help="Train and test on so many folds.", show_default=False)
    ] = None,
    quick: Quick = False,
) -> Shown:
    """A recipe in one call: raw files, prepare, train, evaluate, report."""
    from pidcam.cli.show import show_recipe
    from pidcam.verbs.run import run

    given = arguments or []
    assignments = [a for a in given if "=" in a and not Path(a).exists()]
    files = [a for a in given if a not in assignments]
    how: dict[str, Any] = {"repeats": repeats, "folds": folds, "quick": quick}
    result = run(recipe, files, data=data, stores=stores, runs=runs, models=model or (), set=assignments, **how)
    return result.as_json(), lambda: show_recipe(result)


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


def _sorted_out(more: list[str], by: list[str], shift: list[str]) -> tuple[list[str], list[str]]:
    """`--by a b --shift c=1 d=2` leaves b and d=2 over: shifts have an equals sign, variables have none."""
    from pidcam.errors import InputError

    for word in more:
        kind = shift if "=" in word else by
        if not kind:
            option = "--shift" if "=" in word else "--by"
            raise InputError(f"'{word}' belongs to no option", fix=f"did you mean {option} {word}?")
        kind.append(word)
    return by, shift


def _train_group(store: Path, out: Path, repeats: int | None, folds: int | None, how: dict[str, Any]) -> Shown:
    from pidcam.cli.tables import show_wrote
    from pidcam.verbs.repeat import train_group

    out = out.with_name(f"{out.name}-{'folds' if folds else 'repeats'}") if out.parent == Path("runs") else out
    group = train_group(store, out, repeats=repeats, folds=folds, **how)
    content = {"group": str(group.path), "kind": group.kind, "runs": [str(member) for member in group.members]}
    return content, lambda: show_wrote(f"{len(group.members)} runs", group.path, f"pidcam evaluate {group.path}")


def _evaluate_group(path: Path, how: dict[str, Any]) -> Shown:
    from pidcam.cli.show_evaluation import show_tables
    from pidcam.cli.tables import show_wrote
    from pidcam.verbs.repeat import evaluate_group, spread_table

    summary = evaluate_group(path, **how)

    def show() -> None:
        show_tables([spread_table(summary)], how["table"])
        if not how["table"]:
            show_wrote("metrics of the group and of each run", path, f"pidcam predict {path} FILES... --out FILE")

    return {"group": str(path), **summary}, show


def _needed(store: Path | None) -> Path:
    from pidcam.errors import InputError

    if store is None:
        raise InputError("which store?", fix="pidcam train STORE, or go on with: pidcam train --resume RUN")
    return store


def _refuse_with(option: str, given: dict[str, Any]) -> None:
    """The configuration of a run that goes on is the one it began with."""
    from pidcam.errors import InputError

    for name, value in given.items():
        if value:
            raise InputError(f"{name} cannot be changed with {option}", fix=f"leave {name} out, or begin a new run")


def _ask(question: str) -> bool:
    """Only people are asked; a script gets the error that names --overwrite."""
    import sys

    return sys.stdin.isatty() and sys.stderr.isatty() and typer.confirm(question, err=True)
