"""ROOT: branches of a TTree or fields of an RNTuple, through uproot; jagged branches are hits."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from pidcam.errors import DataError, InputError, MissingExtraError, UnknownNameError
from pidcam.formats.columns import AGAIN, NUMBERS, TEXT, Column, Lists, RawFile, Values, listed
from pidcam.formats.layout import Layout, Reader, formats
from pidcam.formats.raw import other_format, read_head
from pidcam.formats.reader import EventReader
from pidcam.schema import EventSchema


class Root:
    """The format `root`: keys are branches (TTree) or fields (RNTuple); `Layout.tree` names one of several trees."""

    suffixes: tuple[str, ...] = (".root",)

    def reader(self, path: Path, layout: Layout, schema: EventSchema, *, truth: bool = True) -> Reader:
        """See `EventReader`. Raises `MissingExtraError` if uproot is not installed."""
        return EventReader(self.raw(path, layout), layout, schema, truth=truth)

    def raw(self, path: Path, layout: Layout) -> RawFile:
        """See `RootFile`."""
        return RootFile(path, layout.of(path).tree)


formats.add("root", Root())


class RootFile(RawFile):
    """The branches of one tree of a ROOT file."""

    noun = "branch"

    def __init__(self, path: Path, tree: str | None = None):
        super().__init__(path)
        self._tree = tree
        head = read_head(path)
        if not head.startswith(b"root"):
            raise other_format(path, head, "a ROOT file")
        self.handle  # noqa: B018, a file that cannot be opened is told now
        self._columns: dict[str, Column | None] = {}

    def _open(self) -> _Tree:
        try:
            import awkward  # noqa: F401
            import uproot
        except ImportError as error:
            raise MissingExtraError("reading ROOT files", "root") from error
        try:
            file = uproot.open(self.path)
            return _Tree(file, file[self._name(file.classnames(cycle=False))])
        except InputError:
            raise
        except Exception as error:  # uproot meets damaged bytes with errors of any kind
            raise DataError(f"is a damaged ROOT file ({_reason(error)})", where=self.path, fix=AGAIN) from error

    def _name(self, classes: dict[str, str]) -> str:
        trees = [name for name, kind in classes.items() if kind in ("TTree", "TNtuple", "TNtupleD", "ROOT::RNTuple")]
        name = self._tree
        if name is None:
            if len(trees) != 1:
                what = f"holds {len(trees)} trees ({listed(trees)})" if trees else "holds no TTree and no RNTuple"
                raise InputError(what, where=self.path, fix="name one in the layout: tree" if trees else None)
            name = trees[0]
        if name not in trees:
            raise UnknownNameError("tree", name, trees, where=self.path)
        return name

    def keys(self) -> list[str]:
        return list(self.handle.keys)

    def column(self, key: str) -> Column | None:
        if key not in self._columns:
            self._columns[key] = self._look(key) if key in self.handle.keys else None
        return self._columns[key]

    def _look(self, key: str) -> Column:
        rows = self.handle.rows
        if not rows:
            return Column(0)
        first = self._arrays([key], 0, 1)[key]
        if isinstance(first, Lists):
            return Column(rows, (int(first.counts[0]),), lists=True)
        if isinstance(first, np.ndarray):
            return Column(rows, first.shape[1:], holds=NUMBERS if first.dtype.kind in "biuf" else TEXT)
        return Column(rows, holds=first)

    def read(self, keys: Collection[str], start: int, stop: int) -> dict[str, Values]:
        found = self._arrays(list(keys), start, stop)
        return {key: values for key, values in found.items() if not isinstance(values, str)}

    def _arrays(self, keys: list[str], start: int, stop: int) -> dict[str, Values | str]:
        try:
            arrays = self.handle.read(keys, start, stop)
            return {key: _values(arrays[key]) for key in keys}
        except DataError:
            raise
        except Exception as error:  # uproot meets damaged bytes with errors of any kind
            names = ", ".join(f"'{k}'" for k in keys)
            what = f"{names} cannot be read in events {start} to {stop - 1} ({_reason(error)})"
            raise DataError(what, where=self.path, fix=AGAIN) from error


class _Tree:
    """An open TTree or RNTuple."""

    def __init__(self, file: Any, tree: Any):
        self._file, self._tree = file, tree
        self.rows = int(tree.num_entries)
        self.keys = list(tree.keys())

    def read(self, keys: list[str], start: int, stop: int) -> dict[str, Any]:
        arrays = self._tree.arrays(keys, entry_start=start, entry_stop=stop, library="ak")
        return {key: _part(arrays, key) for key in keys}

    def close(self) -> None:
        self._file.close()


def _part(arrays: Any, key: str) -> Any:
    """A branch; the field `hit.x` of an RNTuple's records comes as field `x` of `hit`."""
    if key in arrays.fields:
        return arrays[key]
    for name in key.split("."):
        arrays = arrays[name]
    return arrays


def _values(array: Any) -> Values | str:
    """An awkward array as NumPy: regular ones as they are, jagged ones as lists, text as objects; else in words."""
    import awkward as ak

    layout = ak.to_layout(array)
    if layout.is_option:
        array = ak.fill_none(array, np.nan)
        layout = ak.to_layout(array)
    parameter = layout.parameter("__array__")
    if parameter == "string":
        return np.array(ak.to_list(array), dtype=object)
    if layout.is_record:
        return f"records ({', '.join(layout.fields)})"
    if layout.is_list and not layout.is_regular:
        content = ak.flatten(array, axis=1)
        inner = ak.to_layout(content)
        if inner.is_record:
            return f"lists of records ({', '.join(inner.fields)})"
        if not inner.is_numpy:
            return _image(array)
        return Lists(ak.to_numpy(ak.num(array, axis=1)).astype(np.int64), ak.to_numpy(content))
    return _image(array)


def _image(array: Any) -> Values | str:
    import awkward as ak

    try:
        numbers: np.ndarray = ak.to_numpy(ak.to_regular(array, axis=None))
    except ValueError:
        return "nested lists of different lengths"
    return numbers if numbers.dtype.kind in "biuf" else f"values of type {numbers.dtype}"


def _reason(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
