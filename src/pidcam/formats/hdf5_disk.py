"""New HDF5 files that are whole or absent, also on a full disk."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from pidcam.files import atomic_path


class Disk(io.FileIO):
    """A file that keeps the first refusal of the operating system, such as a full disk, and goes on as if all was well.

    A write that fails under the HDF5 library leaves it in a state in which it may crash the process later. `check`
    raises the refusal where it is safe.
    """

    refusal: OSError | None = None

    def check(self) -> None:
        """Raise the `OSError` that the operating system answered with, if it did."""
        if self.refusal:
            raise self.refusal

    def write(self, data: Any, /) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        while len(rest) and self.refusal is None:
            try:
                rest = rest[super().write(rest) :]
            except OSError as error:
                self.refusal = error
        return size

    def truncate(self, size: int | None = None, /) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.refusal = self.refusal or error
            return self.tell() if size is None else size


@contextmanager
def new_hdf5(path: Path) -> Iterator[tuple[h5py.File, Disk]]:
    """A file to write and its disk, to `check` now and then; it appears as `path` when the block ends well."""
    with atomic_path(path) as part, Disk(part, "w+b") as disk:
        with h5py.File(disk, "w") as file:
            yield file, disk
        disk.check()
