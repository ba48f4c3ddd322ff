"""What a model is, and how one is registered.

A model is registered as a function `build(inputs, outputs, *, options...)` whose keyword-only parameters are its typed
options. It returns either a `torch.nn.Module` that takes a `Batch` and gives `{output name: (n, width)}`, which the
training engine fits, or anything that itself meets `Model` (LightGBM does).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pidcam.batch import Batch
from pidcam.config import options_of, parse
from pidcam.errors import MismatchError
from pidcam.registry import Registry
from pidcam.schema import EventSchema, Spec

if TYPE_CHECKING:
    from pidcam.runs import RunDirectory
    from pidcam.store.loader import Loader
    from pidcam.tasks.base import Task


@dataclass(frozen=True)
class Inputs:
    """What a model is given: dense images {name: (channels, *shape)} and the names of scalar features.

    `channels` and `axes` name the channels and axes of every image, for features that people read.
    """

    images: dict[str, tuple[int, ...]]
    features: tuple[str, ...] = ()
    channels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    axes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, schema: EventSchema) -> Inputs:
        return cls(
            {i.name: i.dense_shape for i in schema.images},
            tuple(f.name for f in schema.features),
            schema.channel_names,
            schema.axis_names,
        )


class Model(Protocol):
    """One interface for networks and trees."""

    def fit(self, train: Loader, valid: Loader, task: Task, record: RunDirectory) -> None:
        """Learn from `train`, follow `valid`, write history and checkpoints to `record`; resume from its checkpoint."""
        ...

    def predict(self, batch: Batch) -> dict[str, np.ndarray]:
        """Raw outputs {name: (n, width) float32}, always in evaluation mode."""
        ...

    def save(self, folder: Path) -> None:
        """Write the fitted state into `folder`; nothing that executes code when read."""
        ...

    def load(self, folder: Path) -> None:
        """Restore what `save` wrote."""
        ...

    def parameters_count(self) -> int:
        """Number of fitted parameters (weights, or leaves of all trees)."""
        ...


@dataclass(frozen=True)
class ModelEntry:
    """A registered model: its builder, typed options, what inputs it needs, and the recipe it is trained with.

    `images`: how many images it needs (None: any number, 0 too); `axes`: how many axes each may have (None: any);
    `views`: how many alike pictures it needs, channels of one image or images of one shape; `hits`: it takes images as
    hits, straight from the store.
    `recipe` is laid under the user's configuration: sections `transforms` and `training`.
    """

    name: str
    build: Callable[..., Any]
    title: str
    options: type[Spec]
    images: int | None = None
    axes: tuple[int, ...] | None = None
    needs_features: bool = False
    views: int = 1
    hits: bool = False
    recipe: dict[str, Any] = field(default_factory=dict)

    def misfit(self, schema: EventSchema) -> str | None:
        """Why the model does not fit a schema, in words; None if it fits."""
        if self.images is not None and len(schema.images) < self.images:
            return f"needs {self.images} image{'s' * (self.images > 1)}, '{schema.name}' has {len(schema.images)}"
        wrong = [i for i in schema.images if self.axes is not None and len(i.shape) not in self.axes]
        if wrong:
            axes = " or ".join(map(str, self.axes or ()))
            return f"needs images with {axes} axes, image '{wrong[0].name}' has {len(wrong[0].shape)}"
        if self.views > 1 and max(Counter(i.shape for i in schema.images for _ in i.channels).values()) < self.views:
            return f"needs {self.views} views of one shape, '{schema.name}' has one picture of each"
        if self.needs_features and not schema.features:
            return f"needs features, '{schema.name}' has none"
        return None

    def __call__(self, schema: EventSchema, outputs: dict[str, int], options: dict[str, Any] | None = None) -> Any:
        """Build it for a schema; `MismatchError` says which input is missing."""
        if reason := self.misfit(schema):
            raise MismatchError(f"model '{self.name}' {reason}")
        parsed = parse(self.options, options or {}, where=f"model '{self.name}'")
        return self.build(Inputs.of(schema), outputs, **{k: getattr(parsed, k) for k in type(parsed).model_fields})


models: Registry[ModelEntry] = Registry("model", "pidcam.models")


def register_model(
    name: str,
    *,
    images: int | None = None,
    axes: int | tuple[int, ...] | None = None,
    needs_features: bool = False,
    views: int = 1,
    hits: bool = False,
    recipe: dict[str, Any] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a builder; the first line of its docstring is its title in `pidcam list models`."""

    def decorate(build: Callable[..., Any]) -> Callable[..., Any]:
        title = (build.__doc__ or name).strip().splitlines()[0].rstrip(".")
        entry = ModelEntry(
            name=name,
            build=build,
            title=title,
            options=options_of(build),
            images=images,
            axes=(axes,) if isinstance(axes, int) else axes,
            needs_features=needs_features,
            views=views,
            hits=hits,
            recipe=recipe or {},
        )
        models.add(name, entry)
        return build

    return decorate
