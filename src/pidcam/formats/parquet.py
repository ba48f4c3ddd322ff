"""Parquet: scalar columns, images as (nested) lists, hits as lists; any row groups, read without a loop over pixels."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pidcam.errors import DataError
from pidcam.formats.arrow_lists import first_shape, holds, is_list, plain, plain_type, to_values
from pidcam.formats.columns import AGAIN, NUMBERS, Column, RawFile, Values
from pidcam.formats.layout import Layout, Reader, Writer, formats
from pidcam.formats.memo import remembered
from pidcam.formats.parquet_rows import Cursor
from pidcam.formats.parquet_writer import ParquetWriter
from pidcam.formats.raw import other_format, read_head
from pidcam.formats.reader import EventReader
from pidcam.schema import EventSchema


class Parquet:
    """The format `parquet`: columns by name; a field of a list of structs is one more step: `hits/x`."""

    suffixes: tuple[str, ...] = (".parquet", ".pq")

    def reader(self, path: Path, layout: Layout, schema: EventSchema, *, truth: bool = True) -> Reader:
        """See `EventReader`."""
        return EventReader(self.raw(path, layout), layout, schema, truth=truth)

    def raw(self, path: Path, layout: Layout) -> RawFile:
        """See `ParquetFile`."""
        return ParquetFile(path)

    def writer(self, path: Path, layout: Layout, schema: EventSchema, *, about: dict[str, Any] | None = None) -> Writer:
        """See `ParquetWriter`."""
        return ParquetWriter(path, layout, schema, about=about)


formats.add("parquet", Parquet())


class ParquetFile(RawFile):
    """The columns of a Parquet file."""

    def __init__(self, path: Path):
        super().__init__(path)
        head = read_head(path)
        if not head.startswith(b"PAR1"):
            raise other_format(path, head, "a Parquet file")
        self.handle  # noqa: B018, a file that cannot be opened is told now
        self._columns: dict[str, Column] = {}

    def _open(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self.path)
        except (pa.ArrowException, OSError, ValueError) as error:
            what = f"is a damaged or truncated Parquet file ({_reason(error)})"
            raise DataError(what, where=self.path, fix=AGAIN) from error

    @property
    def chunk(self) -> int:  # type: ignore[override]
        """Rows of the first row group, where that is small enough to be read at once."""
        about = self.handle.metadata
        if not about.num_row_groups or about.row_group(0).total_byte_size > 64 << 20:
            return 1
        return max(int(about.row_group(0).num_rows), 1)

    def keys(self) -> list[str]:
        names = []
        for field in self.handle.schema_arrow:
            inner = field.type.value_type if is_list(field.type) else field.type
            names += [f"{field.name}/{f.name}" for f in inner] if pa.types.is_struct(inner) else [field.name]
        return names

    def column(self, key: str) -> Column | None:
        if key not in self._columns:
            found = self._look(key)
            if found is None:
                return None
            self._columns[key] = found
        return self._columns[key]

    def _look(self, key: str) -> Column | None:
        kind = self._type(key)
        if kind is None:
            return None
        rows = self.handle.metadata.num_rows
        what = holds(kind)
        if what != NUMBERS or not is_list(kind):
            return Column(rows, holds=what)
        first = self._arrow([key], 0, 1)[key] if rows else None
        shape, lists = first_shape(kind, first)
        return Column(rows, shape, lists=lists)

    def _type(self, key: str) -> pa.DataType | None:
        schema = self.handle.schema_arrow
        name, _, field = key.rpartition("/")
        if key in schema.names:
            return plain_type(schema.field(key).type)
        if name not in schema.names:
            return None
        kind = schema.field(name).type
        inner = kind.value_type if is_list(kind) else kind
        if not pa.types.is_struct(inner) or inner.get_field_index(field) < 0:
            return None
        leaf = inner.field(field).type
        return pa.list_(leaf) if is_list(kind) else leaf

    def read(self, keys: Collection[str], start: int, stop: int) -> dict[str, Values]:
        arrays = self._arrow(keys, start, stop)
        return {key: to_values(array, key, start, self.path) for key, array in arrays.items()}

    def _arrow(self, keys: Collection[str], start: int, stop: int) -> dict[str, pa.Array]:
        names = sorted({key if key in self.handle.schema_arrow.names else key.rpartition("/")[0] for key in keys})
        cursor = remembered(self.path, ("cursor", *names), lambda: Cursor(self.path, names))
        try:
            table = cursor.read(start, stop)
        except (pa.ArrowException, OSError, ValueError) as error:
            what = f"is damaged in events {start} to {stop - 1} ({_reason(error)})"
            raise DataError(what, where=self.path, fix=AGAIN) from error
        return {key: self._leaf(table, key) for key in keys}

    def _leaf(self, table: pa.Table, key: str) -> pa.Array:
        if key in table.column_names:
            return plain(_one(table.column(key)))
        name, _, field = key.rpartition("/")
        array = _one(table.column(name))
        if not is_list(array.type):
            return array.field(field)
        counts = np.diff(array.offsets.to_numpy())
        offsets = np.concatenate([[0], np.cumsum(counts)])
        return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), array.flatten().field(field))


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())
