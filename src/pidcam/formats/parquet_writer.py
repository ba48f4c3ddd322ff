"""Writing Parquet files in the official layout of a detector: images as nested lists, hits as lists, snappy."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pidcam.errors import ConfigError, InputError
from pidcam.events import EventBatch
from pidcam.files import atomic_path
from pidcam.formats.layout import Layout
from pidcam.formats.outgoing import Outgoing, first
from pidcam.schema import EventSchema

GROUP_BYTES = 16 << 20
"""Size of a row group before compression: small enough that others may read it whole."""


class ParquetWriter:
    """Appends event batches to one Parquet file: images float32, features and targets float64.

    The metadata `pidcam` of the file hold `about` as JSON. The file appears under its name when the `with` block ends
    well; on any error nothing is left. Raises `MismatchError` for a batch that is not of the schema, `InputError` if
    nothing was written.
    """

    def __init__(self, path: Path, layout: Layout, schema: EventSchema, *, about: dict[str, Any] | None = None):
        self.path, self._about = Path(path), about
        self._out = Outgoing(self.path, layout, schema)
        for image, source in self._out.sources.hits:
            if source.offsets is not None:
                what = f"gives the hits of image '{image.name}' offsets, Parquet files are written with lists"
                raise ConfigError(what, where=self._out.where)
        self._file: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._part = stack.enter_context(atomic_path(self.path))
            stack.push(self._finish)
            self._stack = stack.pop_all()
        return self

    def _finish(self, kind: type[BaseException] | None, *error: object) -> None:
        if self._file is not None:
            self._file.close()
        elif kind is None:
            raise InputError("no events were written", where=self.path, fix="ask for at least one")

    def write(self, batch: EventBatch) -> None:
        """Append events; images dense, as cells or points."""
        columns = {key: _lists(array) for key, array in self._out.columns(batch).items()}
        for image, source in self._out.sources.hits:
            offsets, arrays = self._out.hits(batch, image, source)
            ends = pa.array(offsets, pa.int32())
            columns |= {first(key): pa.ListArray.from_arrays(ends, pa.array(a)) for key, a in arrays.items()}
        table = pa.table(columns)
        if self._about is not None:
            table = table.replace_schema_metadata({"pidcam": json.dumps(self._about)})
        if self._file is None:
            self._file = pq.ParquetWriter(self._part, table.schema, compression="snappy", use_dictionary=False)
        rows = max(GROUP_BYTES * len(batch) // max(table.nbytes, 1), 1)
        self._file.write_table(table, row_group_size=rows)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)


def _lists(array: np.ndarray) -> pa.Array:
    """(n, a, b, ...) as lists of lists, through the buffers."""
    result = pa.array(np.ascontiguousarray(array).reshape(-1))
    count = array.size
    for size in array.shape[:0:-1]:
        count //= max(size, 1)
        result = pa.ListArray.from_arrays(pa.array(np.arange(count + 1) * size, pa.int32()), result)
    return result
