"""Writing HDF5 files in the official layout of a detector: chunked, compressed, whole or absent."""

from __future__ import annotations

import math
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from pidcam.errors import InputError, MismatchError
from pidcam.events import Cells, Dense, EventBatch
from pidcam.formats.hdf5_disk import new_hdf5
from pidcam.formats.layout import Layout
from pidcam.formats.sources import Labels, sources
from pidcam.schema import EventSchema, Image

CHUNK_BYTES = 1 << 20
"""Inflated size of a chunk of images: fits the default chunk cache of other people's readers."""

EXACT_IN_FLOAT32 = 1 << 24


class Hdf5Writer:
    """Appends event batches to one HDF5 file: images float32, features and targets float64, label float32.

    The file appears under its name when the `with` block ends well; on any error nothing is left. Raises
    `MismatchError` for a batch that is not of the schema, `InputError` if nothing was written at all.
    """

    def __init__(self, path: Path, layout: Layout, schema: EventSchema):
        self.path = Path(path)
        self._images, self._columns = sources(layout, schema)
        self._labels = Labels(layout.label, schema) if layout.label else None
        self._rows = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._file, self._disk = stack.enter_context(new_hdf5(self.path))
            stack.push(self._require_events)
            self._stack = stack.pop_all()
        return self

    def _require_events(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is None and not self._rows:
            raise InputError("no events were written", where=self.path, fix="ask for at least one")

    def write(self, batch: EventBatch) -> None:
        """Append events; images dense or as cells."""
        arrays = {source.key: _raw_image(batch, image, source.order) for image, source in self._images}
        for columns, named in zip((batch.features, batch.targets), self._columns.values(), strict=True):
            arrays |= {key: np.asarray(columns[name], np.float64) for name, key in named.items()}
        if self._labels:
            arrays[self._labels.key] = self._labels.raw(batch.label)
        for key, array in arrays.items():
            if key not in self._file:
                self._create(key, array)
            data = self._file[key]
            data.resize(self._rows + len(batch), axis=0)
            data[self._rows :] = array
            self._disk.check()
        self._rows += len(batch)

    def _create(self, key: str, array: np.ndarray) -> None:
        event, dtype = array.shape[1:], array.dtype
        if self._labels and key == self._labels.key and self._labels.largest < EXACT_IN_FLOAT32:
            dtype = np.dtype(np.float32)  # as the official files have it
        rows = max(CHUNK_BYTES // (dtype.itemsize * math.prod(event)), 1) if event else 8192
        self._file.create_dataset(
            key,
            (0, *event),
            dtype,
            maxshape=(None, *event),
            chunks=(rows, *event),
            compression="gzip",
            shuffle=True,
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


def _raw_image(batch: EventBatch, image: Image, order: str) -> np.ndarray:
    images = batch.images[image.name]
    if isinstance(images, Cells):
        images = images.to_dense(image)
    if not isinstance(images, Dense):
        raise MismatchError(f"image '{image.name}' is given as points, HDF5 files hold dense images")
    values = images.values
    if values.shape[1:] != image.dense_shape:
        raise MismatchError(f"image '{image.name}' has shape {values.shape[1:]}, expected {image.dense_shape}")
    if order == "no-channel":
        return values[:, 0]
    return np.moveaxis(values, 1, -1) if order == "channel-last" else values
