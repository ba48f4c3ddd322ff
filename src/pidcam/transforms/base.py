"""Named, recorded changes to a batch, applied on its device after loading.

A transform is typed options plus a call. `fitted` fixes what it takes from the training split's statistics, so that the
run records numbers and the same change is made wherever the model goes. Augmentations run in training only.
"""

from __future__ import annotations

from collections.abc import Sequence
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

    def __call__(self, batch: Batch, schema: EventSchema, generator: torch.Generator) -> Batch:
        """The changed batch; random choices come from `generator` (on the CPU) alone."""
        raise NotImplementedError


transforms: Registry[type[Transform]] = Registry("transform", "pidcam.transforms")


def build_transforms(configs: Sequence[dict[str, Any]], schema: EventSchema, statistics: Statistics) -> list[Transform]:
    """Fitted transforms from `[{name: scale, by: rms}, ...]`."""
    built = []
    for config in configs:
        options = {k: v for k, v in config.items() if k != "name"}
        if "name" not in config:
            raise ConfigError("a transform needs a name", where="transforms", fix=f"known: {', '.join(transforms)}")
        transform = parse(transforms[config["name"]], options, where=f"transform '{config['name']}'")
        built.append(transform.fitted(schema, statistics))
    return built


def describe_transforms(built: Sequence[Transform]) -> list[dict[str, Any]]:
    """The inverse of `build_transforms`, with fitted values."""
    names = {transforms[name]: name for name in transforms}
    return [{"name": names[type(t)], **t.model_dump(mode="json")} for t in built]
