"""Where in a raw file the parts of an event are, and the interface of everything that reads or writes one."""

from __future__ import annotations

from pathlib import Path, PurePath
from types import TracebackType
from typing import Annotated, Any, Literal, Protocol, Self, runtime_checkable

from pydantic import BeforeValidator, Field, model_validator

from pidcam.errors import InputError
from pidcam.events import EventBatch
from pidcam.formats.columns import RawFile
from pidcam.registry import Registry
from pidcam.schema import EventSchema, Spec
from pidcam.steps.base import Step, build_steps, take_steps

Order = Literal["channel-first", "channel-last", "no-channel"]


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Name = Annotated[str, BeforeValidator(_as_text)]

Key = Name | tuple[Name, ...]
"""Name of a column: a data set, array, branch, or the number of a text column (from 0; `2:83` are columns 2 to 82).

`name[3]` is the fourth number of every row of `name`. Of several names the first one that the file has is taken.
"""


class ImageSource(Spec):
    """A dense image under `key`; the order of its axes is declared, never guessed.

    `flat`: every event is one row of numbers, which that order cuts into axes (text columns always are). `dtype` is the
    type in which images are written; any is read.
    """

    key: Key
    order: Order
    flat: bool = False
    dtype: Literal["float32", "int16"] = "float32"


class HitsSource(Spec):
    """An image given by its hits: where each is, and its values, one key per channel (none: every hit counts 1).

    A hit is placed by `coordinates`, one key per axis, or by `cell`, its flat number on the grid in C order. The keys
    hold one list per event, or lie end to end with `offsets` (events + 1 numbers, event i owns
    `[offsets[i]:offsets[i+1]]`), or are columns of a table of hits (`Layout.rows`). `outside` says what becomes of hits
    outside the grid.
    """

    coordinates: tuple[Key, ...] = ()
    cell: Key | None = None
    values: tuple[Key, ...] = ()
    offsets: Key | None = None
    outside: Literal["error", "drop"] = "error"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if bool(self.coordinates) == (self.cell is not None):
            raise ValueError("hits are placed either by coordinates (one key per axis) or by cell")
        return self


class LabelSource(Spec):
    """How the class of an event is found.

    key: a column, whose values `values` translates to class names; with `pdg` they are PDG ids, which the classes
    themselves name; with `one_hot`, the names in their order, it is a row of zeros with a one. files: patterns of the
    path's end to class names, for files of one class (`*Electron*`, or `Gamma/*` for a folder). Given both, the column
    counts where the file has it.
    """

    key: Key | None = None
    values: Annotated[dict[int | str, str], BeforeValidator(lambda v: _numbered(v))] = {}
    pdg: bool = False
    one_hot: tuple[str, ...] = ()
    files: dict[str, str] = {}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.key is None and not self.files:
            raise ValueError("a class is found by a key or by files")
        if sum((bool(self.values), self.pdg and not self.values, bool(self.one_hot))) > 1:
            raise ValueError("a label is translated by one of values, pdg and one_hot")
        return self


def _numbered(values: Any) -> Any:
    """JSON knows no whole numbers as keys: '-11' is -11 again."""
    if not isinstance(values, dict):
        return values
    return {int(k) if isinstance(k, str) and k.removeprefix("-").isdecimal() else k: v for k, v in values.items()}


class TextOptions(Spec):
    """How a text file is cut.

    delimiter: one character (None: blanks); skip: lines before the data; header: the first line after those holds the
    names of the columns, else they are numbered from 0; columns: the exact number there must be; comment: lines that
    begin with it are no data.
    """

    delimiter: str | None = None
    skip: int = Field(default=0, ge=0)
    header: bool = False
    columns: int | None = None
    comment: Annotated[str, Field(min_length=1)] | None = None


class HitRows(Spec):
    """The file is a table with one hit per row; consecutive rows make an event.

    event: rows with the same value of this column; separator: rows between lines that begin with it (text; "" is an
    empty line); neither: all rows of the file. Other columns are taken from the first row of an event.
    """

    event: Key | None = None
    separator: str | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.event is not None and self.separator is not None:
            raise ValueError("events are told apart by a column or by a separator, not by both")
        return self


class Layout(Spec):
    """How the raw files of a detector are laid out: schema names to keys of the file.

    images: dense ones; hits: the others; tree: the TTree or RNTuple of a ROOT file (None: its only one); text: how text
    is cut; rows: set where a row is a hit and not an event; variants: patterns of the path's end to another layout;
    weight: key of the weight that an event has; steps: changes to the events as they are read, in their order, each
    `{name: threshold, minimum: 0.1}` (see `pidcam list steps`).
    """

    format: str
    images: dict[str, ImageSource] = {}
    hits: dict[str, HitsSource] = {}
    features: dict[str, Key] = {}
    targets: dict[str, Key] = {}
    label: LabelSource | None = None
    tree: str | None = None
    text: TextOptions = TextOptions()
    rows: HitRows | None = None
    variants: dict[str, Layout] = {}
    weight: Key | None = None
    steps: tuple[dict[str, Any], ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if twice := sorted(self.images.keys() & self.hits.keys()):
            raise ValueError(f"image '{twice[0]}' is given both as a dense one and by hits")
        return self

    def of(self, path: Path) -> Layout:
        """The layout of one file."""
        for pattern, layout in self.variants.items():
            if PurePath(path).match(pattern):
                return layout
        return self


class Reader(Protocol):
    """Rows of one raw file as event batches. Opened in the process that reads (never across a fork); a context manager.

    `step` is the number of rows that is cheap to read at once: whole chunks of the file; `block` the number that stays
    in the caches of the processor while hits are looked for, where that is faster.
    """

    path: Path
    step: int
    block: int

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


@runtime_checkable
class Format(Protocol):
    """One raw file format.

    `reader` with `truth=False` takes labels and targets where the file has them; where it has not, or where a label is
    none of the known values, they are unknown: label -1, target NaN. Raises `DataError` naming file and key when the
    file does not match layout and schema.
    """

    suffixes: tuple[str, ...]

    def reader(self, path: Path, layout: Layout, schema: EventSchema, *, truth: bool = True) -> Reader: ...


@runtime_checkable
class ColumnarFormat(Format, Protocol):
    """A format whose files can be looked at without knowing what is in them: so cards are drafted."""

    def raw(self, path: Path, layout: Layout) -> RawFile: ...


@runtime_checkable
class FolderFormat(Format, Protocol):
    """A format of which a whole folder, where files with its suffixes lie, may be one raw file."""

    folders: bool


@runtime_checkable
class WritableFormat(Format, Protocol):
    """A format that pidcam can also write: detectors are simulated into their official layout.

    `about` is JSON-ready and is recorded in the file, under `pidcam`, where the format has a place for it.
    """

    def writer(
        self, path: Path, layout: Layout, schema: EventSchema, *, about: dict[str, Any] | None = None
    ) -> Writer: ...


formats: Registry[Format] = Registry("format", "pidcam.formats")


def open_reader(path: Path, layout: Layout, schema: EventSchema, *, truth: bool = True) -> Reader:
    """The reader of a raw file, whatever its format, that takes the steps of the layout."""
    reader = formats[layout.format].reader(path, layout, schema, truth=truth)
    return _Stepping(reader, build_steps(layout.steps, schema), schema) if layout.steps else reader


class _Stepping:
    """A reader whose events are changed by steps."""

    def __init__(self, reader: Reader, built: list[tuple[str, Step]], schema: EventSchema):
        self.path, self.step, self.block = reader.path, reader.step, reader.block
        self._reader, self._steps, self._schema = reader, built, schema

    def __len__(self) -> int:
        return len(self._reader)

    def read(self, start: int, stop: int) -> EventBatch:
        return take_steps(self._steps, self._reader.read(start, stop), self._schema, where=self.path)

    def __enter__(self) -> Self:
        self._reader.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reader.__exit__(kind, error, trace)


def open_writer(path: Path, layout: Layout, schema: EventSchema, *, about: dict[str, Any] | None = None) -> Writer:
    """The writer of a raw file that records `about`; `InputError` if pidcam only reads this format."""
    chosen = formats[layout.format]
    if not isinstance(chosen, WritableFormat):
        writable = [name for name in formats if isinstance(formats[name], WritableFormat)]
        raise InputError(f"format '{layout.format}' is read, not written", fix=f"written are {', '.join(writable)}")
    return chosen.writer(path, layout, schema, about=about)
