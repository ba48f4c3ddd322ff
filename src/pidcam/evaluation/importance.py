"""What the model looks at: its AUC when a part of the input is shuffled among events.

Shuffling leaves every distribution as it is and breaks only its link with the rest of the event (L. Breiman, Machine
Learning 45 (2001) 5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pidcam.batch import Batch
from pidcam.evaluation.paired import compare_scores
from pidcam.evaluation.sections import Judged, Warn
from pidcam.predictions import Predictions
from pidcam.schema import EventSchema

MOST_EVENTS = 10_000
"""So many events tell an importance to better than half a per cent of AUC; more would only take time."""


@dataclass(frozen=True)
class Part:
    """A part of the input: a channel or a region of an image, or a feature."""

    kind: str
    name: str
    shuffle: Callable[[Batch, Tensor], Batch]


def importance(
    judged: Judged,
    nominal: Predictions,
    parts: list[Part],
    rescore: Callable[[Part], Predictions],
    warn: Warn,
) -> dict[str, Any]:
    """The loss in AUC and accuracy with each part shuffled, largest first; `nominal` are the same events unshuffled."""
    rows = []
    for part in parts:
        paired = compare_scores(judged.task, rescore(part), nominal, warn, where=f"{part.kind} {part.name}")
        row = {"kind": part.kind, "name": part.name, "loss": {"auc": paired.auc, "accuracy": paired.accuracy}}
        rows.append((paired.auc.difference if paired.auc else paired.accuracy.difference, row))
    rows.sort(key=lambda pair: -pair[0])
    return {"quoted_on": "test", "n": len(nominal), "permutation": [row for _, row in rows]}


def shuffled(part: Part) -> Callable[[Batch, int], Batch]:
    """A change that shuffles the part within every batch; stored order is random, so a batch is a fair sample."""

    def change(batch: Batch, number: int) -> Batch:
        order = torch.randperm(len(batch), generator=torch.Generator().manual_seed(number)).to(batch.device)
        return part.shuffle(batch, order)

    return change


def parts_of(schema: EventSchema, mean_images: dict[str, np.ndarray]) -> list[Part]:
    """Features, channels of every image, and rings around the brightest cell of `mean_images` {name: grid}."""
    parts = [Part("feature", c.name, _shuffle_feature(c.name)) for c in schema.features]
    several = len(schema.images) > 1
    for image in schema.images:
        before = f"{image.name}." if several else ""
        for k, channel in enumerate(image.channels):
            parts.append(Part("channel", f"{before}{channel.name}", _shuffle_channel(image.name, k)))
        for name, mask in rings(mean_images[image.name]):
            parts.append(Part("region", f"{before}{name}", _shuffle_region(image.name, torch.from_numpy(mask))))
    return parts


def rings(mean_image: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """(name, mask) of square rings around the brightest cell: the cell itself, distances 1, 2, 3-4, 5-8, 9-16, ...

    The distance is the largest along any axis, in cells; a grid of any dimension.
    """
    centre = np.unravel_index(int(np.argmax(mean_image)), mean_image.shape)
    distance = np.zeros(mean_image.shape, np.int64)
    for axis, (place, length) in enumerate(zip(centre, mean_image.shape, strict=True)):
        along = np.abs(np.arange(length) - place).reshape([-1 if a == axis else 1 for a in range(mean_image.ndim)])
        distance = np.maximum(distance, along)
    yield "centre", distance == 0
    low, high = 1, 1
    while low <= distance.max():
        name = f"{low} cells from the centre" if low == high else f"{low}-{high} cells from the centre"
        yield name.replace("1 cells", "1 cell") if high == 1 else name, (distance >= low) & (distance <= high)
        low, high = high + 1, 2 * high


def _shuffle_feature(name: str) -> Callable[[Batch, Tensor], Batch]:
    return lambda batch, order: replace(batch, features={**batch.features, name: batch.features[name][order]})


def _shuffle_channel(image: str, channel: int) -> Callable[[Batch, Tensor], Batch]:
    def shuffle(batch: Batch, order: Tensor) -> Batch:
        values = batch.dense(image).clone()
        values[:, channel] = values[order, channel]
        return replace(batch, images={**batch.images, image: values})

    return shuffle


def _shuffle_region(image: str, mask: Tensor) -> Callable[[Batch, Tensor], Batch]:
    def shuffle(batch: Batch, order: Tensor) -> Batch:
        values = batch.dense(image)
        mixed = torch.where(mask.to(values.device), values[order], values)
        return replace(batch, images={**batch.images, image: mixed})

    return shuffle
