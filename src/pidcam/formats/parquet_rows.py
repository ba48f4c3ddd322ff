"""Rows of a Parquet file by number. Parquet can only be read onwards, so a cursor stays where the last read ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Lock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BATCH = 256
"""Rows decoded at once from a row group that is larger than what was asked for."""


class Cursor:
    """Some columns of one file, open within one process. Reads that follow one another decode every row once."""

    def __init__(self, path: Path, columns: list[str]):
        # pages are decoded as they come: a row group may be larger than memory
        self._file = pq.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False)
        self._columns, self._lock = columns, Lock()
        about = self._file.metadata
        rows = [about.row_group(i).num_rows for i in range(about.num_row_groups)]
        self._edges = np.concatenate([[0], np.cumsum(rows)]).astype(np.int64)
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._rest: list[pa.RecordBatch] = []
        self._next = -1

    def read(self, start: int, stop: int) -> pa.Table:
        """Rows [start, stop) as they are in the file."""
        schema = pa.schema([self._file.schema_arrow.field(name) for name in self._columns])
        if start >= stop:
            return schema.empty_table()
        with self._lock:
            first = int(np.searchsorted(self._edges, start, side="right")) - 1
            if not self._edges[first] <= self._next <= start:
                self._from_group(first)
            try:
                return pa.Table.from_batches(self._onwards(start, stop), schema)
            except BaseException:  # where the file was left is unknown: the next read begins anew
                self._next = -1
                raise

    def _onwards(self, start: int, stop: int) -> Iterator[pa.RecordBatch]:
        while self._next < stop:
            batch = self._rest.pop() if self._rest else next(self._batches)
            before, self._next = self._next, min(self._next + batch.num_rows, stop)
            if before + batch.num_rows > stop:
                self._rest.append(batch.slice(stop - before))
            if self._next > start:
                skip = max(start - before, 0)
                yield batch.slice(skip, self._next - before - skip)

    def _from_group(self, first: int) -> None:
        groups = list(range(first, len(self._edges) - 1))
        self._batches = self._file.iter_batches(BATCH, row_groups=groups, columns=self._columns, use_threads=False)
        self._rest, self._next = [], int(self._edges[first])

    def close(self) -> None:
        self._file.close()
