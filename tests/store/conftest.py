"""A toy detector for the tests of the store: every kind of image, a feature, a target and three classes.

Its raw format keeps events as they are (`cells` and `points` too), so the tests know exactly what must come out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pidcam.detectors.base import Detector
from pidcam.events import Cells, Dense, EventBatch, Images, Points
from pidcam.formats.layout import Layout, formats
from pidcam.schema import Channel, Column, EventSchema, Image, ParticleClass
from pidcam.store.plan import PrepareOptions
from pidcam.store.prepare import prepare_store
from pidcam.store.store import Store

CLASSES = ("pion", "kaon", "proton")


def schema(storage: str = "auto", content_identifies: bool = True, points: bool = True) -> EventSchema:
    grid = Image(
        name="grid", shape=(3, 4), channels=(Channel(name="q"), Channel(name="t")), storage=storage, axes=("eta", "phi")
    )
    cloud = Image(
        name="cloud",
        shape=(2, 3, 4),
        channels=(Channel(name="e"),),
        pitch=(1.0, 0.5, 2.0),
        low=(-1.0, 0.0, 10.0),
        storage="points",
    )
    return EventSchema(
        name="toy",
        images=(grid, cloud) if points else (grid,),
        features=(Column(name="pt"),),
        targets=(Column(name="energy"),),
        classes=tuple(ParticleClass(name=c) for c in CLASSES),
        content_identifies=content_identifies,
    )


def events(
    n: int, seed: int = 0, *, kind: str = "dense", occupancy: float = 0.2, label: int | None = None, points: bool = True
) -> EventBatch:
    """n random events; `kind` of the grid is dense or cells, `label` fixes the class."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 2, 3, 4)).astype(np.float32) * (rng.random((n, 1, 3, 4)) < occupancy)
    values[:, 1, :, 0] = 0  # hits with a zero in one channel
    grid: Images = Dense(values) if kind == "dense" else Cells.from_dense(Dense(values))
    counts = rng.poisson(3 * occupancy, n)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    place = rng.uniform([-1.5, -0.5, 8], [2.0, 2.0, 20], (int(offsets[-1]), 3)).astype(np.float32)
    cloud = Points(offsets, place, rng.normal(size=(len(place), 1)).astype(np.float32))
    labels = rng.integers(0, len(CLASSES), n) if label is None else np.full(n, label)
    return EventBatch(
        {"grid": grid, "cloud": cloud} if points else {"grid": grid},
        {"pt": rng.normal(size=n)},
        {"energy": rng.normal(size=n)},
        labels.astype(np.int16),
        np.arange(n, dtype=np.int64),
    )


def joined(*parts: EventBatch) -> EventBatch:
    """The parts as one file."""
    batch = EventBatch.concat(parts)
    return replace(batch, row=np.arange(len(batch), dtype=np.int64))


def blank(batch: EventBatch, rows: Any) -> EventBatch:
    """The same with the events at `rows` made empty (no hit in any image)."""
    nothing = np.isin(np.arange(len(batch)), rows)
    grid = batch.images["grid"]
    values = (grid.to_dense(schema().images[0]) if isinstance(grid, Cells) else grid).values.copy()
    values[nothing] = 0
    images: dict[str, Images] = {"grid": Dense(values) if isinstance(grid, Dense) else Cells.from_dense(Dense(values))}
    if "cloud" in batch.images:
        cloud = batch.images["cloud"]
        counts = np.where(nothing, 0, cloud.hits())
        hits = ~np.repeat(nothing, cloud.hits())
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        images["cloud"] = Points(offsets, cloud.place[hits], cloud.value[hits])
    return replace(batch, images=images)


def save(path: Path, batch: EventBatch, step: int = 7) -> Path:
    """Write a raw file of which `step` rows are read at once."""
    arrays: dict[str, np.ndarray] = {"label": batch.label, "step": np.array(step)}
    for name, image in batch.images.items():
        for part in ("values",) if isinstance(image, Dense) else ("offsets", "place", "value"):
            arrays[f"image.{name}.{type(image).__name__}.{part}"] = getattr(image, part)
    for kind in ("features", "targets"):
        arrays |= {f"{kind}.{name}": column for name, column in getattr(batch, kind).items()}
    with open(path, "wb") as file:
        np.savez(file, **arrays)
    return path


def load(path: Path) -> tuple[EventBatch, int]:
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    parts: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    columns: dict[str, dict[str, np.ndarray]] = {"features": {}, "targets": {}}
    for key, array in arrays.items():
        first, *rest = key.split(".")
        if first == "image":
            parts.setdefault((rest[0], rest[1]), {})[rest[2]] = array
        elif first in columns:
            columns[first][rest[0]] = array
    kinds = {"Dense": Dense, "Cells": Cells, "Points": Points}
    images: dict[str, Images] = {name: kinds[kind](**given) for (name, kind), given in parts.items()}
    label = arrays["label"]
    return EventBatch(images, **columns, label=label, row=np.arange(len(label))), int(arrays["step"])


class ToyReader:
    def __init__(self, path: Path):
        self.path = path
        self._events, self.step = load(path)
        self.block = 3

    def __len__(self) -> int:
        return len(self._events)

    def read(self, start: int, stop: int) -> EventBatch:
        return self._events.take(np.arange(start, stop))

    def __enter__(self) -> ToyReader:
        return self

    def __exit__(self, *error: object) -> None: ...


class ToyFormat:
    suffixes = (".toy",)

    def reader(self, path: Path, layout: Layout, schema: EventSchema, *, truth: bool = True) -> ToyReader:
        return ToyReader(path)

    def writer(self, path: Path, layout: Layout, schema: EventSchema) -> Any:
        raise NotImplementedError


def detector(schema: EventSchema, **changes: Any) -> Detector:
    return Detector(**{"name": "toy", "title": "A toy", "schema": schema, "layout": Layout(format="toy"), **changes})


@dataclass(frozen=True)
class Event:
    """One event as values that can be compared."""

    label: int
    content: tuple[bytes, ...]


def content(batch: EventBatch) -> list[Event]:
    """Every event, whatever the form its images have (columns as the store keeps them: float32)."""
    parts: list[list[bytes]] = [[] for _ in range(len(batch))]
    for name in sorted(batch.images):
        images = batch.images[name]
        if isinstance(images, Dense):
            images = Cells.from_dense(images)
        wide = (images.place.astype(np.float64), images.value.astype(np.float32))
        for i, (a, b) in enumerate(zip(images.offsets[:-1], images.offsets[1:], strict=True)):
            parts[i] += [wide[0][a:b].tobytes(), wide[1][a:b].tobytes()]
    for columns in (batch.features, batch.targets):
        for name in sorted(columns):
            for i, value in enumerate(columns[name].astype(np.float32)):
                parts[i].append(value.tobytes())
    return [Event(int(label), tuple(p)) for label, p in zip(batch.label, parts, strict=True)]


def prepare(
    files: Sequence[Path],
    out: Path,
    *,
    schema: Any = None,
    detector: Any = None,
    workers: int = 1,
    executor: Any = None,
    **options: Any,
) -> Store:
    made = detector or toy_detector(schema or toy_schema())
    return prepare_store(made, files, out, PrepareOptions(**options), workers=workers, executor=executor)


def stored(store: Store) -> dict[tuple[str, int], tuple[str, Any]]:
    """(file, row) -> (split, event); fails if an event is there twice."""
    found: dict[tuple[str, int], tuple[str, Any]] = {}
    for split in store.splits:
        events = store.events(split)
        for file, row, event in zip(events.file, events.row, content(events), strict=True):
            place = (store.manifest.sources[file].name, int(row))
            assert place not in found, f"{place} is stored twice"
            found[place] = (split, event)
    return found


toy_schema, toy_detector = schema, detector


@pytest.fixture(scope="session")
def toy() -> SimpleNamespace:
    """The functions of this file."""
    functions = (schema, events, joined, blank, save, load, detector, content, prepare, stored)
    return SimpleNamespace(classes=CLASSES, **{f.__name__: f for f in functions})


@pytest.fixture(scope="module", autouse=True)
def _no_power_cut() -> Iterator[None]:
    """Nothing here tests what survives a power cut, and many small files are written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda number: None)
        yield


@pytest.fixture(scope="module", autouse=True)
def _toy_format() -> Iterator[None]:
    """The format `toy` is known as long as a module here runs: other tests walk the registry."""
    formats.add("toy", ToyFormat())
    yield
    del formats._things["toy"]
