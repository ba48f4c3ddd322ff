"""From event batches to the columns of a raw file: what every writer does before it knows its format."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np

from pidcam.errors import ConfigError, MismatchError
from pidcam.events import Cells, Dense, EventBatch, Points
from pidcam.formats.labels import Labels, class_of_file
from pidcam.formats.layout import HitsSource, ImageSource, Key, Layout
from pidcam.formats.sources import sources
from pidcam.schema import EventSchema, Image


class Outgoing:
    """The raw columns of one file in the layout of a detector. Of several keys the first is written.

    Raises `ConfigError` for a layout that cannot be written, `MismatchError` for a batch that is not of the schema or
    of another class than the file's name says.
    """

    def __init__(self, path: Path, layout: Layout, schema: EventSchema):
        layout = layout.of(path)
        self.schema, self.where = schema, f"layout of '{schema.name}'"
        if layout.rows is not None:
            raise ConfigError("is a table with one hit per row, which is read, not written", where=self.where)
        self.sources = sources(layout, schema)
        self.labels = Labels(layout.label, schema) if layout.label and layout.label.key is not None else None
        self.file_class = class_of_file(layout.label, schema, path) if layout.label and not self.labels else None

    def large(
        self, batch: EventBatch, is_large: Callable[[tuple[int, ...], np.dtype], bool]
    ) -> list[tuple[Image, ImageSource, Cells | Dense]]:
        """Dense images of the file of which an event of this shape and type `is_large`."""
        found = []
        for image, source in self.sources.images:
            given = batch.images[image.name]
            plain = source.order == "channel-first" and not source.flat
            if isinstance(given, Dense) and given.values.shape[1:] != image.dense_shape:
                continue  # refused where it is made raw
            if not isinstance(given, Points) and plain and is_large(image.dense_shape, np.dtype(source.dtype)):
                _require_exact(image, source, given.values if isinstance(given, Dense) else given.value)
                found.append((image, source, given))
        return found

    def columns(self, batch: EventBatch, without: Collection[str] = ()) -> dict[str, np.ndarray]:
        """(n, ...) arrays by key of everything that has one row per event: images in the type of their source, but
        those named in `without`; features and targets float64."""
        self._require_class(batch)
        arrays: dict[str, np.ndarray] = {}
        for image, source in self.sources.images:
            if image.name in without:
                continue
            arrays[first(source.key)] = raw_image(batch, image, source)
        scalars = [(k, batch.features[name]) for name, k in self.sources.features.items()]
        unknown = {target.name for target in self.schema.targets if target.optional} - batch.targets.keys()
        scalars += [(k, batch.targets[name]) for name, k in self.sources.targets.items() if name not in unknown]
        for key, values in scalars:
            _put(arrays, first(key), np.asarray(values, np.float64))
        if self.labels:
            arrays[first(self.labels.key)] = self.labels.raw(batch.label)
        return arrays

    def hits(self, batch: EventBatch, image: Image, source: HitsSource) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """offsets (n+1,) and (hits,) arrays by key of an image of hits."""
        images = batch.images[image.name]
        if isinstance(images, Dense):
            images = Cells.from_dense(images)
        arrays = {}
        if source.cell is not None:
            if isinstance(images, Points):
                raise MismatchError(f"image '{image.name}' is given as points, its layout asks for cells")
            arrays[first(source.cell)] = images.place
        else:
            place = images.place if isinstance(images, Points) else _centres(images, image)
            for axis, key in enumerate(source.coordinates):
                _put(arrays, first(key), place[:, axis], ())
        for channel, key in enumerate(source.values):
            _put(arrays, first(key), images.value[:, channel], ())
        return images.offsets, arrays

    def _require_class(self, batch: EventBatch) -> None:
        if self.file_class is None:
            return
        wrong = np.flatnonzero(batch.label != self.file_class)
        if len(wrong):
            label, names = int(batch.label[wrong[0]]), self.schema.class_names
            given = f"class '{names[label]}'" if label >= 0 else "unknown class"
            what = f"an event of {given} in a file that by its name is of class '{names[self.file_class]}'"
            raise MismatchError(what, where=self.where)


def raw_image(batch: EventBatch, image: Image, source: ImageSource) -> np.ndarray:
    """A dense image with its axes in the order of the file; images may be given dense or as cells."""
    given = images = batch.images[image.name]
    if isinstance(images, Cells):
        images = images.to_dense(image, source.dtype)
    if not isinstance(images, Dense):
        raise MismatchError(f"image '{image.name}' is given as points, its layout asks for a dense image")
    values = images.values
    if values.shape[1:] != image.dense_shape:
        raise MismatchError(f"image '{image.name}' has shape {values.shape[1:]}, expected {image.dense_shape}")
    _require_exact(image, source, given.values if isinstance(given, Dense) else given.value)
    values = values.astype(source.dtype, copy=False)
    if source.order == "no-channel":
        values = values[:, 0]
    elif source.order == "channel-last":
        values = np.moveaxis(values, 1, -1)
    return values.reshape(len(values), -1) if source.flat else values


def _require_exact(image: Image, source: ImageSource, values: np.ndarray) -> None:
    """`MismatchError` unless the type of the file holds all values."""
    if source.dtype == "float32" or values.dtype == source.dtype:
        return
    limits = np.iinfo(source.dtype)
    if len(values) and not (
        values.min() >= limits.min and values.max() <= limits.max and (np.rint(values) == values).all()
    ):
        raise MismatchError(f"image '{image.name}' is written as {source.dtype}, which cannot hold its values")


def first(key: Key) -> str:
    """The key that is written where several may be read."""
    return key if isinstance(key, str) else key[0]


def _put(arrays: dict[str, np.ndarray], key: str, values: np.ndarray, between: tuple[int, ...] = (1,)) -> None:
    """`name[3]` is put into an array (n, *between, 4 or more) under `name`, zero where nothing is said."""
    match = re.fullmatch(r"(.+)\[(\d+)\]", key)
    if match is None:
        arrays[key] = values
        return
    name, number = match[1], int(match[2])
    size = max(number + 1, arrays[name].shape[-1] if name in arrays else 0)
    grown = np.zeros((len(values), *between, size), np.float64 if between else values.dtype)
    if name in arrays:
        grown[..., : arrays[name].shape[-1]] = arrays[name]
    grown[..., number] = values.reshape(-1, *between)
    arrays[name] = grown


def _centres(cells: Cells, image: Image) -> np.ndarray:
    """(hits, axes) coordinates of the cells: their indices, or the centres where the image has a pitch."""
    index = np.stack(np.unravel_index(cells.place.astype(np.int64), image.shape), axis=1)
    if not image.pitch and not image.low:
        return index
    low, pitch = image.low or (0.0,) * len(image.shape), image.pitch or (1.0,) * len(image.shape)
    return np.array(low) + (index + 0.5) * np.array(pitch)
