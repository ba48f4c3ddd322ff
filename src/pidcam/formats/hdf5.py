"""HDF5: one data set per image, feature, target and label, events along the first axis; any keys, types and chunks."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pidcam.errors import DataError
from pidcam.formats.columns import AGAIN, TEXT, Column, Lists, RawFile, Values
from pidcam.formats.hdf5_chunks import Chunks, read_chunks
from pidcam.formats.hdf5_file import band, open_file, reason, require_filters, require_sources
from pidcam.formats.hdf5_writer import Hdf5Writer
from pidcam.formats.layout import Layout, Reader, Writer, formats
from pidcam.formats.reader import EventReader
from pidcam.schema import EventSchema


class Hdf5:
    """The format `hdf5`: the layout says which key is what, nothing else about the file is assumed.

    Keys are paths of data sets; a field of a table (records) is one more step of the path: `DATASET/Voxels/x`.
    """

    suffixes: tuple[str, ...] = (".hdf5", ".h5", ".hdf")

    def reader(self, path: Path, layout: Layout, schema: EventSchema, *, truth: bool = True) -> Reader:
        """See `EventReader`."""
        return EventReader(self.raw(path, layout), layout, schema, truth=truth)

    def raw(self, path: Path, layout: Layout) -> RawFile:
        """See `Hdf5File`."""
        return Hdf5File(path)

    def writer(self, path: Path, layout: Layout, schema: EventSchema, *, about: dict[str, Any] | None = None) -> Writer:
        """See `Hdf5Writer`."""
        return Hdf5Writer(path, layout, schema, about=about)


formats.add("hdf5", Hdf5())


@dataclass
class _Open:
    """An open file and its data sets: the chunk cache of a data set lives as long as its handle."""

    file: h5py.File
    data: dict[str, h5py.Dataset]
    kept: dict[str, Chunks] = dataclasses.field(default_factory=dict)

    def close(self) -> None:
        self.data.clear()
        self.kept.clear()
        self.file.close()


class Hdf5File(RawFile):
    """The data sets of an HDF5 file."""

    noun = "data set"

    def __init__(self, path: Path):
        super().__init__(path)
        self.handle  # noqa: B018, a file that cannot be opened is told now

    def _open(self) -> _Open:
        return _Open(open_file(self.path), {})

    @property
    def chunk(self) -> int:  # type: ignore[override]
        """Of the largest data set that was asked for."""
        data = self.handle.data.values()
        largest = max(data, key=lambda d: d.dtype.itemsize * math.prod(d.shape[1:]), default=None)
        return largest.chunks[0] if largest is not None and largest.chunks else 1

    def keys(self) -> list[str]:
        names: list[str] = []

        def visit(name: str, item: object) -> None:
            if isinstance(item, h5py.Dataset):
                names.extend(f"{name}/{field}" for field in item.dtype.names or ())
                if not item.dtype.names:
                    names.append(name)

        with _undamaged(self.path):
            self.handle.file.visititems(visit)
        return names

    def column(self, key: str) -> Column | None:
        with _undamaged(self.path):
            return self._look(key)

    def _look(self, key: str) -> Column | None:
        data, field = self._find(key)
        if data is None or (field and field not in (data.dtype.names or ())):
            return None
        if not data.shape:
            return Column(None)
        dtype, shape = data.dtype, data.shape[1:]
        if field:
            dtype, inner = dtype[field].base, dtype[field].shape
            shape = (*shape, *inner)
        kind = h5py.check_vlen_dtype(dtype)
        if isinstance(kind, np.dtype) and kind.kind in "biuf" and len(data.shape) == 1:
            length = len(data[0]) if len(data) else 0
            return Column(data.shape[0], (length,), lists=True, dtype=kind)
        if dtype.kind not in "biuf":
            return Column(data.shape[0], shape, holds=_kind(dtype))
        require_filters(data, self.path, key)
        require_sources(data, self.path, key)
        return Column(data.shape[0], shape, dtype=dtype)

    def read(self, keys: Collection[str], start: int, stop: int) -> dict[str, Values]:
        return {key: self._rows(key, start, stop) for key in keys}

    def _rows(self, key: str, start: int, stop: int) -> Values:
        data, field = self._find(key)
        assert data is not None
        try:
            found = None if field else read_chunks(data, start, stop, self.handle.kept.setdefault(key, {}))
            if found is not None:
                return found
            rows = data.fields(field)[start:stop] if field else data[start:stop]
        except OSError as error:
            what = f"'{key}' is damaged in events {start} to {stop - 1} ({reason(error)})"
            raise DataError(what, where=self.path, fix=AGAIN) from error
        kind = h5py.check_vlen_dtype(data.dtype)
        if not isinstance(kind, np.dtype) or rows.ndim != 1:  # strings are no lists
            return rows
        counts = np.fromiter((len(row) for row in rows), np.int64, len(rows))
        return Lists(counts, np.concatenate([*rows, np.empty(0, kind)]))

    def _find(self, key: str) -> tuple[h5py.Dataset | None, str]:
        """The data set of a key, and the field where it is a table."""
        opened: _Open = self.handle
        for name, field in ((key, ""), key.rpartition("/")[::2]):
            if name not in opened.data:
                data = opened.file.get(name) if name else None
                if not isinstance(data, h5py.Dataset):
                    continue
                opened.data[name] = _cached(data)
            return opened.data[name], field
        return None, ""


@contextmanager
def _undamaged(path: Path) -> Iterator[None]:
    """Whatever the library meets in damaged bytes is one line."""
    try:
        yield
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise DataError(f"is a damaged HDF5 file ({reason(error)})", where=path, fix=AGAIN) from error


def _cached(data: h5py.Dataset) -> h5py.Dataset:
    """The same data set with room for the chunks of one event: a read may begin inside a chunk, and what lies along
    one event stays in memory, so that nothing is inflated twice."""
    size, count = band(data)
    if not size:
        return data
    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    access.set_chunk_cache(max(100 * count, 500) + 1, max(size, 1 << 20), 1.0)
    return h5py.Dataset(h5py.h5d.open(data.file.id, data.name.encode(), access))


def _kind(dtype: np.dtype) -> str:
    if dtype.kind in "SU" or h5py.check_string_dtype(dtype):
        return TEXT
    if dtype.names:
        return f"records ({', '.join(dtype.names)})"
    kinds = {"c": "complex numbers", "O": "objects of varying length", "V": "raw bytes"}
    return kinds.get(dtype.kind, str(dtype))
