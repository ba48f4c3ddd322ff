"""Second pass of prepare: gather events from the pieces into shards, in their final order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pidcam.events import Dense, EventBatch
from pidcam.schema import EventSchema
from pidcam.store.manifest import Moments, Shard
from pidcam.store.shards import read_shard, write_shard


@dataclass(frozen=True)
class Gather:
    """One shard to write: its events lie in `pieces[piece[i]]` at position `row[i]`."""

    out: Path
    pieces: tuple[Path, ...]
    piece: np.ndarray
    row: np.ndarray
    schema: EventSchema
    statistics: bool


def gather(task: Gather) -> tuple[Shard, dict[str, Moments]]:
    """Second pass: write one shard and, for training shards, sum up its channel values."""
    parts, places = [], []
    for number in np.unique(task.piece):
        slots = np.flatnonzero(task.piece == number)
        parts.append(read_shard(task.pieces[number], task.schema).take(task.row[slots]))
        places.append(slots)
    if parts:
        batch = EventBatch.concat(parts).take(np.argsort(np.concatenate(places)))
    else:  # a split may be empty
        batch = read_shard(task.pieces[0], task.schema).take(np.empty(0, np.int64))
    moments = {}
    for image in task.schema.images if task.statistics else ():
        images = batch.images[image.name]
        if isinstance(images, Dense):
            flat = np.moveaxis(images.values.reshape(len(images), len(image.channels), -1), 1, 2)
            value = flat.reshape(-1, len(image.channels))
            value = value[(value != 0).any(1)]
        else:
            value = images.value
        moments[image.name] = Moments.of_hits(value, len(images) * image.cells)
    return write_shard(task.out, batch), moments
