"""What every raw event must meet: finite numbers, and no negative ones where the schema forbids them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pidcam.errors import DataError
from pidcam.events import Dense, EventBatch, Points
from pidcam.schema import EventSchema

FIX = "repair the file, or leave such events out with --drop-bad"


def check_events(
    batch: EventBatch, schema: EventSchema, *, where: Path, drop_bad: bool = False, truth: bool = True
) -> np.ndarray:
    """(n,) True where the event is good: every image, feature and target finite, and non-negative where declared.

    Without `truth` targets may be unknown: only what a model takes in is checked.
    Raises `DataError` naming the file, the image or column and the row of the event, unless `drop_bad`.
    """
    good = np.ones(len(batch), bool)
    for what, values, event, non_negative in _parts(batch, schema, truth):
        if _fine(values, non_negative):
            continue
        wrong = ~np.isfinite(values)
        if non_negative:
            wrong |= values < 0
        rows = np.flatnonzero(wrong.reshape(len(values), -1).any(axis=1))
        if len(rows) and not drop_bad:
            value = values[rows[0]][wrong[rows[0]]].flat[0]
            fault = f"{what} is {value:g} in event {batch.row[event[rows[0]]]}"
            if np.isfinite(value):
                fault += ", but is declared non-negative"
            raise DataError(fault, where=where, fix=FIX)
        good[event[rows]] = False
    return good


def _fine(values: np.ndarray, non_negative: bool) -> bool:
    """One quick pass: a sum is finite only if all its terms are (an overflow merely asks for the closer look)."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(values.sum())) and not (non_negative and values.size and values.min() < 0)


def _parts(batch: EventBatch, schema: EventSchema, truth: bool) -> Iterator[tuple[str, np.ndarray, np.ndarray, bool]]:
    """(name, values, event of each value along the first axis, whether they must not be negative)."""
    every = np.arange(len(batch))
    for image in schema.images:
        images = batch.images[image.name]
        event = every if isinstance(images, Dense) else np.repeat(every, images.hits())
        values = images.values if isinstance(images, Dense) else images.value
        for number, channel in enumerate(image.channels):
            yield f"image '{image.name}', {channel.name}", values[:, number], event, channel.non_negative
        if isinstance(images, Points):
            yield f"image '{image.name}', a coordinate", images.place, event, False
    for kind, columns in (("feature", batch.features), ("target", batch.targets if truth else {})):
        for name, column in columns.items():
            yield f"{kind} '{name}'", column, every, False
