"""Which channels of an image a model sees."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import torch
from torch import Tensor

from pidcam.batch import Batch, SparseImage
from pidcam.errors import ConfigError
from pidcam.schema import EventSchema, Image
from pidcam.transforms.base import Statistics, Transform, transforms


@transforms.register("channels")
class Channels(Transform):
    """Keep only the named channels of images: {image: [channel, ...]}. Images that are not named keep all of theirs."""

    keep: dict[str, list[str]]

    def fitted(self, schema: EventSchema, statistics: Statistics) -> Self:
        for name, wanted in self.keep.items():
            for channel in wanted:
                schema.image(name).channel_number(channel, where=f"transforms, image '{name}'")
            if not wanted:
                raise ConfigError("keeps no channel", where=f"transforms, image '{name}'")
        return self

    def outcome(self, schema: EventSchema, statistics: Statistics) -> tuple[EventSchema, Statistics]:
        images = tuple(
            i.model_copy(update={"channels": tuple(i.channels[k] for k in self._numbers(i))}) for i in schema.images
        )
        kept = {name: tuple(of[k] for k in self._numbers(schema.image(name))) for name, of in statistics.items()}
        return schema.model_copy(update={"images": images}), kept

    def __call__(self, batch: Batch, schema: EventSchema, generator: torch.Generator) -> Batch:
        chosen: dict[str, Tensor | SparseImage] = {}
        for name in self.keep:
            numbers, image = self._numbers(schema.image(name)), batch.images[name]
            if isinstance(image, SparseImage):
                chosen[name] = replace(image, value=image.value[:, numbers])
            else:
                chosen[name] = image[:, numbers]
        return replace(batch, images={**batch.images, **chosen})

    def _numbers(self, image: Image) -> list[int]:
        return [image.channel_number(c) for c in self.keep.get(image.name, [c.name for c in image.channels])]
