"""Verbs about fitted models: their numbers, pages and predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pidcam.cli.options import Out, Quick, Shown, TableFormat
from pidcam.cli.shell import verb

commands = typer.Typer()


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
    runs: Annotated[list[Path], typer.Argument(help="Evaluated runs, or groups; the first is the reference.")],
    out: Out = None,
    table: TableFormat = None,
) -> Shown:
    """Runs side by side on the same test events, with paired significances."""
    from pidcam.cli.show_evaluation import show_comparison
    from pidcam.training.group import is_group
    from pidcam.verbs.compare import compare, compare_groups

    folder = out or runs[0].resolve().parent / "comparison"
    several = any(map(is_group, runs))
    result = compare_groups(runs, out=folder, table=table) if several else compare(runs, out=folder, table=table)
    return {**result.as_json(), "out": str(folder)}, lambda: show_comparison(result, runs, table, folder)


@commands.command("report")
@verb
def report_command(
    runs: Annotated[list[Path], typer.Argument(help="One or more evaluated runs, or groups of them.")],
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
    inputs: Annotated[
        list[Path], typer.Argument(help="Raw files of the run's detector or folders of them, or one store.")
    ],
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


def _ask(question: str) -> bool:
    """Only people are asked; a script gets the error that names --overwrite."""
    import sys

    return sys.stdin.isatty() and sys.stderr.isatty() and typer.confirm(question, err=True)
