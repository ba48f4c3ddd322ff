"""What an event is binned in: its features and targets, and what follows from its images (`energy`, `hits`)."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from pidcam.errors import ConfigError, UnknownNameError
from pidcam.events import Dense, EventBatch, Images
from pidcam.schema import EventSchema
from pidcam.store.store import Store
from pidcam.units import physical_unit

ALWAYS = ("energy", "hits")
"""Variables that every evaluated event with an image carries."""

Derive = Callable[[EventBatch], np.ndarray]


def derived(schema: EventSchema) -> dict[str, tuple[str, Derive]]:
    """{name: (unit, function of a batch)} of what images give; columns of the schema hide those of the same name.

    `energy` is the summed first channel of the first image, `hits` the number of cells that were hit in all images,
    `hits.IMAGE` of one where there are several, and `IMAGE.CHANNEL` a summed channel; all in physical units: what is
    stored in "50 GeV" is told in GeV.
    """
    found: dict[str, tuple[str, Derive]] = {}
    for image in schema.images:
        for k, channel in enumerate(image.channels):
            factor, unit = physical_unit(channel.unit)
            found[f"{image.name}.{channel.name}"] = (unit, _summed(image.name, k, factor))
        if len(schema.images) > 1:
            found[f"hits.{image.name}"] = ("", lambda batch, name=image.name: batch.images[name].hits())  # type: ignore[misc]
    if schema.images:
        first = schema.images[0]
        found["energy"] = found[f"{first.name}.{first.channels[0].name}"]
        found["hits"] = ("", lambda batch: np.sum([images.hits() for images in batch.images.values()], axis=0))
    columns = {c.name for c in (*schema.features, *schema.targets)}
    return {name: made for name, made in found.items() if name not in columns}


def unit_of(name: str, schema: EventSchema) -> str:
    """The unit of a variable; `UnknownNameError` if there is no such one."""
    units = {c.name: c.unit for c in (*schema.features, *schema.targets)}
    units |= {known: unit for known, (unit, _) in derived(schema).items()}
    if name not in units:
        raise UnknownNameError("variable", name, units, where="--by")
    return units[name]


def variables(store: Store, split: str, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """{name: (n,) float64} of all events of a split in stored order; those of `names` that follow from images."""
    known = derived(store.schema)
    wanted = [name for name in names if name in known]
    parts = [[known[name][1](shard) for name in wanted] for shard in store.shards(split)]
    return {name: np.concatenate([part[i] for part in parts]).astype(np.float64) for i, name in enumerate(wanted)}


def parse_binning(text: str) -> tuple[str, tuple[float, ...] | None]:
    """`energy`, or `energy:0,10,50` with the edges of the bins, as (name, edges)."""
    name, colon, rest = text.partition(":")
    if not colon:
        return name, None
    try:
        edges = tuple(float(part) for part in rest.split(","))
    except ValueError:
        edges = ()
    rising = all(a < b for a, b in itertools.pairwise(edges))
    if len(edges) < 2 or not rising or not np.isfinite(edges).all():
        raise ConfigError(f"'{text}' has no rising bin edges", where="--by", fix="write for example energy:0,10,50")
    return name, edges


def _summed(image: str, channel: int, factor: float) -> Derive:
    def total(batch: EventBatch) -> np.ndarray:
        return factor * _sum_of_channel(batch.images[image], channel)

    return total


def _sum_of_channel(images: Images, channel: int) -> np.ndarray:
    if isinstance(images, Dense):
        return images.values[:, channel].reshape(len(images), -1).sum(axis=1, dtype=np.float64)
    event = np.repeat(np.arange(len(images)), images.hits())
    return np.bincount(event, images.value[:, channel], len(images))
