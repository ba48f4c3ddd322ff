"""What pidcam computes of the images, the numbers that trees see, for networks too."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

import numpy as np
import torch

from pidcam.batch import Batch
from pidcam.errors import ConfigError
from pidcam.features import batch_features, image_features
from pidcam.schema import Column, EventSchema
from pidcam.transforms.base import Statistics, Transform, transforms


@transforms.register("shapes")
class Shapes(Transform):
    """Shower and track shapes of the images as they are at this place of the list, as features beside the others.

    They are those that model `bdt` sees, compressed by asinh. They are computed on the CPU, some ten thousand events a
    second and core, in the first epoch alone where no augmentation stands before and 1 GB holds them, and a table of
    predictions does not take them along.
    """

    def fitted(self, schema: EventSchema, statistics: Statistics) -> Self:
        if not schema.images:
            raise ConfigError("needs an image", where="transform 'shapes'")
        if again := {column.name for column in schema.features} & set(self._names(schema)):
            raise ConfigError(f"'{min(again)}' is a feature already: 'shapes' stands twice", where="transforms")
        return self

    def outcome(self, schema: EventSchema, statistics: Statistics) -> tuple[EventSchema, Statistics]:
        shapes = tuple(Column(name=name) for name in self._names(schema))
        return schema.model_copy(update={"features": schema.features + shapes}), statistics

    def __call__(self, batch: Batch, schema: EventSchema, generator: torch.Generator) -> Batch:
        known = batch.recalled.get("shapes") if batch.recalled else None
        if known is None:
            names, matrix = batch_features(batch, schema.axis_names, schema.channel_names, schema.axis_names)
            known = names, np.arcsinh(matrix)
            if batch.recalled:
                batch.recalled.put("shapes", *known)
        names, matrix = known
        columns = torch.from_numpy(matrix).to(batch.device).unbind(1)
        return replace(batch, made=batch.made | dict(zip(names, columns, strict=True)))

    def _names(self, schema: EventSchema) -> tuple[str, ...]:
        none = {image.name: np.empty((0, *image.dense_shape)) for image in schema.images}
        return image_features(none, schema.channel_names, schema.axis_names)[0]
