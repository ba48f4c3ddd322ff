"""Values of images in two bytes, and what that loses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pidcam.errors import DataError
from pidcam.events import Dense, EventBatch, Images
from pidcam.schema import EventSchema, Image, Spec

LARGEST = float(np.finfo(np.float16).max)
TERMS = 5
"""Of one channel: values, sum of their squares, of the squared errors, the largest error, values that became zero."""


class Rounding(Spec):
    """What float16 lost of one channel: `relative` is rms error over rms value of its non-zero values, `largest` the
    largest error in its unit, `vanished` the share of values that became zero."""

    relative: float
    largest: float
    vanished: float


def rounded(events: EventBatch, schema: EventSchema, *, where: Path) -> tuple[EventBatch, np.ndarray]:
    """The events with float16 values in their images, and (channels of all images, `TERMS`) sums of what was lost.

    Cells that became zero in all channels are no hits any more. `DataError` for a value beyond float16.
    """
    images: dict[str, Images] = {}
    lost = []
    for image in schema.images:
        before = events.images[image.name]
        values = before.values if isinstance(before, Dense) else before.value
        with np.errstate(over="ignore"):
            after = values.astype(np.float16)
        lost += [_terms(values[:, k], after[:, k], image, k, where) for k in range(len(image.channels))]
        if isinstance(before, Dense):
            images[image.name] = Dense(after)
        else:
            images[image.name] = replace(before, value=after).keep((after != 0).any(axis=1))
    return replace(events, images=images), np.array(lost).reshape(-1, TERMS)


def summed(lost: Sequence[np.ndarray], schema: EventSchema) -> dict[str, tuple[Rounding, ...]]:
    """{image: one `Rounding` a channel} of all pieces."""
    terms = np.array(lost)
    total = terms.sum(axis=0)
    total[:, 3] = terms[:, :, 3].max(axis=0)
    told = iter(total.tolist())
    return {image.name: tuple(_told(*next(told)) for _ in image.channels) for image in schema.images}


def _told(values: float, square: float, error: float, largest: float, vanished: float) -> Rounding:
    relative = math.sqrt(error / square) if square else 0.0
    return Rounding(relative=relative, largest=largest, vanished=vanished / max(values, 1))


def _terms(before: np.ndarray, after: np.ndarray, image: Image, channel: int, where: Path) -> list[float]:
    if not np.isfinite(after).all():
        value = float(np.abs(before).max())
        what = (
            f"image '{image.name}', {image.channels[channel].name} reaches {value:g}, and float16 ends at {LARGEST:g}"
        )
        raise DataError(what, where=where, fix="prepare it without --float16")
    seen = before != 0
    wide, error = before[seen].astype(np.float64), (after[seen] - before[seen]).astype(np.float64)
    vanished = np.count_nonzero(after[seen] == 0)
    return [len(wide), (wide**2).sum(), (error**2).sum(), float(np.abs(error).max(initial=0)), vanished]
