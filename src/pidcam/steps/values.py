"""Steps on the values of an image: a threshold, a calibration."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pidcam.errors import UnknownNameError
from pidcam.events import Dense, EventBatch, Images
from pidcam.schema import EventSchema, Image
from pidcam.steps.base import Step, steps


class _OfChannel(Step):
    """image: which (default: the first); channel: which (default: its first)."""

    image: str | None = None
    channel: str | None = None

    def check(self, schema: EventSchema) -> None:
        self._find(schema)

    def _find(self, schema: EventSchema) -> tuple[Image, int]:
        if self.image is None and not schema.images:
            raise UnknownNameError("image", "", ())
        image = schema.images[0] if self.image is None else schema.image(self.image)
        return image, image.channel_number(self.channel, where=f"image '{image.name}'")

    def __call__(self, events: EventBatch, schema: EventSchema) -> EventBatch:
        image, channel = self._find(schema)
        images = events.images[image.name]
        return replace(events, images={**events.images, image.name: self.changed(images, channel)})

    def changed(self, images: Images, channel: int) -> Images:
        raise NotImplementedError


@steps.register("threshold")
class Threshold(_OfChannel):
    """Zero suppression: cells whose `channel` is below `minimum` lose all their channels."""

    minimum: float

    def changed(self, images: Images, channel: int) -> Images:
        if isinstance(images, Dense):
            return Dense(np.where(images.values[:, channel, None] < self.minimum, np.float32(0), images.values))
        return images.keep(images.value[:, channel] >= self.minimum)


@steps.register("calibrate")
class Calibrate(_OfChannel):
    """Values of `channel` times `factor`, plus `offset` in cells that were hit (any channel non-zero)."""

    factor: float = 1.0
    offset: float = 0.0

    def changed(self, images: Images, channel: int) -> Images:
        if isinstance(images, Dense):
            values = images.values.copy()
            hit = (images.values != 0).any(axis=1)
            values[:, channel] = np.where(hit, values[:, channel] * self.factor + self.offset, 0)
            return Dense(values)
        value = images.value.copy()
        value[:, channel] = value[:, channel] * self.factor + self.offset
        return replace(images, value=value).keep((value != 0).any(axis=1))
