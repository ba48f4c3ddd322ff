"""Changes to the values of channels: scale to a common size, compress a wide range."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, Self

import torch

from pidcam.batch import Batch
from pidcam.errors import ConfigError
from pidcam.schema import EventSchema
from pidcam.transforms.base import Statistics, Transform, transforms

PerChannel = dict[str, list[float]]


def _column(values: list[float], like: torch.Tensor) -> torch.Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(-1, *[1] * (like.dim() - 2))


def _require_channels(given: PerChannel, schema: EventSchema) -> None:
    for name, values in given.items():
        if len(values) != len(schema.image(name).channels):
            raise ConfigError(
                f"image '{name}' has {len(schema.image(name).channels)} channels, {len(values)} values were given",
                where="transforms",
            )
        if not all(v > 0 for v in values):
            raise ConfigError(f"image '{name}' needs positive values", where="transforms")


@transforms.register("scale")
class Scale(Transform):
    """Divide every channel by a constant, so that zero stays zero.

    by: `rms` takes the root mean square of the hit cells in the training split; or {image: [value per channel]}.
    """

    by: Literal["rms"] | PerChannel = "rms"

    def fitted(self, schema: EventSchema, statistics: Statistics) -> Self:
        if self.by == "rms":
            # a channel that is zero everywhere stays as it is
            return type(self)(by={i.name: [c.hit_rms or 1.0 for c in statistics[i.name]] for i in schema.images})
        _require_channels(self.by, schema)
        return self

    def __call__(self, batch: Batch, schema: EventSchema, generator: torch.Generator) -> Batch:
        assert isinstance(self.by, dict), "not fitted"
        images = {n: x / _column(self.by[n], batch.dense(n)) if n in self.by else x for n, x in batch.images.items()}
        return replace(batch, images=images)


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
        changed = {n: torch.asinh(batch.dense(n) / _column(v, batch.dense(n))) for n, v in self.scale.items()}
        return replace(batch, images={**batch.images, **changed})
