"""Prediction tables written part by part, so that any number of events fits in memory: Parquet, HDF5 or ROOT."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pidcam.errors import InputError, MissingExtraError
from pidcam.files import atomic_path
from pidcam.predictions import Predictions

Write = Callable[[Predictions], None]


def table_writer(path: Path) -> AbstractContextManager[Write]:
    """`with table_writer(path) as write: write(predictions)` as often as needed; the file appears when it is whole.

    The suffix chooses the format. Raises `InputError` for an unknown one, `MissingExtraError` for ROOT without uproot.
    """
    if path.suffix not in _WRITERS:
        raise InputError(f"'{path.suffix}' is no table format", where=path, fix=f"use one of {', '.join(_WRITERS)}")
    return _WRITERS[path.suffix](path)


@contextmanager
def _parquet(path: Path) -> Any:
    import pyarrow.parquet as pq

    with atomic_path(path) as part:
        writer: pq.ParquetWriter | None = None

        def write(predictions: Predictions) -> None:
            nonlocal writer
            table = predictions.to_table()
            writer = writer or pq.ParquetWriter(part, table.schema)
            writer.write_table(table)

        try:
            yield write
        finally:
            if writer is not None:
                writer.close()


@contextmanager
def _hdf5(path: Path) -> Any:
    """One extensible data set per column; `label` and `file` number the names in their attributes."""
    from pidcam.formats.hdf5_disk import new_hdf5

    with new_hdf5(path) as (file, disk):

        def write(predictions: Predictions) -> None:
            for name, values in _columns(predictions).items():
                if name not in file:
                    file.create_dataset(
                        name, data=values, maxshape=(None,), chunks=(65536,), compression="gzip", shuffle=True
                    )
                else:
                    file[name].resize(len(file[name]) + len(values), axis=0)
                    file[name][-len(values) :] = values
            file["label"].attrs["classes"] = list(predictions.classes)
            file["file"].attrs["files"] = list(predictions.files)
            disk.check()

        yield write


@contextmanager
def _root(path: Path) -> Any:
    """TTree `predictions`; class and file names as the strings `classes` and `files` (one name a line)."""
    try:
        import uproot
    except ImportError:
        raise MissingExtraError("writing ROOT files", "root") from None

    with atomic_path(path) as part, uproot.recreate(part) as file:
        started = False

        def write(predictions: Predictions) -> None:
            nonlocal started
            columns = {name.replace(" ", "_").replace("-", "_"): v for name, v in _columns(predictions).items()}
            if started:
                file["predictions"].extend(columns)
                return
            file["classes"], file["files"] = "\n".join(predictions.classes), "\n".join(predictions.files)
            file.mktree("predictions", {name: v.dtype for name, v in columns.items()})
            file["predictions"].extend(columns)
            started = True

        yield write


def _columns(p: Predictions) -> dict[str, np.ndarray]:
    scalars = {"file": p.file.astype(np.int32), "row": p.row, "label": p.label.astype(np.int32), "weight": p.weight}
    return {**scalars, **p.columns, **p.spectators}


_WRITERS: dict[str, Callable[[Path], AbstractContextManager[Write]]] = {
    ".parquet": _parquet,
    ".h5": _hdf5,
    ".hdf5": _hdf5,
    ".root": _root,
}
