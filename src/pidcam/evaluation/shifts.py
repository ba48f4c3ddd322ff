"""What a detector may do that its simulation did not: another energy scale, more noise, higher thresholds, dead cells.

A shift acts on raw events, before the transforms of the run, on the first channel of every image (its energy or
charge), or of one image where it is named: `scale.ecal=1.02`. Values are in the physical unit of the channel: for a
channel in "50 GeV", noise=0.05 is 50 MeV.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from pidcam.batch import Batch, SparseImage, flat_cells
from pidcam.errors import ConfigError, InputError, UnknownNameError
from pidcam.schema import EventSchema, Image
from pidcam.units import physical_unit

Picture = Tensor | SparseImage
Act = Callable[[Picture, float, Image, int], Picture]
"""(image, value of the shift, what the image is, seed) -> the changed image; the image given stays as it is."""


@dataclass(frozen=True)
class ShiftKind:
    """One kind of shift: what it does, in words too, and the values it takes."""

    act: Act
    title: str
    low: float
    high: float = math.inf


@dataclass(frozen=True)
class Shift:
    """One or several changes, one after the other; `text` is what the user wrote."""

    text: str
    steps: tuple[tuple[str, str | None, float], ...]

    def title(self, schema: EventSchema) -> str:
        """What is done to the events, in words with units."""
        parts = []
        for kind, name, value in self.steps:
            image = schema.image(name) if name else schema.images[0]
            unit = physical_unit(image.channels[0].unit)[1]
            words = {"value": f"{value:g}", "percent": f"{100 * value:g}", "with_unit": f"{value:g} {unit}".rstrip()}
            parts.append(KINDS[kind].title.format(**words) + (f" in {name}" if name else ""))
        return ", then ".join(parts)

    def __call__(self, batch: Batch, schema: EventSchema, seed: int) -> Batch:
        """The shifted events; `seed` draws the noise, and dead cells are the same for all."""
        images = dict(batch.images)
        for step, (kind, only, value) in enumerate(self.steps):
            for number, image in enumerate(schema.images):
                if only in (None, image.name):
                    # cells die for good, noise is drawn anew for every batch
                    key = _seed(step, number, 0 if kind == "dead" else 1 + seed)
                    images[image.name] = KINDS[kind].act(images[image.name], value, image, key)
        return replace(batch, images=images)


def parse_shift(text: str, schema: EventSchema) -> Shift:
    """`scale=1.02`, `scale.ecal=1.02`, or several in a row: `noise_all=0.05+threshold=0.1`."""
    steps = []
    for part in text.split("+"):
        name, equals, number = part.partition("=")
        kind, _, image = name.partition(".")
        if not equals:
            raise ConfigError(f"'{part}' is not kind=value", where="--shift", fix="write for example scale=1.02")
        if kind not in KINDS:
            raise UnknownNameError("shift", kind, KINDS, where="--shift")
        if image:
            schema.image(image)
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        known = KINDS[kind]
        if not (math.isfinite(value) and known.low <= value <= known.high):
            limits = f"at least {known.low:g}" if known.high == math.inf else f"{known.low:g} to {known.high:g}"
            raise ConfigError(f"'{number}' is no value for {kind}, which takes {limits}", where="--shift")
        steps.append((kind, image or None, value))
    if not schema.images:
        raise InputError(f"'{schema.name}' has no images to shift", where="--shift")
    return Shift(text, tuple(steps))


def _scale(image: Picture, value: float, spec: Image, seed: int) -> Picture:
    return _with_first(image, _first(image) * value)


def _noise(image: Picture, value: float, spec: Image, seed: int) -> Picture:
    """On cells that were hit: what is not read out hears no noise."""
    first = _first(image)
    hit = (image != 0).any(dim=1) if isinstance(image, Tensor) else torch.ones_like(first, dtype=torch.bool)
    return _with_first(image, first + _normal(first, value / _factor(spec), seed) * hit)


def _noise_all(image: Picture, value: float, spec: Image, seed: int) -> Picture:
    if isinstance(image, SparseImage):
        raise InputError("a model that takes hits has no empty cells to put noise on", where="--shift", fix="use noise")
    return _with_first(image, _first(image) + _normal(_first(image), value / _factor(spec), seed))


def _threshold(image: Picture, value: float, spec: Image, seed: int) -> Picture:
    return _keep(image, _first(image) * _factor(spec) >= value)


def _dead(image: Picture, value: float, spec: Image, seed: int) -> Picture:
    shape = tuple(image.shape[2:]) if isinstance(image, Tensor) else image.shape
    cells = math.prod(shape)
    alive = torch.ones(cells, dtype=torch.bool)
    alive[torch.randperm(cells, generator=torch.Generator().manual_seed(seed))[: round(value * cells)]] = False
    if isinstance(image, Tensor):
        return _keep(image, alive.view(1, *shape).to(image.device))
    place = image.place.cpu()
    if place.is_floating_point():
        place = (place - torch.tensor(spec.low)) / torch.tensor(spec.pitch)
    cell = torch.minimum(place.floor().long().clamp(min=0), torch.tensor(shape) - 1)
    flat = flat_cells(torch.zeros(len(place), dtype=torch.int64), cell, shape)
    return _keep(image, alive[flat].to(image.place.device))


def _factor(spec: Image) -> float:
    return physical_unit(spec.channels[0].unit)[0]


def _first(image: Picture) -> Tensor:
    return image[:, 0] if isinstance(image, Tensor) else image.value[:, 0]


def _with_first(image: Picture, first: Tensor) -> Picture:
    if isinstance(image, Tensor):
        return torch.cat([first.unsqueeze(1), image[:, 1:]], dim=1)
    return replace(image, value=torch.cat([first.unsqueeze(1), image.value[:, 1:]], dim=1))


def _keep(image: Picture, kept: Tensor) -> Picture:
    """Only the cells or hits that are `kept`; the others lose all their channels."""
    if isinstance(image, Tensor):
        return image * kept.unsqueeze(1)
    return image.keep(kept)


def _normal(like: Tensor, width: float, seed: int) -> Tensor:
    drawn = torch.randn(like.shape, generator=torch.Generator().manual_seed(seed), dtype=like.dtype)
    return (width * drawn).to(like.device)


def _seed(*key: int) -> int:
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)


KINDS: dict[str, ShiftKind] = {
    "scale": ShiftKind(_scale, "scale {value}", 0),
    "noise": ShiftKind(_noise, "noise of {with_unit} on hit cells", 0),
    "noise_all": ShiftKind(_noise_all, "noise of {with_unit} on all cells", 0),
    "threshold": ShiftKind(_threshold, "cells below {with_unit} lost", -math.inf),
    "dead": ShiftKind(_dead, "{percent} % of the cells dead", 0, 1),
}
