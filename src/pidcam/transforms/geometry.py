"""Augmentations by what the detector cannot tell apart: mirror images and small displacements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field

from pidcam.batch import Batch
from pidcam.errors import UnknownNameError
from pidcam.schema import EventSchema
from pidcam.transforms.base import Statistics, Transform, transforms


class _AlongAxes(Transform):
    """Acts along named axes of every image that has them. Name only axes that field and material leave symmetric."""

    augmentation: ClassVar[bool] = True
    axes: Annotated[list[str], Field(min_length=1)]

    def fitted(self, schema: EventSchema, statistics: Statistics) -> Self:
        known = {axis for image in schema.images for axis in image.axes}
        for axis in self.axes:
            if axis not in known:
                raise UnknownNameError("axis", axis, known, where="transforms")
        return self


def _images_along(axis: str, schema: EventSchema) -> Iterator[tuple[str, int]]:
    """(name, tensor dimension of the axis) of every image that has it."""
    for image in schema.images:
        if axis in image.axes:
            yield image.name, 2 + image.axes.index(axis)  # after event and channel


def _with_image(batch: Batch, name: str, x: torch.Tensor) -> Batch:
    return replace(batch, images={**batch.images, name: x})


@transforms.register("flip")
class Flip(_AlongAxes):
    """Mirror half of the events, chosen at random for each axis and alike in all images.

    about: `grid` mirrors the grid; `cell` mirrors about the central cell n // 2, where crops have their highest hit
    (on an even grid cell 0 has no partner and stays).
    """

    about: Literal["grid", "cell"] = "grid"

    def __call__(self, batch: Batch, schema: EventSchema, generator: torch.Generator) -> Batch:
        for axis in self.axes:
            chosen = (torch.rand(len(batch), generator=generator) < 0.5).to(batch.device)
            for name, dimension in _images_along(axis, schema):
                x = batch.dense(name)
                mask = chosen.view(-1, *[1] * (x.dim() - 1))
                batch = _with_image(batch, name, torch.where(mask, self._mirrored(x, dimension), x))
        return batch

    def _mirrored(self, x: torch.Tensor, dimension: int) -> torch.Tensor:
        even = x.shape[dimension] % 2 == 0
        return x.flip(dimension).roll(1, dimension) if self.about == "cell" and even else x.flip(dimension)


@transforms.register("shift")
class Shift(_AlongAxes):
    """Displace every event by up to `cells` cells along each axis, alike in all images.

    What leaves the image is lost, zeros come in.
    """

    cells: Annotated[int, Field(ge=1)] = 1

    def __call__(self, batch: Batch, schema: EventSchema, generator: torch.Generator) -> Batch:
        for axis in self.axes:
            step = torch.randint(-self.cells, self.cells + 1, (len(batch),), generator=generator).to(batch.device)
            for name, dimension in _images_along(axis, schema):
                batch = _with_image(batch, name, shifted(batch.dense(name), dimension, step))
        return batch


def shifted(x: torch.Tensor, dimension: int, step: torch.Tensor) -> torch.Tensor:
    """Every event of x (n, ...) moved by its `step` (n,) towards higher numbers along `dimension`."""
    length = x.shape[dimension]
    source = torch.arange(length, device=x.device) - step[:, None]  # (n, length)
    inside = (source >= 0) & (source < length)
    shape = [len(x), *[length if d == dimension else 1 for d in range(1, x.dim())]]
    moved = torch.gather(x, dimension, source.clamp(0, length - 1).view(shape).expand_as(x))
    return torch.where(inside.view(shape), moved, 0)
