"""The command line: thin verbs over the functions that a notebook calls. Heavy modules are imported inside a verb."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import pidcam
from pidcam.cli.shell import Commands, verb

app = typer.Typer(
    name="pidcam",
    cls=Commands,
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
TableFormat = Annotated[
    str | None, typer.Option("--table", help="Tables as tex or csv, printed and kept.", show_default=False)
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
    table: TableFormat = None,
) -> Shown:
    """Score every split: predictions, metrics with errors, working points, calibration, figures."""
    from pidcam.cli.show_evaluation import show_evaluation
    from pidcam.cli.tables import show_wrote
    from pidcam.verbs.evaluate import evaluate

    variables, shifts = _sorted_out(more or [], by or [], shift or [])
    metrics = evaluate(run, data, by=variables, shift=shifts, importance=importance, saliency=saliency, table=table)

    def show() -> None:
        show_evaluation(metrics, table)
        if not table:
            show_wrote("metrics, predictions and figures", run, f"pidcam report {run}")

    return {"run": str(run), "metrics": metrics}, show


@app.command("compare")
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


@app.command("display")
@verb
def display_command(
    source: Annotated[Path, typer.Argument(help="Raw file, store, or evaluated run.")],
    event: Annotated[
        int | None, typer.Option("--event", help="Number of the event, from 0.", show_default=False)
    ] = None,
    of_class: Annotated[str | None, typer.Option("--class", help="Events of this class.", show_default=False)] = None,
    mistakes: Annotated[bool, typer.Option("--mistakes", help="The most confident mistakes of a run.")] = False,
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="How many events.")] = 4,
    split: Annotated[str, typer.Option("--split", help="Split of a store or run.")] = "test",
    run: Annotated[
        Path | None, typer.Option("--run", help="Score the events with this run.", show_default=False)
    ] = None,
    detector: Annotated[
        str | None, typer.Option("--detector", "-d", help="Of a raw file. [default: found out]", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help=".png, .pdf or .html; the terminal without.", show_default=False)
    ] = None,
) -> Shown:
    """Look at single events: every channel and view, truth and prediction."""
    from pidcam.cli.show_display import show_display
    from pidcam.verbs.display import display

    found = display(
        source, event=event, of_class=of_class, mistakes=mistakes, number=number, split=split, run=run,
        detector=detector, out=out,
    )  # fmt: skip
    return found.as_json(), lambda: show_display(found, source)


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
    calibrated: Annotated[
        bool, typer.Option("--calibrated", help="With the temperature that evaluate fitted.")
    ] = False,
) -> Shown:
    """Score raw files or a store into a table, with bounded memory."""
    from pidcam.cli.show import show_predicted
    from pidcam.verbs.predict import predict

    if out.exists() and not overwrite and _ask(f"{out} exists. Replace it?"):
        overwrite = True
    result = predict(run, inputs, out, overwrite=overwrite, drop_bad=drop_bad, calibrated=calibrated)
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


def _ask(question: str) -> bool:
    """Only people are asked; a script gets the error that names --overwrite."""
    import sys

    return sys.stdin.isatty() and sys.stderr.isatty() and typer.confirm(question, err=True)


def main() -> None:
    """Entry point of the command `pidcam`."""
    app(prog_name="pidcam")
