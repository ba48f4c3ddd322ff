"""What an event is described by: its features and targets, and what follows from its images (`energy`, `hits`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from pidcam.events import Dense, EventBatch, Images
from pidcam.schema import EventSchema
from pidcam.units import physical_unit

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


def known_variables(schema: EventSchema) -> dict[str, str]:
    """{name: unit} of every feature, target and derived variable."""
    columns = {c.name: c.unit for c in (*schema.features, *schema.targets)}
    return columns | {name: unit for name, (unit, _) in derived(schema).items()}


def variables_of(batch: EventBatch, schema: EventSchema, names: Iterable[str]) -> dict[str, np.ndarray]:
    """{name: (n,) float64} of events on the host; `names` are among `known_variables`."""
    columns, made = batch.features | batch.targets, derived(schema)
    found = {name: columns[name] if name in columns else made[name][1](batch) for name in names}
    return {name: np.asarray(values, np.float64) for name, values in found.items()}


def _summed(image: str, channel: int, factor: float) -> Derive:
    def total(batch: EventBatch) -> np.ndarray:
        return factor * _sum_of_channel(batch.images[image], channel)

    return total


def _sum_of_channel(images: Images, channel: int) -> np.ndarray:
    if isinstance(images, Dense):
        return images.values[:, channel].reshape(len(images), -1).sum(axis=1, dtype=np.float64)
    event = np.repeat(np.arange(len(images)), images.hits())
    return np.bincount(event, images.value[:, channel], len(images))
