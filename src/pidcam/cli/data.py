"""Verbs about events: what is known, what is in a file, from raw files to a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pidcam.cli.options import Out, Quick, Shown
from pidcam.cli.shell import verb

commands = typer.Typer()


@commands.command("list")
@verb
def list_command(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="detectors, models, tasks, transforms, steps, formats, simulators or recipes.", show_default=False
        ),
    ] = None,
) -> Shown:
    """What pidcam knows by name: detectors, models, tasks, transforms, steps, formats, simulators, recipes."""
    from pidcam.cli.show_models import show_models
    from pidcam.cli.tables import show_table
    from pidcam.verbs.list import KINDS, list_things

    found = {k: list_things(k) for k in ([kind] if kind else KINDS)}

    def show() -> None:
        for name, rows in found.items():
            if name == "models":
                show_models(rows)
                continue
            columns = list(rows[0]) if rows else ["name"]
            show_table(columns, [list(row.values()) for row in rows], title=name)

    return found[kind] if kind else found, show


@commands.command("inspect")
@verb
def inspect_command(
    paths: Annotated[
        list[Path], typer.Argument(help="Raw files of one detector or folders of them, or a store, or a run.")
    ],
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


@commands.command("display")
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
    truth: Annotated[
        str | None,
        typer.Option("--truth", help="Image of what was really there, to draw the others on.", show_default=False),
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
        detector=detector, truth=truth, out=out,
    )  # fmt: skip
    return found.as_json(), lambda: show_display(found, source)


@commands.command("download")
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


@commands.command("card")
@verb
def card_command(
    files: Annotated[list[Path], typer.Argument(help="Raw files, or folders of them.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Card to write. [default: NAME.yaml]", show_default=False)
    ] = None,
) -> Shown:
    """Look at files of your own and draft the card that makes a detector of them."""
    from pidcam.cli.show import show_card
    from pidcam.verbs.card import card

    drafted = card(files, out)
    content = {"card": str(drafted.path), "events": drafted.events, "said": drafted.said}
    return {**content, "content": drafted.card.model_dump(mode="json")}, lambda: show_card(drafted)


@commands.command("prepare")
@verb
def prepare_command(
    detector: Annotated[str, typer.Argument(help="Name of a detector (see: pidcam list detectors), or a card.")],
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Raw files or folders of them, in any order. [default: the card's]", show_default=False),
    ] = None,
    out: Out = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="Fractions of train/valid/test, stratified by class; hash:FRACTIONS, event by event; official; or "
            "folds:K. [default: the detector's]",
            show_default=False,
        ),
    ] = None,
    test: Annotated[
        list[str] | None,
        typer.Option(
            "--test", help="Test on this file, or on those of a 'PATTERN*' (may be repeated).", show_default=False
        ),
    ] = None,
    split_by: Annotated[
        str | None,
        typer.Option(
            "--split-by", help="Keep whole: events of one file, or of one value of this column.", show_default=False
        ),
    ] = None,
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
    select: Annotated[
        str | None,
        typer.Option(help="Keep events that meet this, as in: energy > 20 and abs(eta) < 1.2", show_default=False),
    ] = None,
    mix: Annotated[
        list[str] | None, typer.Option(help="Proportions of classes: electron=1,photon=2", show_default=False)
    ] = None,
    reweight: Annotated[
        list[str] | None,
        typer.Option(
            help="Weight classes flat in this column: energy:20 bins, or edges energy:0,10,50 (several: jointly).",
            show_default=False,
        ),
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="Weight them like this class, instead of flat.", show_default=False)
    ] = None,
    class_weight: Annotated[
        list[str] | None,
        typer.Option("--class-weight", help="Factors to weights: electron=2,photon=1", show_default=False),
    ] = None,
    step: Annotated[
        list[str] | None,
        typer.Option(
            help="Change events before: 'threshold image=ecal minimum=0.1' (see: pidcam list steps).",
            show_default=False,
        ),
    ] = None,
    storage: Annotated[
        list[str] | None,
        typer.Option(help="Keep images as dense, cells or points: ecal=dense", show_default=False),
    ] = None,
    float16: Annotated[
        bool, typer.Option("--float16", help="Keep values in two bytes; tells what that loses.")
    ] = False,
    cluster: Annotated[
        str | None, typer.Option(help="Work on this Dask cluster: tcp://HOST:PORT", show_default=False)
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes (default: all cores).", show_default=False)
    ] = None,
    quick: Quick = False,
) -> Shown:
    """Mix, split, shuffle and store raw files, sparse; every event is accounted for."""
    from pidcam.cli.show import show_store
    from pidcam.files import find_files
    from pidcam.verbs.prepare import prepare

    options: dict[str, Any] = {
        "seed": seed,
        "keep_empty": keep_empty,
        "keep_duplicates": keep_duplicates,
        "drop_bad": drop_bad,
        "allow_one_class": allow_one_class,
        "float16": float16,
    }
    given = {
        "split": split, "split_by": split_by, "limit": limit, "select": select, "mix": mix, "reweight": reweight,
        "reference": reference, "class_weight": class_weight, "steps": step, "storage": storage,
    }  # fmt: skip
    options |= {name: value for name, value in given.items() if value is not None}
    tested = [path for pattern in test or () for path in find_files(pattern)]
    store = prepare(detector, files or (), out, test=tested, workers=workers, cluster=cluster, quick=quick, **options)
    return {"store": str(store.path), **store.manifest.model_dump(mode="json")}, lambda: show_store(store)
