"""First pass of prepare: raw rows -> checked, sparse pieces on disk, with what the plan must know about every row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import IntEnum
from pathlib import Path

import numpy as np

from pidcam.errors import MismatchError
from pidcam.events import Cells, Dense, EventBatch, Images, Points
from pidcam.expressions import parse_selection
from pidcam.files import atomic_path
from pidcam.formats.checks import check_events
from pidcam.formats.layout import Layout, open_reader
from pidcam.schema import EventSchema, Image
from pidcam.store.hashes import hashes
from pidcam.store.rounding import TERMS, rounded
from pidcam.store.shards import write_shard
from pidcam.store.shuffle import key_bits, mixed, permutation
from pidcam.variables import known_variables, variables_of

PROBE = 512
"""Events looked at to choose between cells and dense."""
PROBED_FILES = 8
"""From how many files they are: one may be of one class."""


class State(IntEnum):
    """What became of a raw row; the first two are kept in the pieces."""

    good = 0
    empty = 1
    bad = 2
    rejected = 3


def is_kept(state: np.ndarray) -> np.ndarray:
    """(n,) True for the rows that the pieces hold."""
    return state <= State.empty


@dataclass(frozen=True)
class Piece:
    """Rows [start, stop) of one raw file, to be scanned into piece `number` in the folder `work`."""

    source: Path
    file: int
    start: int
    stop: int
    work: Path
    number: int
    seed: int
    layout: Layout
    schema: EventSchema
    drop_bad: bool
    storage: dict[str, str]
    columns: tuple[str, ...] = ()
    select: str | None = None
    float16: bool = False

    @property
    def rows(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Scan:
    """What the plan must know of a piece.

    Of every raw row, in raw order: `label` int16, `state` int8, `weight` float32 and the `columns` float64 that the
    piece names; of the rows that are kept: `content` (n, 2) uint64, a hash of images and features, and `identity` (n,)
    uint64, a hash of content and targets. `bytes` is the size of the piece on disk, where the rows that are kept lie in
    `stored_order`; `lost` is what `rounded` lost.
    """

    rows: np.ndarray
    label: np.ndarray
    state: np.ndarray
    weight: np.ndarray
    content: np.ndarray
    identity: np.ndarray
    lost: np.ndarray
    bytes: int
    columns: dict[str, np.ndarray]


def split_keys(scan: Scan, fingerprint: str, *, content_identifies: bool, whole: str | None = None) -> np.ndarray:
    """(n,) uint64 what the split `hash` draws the raw rows by: the value of the column `whole`, where it is known; the
    content, where it identifies an event; else, and for empty events, the fingerprint of the file and the row."""
    row = np.arange(int(scan.rows[1]), int(scan.rows[2]), dtype=np.uint64)
    keys = mixed(row ^ np.uint64(key_bits("file", fingerprint) & 0xFFFFFFFFFFFFFFFF))
    if content_identifies:
        kept = scan.state[is_kept(scan.state)]
        keys[scan.state == State.good] = scan.content[kept == State.good, 0]
    if whole is not None:
        known = ~np.isnan(scan.columns[whole])
        keys[known] = mixed(scan.columns[whole][known].view(np.uint64))
    return keys


def piece_path(work: Path, number: int) -> Path:
    return work / f"piece-{number:06d}.arrow"


def stored_order(n: int, seed: int, number: int) -> np.ndarray:
    """(n,) random order in which piece `number` keeps its n events."""
    return permutation(n, "piece", seed, number)


def scan(piece: Piece) -> Scan:
    """Scan one piece, or return what an earlier call found; the piece file is written before the scan's summary."""
    out = piece_path(piece.work, piece.number)
    rows = np.array([piece.file, piece.start, piece.stop])
    if (kept := _load(out.with_suffix(".npz"))) is not None and np.array_equal(kept.rows, rows):
        return kept
    raw = _read(piece)
    label, weight = raw.label.astype(np.int16), raw.weight.astype(np.float32)
    state = np.full(len(raw), State.bad, np.int8)
    events, kept_rows = _selected(raw, piece, state)
    del raw
    columns = {name: np.full(len(state), np.nan) for name in piece.columns}
    for name, values in variables_of(events, piece.schema, piece.columns).items():
        columns[name][kept_rows] = values
    events = replace(
        events,
        images={i.name: as_stored(events.images[i.name], i, piece.storage[i.name]) for i in piece.schema.images},
        file=np.full(len(events), piece.file, np.int32),
    )
    content, identity = hashes(events)
    lost = np.empty((0, TERMS))
    if piece.float16:
        events, lost = rounded(events, piece.schema, where=piece.source)
    state[kept_rows] = np.where(events.is_empty(), State.empty, State.good)
    shard = write_shard(out, events.take(stored_order(len(events), piece.seed, piece.number)))
    found = Scan(rows, label, state, weight, content, identity, lost, shard.bytes, columns)
    _save(out.with_suffix(".npz"), found)
    return found


def _read(piece: Piece) -> EventBatch:
    """The raw events of a piece; of images that are kept as hits nothing else stays in memory."""
    images = piece.schema.images
    with open_reader(piece.source, piece.layout, piece.schema) as reader:
        hits = all(_becomes_hits(i, piece.storage[i.name]) for i in images)
        step = max(reader.block, 1) if hits else piece.rows
        parts = []
        for first in range(piece.start, piece.stop, step):
            raw = reader.read(first, min(first + step, piece.stop))
            early = {
                i.name: as_stored(raw.images[i.name], i, "cells")
                for i in images
                if _becomes_hits(i, piece.storage[i.name])
            }
            parts.append(replace(raw, images={**raw.images, **early}))
    return parts[0] if len(parts) == 1 else EventBatch.concat(parts)


def _selected(raw: EventBatch, piece: Piece, state: np.ndarray) -> tuple[EventBatch, np.ndarray]:
    """The events that are good and meet the selection, and their rows; `state` (n,) is told of the others."""
    good = check_events(raw, piece.schema, where=piece.source, drop_bad=piece.drop_bad)
    events, rows = (raw if good.all() else raw.take(good)), np.flatnonzero(good)
    if piece.select is None:
        return events, rows
    selection = parse_selection(piece.select, known_variables(piece.schema))
    met = selection({"": np.empty(len(rows)), **variables_of(events, piece.schema, selection.names)})
    state[rows[~met]] = State.rejected
    return events.take(met), rows[met]


COLUMN = "column."


def _save(path: Path, found: Scan) -> None:
    arrays = {f.name: getattr(found, f.name) for f in fields(Scan) if f.name != "columns"}
    arrays |= {COLUMN + name: values for name, values in found.columns.items()}
    with atomic_path(path) as part, open(part, "wb") as file:
        np.savez(file, **arrays)


def _load(path: Path) -> Scan | None:
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as kept:
        arrays = dict(kept)
    columns = {name.removeprefix(COLUMN): arrays.pop(name) for name in list(arrays) if name.startswith(COLUMN)}
    return Scan(**{**arrays, "bytes": int(arrays["bytes"]), "columns": columns})


def _becomes_hits(image: Image, storage: str) -> bool:
    """Whether it may be made hits at once, of which there are few to check: unless a cell without one may be wrong."""
    return storage == "cells" and all(c.range is None or c.range[0] <= 0 <= c.range[1] for c in image.channels)


def as_stored(images: Images, image: Image, storage: str) -> Images:
    """Images as `dense`, `cells` or `points`. Raises `MismatchError` where points are asked for or found alone."""
    if storage == "dense" and isinstance(images, Cells):
        return images.to_dense(image)
    if storage == "cells" and isinstance(images, Dense):
        return Cells.from_dense(images)
    kind = {Dense: "dense", Cells: "cells", Points: "points"}[type(images)]
    if kind != storage:
        raise MismatchError(f"image '{image.name}' is read as {kind} and cannot be stored as {storage}")
    return images


def choose_storage(paths: Sequence[Path], layout: Layout, schema: EventSchema) -> dict[str, str]:
    """How each image is stored: as declared, or where that is `auto` the smaller of cells and dense.

    This is measured on the first rows of some files, which are spread over all: no more than are cheap to read at once.
    """
    storage = {i.name: str(i.storage) for i in schema.images}
    open_questions = [image for image in schema.images if image.storage == "auto"]
    if open_questions:
        chosen = sorted({int(k) for k in np.linspace(0, len(paths) - 1, PROBED_FILES)})
        saved = dict.fromkeys([image.name for image in open_questions], 0)
        points = set()
        for k in chosen:
            with open_reader(paths[k], layout, schema) as reader:
                probe = reader.read(0, min(len(reader), reader.step, -(-PROBE // len(chosen))))
            for image in open_questions:
                found = probe.images[image.name]
                if isinstance(found, Points):
                    points.add(image.name)
                else:
                    saved[image.name] += _saved_by_cells(found, image)
        storage |= {name: "points" if name in points else "cells" if saved[name] > 0 else "dense" for name in saved}
    return storage


def _saved_by_cells(images: Images, image: Image) -> int:
    """Bytes by which these images are smaller as cells than dense; less than 0 where they are larger."""
    index = 2 if image.cells <= 1 << 16 else 4
    sparse = int(images.hits().sum()) * (index + 4 * len(image.channels)) + 8 * len(images)
    return len(images) * 4 * int(np.prod(image.dense_shape)) - sparse
