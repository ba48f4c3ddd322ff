"""Whose folder is it? What takes long is begun in a folder, finished there or refused, and by one process at a time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from pidcam.errors import ExistsError, InputError, OutputError
from pidcam.files import read_json, write_json, writing

LOCK = ".lock"
WORK = "work"
"""Folder inside for what is removed when the work is finished."""


@dataclass(frozen=True)
class Kind:
    """What a folder holds: a `noun` made by `verb` of certain `inputs`. `request` is the name of the file that says
    what was asked for, `done` of the one that is written last, `made` are patterns of what lies beside them."""

    noun: str
    verb: str
    inputs: str
    request: str
    done: str
    made: tuple[str, ...]

    def is_finished(self, out: Path) -> bool:
        return (out / self.done).exists()


@contextmanager
def claimed(out: Path, request: dict[str, object], kind: Kind) -> Iterator[None]:
    """Hold the folder `out`, which is new, or the finished or unfinished answer to the same `request`.

    Raises `ExistsError` if it is anything else, `InputError` if another process works in it. What was begun stays for
    the next call, but not after an error that the same request will always meet: it leaves nothing behind.
    """
    _require_ours(out, request, kind)
    if kind.is_finished(out):
        shutil.rmtree(out / WORK, ignore_errors=True)  # left if the last call was killed at its very end
        with suppress(OSError):
            (out / LOCK).unlink(missing_ok=True)
        yield
        return
    created = not out.exists()
    lock = FileLock(out / LOCK)
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            fix = "wait for it, or choose another --out"
            raise InputError(f"another {kind.verb} is working here", where=out, fix=fix) from None
    try:
        _require_ours(out, request, kind)  # somebody may have been quicker
        if not (out / kind.request).exists():
            write_json(out / kind.request, request)
        try:
            yield
        except InputError as error:
            # with this request it will always fail, but a disk may be given space
            if not kind.is_finished(out) and not isinstance(error, OutputError):
                _clear(out, kind, remove=created)
            raise
        (out / LOCK).unlink(missing_ok=True)
    finally:
        lock.release()


def _require_ours(out: Path, request: dict[str, object], kind: Kind) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise ExistsError("is a file, not a folder", where=out, fix="choose another --out")
    if (out / kind.request).exists():
        if read_json(out / kind.request) != request:
            raise ExistsError(
                f"holds {'a finished' if kind.is_finished(out) else 'an unfinished'} {kind.noun} of other "
                f"{kind.inputs}; nothing was overwritten",
                where=out,
                fix="choose another --out, or remove it first",
            )
    elif any(not path.name.startswith((LOCK, f".{kind.request}")) for path in out.iterdir()):
        what = f"already exists and is not a {kind.noun}; nothing was overwritten"
        raise ExistsError(what, where=out, fix="choose another --out")


def _clear(out: Path, kind: Kind, *, remove: bool) -> None:
    shutil.rmtree(out / WORK, ignore_errors=True)
    for pattern in (*kind.made, ".*.part", kind.request, LOCK):
        for path in out.glob(pattern):
            path.unlink()
    if remove:
        with suppress(OSError):  # not empty: somebody else was here
            out.rmdir()
