"""Opening an HDF5 file and finding its data sets. Every fault becomes one line: file, key, what was expected."""

from __future__ import annotations

import contextlib
import importlib
import math
import re
from pathlib import Path
from typing import Any

import h5py

from pidcam.errors import DataError, InputError
from pidcam.formats.layout import ImageSource
from pidcam.formats.raw import read_head
from pidcam.schema import Image

AGAIN = "fetch or write it again"


def open_file(path: Path, **cache: Any) -> h5py.File:
    """Open for reading; `cache` are h5py's `rdcc_...` settings. Raises `InputError` or `DataError`."""
    read_head(path)
    if not h5py.is_hdf5(path):
        raise DataError("is not an HDF5 file", where=path, fix="check that it is the right file, or fetch it again")
    try:
        # some network file systems cannot lock
        return h5py.File(path, "r", locking="best-effort", **cache)
    except BlockingIOError as error:
        fix = "wait until it has finished"
        raise InputError("is still being written by another process", where=path, fix=fix) from error
    except OSError as error:
        raise DataError(_truncation(error, path), where=path, fix=AGAIN) from error


def _truncation(error: OSError, path: Path) -> str:
    size = path.stat().st_size
    stored = re.search(r"truncated file: .*stored_eof = (\d+)", str(error))
    if stored:
        return f"is truncated: {size} of {stored[1]} bytes are there"
    return f"is a damaged HDF5 file ({reason(error)})"


def reason(error: BaseException) -> str:
    """What HDF5 says between its brackets, on one line."""
    text = " ".join(str(error).split())
    inner = re.search(r"\((.*)\)", text)
    return inner[1] if inner else text


def image_data(file: h5py.File, path: Path, source: ImageSource, image: Image, schema: str) -> h5py.Dataset:
    """The data set of an image, its shape, type and compression checked."""
    data = _data(file, path, source.key, f"image '{image.name}'", schema)
    shape, channels = image.shape, len(image.channels)
    shapes = {"channel-first": (channels, *shape), "channel-last": (*shape, channels)}
    expected = shapes.get(source.order, shape)
    found = data.shape[1:]
    if found != expected:
        names = ", ".join(c.name for c in image.channels)
        fix = f"check that it is a file of '{schema}'"
        other = [order for order, axes in shapes.items() if found == axes]
        if other:
            fix = f"its axes look {other[0]}: declare that order in the layout"
        raise DataError(
            f"'{source.key}' has shape {data.shape}, expected {_shape(expected)} for image '{image.name}' "
            f"({source.order}: {names})",
            where=path,
            fix=fix,
        )
    return data


def column_data(file: h5py.File, path: Path, key: str, use: str, schema: str) -> h5py.Dataset:
    """The data set of one number per event, shape (events,) or (events, 1, ...)."""
    data = _data(file, path, key, use, schema)
    if math.prod(data.shape[1:]) != 1:
        what = f"'{key}' has shape {data.shape}, expected {_shape(())} for {use}"
        raise DataError(what, where=path, fix=f"check that it is a file of '{schema}'")
    return data


def _shape(axes: tuple[int, ...]) -> str:
    return f"(events, {', '.join(map(str, axes))})" if axes else "(events,) or (events, 1)"


def _data(file: h5py.File, path: Path, key: str, use: str, schema: str) -> h5py.Dataset:
    fix = f"check that it is a file of '{schema}'"
    data = file.get(key)
    if not isinstance(data, h5py.Dataset):
        raise DataError(f"has no data set '{key}' for {use}, it holds {_keys(file)}", where=path, fix=fix)
    if not data.shape:
        raise DataError(f"'{key}' is a single value, not one per event", where=path, fix=fix)
    if data.dtype.kind not in "biuf":
        raise DataError(f"'{key}' holds {_kind(data)}, expected numbers for {use}", where=path, fix=fix)
    _require_filters(data, path, key)
    return data


def _keys(file: h5py.File) -> str:
    keys: list[str] = []
    file.visititems(lambda name, item: keys.append(f"'{name}'") if isinstance(item, h5py.Dataset) else None)
    more = f" and {len(keys) - 20} more" if len(keys) > 20 else ""
    return ", ".join(keys[:20]) + more if keys else "none"


def _kind(data: h5py.Dataset) -> str:
    if data.dtype.kind in "SU" or h5py.check_string_dtype(data.dtype):
        return "text"
    if data.dtype.names:
        return f"records ({', '.join(data.dtype.names)})"
    kinds = {"c": "complex numbers", "O": "objects of varying length", "V": "raw bytes"}
    return kinds.get(data.dtype.kind, str(data.dtype))


def _require_filters(data: h5py.Dataset, path: Path, key: str) -> None:
    plan = data.id.get_create_plist()
    for i in range(plan.get_nfilters()):
        code, _, _, name = plan.get_filter(i)
        if h5py.h5z.filter_avail(code):
            continue
        with contextlib.suppress(ImportError):
            importlib.import_module("hdf5plugin")
        if not h5py.h5z.filter_avail(code):
            what = f"'{key}' is compressed by HDF5 filter {code} ({name.decode() or 'no name'}), which is not installed"
            raise InputError(what, where=path, fix="run: pip install hdf5plugin")


def band(data: h5py.Dataset) -> tuple[int, int]:
    """(bytes, chunks) that the chunks of one event span together; (0, 0) where the data are not chunked."""
    if not data.chunks:
        return 0, 0
    count = math.prod(math.ceil(n / c) for n, c in zip(data.shape[1:], data.chunks[1:], strict=True))
    return count * math.prod(data.chunks) * data.dtype.itemsize, count
