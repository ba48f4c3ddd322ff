"""`display`: single events of a raw file, a store or a run, as a picture or a page."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pidcam import reports
from pidcam.cards import find_detector
from pidcam.config import load_yaml, parse
from pidcam.errors import InputError
from pidcam.evaluation.choose import EventFacts, choose_rows, confident_mistakes, facts
from pidcam.evaluation.saliency import stored_events
from pidcam.events import EventBatch
from pidcam.files import atomic_path, write_text
from pidcam.formats.layout import open_reader
from pidcam.predictions import Predictions
from pidcam.reports.event_page import event_page
from pidcam.reports.style import style
from pidcam.runs import RunDirectory
from pidcam.schema import EventSchema
from pidcam.store.manifest import is_store
from pidcam.store.store import Store
from pidcam.training.config import RunConfig
from pidcam.training.run import Run
from pidcam.verbs.inspect import recognise

SUFFIXES = (".png", ".pdf", ".html")


@dataclass(frozen=True)
class Displayed:
    """The events that were chosen, what is known of each, and where they were drawn."""

    batch: EventBatch
    schema: EventSchema
    events: tuple[EventFacts, ...]
    out: Path | None
    truth: str | None = None

    @property
    def titles(self) -> list[str]:
        return [event.title for event in self.events]

    def figure(self):  # type: ignore[no-untyped-def]
        """A row per event, as `reports.display` or, with `truth`, `reports.on_truth` draws it."""
        if self.truth:
            return reports.on_truth(self.batch, self.schema, self.titles, self.truth)
        return reports.display(self.batch, self.schema, self.titles)

    def as_json(self) -> dict[str, Any]:
        return {"events": [asdict(event) for event in self.events], "out": str(self.out) if self.out else None}


def display(
    source: Path | str,
    *,
    event: int | None = None,
    of_class: str | None = None,
    mistakes: bool = False,
    number: int = 4,
    split: str = "test",
    run: Path | str | Run | None = None,
    detector: str | None = None,
    truth: str | None = None,
    out: Path | str | None = None,
) -> Displayed:
    """Look at events of a raw file, a store or an evaluated run, with scores where a run knows them.

    event: its number in the file, or in the `split` of a store or run; of_class: the first `number` of a class;
    mistakes: the `number` events that the run is most sure of and wrong about. run: scores events of a raw file or
    store too; detector: of a raw file, found out by default; truth: an image of what was really there, on top of which
    the hits of the others are drawn; out: .png, .pdf or .html, drawn nowhere without it.
    Raises `InputError` for what cannot be read or found.
    """
    path, target = Path(source), Path(out) if out is not None else None
    if target is not None and target.suffix not in SUFFIXES:
        what = f"'{target.suffix}' is no picture format"
        raise InputError(what, where=target, fix=f"use one of {', '.join(SUFFIXES)}")
    wish = _Wish(event, of_class, number)
    if (path / "run.json").exists():
        found = _of_run(path, wish, split, mistakes)
    elif mistakes:
        raise InputError("only a run knows its mistakes", where=path, fix="give an evaluated run: pidcam display RUN")
    elif path.is_dir() and (detector is None or is_store(path)):
        found = _of_store(path, wish, split)
    else:
        found = _of_file(path, wish, detector)
    if run is not None:
        found = _scored(found, run if isinstance(run, Run) else Run.load(run))
    if truth is not None:
        found.schema.image(truth)
        found = replace(found, truth=truth)
    if target is not None:
        _draw(found, target)
    return replace(found, out=target)


@dataclass(frozen=True)
class _Wish:
    event: int | None
    of_class: str | None
    number: int

    def rows(self, label: np.ndarray, classes: tuple[str, ...], where: Path) -> np.ndarray:
        return choose_rows(label, classes, event=self.event, of_class=self.of_class, most=self.number, where=str(where))


def _of_run(path: Path, wish: _Wish, split: str, worst: bool) -> Displayed:
    RunDirectory.open(path)
    table = path / "predictions" / f"{split}.parquet"
    if not table.exists():
        raise InputError(f"has no predictions of the {split} split", where=path, fix=f"run: pidcam evaluate {path}")
    predictions = Predictions.load(table)
    if worst:
        rows = confident_mistakes(predictions, wish.number, only=wish.of_class)
        if not len(rows):
            raise InputError(f"made no mistake in the {split} split", where=path)
    else:
        rows = wish.rows(predictions.label, predictions.classes, path)
    store = parse(RunConfig, load_yaml(path / "config.yaml"), where=path / "config.yaml").open_store()
    return Displayed(
        stored_events(store, split, predictions, rows), store.schema, tuple(facts(predictions, rows)), None
    )


def _of_store(path: Path, wish: _Wish, split: str) -> Displayed:
    store = Store(path)
    label = np.concatenate([shard.label for shard in store.shards(split)] or [np.empty(0, np.int16)])
    batch = store.events(split, wish.rows(label, store.schema.class_names, path))
    names = [source.name for source in store.manifest.sources]
    return Displayed(batch, store.schema, _facts(batch, store.schema, names), None)


def _of_file(path: Path, wish: _Wish, name: str | None) -> Displayed:
    known = find_detector(name) if name else recognise(path)
    schema = known.schema
    with open_reader(path, known.layout, schema, truth=False) as reader:
        if wish.event is not None:
            wish.rows(np.zeros(len(reader)), schema.class_names, path)  # says what is wrong
            batch = reader.read(wish.event, wish.event + 1)
        else:
            batch = _first(reader, wish, schema, path)
    return Displayed(batch, schema, _facts(batch, schema, [path.name]), None)


def _first(reader: Any, wish: _Wish, schema: EventSchema, path: Path) -> EventBatch:
    """Events of the class from the front of the file, reading no further than needed."""
    parts: list[EventBatch] = []
    for start in range(0, len(reader), max(reader.step, 1)):
        part = reader.read(start, min(start + max(reader.step, 1), len(reader)))
        mine = (
            np.ones(len(part), bool)
            if wish.of_class not in schema.class_names
            else (part.label == schema.class_names.index(wish.of_class))
        )
        parts.append(part.take(np.flatnonzero(mine)[: wish.number]))
        if sum(map(len, parts)) >= wish.number:
            break
    batch = EventBatch.concat(parts)
    return batch.take(
        choose_rows(
            batch.label, schema.class_names, event=None, of_class=wish.of_class, most=wish.number, where=str(path)
        )
    )


def _facts(batch: EventBatch, schema: EventSchema, files: list[str]) -> tuple[EventFacts, ...]:
    return tuple(
        EventFacts(files[file], int(row), schema.class_names[label] if label >= 0 else None)
        for file, row, label in zip(batch.file, batch.row, batch.label, strict=True)
    )


def _scored(found: Displayed, run: Run) -> Displayed:
    run.schema.require_same_inputs(found.schema, where=f"run '{run.name}'")
    predictions = run.predict(found.batch)
    if not predictions.classify:
        return found
    scores = predictions.probabilities
    best = scores.argmax(axis=1)
    return replace(
        found,
        events=tuple(
            replace(event, predicted=run.classes[k], score=float(row[k]))
            for event, k, row in zip(found.events, best, scores, strict=True)
        ),
    )


def _draw(found: Displayed, out: Path) -> None:
    if out.suffix == ".html":
        write_text(out, event_page(found.batch, found.schema, found.titles, truth=found.truth))
        return
    figure = found.figure()
    with style(), atomic_path(out) as part:
        figure.savefig(part, format=out.suffix[1:])
