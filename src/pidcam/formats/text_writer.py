"""Writing text files in the official layout of a detector: one event per line, blanks between columns."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from pidcam.errors import ConfigError, InputError
from pidcam.events import EventBatch
from pidcam.files import atomic_path
from pidcam.formats.layout import Layout
from pidcam.formats.outgoing import Outgoing
from pidcam.formats.text_digits import whole_lines
from pidcam.schema import EventSchema


class TextWriter:
    """Appends event batches to one text file; columns that the layout does not name are 0.

    The file appears under its name when the `with` block ends well; on any error nothing is left. Raises `ConfigError`
    for hits, for columns given by name and for text labels, `MismatchError` for a batch that is not of the schema,
    `InputError` if nothing was written.
    """

    def __init__(self, path: Path, layout: Layout, schema: EventSchema):
        self.path, self._options = Path(path), layout.of(Path(path)).text
        self._out = Outgoing(self.path, layout, schema)
        if self._out.sources.hits or self._options.header or self._options.skip:
            raise ConfigError("has hits or a header, text files are written without", where=self._out.where)
        self._rows = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            part = stack.enter_context(atomic_path(self.path))
            stack.push(self._require_events)
            self._file = stack.enter_context(open(part, "w", encoding="utf-8"))
            self._stack = stack.pop_all()
        return self

    def _require_events(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is None and not self._rows:
            raise InputError("no events were written", where=self.path, fix="ask for at least one")

    def write(self, batch: EventBatch) -> None:
        """Append events; images dense or as cells."""
        columns = {}
        for key, array in self._out.columns(batch).items():
            flat = array.reshape(len(batch), -1)
            for i, number in enumerate(self._numbers(key, flat.shape[1])):
                columns[number] = flat[:, i]
        table = np.zeros((len(batch), self._options.columns or max(columns) + 1))
        for number, values in columns.items():
            table[:, number] = values
        delimiter = self._options.delimiter or " "
        if (table == np.floor(table)).all() and np.abs(table).max(initial=0) < 1 << 53:
            self._file.write(whole_lines(table.astype(np.int64), delimiter).decode("ascii"))
        else:
            np.savetxt(self._file, table, "%.9g", delimiter=delimiter)
        self._rows += len(batch)

    def _numbers(self, key: str, width: int) -> range:
        start, _, stop = key.partition(":")
        if not start.isdecimal() or (stop and int(stop) - int(start) != width) or (not stop and width != 1):
            what = f"puts {width} numbers into column '{key}', text is written by numbers of columns"
            raise ConfigError(what, where=self._out.where)
        return range(int(start), int(start) + width)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)
