"""HDF5: one data set per image, feature, target and label, events along the first axis; any keys, types and chunks."""

from __future__ import annotations

import math
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np

from pidcam.errors import DataError
from pidcam.events import Dense, EventBatch, Images
from pidcam.formats.hdf5_file import AGAIN, band, column_data, image_data, open_file, reason
from pidcam.formats.hdf5_writer import Hdf5Writer
from pidcam.formats.layout import Layout, Reader, Writer, formats
from pidcam.formats.sources import Labels, sources
from pidcam.schema import EventSchema

READ_BYTES = 64 << 20
"""Dense bytes that are cheap to hold at once."""


class Hdf5:
    """The format `hdf5`: the layout says which key is what, nothing else about the file is assumed."""

    suffixes: tuple[str, ...] = (".hdf5", ".h5")

    def reader(self, path: Path, layout: Layout, schema: EventSchema, *, truth: bool = True) -> Reader:
        """See `Hdf5Reader`."""
        return Hdf5Reader(path, layout, schema, truth=truth)

    def writer(self, path: Path, layout: Layout, schema: EventSchema) -> Writer:
        """See `Hdf5Writer`."""
        return Hdf5Writer(path, layout, schema)


formats.add("hdf5", Hdf5())


class Hdf5Reader:
    """Rows of one HDF5 file: images (n, channels, *shape) float32, features and targets (n,) float64, label (n,) int16.

    Construction looks at the file and closes it again; `read` opens it in the process that reads, so a reader may be
    sent to, or forked into, another process. Raises `InputError` for a file that cannot be opened, `DataError` for one
    that does not match layout and schema, `ConfigError` for a layout that does not match the schema.
    """

    def __init__(self, path: Path, layout: Layout, schema: EventSchema, *, truth: bool = True):
        self.path = Path(path)
        self._images, self._columns = sources(layout, schema, truth=truth)
        self._labels = Labels(layout.label, schema, truth=truth) if layout.label else None
        self._targets = [target.name for target in schema.targets]
        self._file: h5py.File | None = None
        self._data: dict[str, h5py.Dataset] = {}
        self._pid = 0
        with open_file(self.path) as file:
            if not truth:
                self._forget_absent_truth(file)
            self._look(file, schema.name)

    def _forget_absent_truth(self, file: h5py.File) -> None:
        self._columns["target"] = {name: key for name, key in self._columns["target"].items() if key in file}
        if self._labels and self._labels.key not in file:
            self._labels = None

    def _look(self, file: h5py.File, schema: str) -> None:
        """Check every data set; choose `step` and the chunk cache."""
        data = [image_data(file, self.path, source, image, schema) for image, source in self._images]
        for kind, named in self._columns.items():
            data += [column_data(file, self.path, key, f"{kind} '{name}'", schema) for name, key in named.items()]
        if self._labels:
            data.append(column_data(file, self.path, self._labels.key, "the label", schema))
        self._rows = len(data[0])
        for other in data[1:]:
            if len(other) != self._rows:
                one, two = (d.name.removeprefix("/") for d in (data[0], other))
                what = f"'{one}' has {self._rows} events but '{two}' has {len(other)}"
                raise DataError(what, where=self.path, fix=AGAIN)
        if not self._rows:
            raise DataError("holds no events", where=self.path, fix="leave this file out")

        dense_bytes = sum(4 * math.prod(image.dense_shape) for image, _ in self._images) or 8 * len(data)
        largest = max(data, key=lambda d: d.dtype.itemsize * math.prod(d.shape[1:]))
        chunk = largest.chunks[0] if largest.chunks else 1
        self.step = min(max(READ_BYTES // (chunk * dense_bytes), 1) * chunk, self._rows)
        # a read may begin inside a chunk: what lies along one event stays cached, so nothing is inflated twice
        size, count = (max(values) for values in zip(*map(band, data), strict=True))
        self._cache = {"rdcc_nbytes": max(size, 1 << 20), "rdcc_nslots": max(100 * count, 500) + 1, "rdcc_w0": 1.0}

    def __len__(self) -> int:
        return self._rows

    def read(self, start: int, stop: int) -> EventBatch:
        """Events of rows [start, stop), nothing dropped. Raises `DataError` for damaged data and unknown labels."""
        if not 0 <= start <= stop <= self._rows:
            raise IndexError(f"rows [{start}, {stop}) of a file with {self._rows}")
        images: dict[str, Images] = {}
        for image, source in self._images:
            images[image.name] = Dense(self._image(source.key, source.order, start, stop))
        columns = {
            kind: {name: self._column(key, start, stop).astype(np.float64) for name, key in named.items()}
            for kind, named in self._columns.items()
        }
        row = np.arange(start, stop, dtype=np.int64)
        unknown = {name: np.full(len(row), np.nan) for name in self._targets}
        label = np.full(len(row), -1, np.int16)
        if self._labels:
            label = self._labels.number(self._column(self._labels.key, start, stop), row, self.path)
        return EventBatch(images, columns["feature"], unknown | columns["target"], label, row)

    def _image(self, key: str, order: str, start: int, stop: int) -> np.ndarray:
        raw = self._rows_of(key, start, stop)
        if order == "no-channel":
            raw = raw[:, None]
        elif order == "channel-last":
            raw = np.moveaxis(raw, -1, 1)
        with np.errstate(over="ignore"):  # a double beyond float32 becomes inf, which check_events reports
            return np.ascontiguousarray(raw, dtype=np.float32)

    def _column(self, key: str, start: int, stop: int) -> np.ndarray:
        return self._rows_of(key, start, stop).reshape(stop - start)

    def _rows_of(self, key: str, start: int, stop: int) -> np.ndarray:
        if self._file is None or self._pid != os.getpid():
            self._file, self._pid = open_file(self.path, **self._cache), os.getpid()
            self._data = {}
        if key not in self._data:  # the cache of a data set lives as long as its handle
            self._data[key] = self._file[key]
        try:
            return self._data[key][start:stop]
        except OSError as error:
            what = f"'{key}' is damaged in events {start} to {stop - 1} ({reason(error)})"
            raise DataError(what, where=self.path, fix=AGAIN) from error

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None, "_data": {}}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file, self._data = None, {}
