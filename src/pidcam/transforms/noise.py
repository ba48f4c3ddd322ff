"""Augmentations that make a detector a little worse: energies smeared, cells that do not answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

import torch
from pydantic import Field

from pidcam.batch import Batch, SparseImage
from pidcam.errors import ConfigError
from pidcam.schema import EventSchema
from pidcam.transforms.base import Statistics, Transform, transforms

Size = Annotated[float, Field(ge=0)]


@transforms.register("smear")
class Smear(Transform):
    """Smear energies by a calorimeter's resolution, sigma / E = stochastic / sqrt(E) (+) constant (+) noise / E.

    per: `cell` draws for every hit with E its own; `event` draws once and scales all cells, with E their sum. Numbers
    are in the unit of the channel (default: the first of `image`) at this point of the chain. Nothing becomes negative
    that was not.
    """

    augmentation: ClassVar[bool] = True
    image: str
    channel: str | None = None
    per: Literal["cell", "event"] = "cell"
    stochastic: Size = 0.0
    constant: Size = 0.0
    noise: Size = 0.0

    def fitted(self, schema: EventSchema, statistics: Statistics) -> Self:
        schema.image(self.image).channel_number(self.channel, where="transform 'smear'")
        if not (self.stochastic or self.constant or self.noise):
            raise ConfigError("smears by nothing", where="transform 'smear'", fix="give stochastic, constant or noise")
        return self

    def __call__(self, batch: Batch, schema: EventSchema, generator: torch.Generator) -> Batch:
        channel = schema.image(self.image).channel_number(self.channel)
        image = batch.images[self.image]
        values = image.value if isinstance(image, SparseImage) else image
        old = values[:, channel]
        if self.per == "cell":
            drawn = torch.randn(old.shape, generator=generator).to(old.device)
            new = torch.where(old != 0, old + self._sigma(old) * drawn, old)
        else:
            drawn = torch.randn(len(batch), generator=generator).to(old.device)
            if isinstance(image, SparseImage):
                total = old.new_zeros(len(batch)).index_add(0, image.event, old)
            else:
                total = old.flatten(1).sum(1)
            factor = 1 + self._sigma(total) / torch.where(total == 0, 1, total) * drawn
            own = factor[image.event] if isinstance(image, SparseImage) else factor.view(-1, *[1] * (old.dim() - 1))
            new = old * own
        changed = values.clone()
        changed[:, channel] = torch.where(old >= 0, new.clamp(min=0), new)
        made = replace(image, value=changed) if isinstance(image, SparseImage) else changed
        return replace(batch, images={**batch.images, self.image: made})

    def _sigma(self, energy: torch.Tensor) -> torch.Tensor:
        size = energy.abs()
        return (self.stochastic**2 * size + (self.constant * size) ** 2 + self.noise**2).sqrt()


@transforms.register("drop_cells")
class DropCells(Transform):
    """Cells that do not answer: each becomes zero in all channels with this probability, in `images` (default: all)."""

    augmentation: ClassVar[bool] = True
    probability: Annotated[float, Field(ge=0, lt=1)]
    images: list[str] | None = None

    def fitted(self, schema: EventSchema, statistics: Statistics) -> Self:
        names = [i.name for i in schema.images] if self.images is None else self.images
        return self.model_copy(update={"images": [schema.image(name).name for name in names]})

    def __call__(self, batch: Batch, schema: EventSchema, generator: torch.Generator) -> Batch:
        images = dict(batch.images)
        for name in self.images or []:
            image = images[name]
            shape = (len(image.place),) if isinstance(image, SparseImage) else (len(image), 1, *image.shape[2:])
            stay = (torch.rand(shape, generator=generator) >= self.probability).to(batch.device)
            images[name] = image.keep(stay) if isinstance(image, SparseImage) else torch.where(stay, image, 0)
        return replace(batch, images=images)
