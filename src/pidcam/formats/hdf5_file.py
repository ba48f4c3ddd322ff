"""Opening an HDF5 file. Every fault becomes one line: file, key, what was expected."""

from __future__ import annotations

import contextlib
import importlib
import math
import re
from pathlib import Path

import h5py

from pidcam.errors import DataError, InputError
from pidcam.formats.columns import AGAIN
from pidcam.formats.raw import other_format, read_head


def open_file(path: Path) -> h5py.File:
    """Open for reading. Raises `InputError` or `DataError`."""
    head = read_head(path)
    if not h5py.is_hdf5(path):
        raise other_format(path, head, "an HDF5 file")
    try:
        # some network file systems cannot lock
        return h5py.File(path, "r", locking="best-effort")
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


def require_filters(data: h5py.Dataset, path: Path, key: str) -> None:
    """`InputError` if a compression of the data set is not installed."""
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


def require_sources(data: h5py.Dataset, path: Path, key: str) -> None:
    """`DataError` if a part of a virtual data set is not there: HDF5 would give zeros for it."""
    if not data.is_virtual:
        return
    for name, inner in dict.fromkeys((s.file_name, s.dset_name) for s in data.virtual_sources()):
        if name == "." or "%" in name:  # in this file, or a family of files that may grow
            continue
        source = next((p for p in (path.parent / name, Path(name)) if p.exists()), None)
        where = f"'{key}' is a virtual data set whose source '{name}'"
        if source is None:
            raise DataError(f"{where} is missing", where=path, fix="put it beside this file")
        with open_file(source) as file:
            if inner.lstrip("/") not in file:
                raise DataError(f"{where} has no data set '{inner}'", where=path, fix=AGAIN)


def band(data: h5py.Dataset) -> tuple[int, int]:
    """(bytes, chunks) that the chunks of one event span together; (0, 0) where the data are not chunked."""
    if not data.chunks:
        return 0, 0
    count = math.prod(math.ceil(n / c) for n, c in zip(data.shape[1:], data.chunks[1:], strict=True))
    return count * math.prod(data.chunks) * data.dtype.itemsize, count
