"""Files that are either whole or absent: written under a hidden name beside the target, renamed when complete."""

from __future__ import annotations

import errno
import glob
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pidcam.errors import ExistsError, InputError, OutputError


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path in the same folder, for a file or a new folder to be made there.

    On success it replaces `path` (a folder only where there is none yet), on any failure it is removed.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _require_writable(path.parent)
        try:
            yield part
            if part.is_file():
                part.chmod(0o666 & ~_umask())  # some libraries write for their owner alone
                with open(part, "rb") as file:
                    os.fsync(file.fileno())
            os.replace(part, path)
        finally:
            if part.is_dir():
                shutil.rmtree(part)
            else:
                part.unlink(missing_ok=True)


def _require_writable(folder: Path) -> None:
    """Now, not after hours of work."""
    effective = os.access in os.supports_effective_ids
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=effective):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


@contextmanager
def writing(path: Path | str) -> Iterator[None]:
    """Turn the operating system's refusals while writing `path` into one clear line."""
    try:
        yield
    except OSError as error:
        another = "choose another --out"
        if error.errno in DISK_FULL:
            fix = f"free some space or {another}; nothing half-written was left"
            raise OutputError("the disk is full", where=path, fix=fix) from error
        if error.errno in NO_PERMISSION:
            # a temporary name would say nothing to its reader
            where = error.filename if error.filename and not str(error.filename).endswith(".part") else path
            raise OutputError("no permission to write here", where=where, fix=another) from error
        if isinstance(error, NotADirectoryError | FileExistsError) and any(p.is_file() for p in Path(path).parents):
            raise OutputError("a part of this path is a file, not a folder", where=path, fix=another) from error
        raise


@contextmanager
def reading(path: Path | str) -> Iterator[None]:
    """Turn the operating system's refusal to let us read `path` into one clear line."""
    try:
        yield
    except PermissionError as error:
        raise InputError("no permission to read it", where=path, fix="ask its owner for access") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


DISK_FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
NO_PERMISSION = {errno.EACCES, errno.EPERM, errno.EROFS}


def write_text(path: Path | str, text: str) -> None:
    """Atomically write text."""
    with atomic_path(path) as part:
        part.write_text(text, encoding="utf-8")


def write_json(path: Path | str, content: Any) -> None:
    """Atomically write indented JSON; NaN is refused because other languages cannot read it."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: Path | str) -> Any:
    """Read JSON; `InputError` says where a damaged file breaks."""
    try:
        with reading(path):
            return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError("no such file", where=path) from error
    except ValueError as error:
        raise InputError(f"is not valid JSON ({error})", where=path) from error


def find_files(pattern: str) -> list[Path]:
    """The files that a pattern with `*` stands for, sorted, or the one path itself. `InputError` if there is none."""
    if not glob.has_magic(pattern) or os.path.exists(pattern):
        return [Path(pattern)]
    found = sorted(glob.glob(pattern, recursive=True))
    if not found:
        raise InputError(f"no file matches {pattern}", fix="check the path")
    return [Path(path) for path in found]


def short_names(paths: Sequence[Path]) -> list[str]:
    """Names that tell files apart: `2.h5`, or `pions/1.h5` and `kaons/1.h5` where several are called alike."""
    parts = [path.absolute().parts for path in paths]
    depth = [1] * len(paths)
    while True:
        names = ["/".join(p[-d:]) for p, d in zip(parts, depth, strict=True)]
        count = Counter(names)
        longer = [i for i, name in enumerate(names) if count[name] > 1 and depth[i] < len(parts[i])]
        if not longer:
            return names
        for i in longer:
            depth[i] += 1


def require_absent(path: Path | str, *, fix: str = "choose another --out, or remove it first") -> None:
    """`ExistsError` if something is already at `path`."""
    if Path(path).exists():
        raise ExistsError("already exists, nothing was overwritten", where=path, fix=fix)
