"""Second pass of prepare: gather events from the pieces into shards, in their final order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xxhash

from pidcam.config import parse
from pidcam.events import Dense, EventBatch
from pidcam.files import read_json, write_json
from pidcam.schema import EventSchema, Spec
from pidcam.store.manifest import Moments, Shard
from pidcam.store.scan import piece_path
from pidcam.store.shards import read_shard, write_shard
from pidcam.store.shuffle import permutation


@dataclass(frozen=True)
class Gather:
    """Shard `name` of the store `out`: its events lie in `piece` at `position`, both (n,) and ascending.

    `weight` (n,) replaces the weights that they have.
    """

    out: Path
    work: Path
    name: str
    piece: np.ndarray
    position: np.ndarray
    seed: int
    schema: EventSchema
    weight: np.ndarray | None = None


class Gathered(Spec):
    """A shard that is written, and sums over the values of its images; `asked` is a hash of what was asked for."""

    asked: str
    shard: Shard
    moments: dict[str, Moments]


def gather(task: Gather) -> Gathered:
    """Write one shard, or return what an earlier call wrote."""
    summary = task.work / f"{task.name}.json"
    weight = b"" if task.weight is None else task.weight.tobytes()
    asked = xxhash.xxh3_128(task.piece.tobytes() + task.position.tobytes() + weight).hexdigest()
    if summary.exists():
        earlier = parse(Gathered, read_json(summary), where=summary)
        if earlier.asked == asked:
            return earlier
    numbers, starts = np.unique(task.piece, return_index=True)
    rows = np.split(task.position, starts[1:])
    parts = [
        read_shard(piece_path(task.work, number), task.schema).take(mine)
        for number, mine in zip(numbers.tolist() or [0], rows, strict=True)  # a split may be empty
    ]
    events = EventBatch.concat(parts)
    del parts
    if task.weight is not None:
        events = replace(events, weight=task.weight)
    events = events.take(permutation(len(events), "shard", task.seed, task.name))
    shard = write_shard(task.out / task.name, events)
    done = Gathered(asked=asked, shard=shard, moments=moments(events, task.schema))
    write_json(summary, done.model_dump(mode="json"))
    return done


def moments(events: EventBatch, schema: EventSchema) -> dict[str, Moments]:
    """Sums over the values of every image; of points, over the points as they are."""
    result = {}
    for image in schema.images:
        images = events.images[image.name]
        if isinstance(images, Dense):
            value = np.moveaxis(images.values, 1, -1).reshape(-1, len(image.channels))
            value = value[(value != 0).any(axis=1)]
        else:
            value = images.value
        result[image.name] = Moments.of_hits(value, len(images) * image.cells)
    return result
