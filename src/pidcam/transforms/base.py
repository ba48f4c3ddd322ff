"""Named, recorded changes to a batch, applied on its device after loading.

A transform is typed options plus a call. `fitted` fixes what it takes from the training split's statistics, so that the
run records numbers and the same change is made wherever the model goes. Augmentations run in training only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import torch

from pidcam.batch import Batch
from pidcam.config import parse
from pidcam.errors import ConfigError
from pidcam.registry import Registry
from pidcam.schema import EventSchema, Spec
from pidcam.store.manifest import ChannelStatistics

Statistics = dict[str, tuple[ChannelStatistics, ...]]


class Transform(Spec):
    """Base of all transforms; a subclass is registered by name with `@transforms.register(name)`."""

    augmentation: ClassVar[bool] = False

    def fitted(self, schema: EventSchema, statistics: Statistics) -> Self:
        """The transform with everything fixed that depends on the training data; `ConfigError` if it does not fit."""
        return self

    def outcome(self, schema: EventSchema, statistics: Statistics) -> tuple[EventSchema, Statistics]:
        """Schema and statistics after the transform, where it changes what an event is."""
        return schema, statistics

    def hits_of(self) -> tuple[str, ...]:
        """Names of images that it takes as the store keeps them, rather than on the store's own grid."""
        return ()

    def __call__(self, batch: Batch, schema: EventSchema, generator: torch.Generator) -> Batch:
        """The changed batch; `schema` is the one before, random choices come from `generator` (on the CPU) alone."""
        raise NotImplementedError


transforms: Registry[type[Transform]] = Registry("transform", "pidcam.transforms")


def without_statistics(statistics: Statistics, names: Iterable[str]) -> Statistics:
    """Those of the training split are not known any more for images whose values were changed or joined."""
    gone = set(names)
    return {name: of for name, of in statistics.items() if name not in gone}


class Chain:
    """Fitted transforms, one after another; `schema` is what a model sees after them."""

    def __init__(self, configs: Sequence[dict[str, Any]], schema: EventSchema, statistics: Statistics):
        """From `[{name: scale, by: rms}, ...]`, fitted to the statistics of the training split.

        Without statistics the configs must be fitted ones, as `describe` gives them. Raises `ConfigError` or
        `UnknownNameError` for a config that does not fit.
        """
        self.steps: list[tuple[str, Transform, EventSchema]] = []
        for config in configs:
            options = {k: v for k, v in config.items() if k != "name"}
            name = config.get("name")
            if name is None:
                raise ConfigError("a transform needs a name", where="transforms", fix=f"known: {', '.join(transforms)}")
            transform = parse(transforms[name], options, where=f"transform '{name}'").fitted(schema, statistics)
            self.steps.append((name, transform, schema))
            schema, statistics = transform.outcome(schema, statistics)
        self.schema = schema

    @property
    def hits(self) -> tuple[str, ...]:
        """Images to load as hits, of those that the store keeps so."""
        return tuple(dict.fromkeys(name for _, transform, _ in self.steps for name in transform.hits_of()))

    def describe(self) -> list[dict[str, Any]]:
        """The configs, with fitted values."""
        return [{"name": name, **transform.model_dump(mode="json")} for name, transform, _ in self.steps]

    def __call__(self, batch: Batch, generator: torch.Generator | None = None, *, training: bool = False) -> Batch:
        """The changed batch; augmentations act in training only. What is recalled of events holds until the first."""
        generator = generator or torch.Generator().manual_seed(0)
        for _, transform, schema in self.steps:
            if training or not transform.augmentation:
                batch = transform(batch, schema, generator)
                if transform.augmentation:
                    batch = replace(batch, recalled=None)
        return replace(batch, recalled=None) if batch.recalled else batch
