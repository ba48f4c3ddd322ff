"""Augmentations by what the detector cannot tell apart: mirror images and small displacements."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Self

import torch

from pidcam.batch import Batch
from pidcam.errors import UnknownNameError
from pidcam.schema import EventSchema
from pidcam.transforms.base import Statistics, Transform, transforms


class _AlongAxes(Transform):
    """Acts along named axes of every image that has them. Name only axes that the field and the material leave symmetric."""

    augmentation: ClassVar[bool] = True
    axes: list[str]

    def fitted(self, schema: EventSchema, statistics: Statistics) -> Self:
        known = {axis for image in schema.images for axis in image.axes}
        for axis in self.axes:
            if axis not in known:
                raise UnknownNameError("axis", axis, known, where="transforms")
        return self

    def _dimensions(self, schema: EventSchema, name: str) -> list[int]:
        """Tensor dimensions (after event and channel) of the named axes."""
        return [2 + i for i, axis in enumerate(schema.image(name).axes) if axis in self.axes]


@transforms.register("flip")
class Flip(_AlongAxes):
    """Mirror half of the events, chosen at random for each axis and alike in all images."""

    def __call__(self, batch: Batch, schema: EventSchema, generator: torch.Generator) -> Batch:
        chosen = {axis: torch.rand(len(batch), generator=generator).to(batch.device) < 0.5 for axis in self.axes}
        images = dict(batch.images)
        for name in images:
            for dimension in self._dimensions(schema, name):
                axis = schema.image(name).axes[dimension - 2]
                x = batch.dense(name) if images[name] is batch.images[name] else images[name]
                mask = chosen[axis].view(-1, *[1] * (x.dim() - 1))  # type: ignore[union-attr]
                images[name] = torch.where(mask, x.flip(dimension), x)  # type: ignore[union-attr, arg-type]
        return replace(batch, images=images)


@transforms.register("shift")
class Shift(_AlongAxes):
    """Displace every event by up to `cells` cells along each axis; what leaves the image is lost, zeros come in."""

    cells: int = 1

    def __call__(self, batch: Batch, schema: EventSchema, generator: torch.Generator) -> Batch:
        steps = {a: torch.randint(-self.cells, self.cells + 1, (len(batch),), generator=generator) for a in self.axes}
        images = dict(batch.images)
        for name in images:
            x = batch.dense(name)
            for dimension in self._dimensions(schema, name):
                step = steps[schema.image(name).axes[dimension - 2]].to(x.device)
                length = x.shape[dimension]
                source = torch.arange(length, device=x.device) - step[:, None]  # (n, length)
                inside = (source >= 0) & (source < length)
                shape = [len(x), *[length if d == dimension else 1 for d in range(1, x.dim())]]
                index = source.clamp(0, length - 1).view(shape).expand_as(x)
                x = torch.gather(x, dimension, index) * inside.view(shape)
            images[name] = x
        return replace(batch, images=images)
