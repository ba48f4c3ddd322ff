"""The grid that hits are put on, chosen when they are loaded: a study of the voxel size needs one store."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal, Self

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor

from pidcam.batch import Batch, SparseImage
from pidcam.errors import ConfigError, UnknownNameError
from pidcam.schema import EventSchema, Image
from pidcam.store.scatter import voxels
from pidcam.transforms.base import Statistics, Transform, transforms, without_statistics


@transforms.register("voxelise")
class Voxelise(Transform):
    """Put the hits of an image, points or cells, on a new grid; values in one voxel add up, those outside are left out.

    pitch: voxel size, for all axes or each, in the unit of the image (of cells, where it has no pitch); `shape`
    (voxels) or `window` (in that unit) along each axis says how many. centre: what lies in the middle: the `grid` of
    the store or a point `at`; the `barycentre` or the `highest` hit of the event, by the first channel or `channel`; or
    the names of three columns, one for each axis (a vertex). These come to the middle of voxel n // 2, where
    `flip: {about: cell}` leaves them; coordinates are then relative to them. sparse: leave the voxels as hits.
    """

    image: str
    pitch: PositiveFloat | list[PositiveFloat]
    shape: list[PositiveInt] | None = None
    window: PositiveFloat | list[PositiveFloat] | None = None
    centre: Literal["grid", "barycentre", "highest"] | Annotated[list[str], Field(min_length=1)] = "grid"
    at: list[float] | None = None
    channel: str | None = None
    sparse: bool = False

    def hits_of(self) -> tuple[str, ...]:
        return (self.image,)

    def fitted(self, schema: EventSchema, statistics: Statistics) -> Self:
        image = schema.image(self.image)
        where, axes = "transform 'voxelise'", len(image.shape)
        if (self.shape is None) == (self.window is None):
            raise ConfigError("needs either shape or window", where=where)
        if self.at is not None and self.centre != "grid":
            raise ConfigError("at is a point of the detector: it goes with centre: grid", where=where)
        pitch = self.pitch if isinstance(self.pitch, list) else [self.pitch] * axes
        window = self.window if isinstance(self.window, list | None) else [self.window] * axes
        for name, given in (("pitch", pitch), ("shape", self.shape), ("window", window), ("at", self.at)):
            if given is not None and len(given) != axes:
                raise ConfigError(f"image '{image.name}' has {axes} axes, {name} has {len(given)}", where=where)
        if isinstance(self.centre, list):
            columns = [c.name for c in (*schema.features, *schema.targets)]
            for name in self.centre:
                if name not in columns:
                    raise UnknownNameError("column", name, columns, where=where)
            if len(self.centre) != axes:
                raise ConfigError(f"image '{image.name}' has {axes} axes, centre has {len(self.centre)}", where=where)
        image.channel_number(self.channel, where=where)
        shape = self.shape or [max(1, round(w / p)) for w, p in zip(window or [], pitch, strict=True)]
        return self.model_copy(update={"pitch": pitch, "shape": shape, "window": None})

    def outcome(self, schema: EventSchema, statistics: Statistics) -> tuple[EventSchema, Statistics]:
        image = schema.image(self.image)
        shape, pitch = self._grid
        update = {"shape": shape, "pitch": pitch, "low": self._low(image), "storage": "cells"}
        images = tuple(i.model_copy(update=update) if i.name == self.image else i for i in schema.images)
        return schema.model_copy(update={"images": images}), without_statistics(statistics, [self.image])

    def __call__(self, batch: Batch, schema: EventSchema, generator: torch.Generator) -> Batch:
        image, (shape, pitch) = schema.image(self.image), self._grid
        given = batch.images[self.image]
        hits = coordinates(given if isinstance(given, SparseImage) else SparseImage.of(given), image)
        if self.centre != "grid":
            place = hits.place - self._middle(batch, hits, image)[hits.event]
            hits = replace(hits, place=place.to(torch.float32))
        hits = replace(hits, shape=shape, pitch=pitch, low=self._low(image))
        made = hits.on_grid() if self.sparse else voxels(hits, hits.low, pitch, shape)
        return replace(batch, images={**batch.images, self.image: made})

    @property
    def _grid(self) -> tuple[tuple[int, ...], tuple[float, ...]]:
        assert isinstance(self.pitch, list), "not fitted"
        assert self.shape is not None, "not fitted"
        return tuple(self.shape), tuple(self.pitch)

    def _low(self, image: Image) -> tuple[float, ...]:
        """Lower corner of the new grid: in the detector, or seen from the centre of the event."""
        shape, pitch = self._grid
        if self.centre != "grid":
            return tuple(-p * (n // 2 + 0.5) for n, p in zip(shape, pitch, strict=True))
        low, old = grid_of(image)
        middle = self.at or [b + p * n / 2 for b, p, n in zip(low, old, image.shape, strict=True)]
        return tuple(m - p * n / 2 for m, p, n in zip(middle, pitch, shape, strict=True))

    def _middle(self, batch: Batch, hits: SparseImage, image: Image) -> Tensor:
        """(n, axes) the centre of each event; of one without hits, the origin."""
        if isinstance(self.centre, list):
            columns = batch.features | batch.targets
            return torch.stack([columns[name] for name in self.centre], dim=1)
        value = hits.value[:, image.channel_number(self.channel)]
        if self.centre == "barycentre":
            total = value.new_zeros(len(batch)).index_add(0, hits.event, value)
            moment = value.new_zeros(len(batch), len(image.shape)).index_add(0, hits.event, hits.place * value[:, None])
            return moment / torch.where(total == 0, 1, total)[:, None]
        return hits.place.new_zeros(len(batch), len(image.shape)).index_copy(0, *_highest(hits, value))


def grid_of(image: Image) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Lower corner and pitch; cells are counted from 0 where there are none."""
    return image.low or (0.0,) * len(image.shape), image.pitch or (1.0,) * len(image.shape)


def coordinates(hits: SparseImage, image: Image) -> SparseImage:
    """Hits with float coordinates: a cell lies in its middle."""
    if hits.place.is_floating_point():
        return hits
    low, pitch = (hits.value.new_tensor(x) for x in grid_of(image))
    return replace(hits, place=low + (hits.place + 0.5) * pitch)


def _highest(hits: SparseImage, value: Tensor) -> tuple[Tensor, Tensor]:
    """Events that have hits, and the place of the highest of each (the first of equals)."""
    largest = value.new_full((len(hits.offsets) - 1,), -torch.inf).scatter_reduce(0, hits.event, value, "amax")
    rank = torch.where(value == largest[hits.event], torch.arange(len(value), device=value.device), len(value))
    first = rank.new_full((len(hits.offsets) - 1,), len(value)).scatter_reduce(0, hits.event, rank, "amin")
    events = torch.nonzero(first < len(value))[:, 0]
    return events, hits.place[first[events]]
