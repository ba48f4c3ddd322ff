"""Whose folder is it? A store is begun, finished or refused here, and by one process at a time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from pidcam.errors import ExistsError, InputError, OutputError
from pidcam.files import read_json, write_json, writing
from pidcam.store.manifest import NAME, REQUEST

LOCK = ".lock"


def is_finished(store: Path) -> bool:
    return (store / NAME).exists()


@contextmanager
def claimed(out: Path, request: dict[str, str]) -> Iterator[None]:
    """Hold the folder `out`, which is new, or the finished or unfinished answer to the same `request`.

    Raises `ExistsError` if it is anything else, `InputError` if another process works in it. What was begun stays for
    the next call, but not after an error that the same request will always meet: it leaves nothing behind.
    """
    _require_ours(out, request)
    if is_finished(out):
        shutil.rmtree(out / "work", ignore_errors=True)  # left if the last call was killed at its very end
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
            raise InputError("another prepare is working here", where=out, fix=fix) from None
    try:
        _require_ours(out, request)  # somebody may have been quicker
        if not (out / REQUEST).exists():
            write_json(out / REQUEST, request)
        try:
            yield
        except InputError as error:
            # with these files and options it will always fail, but a disk may be given space
            if not is_finished(out) and not isinstance(error, OutputError):
                _clear(out, remove=created)
            raise
        (out / LOCK).unlink(missing_ok=True)
    finally:
        lock.release()


def _require_ours(out: Path, request: dict[str, str]) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise ExistsError("is a file, not a folder", where=out, fix="choose another --out")
    if (out / REQUEST).exists():
        if read_json(out / REQUEST) != request:
            raise ExistsError(
                f"holds {'a finished' if is_finished(out) else 'an unfinished'} store of other files or options; "
                "nothing was overwritten",
                where=out,
                fix="choose another --out, or remove it first",
            )
    elif any(not path.name.startswith((LOCK, f".{REQUEST}")) for path in out.iterdir()):
        raise ExistsError(
            "already exists and is not a store; nothing was overwritten", where=out, fix="choose another --out"
        )


def _clear(out: Path, *, remove: bool) -> None:
    shutil.rmtree(out / "work", ignore_errors=True)
    for pattern in ("*.arrow", ".*.part", REQUEST, LOCK):
        for path in out.glob(pattern):
            path.unlink()
    if remove:
        with suppress(OSError):  # not empty: somebody else was here
            out.rmdir()
