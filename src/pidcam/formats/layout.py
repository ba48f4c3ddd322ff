"""Where in a raw file the parts of an event are, and the interface of everything that reads or writes one."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

from pidcam.events import EventBatch
from pidcam.registry import Registry
from pidcam.schema import EventSchema, Spec

Order = Literal["channel-first", "channel-last", "no-channel"]


class ImageSource(Spec):
    """A dense image under `key`; the order of its axes is declared, never guessed."""

    key: str
    order: Order


class LabelSource(Spec):
    """How the class of an event is found: the column `key`, whose values are translated to class names."""

    key: str
    values: dict[int, str]


class Layout(Spec):
    """How the raw files of a detector are laid out: schema names to keys of the file."""

    format: str
    images: dict[str, ImageSource] = {}
    features: dict[str, str] = {}
    targets: dict[str, str] = {}
    label: LabelSource | None = None


class Reader(Protocol):
    """Rows of one raw file as event batches. Opened in the process that reads (never across a fork); a context manager.

    `step` is the number of rows that is cheap to read at once: whole chunks of the file.
    """

    path: Path
    step: int

    def __len__(self) -> int: ...

    def read(self, start: int, stop: int) -> EventBatch:
        """Events of rows [start, stop), as the file has them: nothing dropped, nothing checked but the layout."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Writer(Protocol):
    """Writes batches into one raw file; the file appears under its name when the `with` block ends well."""

    def write(self, batch: EventBatch) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Format(Protocol):
    """One raw file format.

    `reader` with `truth=False` takes labels and targets where the file has them; where it has not, or where a label is
    none of the known values, they are unknown: label -1, target NaN. Both raise `DataError` naming file and key when
    the file does not match layout and schema.
    """

    suffixes: tuple[str, ...]

    def reader(self, path: Path, layout: Layout, schema: EventSchema, *, truth: bool = True) -> Reader: ...

    def writer(self, path: Path, layout: Layout, schema: EventSchema) -> Writer: ...


formats: Registry[Format] = Registry("format", "pidcam.formats")
