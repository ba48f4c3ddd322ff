"""First pass of prepare: raw rows -> checked, sparse pieces on disk, with what the plan must know about every row."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
import xxhash

from pidcam.events import Cells, Dense, EventBatch, Ragged
from pidcam.files import atomic_path
from pidcam.formats.checks import check_events
from pidcam.formats.layout import Layout, formats
from pidcam.schema import EventSchema
from pidcam.store.shards import write_shard


class State(IntEnum):
    """What became of a raw row."""

    good = 0
    empty = 1
    bad = 2


@dataclass(frozen=True)
class Piece:
    """Rows [start, stop) of one raw file, to be scanned into `out`."""

    source: Path
    file: int
    start: int
    stop: int
    out: Path
    layout: Layout
    schema: EventSchema
    drop_bad: bool
    dense: frozenset[str]

    @property
    def rows(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Scan:
    """Of every raw row of a piece: label and state; of the rows that are not bad, in order: 128-bit content hash."""

    label: np.ndarray
    state: np.ndarray
    content: np.ndarray


def scan(piece: Piece) -> Scan:
    """Scan one piece, or return what an earlier call found; the piece file is written before the scan's summary."""
    summary = piece.out.with_suffix(".npz")
    if summary.exists():
        with np.load(summary, allow_pickle=False) as kept:
            return Scan(kept["label"], kept["state"], kept["content"])
    with formats[piece.layout.format].reader(piece.source, piece.layout, piece.schema) as reader:
        raw = reader.read(piece.start, piece.stop)
    good = check_events(raw, piece.schema, where=piece.source, drop_bad=piece.drop_bad)
    batch = sparsify(raw if good.all() else raw.take(good), piece.dense)
    batch.file[:] = piece.file
    state = np.full(len(raw), State.bad, np.int8)
    state[good] = np.where(batch.is_empty(), State.empty, State.good)
    found = Scan(raw.label.astype(np.int16), state, content_hash(batch))
    write_shard(piece.out, batch)
    with atomic_path(summary) as part, open(part, "wb") as file:
        np.savez(file, label=found.label, state=found.state, content=found.content)
    return found


def sparsify(batch: EventBatch, dense: frozenset[str]) -> EventBatch:
    """Dense images become cells, but for those named in `dense`."""
    images = {
        name: Cells.from_dense(image) if isinstance(image, Dense) and name not in dense else image
        for name, image in batch.images.items()
    }
    return EventBatch(images, batch.features, batch.targets, batch.label, batch.row, batch.file, batch.weight)


def content_hash(batch: EventBatch) -> np.ndarray:
    """(n, 2) uint64: xxh3-128 of images and features of every event; equal content has an equal hash."""
    result = np.empty((len(batch), 2), np.uint64)
    features = np.stack([v.astype(np.float64) for v in batch.features.values()], 1) if batch.features else None
    for i in range(len(batch)):
        digest = xxhash.xxh3_128()
        for images in batch.images.values():
            if isinstance(images, Ragged):
                a, b = images.offsets[i], images.offsets[i + 1]
                digest.update(np.ascontiguousarray(images.place[a:b]))
                digest.update(np.ascontiguousarray(images.value[a:b]))
            else:
                digest.update(np.ascontiguousarray(images.values[i]))
        if features is not None:
            digest.update(features[i])
        result[i] = np.frombuffer(digest.digest(), np.uint64)
    return result


def choose_storage(path: Path, layout: Layout, schema: EventSchema) -> frozenset[str]:
    """Names of the images that are smaller dense than as cells, measured on the first rows of one file."""
    chosen = {i.name for i in schema.images if i.storage == "dense"}
    undecided = [i for i in schema.images if i.storage == "auto"]
    if undecided:
        with formats[layout.format].reader(path, layout, schema) as reader:
            probe = reader.read(0, min(len(reader), 512))
        for image in undecided:
            images = probe.images[image.name]
            index = 2 if image.cells <= 1 << 16 else 4
            sparse = images.hits().sum() * (index + 4 * len(image.channels)) + 8 * len(images)
            if sparse >= len(images) * 4 * int(np.prod(image.dense_shape)):
                chosen.add(image.name)
    return frozenset(chosen)
