"""Smaller images: a window of the grid, or fewer and larger cells. Images that are hits stay hits."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, Self

import torch
from pydantic import PositiveInt
from torch import Tensor

from pidcam.batch import Batch, SparseImage
from pidcam.errors import ConfigError, UnknownNameError
from pidcam.schema import EventSchema, Image
from pidcam.transforms.base import Statistics, Transform, transforms, without_statistics
from pidcam.transforms.geometry import windowed


class _Smaller(Transform):
    """Changes the grid of one image."""

    image: str

    def _axes(self, given: dict[str, int], schema: EventSchema, where: str) -> None:
        image = schema.image(self.image)
        for axis in given:
            if axis not in image.axes:
                raise UnknownNameError("axis", axis, image.axes, where=where)
        if not given:
            raise ConfigError("names no axis", where=where)

    def _with(self, schema: EventSchema, statistics: Statistics, **update: object) -> tuple[EventSchema, Statistics]:
        images = tuple(i.model_copy(update=update) if i.name == self.image else i for i in schema.images)
        return schema.model_copy(update={"images": images}), without_statistics(statistics, [self.image])


@transforms.register("crop")
class Crop(_Smaller):
    """Keep a window of cells along the named axes: {axis: cells}; beyond the edge there are zeros.

    about: the middle of the `grid`, or of each event the cell whose first channel, or `channel`, is `highest`; that
    comes to cell n // 2.
    """

    cells: dict[str, PositiveInt]
    about: Literal["grid", "highest"] = "grid"
    channel: str | None = None

    def fitted(self, schema: EventSchema, statistics: Statistics) -> Self:
        self._axes(self.cells, schema, "transform 'crop'")
        schema.image(self.image).channel_number(self.channel, where="transform 'crop'")
        return self

    def outcome(self, schema: EventSchema, statistics: Statistics) -> tuple[EventSchema, Statistics]:
        image = schema.image(self.image)
        shape = tuple(self.cells.get(axis, n) for axis, n in zip(image.axes, image.shape, strict=True))
        low = image.low
        if low and self.about == "grid":
            start = ((old - new) // 2 for old, new in zip(image.shape, shape, strict=True))
            low = tuple(b + p * s for b, p, s in zip(low, image.pitch, start, strict=True))
        elif low:
            low = tuple(-p * (n // 2 + 0.5) for n, p in zip(shape, image.pitch, strict=True))
        return self._with(schema, statistics, shape=shape, low=low)

    def __call__(self, batch: Batch, schema: EventSchema, generator: torch.Generator) -> Batch:
        image = schema.image(self.image)
        x = batch.images[self.image]
        if isinstance(x, SparseImage):
            x = x.on_grid()
        starts = self._starts(x, image)
        for axis, start in starts.items():
            x = windowed(x, image.axes.index(axis), start, self.cells[axis])
        return replace(batch, images={**batch.images, self.image: x})

    def _starts(self, x: Tensor | SparseImage, image: Image) -> dict[str, Tensor]:
        """First cell of the window of every event, for each axis."""
        n = len(x.offsets) - 1 if isinstance(x, SparseImage) else len(x)
        device = x.value.device if isinstance(x, SparseImage) else x.device
        if self.about == "grid":
            lengths = dict(zip(image.axes, image.shape, strict=True))
            return {
                axis: torch.full((n,), (lengths[axis] - size) // 2, device=device) for axis, size in self.cells.items()
            }
        channel = image.channel_number(self.channel)
        dense = x.dense() if isinstance(x, SparseImage) else x
        place = torch.unravel_index(dense[:, channel].flatten(1).argmax(1), image.shape)
        return {axis: place[image.axes.index(axis)] - size // 2 for axis, size in self.cells.items()}


@transforms.register("downsample")
class Downsample(_Smaller):
    """Join `factor` cells along each named axis, {axis: factor}, into one that holds their `sum`, `mean` or `max`.

    Of an axis that no factor divides, the last cell is filled up with zeros.
    """

    factor: dict[str, PositiveInt]
    how: Literal["sum", "mean", "max"] = "sum"

    def fitted(self, schema: EventSchema, statistics: Statistics) -> Self:
        self._axes(self.factor, schema, "transform 'downsample'")
        return self

    def outcome(self, schema: EventSchema, statistics: Statistics) -> tuple[EventSchema, Statistics]:
        image = schema.image(self.image)
        factor = self._factors(image)
        shape = tuple(-(-n // f) for n, f in zip(image.shape, factor, strict=True))
        pitch = tuple(p * f for p, f in zip(image.pitch, factor, strict=True)) if image.pitch else ()
        return self._with(schema, statistics, shape=shape, pitch=pitch)

    def __call__(self, batch: Batch, schema: EventSchema, generator: torch.Generator) -> Batch:
        image, x = schema.image(self.image), batch.images[self.image]
        factor = self._factors(image)
        if isinstance(x, SparseImage) and self.how != "max":
            made: Tensor | SparseImage = self._joined_hits(x.on_grid(), factor)
        else:  # the largest of some hits and zeros is no sum over hits
            dense = batch.dense(self.image)
            for axis, f in enumerate(factor):
                dense = self._joined(dense, 2 + axis, f) if f > 1 else dense
            made = SparseImage.of(dense) if isinstance(x, SparseImage) else dense
        return replace(batch, images={**batch.images, self.image: made})

    def _factors(self, image: Image) -> list[int]:
        return [self.factor.get(axis, 1) for axis in image.axes]

    def _joined(self, x: Tensor, dimension: int, factor: int) -> Tensor:
        missing = -x.shape[dimension] % factor
        if missing:
            shape = [missing if d == dimension else n for d, n in enumerate(x.shape)]
            x = torch.cat([x, x.new_zeros(shape)], dimension)
        x = x.unflatten(dimension, (-1, factor))
        return x.amax(dimension + 1) if self.how == "max" else getattr(x, self.how)(dimension + 1)

    def _joined_hits(self, hits: SparseImage, factor: list[int]) -> SparseImage:
        shape = tuple(-(-n // f) for n, f in zip(hits.shape, factor, strict=True))
        middle = (hits.place // torch.tensor(factor, device=hits.place.device)).to(torch.float32) + 0.5
        whole = replace(hits, place=middle, shape=shape, low=(0.0,) * len(shape), pitch=(1.0,) * len(shape)).on_grid()
        return replace(whole, value=whole.value / torch.tensor(factor).prod()) if self.how == "mean" else whole
