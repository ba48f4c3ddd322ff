"""NPZ and NPY: NumPy arrays, events along the first axis; also flat hits with offsets. Never unpickles anything."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import IO, Any

import numpy as np

from pidcam.errors import DataError
from pidcam.formats.columns import AGAIN, NUMBERS, TEXT, Column, RawFile, Values
from pidcam.formats.layout import Layout, Reader, formats
from pidcam.formats.memo import remembered
from pidcam.formats.raw import other_format, read_head
from pidcam.formats.reader import EventReader
from pidcam.schema import EventSchema

ONLY = "array"
"""Key of the array of an NPY file."""


class Npz:
    """The format `npz`: the arrays by their names; in an NPY file the one array is called `array`.

    A field of a structured array is one more step: `hits/x`.
    """

    suffixes: tuple[str, ...] = (".npz", ".npy")

    def reader(self, path: Path, layout: Layout, schema: EventSchema, *, truth: bool = True) -> Reader:
        """See `EventReader`."""
        return EventReader(self.raw(path, layout), layout, schema, truth=truth)

    def raw(self, path: Path, layout: Layout) -> RawFile:
        """See `NpzFile`."""
        return NpzFile(path)


formats.add("npz", Npz())


@dataclass(frozen=True)
class _Header:
    """One array: `member` of the archive (None in an NPY file), and the byte in it where the numbers begin."""

    member: zipfile.ZipInfo | None
    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool
    begin: int


class NpzFile(RawFile):
    """The arrays of an NPZ or NPY file. Read in order, compressed arrays are inflated once, and never held whole."""

    noun = "array"

    def __init__(self, path: Path):
        super().__init__(path)
        self._headers = remembered(path, "headers", self._look) if read_head(path) else {}

    def _look(self) -> dict[str, _Header]:
        head = read_head(self.path)
        try:
            if head.startswith(b"\x93NUMPY"):
                with open(self.path, "rb") as file:
                    return {ONLY: _header(file, None)}
            if not head.startswith(b"PK"):
                raise other_format(self.path, head, "an NPZ or NPY file")
            with zipfile.ZipFile(self.path) as archive:
                headers = {}
                for info in archive.infolist():
                    if info.filename.endswith(".npy"):
                        with archive.open(info) as file:
                            headers[info.filename.removesuffix(".npy")] = _header(file, info)
                return headers
        except DataError:
            raise
        except Exception as error:  # damaged bytes end in errors of many kinds
            raise DataError(f"is a damaged or truncated file ({error})", where=self.path, fix=AGAIN) from error

    def _open(self) -> None:
        return None  # arrays are opened one by one, and kept by `remembered`

    def keys(self) -> list[str]:
        return [
            f"{name}/{field}" if field else name
            for name, header in self._headers.items()
            for field in header.dtype.names or ("",)
        ]

    def column(self, key: str) -> Column | None:
        header, field = self._find(key)
        if header is None:
            return None
        dtype, shape = header.dtype, header.shape[1:]
        if field:
            dtype, shape = dtype[field].base, (*shape, *dtype[field].shape)
        if not header.shape:
            return Column(None)
        return Column(header.shape[0], shape, holds=_kind(dtype), dtype=dtype)

    def _find(self, key: str) -> tuple[_Header | None, str]:
        if key in self._headers:
            return self._headers[key], ""
        name, _, field = key.rpartition("/")
        header = self._headers.get(name)
        return (header, field) if header and field in (header.dtype.names or ()) else (None, "")

    def read(self, keys: Collection[str], start: int, stop: int) -> dict[str, Values]:
        result: dict[str, Values] = {}
        for key in keys:
            header, field = self._find(key)
            assert header is not None
            name = key.removesuffix(f"/{field}") if field else key
            rows = remembered(self.path, ("array", name), lambda h=header: _Array(self.path, h))  # type: ignore[misc]
            try:
                values = rows.read(start, stop)
            except Exception as error:  # damaged bytes end in errors of many kinds
                what = f"'{key}' is damaged or cut off in events {start} to {stop - 1} ({error})"
                raise DataError(what, where=self.path, fix=AGAIN) from error
            result[key] = values[field] if field else values
        return result


class _Array:
    """One open array. What is stored plainly is read where it lies; what is compressed, onwards from the last read."""

    def __init__(self, path: Path, header: _Header):
        self._header, self._lock = header, Lock()
        self._archive: zipfile.ZipFile | None = None
        self._file: IO[bytes]
        self._begin = header.begin
        self._whole: np.ndarray | None = None
        member = header.member
        if member is None:
            self._file = open(path, "rb")  # noqa: SIM115, closed when it is forgotten
        elif member.compress_type == zipfile.ZIP_STORED:
            self._file = open(path, "rb")  # noqa: SIM115
            self._file.seek(member.header_offset + 26)
            name, extra = (int.from_bytes(self._file.read(2), "little") for _ in range(2))
            self._begin += member.header_offset + 30 + name + extra
        else:
            self._archive = zipfile.ZipFile(path)
            self._file = self._archive.open(member)
        if header.fortran and len(header.shape) > 1:  # rows do not lie together
            if self._archive is None:
                self._whole = np.memmap(path, header.dtype, "r", self._begin, header.shape, "F")
            else:
                self._whole = self._numbers(0, header.shape[0]).reshape(header.shape[::-1]).T

    def read(self, start: int, stop: int) -> np.ndarray:
        """Rows [start, stop)."""
        with self._lock:
            if self._whole is not None:
                return self._whole[start:stop]
            return self._numbers(start, stop).reshape(-1, *self._header.shape[1:])

    def _numbers(self, start: int, stop: int) -> np.ndarray:
        dtype = self._header.dtype
        row = math.prod(self._header.shape[1:]) * dtype.itemsize
        self._file.seek(self._begin + start * row)
        data = self._file.read((stop - start) * row)
        if len(data) < (stop - start) * row:
            raise EOFError("the file ends too early")
        return np.frombuffer(data, dtype)

    def close(self) -> None:
        self._file.close()
        if self._archive is not None:
            self._archive.close()


def _header(file: Any, member: zipfile.ZipInfo | None) -> _Header:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    return _Header(member, shape, dtype, fortran, file.tell())


def _kind(dtype: np.dtype) -> str:
    if dtype.names:
        return f"records ({', '.join(dtype.names)})"
    if dtype.kind in "biuf":
        return NUMBERS
    kinds = {"U": TEXT, "S": TEXT, "c": "complex numbers", "O": "pickled Python objects", "M": "dates", "m": "times"}
    return kinds.get(dtype.kind, str(dtype))
