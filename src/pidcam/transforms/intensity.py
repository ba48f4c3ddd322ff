"""Changes to the values of channels: scale to a common size, compress a wide range. Zero stays zero, so hits may come
as hits (but for the mean of all cells)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, Self

import torch

from pidcam.batch import Batch, SparseImage
from pidcam.errors import ConfigError
from pidcam.schema import EventSchema
from pidcam.store.manifest import ChannelStatistics
from pidcam.transforms.base import Statistics, Transform, transforms, without_statistics

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
            raise _no_statistics(missing[0], "transform 'scale'", "value per channel")
        # a channel that is zero everywhere stays as it is
        return type(self)(by={i.name: [c.hit_rms or 1.0 for c in statistics[i.name]] for i in schema.images})

    def outcome(self, schema: EventSchema, statistics: Statistics) -> tuple[EventSchema, Statistics]:
        assert isinstance(self.by, dict), "not fitted"
        scaled = {
            name: tuple(_scaled(c, by) for c, by in zip(statistics[name], values, strict=True))
            for name, values in self.by.items()
            if name in statistics
        }
        return schema, {**statistics, **scaled}

    def __call__(self, batch: Batch, schema: EventSchema, generator: torch.Generator) -> Batch:
        assert isinstance(self.by, dict), "not fitted"
        return _each(batch, self.by, torch.div)


def _scaled(of: ChannelStatistics, by: float) -> ChannelStatistics:
    linear = {name: getattr(of, name) / by for name in ("mean", "std", "hit_mean", "hit_rms", "minimum", "maximum")}
    return of.model_copy(update=linear)


@transforms.register("standardise")
class Standardise(Transform):
    """Subtract the mean and divide by the standard deviation of every channel.

    over: the `hits` of the training split (cells without a hit stay zero, images may be hits), or all `cells`; by:
    {image: [[mean, deviation] per channel]} instead of what the training split gives.
    """

    over: Literal["hits", "cells"] = "hits"
    by: dict[str, list[tuple[float, float]]] | None = None

    def fitted(self, schema: EventSchema, statistics: Statistics) -> Self:
        where = "transform 'standardise'"
        if self.by is None:
            if missing := [i.name for i in schema.images if i.name not in statistics]:
                raise _no_statistics(missing[0], where, "[mean, deviation] per channel")
            return self.model_copy(update={"by": {i.name: self._moments(statistics[i.name]) for i in schema.images}})
        _require_channels({name: [width for _, width in values] for name, values in self.by.items()}, schema)
        if not all(math.isfinite(mean) for values in self.by.values() for mean, _ in values):
            raise ConfigError("a mean is not finite", where=where)
        return self

    def _moments(self, channels: tuple[ChannelStatistics, ...]) -> list[tuple[float, float]]:
        if self.over == "cells":
            return [(c.mean, c.std or 1.0) for c in channels]
        return [(c.hit_mean, math.sqrt(max(c.hit_rms**2 - c.hit_mean**2, 0)) or 1.0) for c in channels]

    def outcome(self, schema: EventSchema, statistics: Statistics) -> tuple[EventSchema, Statistics]:
        return schema, without_statistics(statistics, self.by or {})

    def __call__(self, batch: Batch, schema: EventSchema, generator: torch.Generator) -> Batch:
        assert self.by is not None, "not fitted"
        images = dict(batch.images)
        for name, numbers in self.by.items():
            image = images[name]
            hits = isinstance(image, SparseImage)
            if hits and self.over == "cells":
                image, hits = batch.dense(name), False  # cells without a hit do not stay zero
            values = image.value if isinstance(image, SparseImage) else image
            mean, width = (values.new_tensor(x).view(-1, *[1] * (values.dim() - 2)) for x in zip(*numbers, strict=True))
            changed = (values - mean) / width
            if isinstance(image, SparseImage):
                images[name] = replace(image, value=changed)
            else:
                hit = (values != 0).any(dim=1, keepdim=True) if self.over == "hits" else values.new_ones(1).bool()
                images[name] = torch.where(hit, changed, 0)
        return replace(batch, images=images)


class _Compressed(Transform):
    """A function of value / scale that is odd; scale: {image: [value per channel]}."""

    scale: PerChannel

    def fitted(self, schema: EventSchema, statistics: Statistics) -> Self:
        _require_channels(self.scale, schema)
        return self

    def outcome(self, schema: EventSchema, statistics: Statistics) -> tuple[EventSchema, Statistics]:
        return schema, without_statistics(statistics, self.scale)

    def __call__(self, batch: Batch, schema: EventSchema, generator: torch.Generator) -> Batch:
        return _each(batch, self.scale, lambda values, scale: self.compress(values / scale))

    def compress(self, x: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


@transforms.register("asinh")
class Asinh(_Compressed):
    """Compress to asinh(x / scale): linear below `scale`, logarithmic above, odd, zero stays zero.

    scale: {image: [value per channel]}, in the unit the channel has at this point of the chain.
    """

    def compress(self, x: torch.Tensor) -> torch.Tensor:
        return torch.asinh(x)


@transforms.register("log")
class Log(_Compressed):
    """Compress to sign(x) log(1 + |x| / scale): linear below `scale`, logarithmic above, zero stays zero.

    scale: {image: [value per channel]}, in the unit the channel has at this point of the chain.
    """

    def compress(self, x: torch.Tensor) -> torch.Tensor:
        return x.sign() * x.abs().log1p()


@transforms.register("tanh_log")
class TanhLog(_Compressed):
    """Compress to tanh(sign(x) log(1 + |x| / scale) / 2) = u / (|u| + 2), u = x / scale: from -1 to 1, zero stays zero.

    scale: {image: [value per channel]}, in the unit the channel has at this point of the chain.
    """

    def compress(self, x: torch.Tensor) -> torch.Tensor:
        return x / (x.abs() + 2)


@transforms.register("unit")
class Unit(Transform):
    """Divide every channel of every event by its own `sum`, `maximum` or `norm` (root of the sum of squares) of sizes.

    An event whose channel is zero stays as it is. images: which (default: all).
    """

    to: Literal["sum", "maximum", "norm"] = "sum"
    images: list[str] | None = None

    def fitted(self, schema: EventSchema, statistics: Statistics) -> Self:
        return self.model_copy(update={"images": [schema.image(n).name for n in self._names(schema)]})

    def outcome(self, schema: EventSchema, statistics: Statistics) -> tuple[EventSchema, Statistics]:
        return schema, without_statistics(statistics, self._names(schema))

    def __call__(self, batch: Batch, schema: EventSchema, generator: torch.Generator) -> Batch:
        images = dict(batch.images)
        for name in self._names(schema):
            image = images[name]
            if isinstance(image, SparseImage):
                size = self._of_hits(image)
                images[name] = replace(image, value=image.value / size[image.event])
            else:
                flat = image.flatten(2)
                size = torch.linalg.vector_norm(flat, _ORDER[self.to], dim=2)
                images[name] = (flat / torch.where(size == 0, 1, size)[..., None]).view_as(image)
        return replace(batch, images=images)

    def _names(self, schema: EventSchema) -> list[str]:
        return [i.name for i in schema.images] if self.images is None else self.images

    def _of_hits(self, hits: SparseImage) -> torch.Tensor:
        """(n, channels), 1 where it is zero."""
        value, power = hits.value.abs(), _ORDER[self.to]
        zero = value.new_zeros(len(hits.offsets) - 1, value.shape[1])
        if math.isinf(power):
            size = zero.index_reduce(0, hits.event, value, "amax")
        else:
            size = zero.index_add(0, hits.event, value**power) ** (1 / power)
        return torch.where(size == 0, 1, size)


_ORDER = {"sum": 1.0, "norm": 2.0, "maximum": math.inf}


def _no_statistics(image: str, where: str, what: str) -> ConfigError:
    return ConfigError(
        f"there are no training statistics of image '{image}'",
        where=where,
        fix=f"put it before transforms that change cells, or give the values: by: {{image: [{what}]}}",
    )
