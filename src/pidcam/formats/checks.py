"""What every raw event must meet: finite numbers, in the range that the schema declares."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pidcam.errors import DataError
from pidcam.events import Dense, EventBatch, Points
from pidcam.schema import Channel, Column, EventSchema

FIX = "repair the file, or leave such events out with --drop-bad"


def check_events(
    batch: EventBatch, schema: EventSchema, *, where: Path, drop_bad: bool = False, truth: bool = True
) -> np.ndarray:
    """(n,) True where the event is good: all images, features and targets finite, and in their range where declared.

    An optional target may be NaN. Without `truth` all targets may be unknown: only what a model takes in is checked.
    Raises `DataError` naming the file, the image or column and the row of the event, unless `drop_bad`.
    """
    good = np.ones(len(batch), bool)
    for part in _parts(batch, schema, truth):
        if part.fine():
            continue
        wrong = part.wrong()
        rows = np.flatnonzero(wrong.reshape(len(wrong), -1).any(axis=1))
        if len(rows) and not drop_bad:
            value = part.values[rows[0]][wrong[rows[0]]].flat[0]
            fault = f"{part.name} is {value:g} in event {batch.row[part.event[rows[0]]]}"
            if np.isfinite(value):
                fault += f", but is declared {part.declared()}"
            raise DataError(fault, where=where, fix=FIX)
        good[part.event[rows]] = False
    return good


@dataclass(frozen=True)
class _Part:
    """Values of one kind, the event of each along the first axis, and what they may be."""

    name: str
    values: np.ndarray
    event: np.ndarray
    low: float = -math.inf
    high: float = math.inf
    may_miss: bool = False

    def fine(self) -> bool:
        """One quick pass: a sum is finite only if all its terms are (an overflow merely asks for the closer look)."""
        with np.errstate(over="ignore", invalid="ignore"):
            if not np.isfinite(self.values.sum()):
                return False
        if not self.values.size:
            return True
        # NaN was ruled out, so both comparisons tell
        return not (
            (self.low > -math.inf and self.values.min() < self.low)
            or (self.high < math.inf and self.values.max() > self.high)
        )

    def wrong(self) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            wrong = ~np.isfinite(self.values) | (self.values < self.low) | (self.values > self.high)
        return wrong & ~np.isnan(self.values) if self.may_miss else wrong

    def declared(self) -> str:
        if (self.low, self.high) == (0, math.inf):
            return "non-negative"
        return f"within {self.low:g} to {self.high:g}"


def _limits(declared: Channel | Column) -> tuple[float, float]:
    low, high = declared.range or (-math.inf, math.inf)
    return (max(low, 0.0) if getattr(declared, "non_negative", False) else low), high


def _parts(batch: EventBatch, schema: EventSchema, truth: bool) -> Iterator[_Part]:
    every = np.arange(len(batch))
    for image in schema.images:
        images = batch.images[image.name]
        event = every if isinstance(images, Dense) else np.repeat(every, images.hits())
        values = images.values if isinstance(images, Dense) else images.value
        for number, channel in enumerate(image.channels):
            yield _Part(f"image '{image.name}', {channel.name}", values[:, number], event, *_limits(channel))
        if isinstance(images, Points):
            yield _Part(f"image '{image.name}', a coordinate", images.place, event)
    for kind, declared, given in (
        ("feature", schema.features, batch.features),
        ("target", schema.targets if truth else (), batch.targets),
    ):
        for column in declared:
            if column.name in given:
                name, values = f"{kind} '{column.name}'", given[column.name]
                yield _Part(name, values, every, *_limits(column), may_miss=column.optional)
    yield _Part("the weight", batch.weight, every)
