"""How an inspection looks on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from rich.text import Text

from pidcam.cli.show_inspect_run import show_run
from pidcam.cli.tables import console, file_size, show_next, show_table, show_wrote

if TYPE_CHECKING:
    from pidcam.inspection.facts import EventFacts, ImageFacts, Inspection

MOST_PARTS = 12


def show_inspection(found: Inspection) -> None:
    """What it is, tables, remarks, what was written, and the next verb."""
    _say(found.detector, f": {found.title}" if found.title else "")
    if found.run is not None:
        show_run(found.paths[0], found.run)
        return
    assert found.events is not None
    _say("", _headline(found, found.events))
    _show_classes(found, found.events)
    if found.kind == "raw files" and len(found.parts) > 1:
        _show_files(found)
    _show_images(found.events)
    _show_quantities(found.events)
    _show_columns(found.events)
    for note in found.notes or ("Nothing unusual was found.",):
        _say("note: " if found.notes else "", note)
    _show_next(found)


def _headline(found: Inspection, facts: EventFacts) -> str:
    size = sum(part.bytes for part in found.parts)
    each = f"{size / max(facts.events, 1):,.0f} bytes an event"
    if found.store is None:
        files = f"{len(found.parts)} raw file{'s' * (len(found.parts) != 1)}"
        how = ", detector recognised from the file" if found.recognised else ""
        return f"{files}, {facts.events:,} events, {file_size(size)}, {each}{how}"
    store = found.store
    names = ", ".join(store.sources) if len(store.sources) <= 3 else f"{len(store.sources)} raw files"
    return (
        f"store of {facts.events:,} events, {file_size(size)}, {each}\n"
        f"split {store.split}, seed {store.seed}, fingerprint {store.fingerprint}\n"
        f"made by pidcam {store.pidcam} from {names} ({sum(store.sources.values()):,} events)"
    )


def _show_classes(found: Inspection, facts: EventFacts) -> None:
    """How many of each class; of a store by split, and what was left out of it."""
    splits = [part.name for part in found.parts] if found.store else []
    columns = ["class", *splits, "events", "share, %", "empty", "repeated", "bad"]
    repeated = facts.repeats.events
    rows: list[list[Any]] = []
    for c in facts.classes:
        parts = [part.classes.get(c.name, 0) for part in found.parts if found.store]
        rows.append([c.name, *parts, c.events, 100 * c.share, c.empty, repeated.get(c.name, 0), c.bad])
    if len(rows) > 1:
        rows.append(["all", *(sum(row[i] for row in rows) for i in range(1, len(columns)))])
    show_table(columns, rows)
    if found.store and found.store.dropped:
        names = list(dict.fromkeys(name for of in found.store.dropped.values() for name in of))
        left = [[why, *(of.get(n, 0) for n in names), sum(of.values())] for why, of in found.store.dropped.items()]
        show_table(["left out by prepare", *names, "all"], left)


def _show_files(found: Inspection) -> None:
    shown = found.parts[:MOST_PARTS]
    names = list(shown[0].classes)
    short = len({PurePath(part.name).name for part in found.parts}) == len(found.parts)
    rows = [
        [
            PurePath(part.name).name if short else part.name,
            *(part.classes[name] for name in names),
            file_size(part.bytes),
        ]
        for part in shown
    ]
    if len(found.parts) > MOST_PARTS:
        rest = found.parts[MOST_PARTS:]
        counts = [sum(part.classes[name] for part in rest) for name in names]
        rows.append([f"and {len(rest)} more", *counts, file_size(sum(part.bytes for part in rest))])
    show_table(["file", *names, "size"], rows)


def _show_images(facts: EventFacts) -> None:
    for image in facts.images:
        rows = []
        for channel in facts.channels:
            if channel.image != image.name:
                continue
            v = channel.values
            negative = 100 * channel.negative / v.n if v.n else None
            rows.append(
                [
                    channel.name,
                    channel.unit,
                    v.minimum,
                    v.mean,
                    v.rms,
                    v.maximum,
                    negative,
                    channel.nan + channel.infinite,
                ]
            )
        columns = ["channel", "unit", "min", "mean", "rms", "max", "< 0, %", "NaN, inf"]
        _say(f"image {image.name}", _image_line(image))
        show_table(columns, rows, title="values in the cells that are hit")


def _image_line(image: ImageFacts) -> str:
    cells = " x ".join(map(str, image.shape))
    axes = f" along {', '.join(image.axes)}" if image.axes else ""
    stored = f", stored as {image.storage}" if image.storage else ""
    hit = f", {100 * image.occupancy:.3g} % of the cells hit" if image.occupancy is not None else ""
    raw = {name: unit for name, unit in image.channels.items() if unit[:1].isdigit()}
    units = "".join(f", {name} in units of {unit}" for name, unit in raw.items())
    return f": {cells} cells{axes}{stored}{hit}{units}"


def _show_quantities(facts: EventFacts) -> None:
    for quantity in facts.quantities:
        rows = []
        for name, s in quantity.classes.items():
            low, middle, high = (s.quantiles.get(level) for level in ("0.05", "0.5", "0.95"))
            rows.append([name, s.mean, s.std, s.minimum, low, middle, high, s.maximum])
        unit = f", {quantity.unit}" if quantity.unit else ""
        show_table(["class", "mean", "std", "min", "5 %", "median", "95 %", "max"], rows, title=quantity.name + unit)


def _show_columns(facts: EventFacts) -> None:
    rows = []
    for column in facts.columns:
        s = column.values
        name = f"{column.name}, {column.unit}" if column.unit else column.name
        rows.append([name, column.kind, s.minimum, s.mean, s.std, s.maximum, s.missing])
    if rows:
        show_table(["column", "kind", "min", "mean", "std", "max", "missing"], rows)


def _show_next(found: Inspection) -> None:
    facts = found.events
    assert facts is not None
    paths = _arguments(found.paths)
    if not facts.labelled:
        then = f"pidcam predict RUN {paths} --out predictions.parquet"
    elif found.kind == "store":
        then = f"pidcam train {paths}"
    else:
        drop = " --drop-bad" if any(c.bad for c in facts.classes) else ""
        then = f"pidcam prepare {found.detector} {paths} --out stores/{found.detector}{drop}"
    show_wrote("pictures", found.figures[0].rpartition("/")[0], then) if found.figures else show_next(then)


def _arguments(paths: Sequence[str]) -> str:
    return " ".join(paths) if len(paths) <= 3 else f"{paths[0]} ..."


def _say(bold: str, text: str) -> None:
    console().print(Text.assemble((bold, "bold"), text))
