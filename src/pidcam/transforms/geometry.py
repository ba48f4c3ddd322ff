"""Augmentations by what the detector cannot tell apart: mirror images, quarter turns, small displacements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal, Self

import torch
from pydantic import Field

from pidcam.batch import Batch, SparseImage, flat_cells
from pidcam.errors import ConfigError, UnknownNameError
from pidcam.schema import EventSchema
from pidcam.transforms.base import Statistics, Transform, transforms


class _AlongAxes(Transform):
    """Acts along named axes of every image that has them. Name only axes that field and material leave symmetric."""

    augmentation: ClassVar[bool] = True
    axes: Annotated[list[str], Field(min_length=1)]

    def fitted(self, schema: EventSchema, statistics: Statistics) -> Self:
        known = {axis for image in schema.images for axis in image.axes}
        for axis in self.axes:
            if axis not in known:
                raise UnknownNameError("axis", axis, known, where="transforms")
        return self


Picture = torch.Tensor | SparseImage


def _each_along(
    axes: Sequence[str], batch: Batch, schema: EventSchema, change: Callable[[Picture, list[int]], Picture]
) -> Batch:
    """`change(image, numbers of the axes)` in every image that has all of these axes."""
    images = dict(batch.images)
    for image in schema.images:
        if set(axes) <= set(image.axes):
            images[image.name] = change(images[image.name], [image.axes.index(axis) for axis in axes])
    return replace(batch, images=images)


def _chosen(mask: torch.Tensor, changed: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return torch.where(mask.view(-1, *[1] * (x.dim() - 1)), changed, x)


@transforms.register("flip")
class Flip(_AlongAxes):
    """Mirror half of the events, chosen at random for each axis and alike in all images.

    about: `grid` mirrors the grid; `cell` mirrors about the central cell n // 2, where crops have their highest hit
    (on an even grid cell 0 has no partner and stays).
    """

    about: Literal["grid", "cell"] = "grid"

    def __call__(self, batch: Batch, schema: EventSchema, generator: torch.Generator) -> Batch:
        for axis in self.axes:
            chosen = (torch.rand(len(batch), generator=generator) < 0.5).to(batch.device)

            def mirrored(x: Picture, axes: list[int], chosen: torch.Tensor = chosen) -> Picture:
                return _mirrored(x, axes[0], chosen, self.about)

            batch = _each_along([axis], batch, schema, mirrored)
        return batch


@transforms.register("rotate")
class Rotate(_AlongAxes):
    """Turn every event in the plane of two axes by 0, 90, 180 or 270 degrees, at random and alike in all images.

    The plane must have as many cells along both axes. about: as for `flip`.
    """

    about: Literal["grid", "cell"] = "grid"

    def fitted(self, schema: EventSchema, statistics: Statistics) -> Self:
        super().fitted(schema, statistics)
        if len(set(self.axes)) != 2 or len(self.axes) != 2:
            raise ConfigError("turns in the plane of two axes", where="transform 'rotate'")
        planes = [image for image in schema.images if set(self.axes) <= set(image.axes)]
        if not planes:
            raise ConfigError(f"no image has both axes {' and '.join(self.axes)}", where="transform 'rotate'")
        for image in planes:
            one, two = (image.shape[image.axes.index(axis)] for axis in self.axes)
            if one != two:
                what = f"image '{image.name}' has {one} cells along {self.axes[0]} and {two} along {self.axes[1]}"
                raise ConfigError(what, where="transform 'rotate'", fix="crop it to a square first")
        return self

    def __call__(self, batch: Batch, schema: EventSchema, generator: torch.Generator) -> Batch:
        turns = torch.randint(4, (len(batch),), generator=generator).to(batch.device)

        def turned(x: Picture, axes: list[int]) -> Picture:
            # a quarter is an exchange of the axes and a mirror
            x = _exchanged(x, axes, turns % 2 == 1)
            x = _mirrored(x, axes[0], (turns == 1) | (turns == 2), self.about)
            return _mirrored(x, axes[1], turns >= 2, self.about)

        return _each_along(self.axes, batch, schema, turned)


@transforms.register("shift")
class Shift(_AlongAxes):
    """Displace every event by up to `cells` cells along each axis, alike in all images.

    What leaves the image is lost, zeros come in; where an axis is `cyclic` (phi, of a whole barrel), it comes in again
    at the other side.
    """

    cells: Annotated[int, Field(ge=1)] = 1
    cyclic: bool = False

    def __call__(self, batch: Batch, schema: EventSchema, generator: torch.Generator) -> Batch:
        for axis in self.axes:
            step = torch.randint(-self.cells, self.cells + 1, (len(batch),), generator=generator).to(batch.device)

            def moved(x: Picture, axes: list[int], step: torch.Tensor = step) -> Picture:
                length = x.shape[axes[0]] if isinstance(x, SparseImage) else x.shape[2 + axes[0]]
                return windowed(x, axes[0], -step, length, cyclic=self.cyclic)

            batch = _each_along([axis], batch, schema, moved)
        return batch


def windowed(x: Picture, axis: int, start: torch.Tensor, length: int, *, cyclic: bool = False) -> Any:
    """Of every event of x the `length` cells from its own `start` (n,) on along an axis; zeros beyond the edge, or what
    is at the other side. Hits at coordinates are moved, and left out only when they come to a grid."""
    if isinstance(x, SparseImage):
        return _windowed_hits(x, axis, start, length, cyclic)
    dimension = 2 + axis  # after event and channel
    size = x.shape[dimension]
    source = torch.arange(length, device=x.device) + start[:, None]  # (n, length)
    source = source % size if cyclic else source
    inside = (source >= 0) & (source < size)
    shape = [len(x), *[length if d == dimension else 1 for d in range(1, x.dim())]]
    wide = [length if d == dimension else n for d, n in enumerate(x.shape)]
    moved = torch.gather(x, dimension, source.clamp(0, size - 1).view(shape).expand(wide))
    return torch.where(inside.view(shape), moved, 0)


def _windowed_hits(x: SparseImage, axis: int, start: torch.Tensor, length: int, cyclic: bool) -> SparseImage:
    column, begin = x.place[:, axis], start[x.event]
    shape = tuple(length if a == axis else n for a, n in enumerate(x.shape))
    if x.place.is_floating_point():
        low, pitch = x.low[axis], x.pitch[axis]
        column = column - begin * pitch
        if cyclic:
            column = low + (column - low) % (x.shape[axis] * pitch)
        return _with_column(replace(x, shape=shape), axis, column)
    column = column - begin
    if cyclic:
        return ascending(_with_column(replace(x, shape=shape), axis, column % x.shape[axis]))
    return _with_column(replace(x, shape=shape), axis, column).keep((column >= 0) & (column < length))


def ascending(hits: SparseImage) -> SparseImage:
    """The cells of every event in C order, as all hits on a grid are."""
    order = torch.argsort(flat_cells(hits.event, hits.place, hits.shape))
    return replace(hits, place=hits.place[order], value=hits.value[order])


def _with_column(hits: SparseImage, axis: int, column: torch.Tensor) -> SparseImage:
    place = hits.place.clone()
    place[:, axis] = column
    return replace(hits, place=place)


def _middle(hits: SparseImage, axis: int, about: str) -> float:
    """The coordinate about which hits are mirrored."""
    n = hits.shape[axis]
    return hits.low[axis] + hits.pitch[axis] * (n // 2 + 0.5 if about == "cell" else n / 2)


def _mirrored(x: Picture, axis: int, chosen: torch.Tensor, about: str) -> Picture:
    """x with the `chosen` (n,) events mirrored along an axis."""
    if not isinstance(x, SparseImage):
        changed = x.flip(2 + axis)
        roll = about == "cell" and x.shape[2 + axis] % 2 == 0
        return _chosen(chosen, changed.roll(1, 2 + axis) if roll else changed, x)
    mine, column, n = chosen[x.event], x.place[:, axis], x.shape[axis]
    if x.place.is_floating_point():
        return _with_column(x, axis, torch.where(mine, 2 * _middle(x, axis, about) - column, column))
    other = (n - column) % n if about == "cell" and n % 2 == 0 else n - 1 - column
    return ascending(_with_column(x, axis, torch.where(mine, other, column)))


def _exchanged(x: Picture, axes: list[int], chosen: torch.Tensor) -> Picture:
    """x with the two axes, of equal length, exchanged in the `chosen` (n,) events."""
    one, two = axes
    if not isinstance(x, SparseImage):
        return _chosen(chosen, x.transpose(2 + one, 2 + two), x)
    mine, a, b = chosen[x.event], x.place[:, one], x.place[:, two]
    if not x.place.is_floating_point():
        x = _with_column(_with_column(x, one, torch.where(mine, b, a)), two, torch.where(mine, a, b))
        return ascending(x)
    u, v = ((x.place[:, k] - x.low[k]) / x.pitch[k] for k in axes)
    x = _with_column(x, one, torch.where(mine, x.low[one] + v * x.pitch[one], a))
    return _with_column(x, two, torch.where(mine, x.low[two] + u * x.pitch[two], b))
