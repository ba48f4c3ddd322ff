"""Changes to the values of channels: scale to a common size, compress a wide range. Zero stays zero, so hits may come
as hits."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, Self

import torch

from pidcam.batch import Batch, SparseImage
from pidcam.errors import ConfigError
from pidcam.schema import EventSchema
from pidcam.transforms.base import Statistics, Transform, transforms

PerChannel = dict[str, list[float]]


def _require_channels(given: PerChannel, schema: EventSchema) -> None:
    for name, values in given.items():
        if len(values) != len(schema.image(name).channels):
            raise ConfigError(
                f"image '{name}' has {len(schema.image(name).channels)} channels, {len(values)} values were given",
                where="transforms",
            )
        if not all(v > 0 and math.isfinite(v) for v in values):
            raise ConfigError(f"image '{name}' needs positive values", where="transforms")


def _each(batch: Batch, given: PerChannel, change: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> Batch:
    """`change(values, given value)` channel by channel, in the images that are named."""
    images = dict(batch.images)
    for name, numbers in given.items():
        image = images[name]
        values = image.value if isinstance(image, SparseImage) else image  # channels are the second axis of both
        column = torch.tensor(numbers, dtype=values.dtype, device=values.device).view(-1, *[1] * (values.dim() - 2))
        changed = change(values, column)
        images[name] = replace(image, value=changed) if isinstance(image, SparseImage) else changed
    return replace(batch, images=images)


@transforms.register("scale")
class Scale(Transform):
    """Divide every channel by a constant, so that zero stays zero.

    by: `rms` takes the root mean square of the hit cells in the training split; or {image: [value per channel]}.
    """

    by: Literal["rms"] | PerChannel = "rms"

    def fitted(self, schema: EventSchema, statistics: Statistics) -> Self:
        if self.by != "rms":
            _require_channels(self.by, schema)
            return self
        if missing := [i.name for i in schema.images if i.name not in statistics]:
            raise ConfigError(
                f"there are no training statistics of image '{missing[0]}'",
                where="transform 'scale'",
                fix="give the values: by: {image: [value per channel]}",
            )
        # a channel that is zero everywhere stays as it is
        return type(self)(by={i.name: [c.hit_rms or 1.0 for c in statistics[i.name]] for i in schema.images})

    def __call__(self, batch: Batch, schema: EventSchema, generator: torch.Generator) -> Batch:
        assert isinstance(self.by, dict), "not fitted"
        return _each(batch, self.by, torch.div)


@transforms.register("asinh")
class Asinh(Transform):
    """Compress to asinh(x / scale): linear below `scale`, logarithmic above, odd, zero stays zero.

    scale: {image: [value per channel]}, in the unit the channel has at this point of the chain.
    """

    scale: PerChannel

    def fitted(self, schema: EventSchema, statistics: Statistics) -> Self:
        _require_channels(self.scale, schema)
        return self

    def __call__(self, batch: Batch, schema: EventSchema, generator: torch.Generator) -> Batch:
        return _each(batch, self.scale, lambda values, scale: torch.asinh(values / scale))
