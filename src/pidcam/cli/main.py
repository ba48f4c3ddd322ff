"""The command line: thin verbs over the functions that a notebook calls. Heavy modules are imported inside a verb."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import pidcam
from pidcam.cli.shell import verb

app = typer.Typer(
    name="pidcam",
    help="From raw detector images to a particle-identification model that a physicist can trust.",
    epilog="Start with: pidcam run egamma",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Files = Annotated[list[Path], typer.Argument(help="Raw files, in any order.", show_default=False)]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Where to write.", show_default=False)]
Quick = Annotated[bool, typer.Option("--quick", help="Few examples and epochs: a smoke run.")]
Assignments = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY.SUB=VALUE]...", help="Configuration, e.g. training.epochs=10.")
]
Shown = tuple[Any, Any]


def _version(asked: bool) -> None:
    if asked:
        print(pidcam.__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None: ...


@app.command("list")
@verb
def list_command(
    kind: Annotated[
        str | None, typer.Argument(help="detectors, models, tasks, transforms, formats or recipes.", show_default=False)
    ] = None,
) -> Shown:
    """What pidcam knows by name: detectors, models, tasks, transforms, formats, recipes."""
    from pidcam.cli.tables import show_table
    from pidcam.verbs.list import KINDS, list_things

    found = {k: list_things(k) for k in ([kind] if kind else KINDS)}

    def show() -> None:
        for name, rows in found.items():
            columns = list(rows[0]) if rows else ["name"]
            show_table(columns, [list(row.values()) for row in rows], title=name)

    return found[kind] if kind else found, show


@app.command("inspect")
@verb
def inspect_command(
    paths: Annotated[list[Path], typer.Argument(help="Raw files of one detector, or a store, or a run.")],
    detector: Annotated[
        str | None, typer.Option("--detector", "-d", help="Which detector. [default: found out]", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="New folder for pictures of the events.", show_default=False)
    ] = None,
) -> Shown:
    """Look at raw files, a store or a run: counts, ranges, spectra, what is empty, bad or there twice."""
    from pidcam.cli.show_inspect import show_inspection
    from pidcam.verbs.inspect import inspect

    found = inspect(paths, detector=detector, out=out)
    return found.as_json(), lambda: show_inspection(found)


@app.command("download")
@verb
def download_command(
    detector: Annotated[str, typer.Argument(help="Name of the detector (see: pidcam list detectors).")],
    out: Out = None,
    file: Annotated[list[str] | None, typer.Option("--file", help="Only this file (may be repeated).")] = None,
    generation: Annotated[
        str | None, typer.Option(help="Which edition, where there are several.", show_default=False)
    ] = None,
    url_base: Annotated[
        str | None, typer.Option(help="A mirror that holds the files under their names.", show_default=False)
    ] = None,
) -> Shown:
    """Fetch the official files of a detector; a broken download goes on where it stopped."""
    from pidcam.cli.tables import show_wrote
    from pidcam.downloads import download

    paths = download(detector, out or Path("data") / detector, generation=generation, files=file, url_base=url_base)

    def show() -> None:
        show_wrote("raw files", ", ".join(map(str, paths)), f"pidcam prepare {detector} {paths[0].parent}/*")

    return {"files": [str(p) for p in paths]}, show


@app.command("prepare")
@verb
def prepare_command(
    detector: Annotated[str, typer.Argument(help="Name of the detector (see: pidcam list detectors).")],
    files: Files,
    out: Out = None,
    split: Annotated[
        str, typer.Option(help="Fractions of train/valid/test, stratified by class; or official.")
    ] = "0.8/0.1/0.1",
    seed: Annotated[int, typer.Option(help="Seed of split and shuffle.")] = 0,
    keep_empty: Annotated[bool, typer.Option("--keep-empty", help="Keep events without a hit.")] = False,
    keep_duplicates: Annotated[
        bool, typer.Option("--keep-duplicates", help="Keep repeated events, all in one split.")
    ] = False,
    drop_bad: Annotated[
        bool, typer.Option("--drop-bad", help="Drop and count events with NaN or forbidden values.")
    ] = False,
    allow_one_class: Annotated[bool, typer.Option("--allow-one-class", help="Accept files of a single class.")] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many events per class.", show_default=False)
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes (default: all cores).", show_default=False)
    ] = None,
    quick: Quick = False,
) -> Shown:
    """Mix, split, shuffle and store raw files, sparse; every event is accounted for."""
    from pidcam.cli.show import show_store
    from pidcam.verbs.prepare import prepare

    options: dict[str, Any] = {
        "split": split,
        "seed": seed,
        "keep_empty": keep_empty,
        "keep_duplicates": keep_duplicates,
        "drop_bad": drop_bad,
        "allow_one_class": allow_one_class,
    }
    if limit is not None:
        options["limit"] = limit
    store = prepare(detector, files, out or Path("stores") / detector, workers=workers, quick=quick, **options)
    return {"store": str(store.path), **store.manifest.model_dump(mode="json")}, lambda: show_store(store)


@app.command("train")
@verb
def train_command(
    store: Annotated[Path, typer.Argument(help="Store made by prepare.")],
    assignments: Assignments = None,
    out: Out = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="See: pidcam list models. [default: resnet]")
    ] = None,
    task: Annotated[str | None, typer.Option("--task", help="See: pidcam list tasks. [default: classify]")] = None,
    config: Annotated[Path | None, typer.Option("--config", help="YAML laid over the model's recipe.")] = None,
    quick: Quick = False,
) -> Shown:
    """Fit a model to a store; stopped, it goes on when called again."""
    from pidcam.cli.show import show_training
    from pidcam.training.config import DEFAULT_MODEL
    from pidcam.verbs.train import train

    out = out or Path("runs") / f"{store.resolve().name}-{model or DEFAULT_MODEL}"
    run = train(store, out, model=model, task=task, config=config, set=assignments or (), quick=quick)
    return {"run": str(run.path), **run.about}, lambda: show_training(run)


@app.command("evaluate")
@verb
def evaluate_command(
    run: Annotated[Path, typer.Argument(help="Run made by train.")],
    data: Annotated[Path | None, typer.Option("--data", help="Another store to evaluate on.")] = None,
) -> Shown:
    """Score every split: predictions, metrics with errors, figures."""
    from pidcam.cli.show import show_metrics
    from pidcam.cli.tables import show_wrote
    from pidcam.verbs.evaluate import evaluate

    metrics = evaluate(run, data)

    def show() -> None:
        show_metrics({run.name: metrics}, {})
        show_wrote("metrics, predictions and figures", run, f"pidcam report {run}")

    return {"run": str(run), "metrics": metrics}, show


@app.command("report")
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


@app.command("predict")
@verb
def predict_command(
    run: Annotated[Path, typer.Argument(help="Fitted run.")],
    inputs: Annotated[list[Path], typer.Argument(help="Raw files of the run's detector, or one store.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Table to write: .parquet, .h5 or .root.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing table.")] = False,
    drop_bad: Annotated[bool, typer.Option("--drop-bad", help="Leave out and count bad events.")] = False,
) -> Shown:
    """Score raw files or a store into a table, with bounded memory."""
    from pidcam.cli.show import show_predicted
    from pidcam.verbs.predict import predict

    if out.exists() and not overwrite and _ask(f"{out} exists. Replace it?"):
        overwrite = True
    result = predict(run, inputs, out, overwrite=overwrite, drop_bad=drop_bad)
    return {**result.__dict__, "out": str(result.out)}, lambda: show_predicted(result)


@app.command("run")
@verb
def run_command(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe (see: pidcam list recipes), or a YAML file.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[FILES]... [KEY.SUB=VALUE]...", show_default=False)
    ] = None,
    stores: Annotated[Path, typer.Option(help="Folder of stores.")] = Path("stores"),
    runs: Annotated[Path, typer.Option(help="Folder of runs.")] = Path("runs"),
    model: Annotated[list[str] | None, typer.Option("--model", "-m", help="Only this model of the recipe.")] = None,
    quick: Quick = False,
) -> Shown:
    """A recipe in one call: prepare, train, evaluate, report."""
    from pidcam.cli.show import show_recipe
    from pidcam.verbs.run import run

    given = arguments or []
    assignments = [a for a in given if "=" in a and not Path(a).exists()]
    files = [a for a in given if a not in assignments]
    result = run(recipe, files, stores=stores, runs=runs, models=model or (), set=assignments, quick=quick)
    return result.as_json(), lambda: show_recipe(result)


def _ask(question: str) -> bool:
    """Only people are asked; a script gets the error that names --overwrite."""
    import sys

    return sys.stdin.isatty() and sys.stderr.isatty() and typer.confirm(question, err=True)


def main() -> None:
    """Entry point of the command `pidcam`."""
    app(prog_name="pidcam")
