"""Which images and features a model sees: images alone, features alone, or some of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Self

import torch

from pidcam.batch import Batch
from pidcam.errors import ConfigError, UnknownNameError
from pidcam.schema import Column, EventSchema, Image
from pidcam.transforms.base import Statistics, Transform, transforms


@transforms.register("inputs")
class OnlyInputs(Transform):
    """Keep only the named images and features; a list that is not given keeps all, an empty one keeps none."""

    images: list[str] | None = None
    features: list[str] | None = None

    def fitted(self, schema: EventSchema, statistics: Statistics) -> Self:
        images, features = self._kept(schema)
        for kind, wanted, there in (("image", self.images, images), ("feature", self.features, features)):
            known = [x.name for x in (schema.images if kind == "image" else schema.features)]
            if missing := [name for name in wanted or () if name not in {x.name for x in there}]:
                raise UnknownNameError(kind, missing[0], known, where="transform 'inputs'")
        if not images and not features:
            raise ConfigError("keeps neither an image nor a feature", where="transform 'inputs'")
        return self

    def outcome(self, schema: EventSchema, statistics: Statistics) -> tuple[EventSchema, Statistics]:
        images, features = self._kept(schema)
        kept = {image.name: statistics[image.name] for image in images if image.name in statistics}
        return schema.model_copy(update={"images": tuple(images), "features": tuple(features)}), kept

    def __call__(self, batch: Batch, schema: EventSchema, generator: torch.Generator) -> Batch:
        """Without the other images; features stay in the batch, as what is told of an event beside its scores."""
        images, _ = self._kept(schema)
        return replace(batch, images={image.name: batch.images[image.name] for image in images})

    def _kept(self, schema: EventSchema) -> tuple[Sequence[Image], Sequence[Column]]:
        images = [x for x in schema.images if self.images is None or x.name in self.images]
        features = [x for x in schema.features if self.features is None or x.name in self.features]
        return images, features
