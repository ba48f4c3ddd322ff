"""Writing HDF5 files in the official layout of a detector: chunked, compressed, whole or absent."""

from __future__ import annotations

import json
import math
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np

from pidcam.errors import ConfigError, InputError
from pidcam.events import Cells, Dense, EventBatch
from pidcam.formats.hdf5_disk import new_hdf5
from pidcam.formats.hdf5_pieces import Pieces
from pidcam.formats.layout import ImageSource, Layout
from pidcam.formats.outgoing import Outgoing, first
from pidcam.schema import EventSchema, Image

CHUNK_BYTES = 1 << 20
"""Inflated size of a chunk of images: fits the default chunk cache of other people's readers."""
PIECE_BYTES = 1 << 18
"""A larger event is cut into chunks of this size along its last axis."""

LEVEL = 1
"""Of deflation: for sparse images twice as fast as the default, and a tenth larger."""

SHORT = 2
"""Bytes of a value that are deflated as they lie: apart from each other they take longer, and more room."""

EXACT_IN_FLOAT32 = 1 << 24


class Hdf5Writer:
    """Appends event batches to one HDF5 file: images float32, features and targets float64, label float32.

    Hits lie end to end, with `offsets`. The attribute `pidcam` of the file holds `about` as JSON. The file appears
    under its name when the `with` block ends well; on any error nothing is left. Raises `MismatchError` for a batch
    that is not of the schema, `InputError` if nothing was written.
    """

    def __init__(self, path: Path, layout: Layout, schema: EventSchema, *, about: dict[str, Any] | None = None):
        self.path, self._about = Path(path), about
        self._out = Outgoing(self.path, layout, schema)
        for image, source in self._out.sources.hits:
            if source.offsets is None:
                what = f"gives the hits of image '{image.name}' no offsets, with which HDF5 files are written"
                raise ConfigError(what, where=self._out.where)
        self._rows = 0
        self._pieces: dict[str, Pieces] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._file, self._disk = stack.enter_context(new_hdf5(self.path))
            if self._about is not None:
                self._file.attrs["pidcam"] = json.dumps(self._about)
            stack.push(self._require_events)
            self._stack = stack.pop_all()
        return self

    def _require_events(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is None and not self._rows:
            raise InputError("no events were written", where=self.path, fix="ask for at least one")

    def write(self, batch: EventBatch) -> None:
        """Append events; images dense, as cells or points."""
        large = self._out.large(batch, _is_large)
        for image, dense, given in large:
            self._append_large(image, dense, given)
        for key, array in self._out.columns(batch, without={image.name for image, _, _ in large}).items():
            self._append(key, array)
        for image, source in self._out.sources.hits:
            offsets, arrays = self._out.hits(batch, image, source)
            assert source.offsets is not None
            key = first(source.offsets)
            before = int(self._file[key][-1]) if key in self._file else 0
            self._append(key, offsets[0 if key not in self._file else 1 :] + before)
            for name, values in arrays.items():
                self._append(name, values)
        self._rows += len(batch)

    def _append(self, key: str, array: np.ndarray) -> None:
        if key not in self._file:
            self._create(key, array.shape[1:], array.dtype)
        data = self._file[key]
        rows = len(data)
        data.resize(rows + len(array), axis=0)
        data[rows:] = array
        self._disk.check()

    def _append_large(self, image: Image, source: ImageSource, images: Cells | Dense) -> None:
        """A large image is written chunk by chunk."""
        key = first(source.key)
        if key not in self._file:
            self._create(key, image.dense_shape, np.dtype(source.dtype))
        data = self._file[key]
        if key not in self._pieces:
            self._pieces[key] = Pieces(data, LEVEL)
        rows = len(data)
        data.resize(rows + len(images), axis=0)
        self._pieces[key].write(rows, images)
        self._disk.check()

    def _create(self, key: str, event: tuple[int, ...], dtype: np.dtype) -> None:
        labels = self._out.labels
        if dtype.kind == "U":
            dtype = h5py.string_dtype()
        elif labels and key == first(labels.key) and labels.largest < EXACT_IN_FLOAT32:
            dtype = np.dtype(np.float32)  # as the official files have it
        rows = max(CHUNK_BYTES // (dtype.itemsize * math.prod(event)), 1) if event else 8192
        length = event[-1] if event else 0
        if _is_large(event, dtype):
            length = max(PIECE_BYTES // (dtype.itemsize * math.prod(event[:-1])), 1)
        self._file.create_dataset(
            key,
            (0, *event),
            dtype,
            maxshape=(None, *event),
            chunks=(rows, *event[:-1], length) if event else (rows,),
            compression="gzip",
            compression_opts=LEVEL,
            shuffle=dtype.itemsize > SHORT,
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


def _is_large(event: tuple[int, ...], dtype: np.dtype) -> bool:
    return dtype.itemsize * math.prod(event) > CHUNK_BYTES
