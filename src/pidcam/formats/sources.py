"""Layout and schema brought together: which key feeds which part of an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from pidcam.errors import ConfigError
from pidcam.formats.layout import HitsSource, ImageSource, Key, Layout
from pidcam.schema import EventSchema, Image

Source = TypeVar("Source")


@dataclass
class Sources:
    """Where every part of the schema comes from; `targets` may be fewer than the schema's."""

    images: list[tuple[Image, ImageSource]]
    hits: list[tuple[Image, HitsSource]]
    features: dict[str, Key]
    targets: dict[str, Key]


def sources(layout: Layout, schema: EventSchema, *, truth: bool = True) -> Sources:
    """The source of every image, feature and target.

    Without `truth`, and where a target is optional, the layout may leave it out. Raises `ConfigError` where layout and
    schema do not fit.
    """
    where = f"layout of '{schema.name}'"

    def find(named: Mapping[str, Source], kind: str, name: str) -> Source:
        if name not in named:
            raise ConfigError(f"names no key for {kind} '{name}'", where=where)
        return named[name]

    result = Sources([], [], {}, {})
    for image in schema.images:
        if image.name in layout.hits:
            result.hits.append((image, layout.hits[image.name]))
            _check_hits(image, layout.hits[image.name], where)
            continue
        source = find(layout.images, "image", image.name)
        result.images.append((image, source))
        if source.order == "no-channel" and len(image.channels) > 1:
            what = f"says no-channel for image '{image.name}', which has {len(image.channels)} channels"
            raise ConfigError(what, where=where, fix="say channel-first or channel-last")
        if image.storage == "points":
            what = f"reads image '{image.name}' as a dense one, the schema keeps it as points"
            raise ConfigError(what, where=where, fix="say storage: auto, dense or cells")
    result.features = {c.name: find(layout.features, "feature", c.name) for c in schema.features}
    result.targets = {
        c.name: find(layout.targets, "target", c.name)
        for c in schema.targets
        if (truth and not c.optional) or c.name in layout.targets
    }
    return result


def _check_hits(image: Image, source: HitsSource, where: str) -> None:
    if source.coordinates and len(source.coordinates) != len(image.shape):
        what = f"gives image '{image.name}' {len(source.coordinates)} coordinates for {len(image.shape)} axes"
        raise ConfigError(what, where=where)
    if len(source.values) != len(image.channels) and (source.values or len(image.channels) > 1):
        what = f"gives image '{image.name}' {len(source.values)} values per hit for {len(image.channels)} channels"
        raise ConfigError(what, where=where)
    if image.storage == "points" and not source.coordinates:
        what = f"places the hits of image '{image.name}' by cell, the schema keeps them as points"
        raise ConfigError(what, where=where, fix="give coordinates, or say storage: cells")
