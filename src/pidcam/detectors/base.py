"""A detector: its schema, how its raw files are laid out, its official splits and files. Plain data, no behaviour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pidcam.events import EventBatch
from pidcam.formats.layout import HitsSource, Layout
from pidcam.registry import Registry
from pidcam.schema import EventSchema, Image


@dataclass(frozen=True)
class OfficialFile:
    """A published raw file. Several generations may bear one name.

    `urls` maps the name of each generation to its address, the first being the default; `sha256` maps the size in bytes
    of each to its checksum, or to None where only the size is known.
    """

    name: str
    urls: dict[str, str]
    sha256: dict[int, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """Test AUC and its error by model, all trained by their recipes on one `sample`, which is said in words."""

    sample: str
    auc: dict[str, tuple[float, float]]

    @property
    def best(self) -> str:
        return max(self.auc, key=lambda model: self.auc[model])


WITH_SHAPES: dict[str, Any] = {"transforms": [{"name": "shapes"}, {"name": "scale", "by": "rms"}]}
"""A recipe for networks that see, beside the images, what a shower or a track looks like in numbers."""


@dataclass(frozen=True)
class Detector:
    """One detector (or one data set of it).

    `official_split` gives for each split the published range [start, stop) of rows within each class, counted over the
    raw file before anything is dropped; `split` is how events are split unless one says otherwise, where those with the
    same value of the column `split_by` stay together. `recipes` holds by model what was measured to be best on this
    detector, laid over the model's own recipe: its channels, its symmetries. `measured` are the models tried on one
    sample of it, which `--model auto` chooses from. `likelihood(events)` gives the logarithm of the likelihood
    (n, classes) of every event, up to one constant per event, where it is known. `truth` are images that simulated
    files have beside those of the schema: no reader of events sees them, no model can.
    """

    name: str
    title: str
    schema: EventSchema
    layout: Layout
    official_split: dict[str, tuple[int, int]] = field(default_factory=dict)
    split: str = "0.8/0.1/0.1"
    split_by: str | None = None
    files: tuple[OfficialFile, ...] = ()
    recipes: dict[str, dict[str, Any]] = field(default_factory=dict)
    measured: Measured | None = None
    likelihood: Callable[[EventBatch], np.ndarray] | None = None
    truth: tuple[tuple[Image, HitsSource], ...] = ()

    @property
    def simulated(self) -> tuple[EventSchema, Layout]:
        """Schema and layout of simulated files, with their images of truth."""
        images = tuple(image for image, _ in self.truth)
        hits = {image.name: source for image, source in self.truth}
        schema = self.schema.model_copy(update={"images": self.schema.images + images})
        return schema, self.layout.model_copy(update={"hits": {**self.layout.hits, **hits}})

    @property
    def tiny(self) -> EventSchema:
        """The same event on a small grid of the same axes: what every model that fits the detector is tested on."""
        most = {1: 16, 2: 8, 3: 5}
        images = tuple(
            image.model_copy(update={"shape": tuple(min(size, most[len(image.shape)]) for size in image.shape)})
            for image in self.schema.images
        )
        return self.schema.model_copy(update={"images": images})


# a detector is registered as a function, so that listing names builds nothing
detectors: Registry[Callable[[], Detector]] = Registry("detector", "pidcam.detectors")
