"""`pidcam download`: the official raw files of a detector, fetched, verified, and never overwritten."""

from __future__ import annotations

import hashlib
import os
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout

from pidcam.detectors.base import Detector, OfficialFile, detectors
from pidcam.downloads.http import fetch
from pidcam.errors import DataError, ExistsError, InputError, UnknownNameError
from pidcam.files import require_absent, writing
from pidcam.formats.layout import formats


def download(
    detector: str,
    out: Path | str,
    *,
    generation: str | None = None,
    files: Sequence[str] | None = None,
    url_base: str | None = None,
) -> list[Path]:
    """Fetch the official files of `detector` into the folder `out` and return their paths.

    `files` names some of them (default: all), `generation` which edition where there are several (default: the first),
    `url_base` a mirror that holds them under their names. What is already there and whole is not fetched again; a
    broken download goes on where it stopped. Raises `ExistsError` where another file bears the name, `InputError` where
    the server does not give the file, `DataError` where it is not the official one.
    """
    wanted = _choose(detectors[detector](), files)
    addresses = [_address(file, generation, url_base) for file in wanted.files]
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise ExistsError("is a file, not a folder", where=out, fix="choose another --out")
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    return [_obtain(file, url, out / file.name, wanted) for file, url in zip(wanted.files, addresses, strict=True)]


def _choose(detector: Detector, names: Sequence[str] | None) -> Detector:
    if not detector.files:
        fix = f"make some: pidcam simulate {detector.name}"
        raise InputError(f"detector '{detector.name}' has no public files", fix=fix)
    known = {file.name: file for file in detector.files}
    for name in names or ():
        if name not in known:
            raise UnknownNameError("file", name, known, where=f"detector '{detector.name}'")
    return replace(detector, files=tuple(known[name] for name in names or known))


def _address(file: OfficialFile, generation: str | None, url_base: str | None) -> str:
    if url_base is not None:
        return f"{url_base.rstrip('/')}/{urllib.parse.quote(file.name)}"
    generation = generation or next(iter(file.urls))
    if generation not in file.urls:
        raise UnknownNameError("generation", generation, file.urls, where=file.name)
    return file.urls[generation]


def _obtain(file: OfficialFile, url: str, target: Path, detector: Detector) -> Path:
    if target.exists():
        if fault := _fault(target, file, detector):
            fix = "nothing was overwritten: move it away, or choose another --out"
            raise ExistsError(f"is not the official file ({fault})", where=target, fix=fix)
        return target
    with _alone(target):
        part = fetch(url, target, sizes=file.sha256)
        if fault := _fault(part, file, detector):
            part.unlink()
            fix = "try again; if it stays so, the published file has changed"
            raise DataError(f"what came is not the official file ({fault})", where=url, fix=fix)
        with open(part, "rb") as whole:
            os.fsync(whole.fileno())
        require_absent(target)
        os.replace(part, target)
    return target


def _fault(path: Path, file: OfficialFile, detector: Detector) -> str | None:
    """Why `path` is not the official file, or None: its size, its checksum where known, else whether it reads."""
    size = path.stat().st_size
    if file.sha256 and size not in file.sha256:
        return f"{size} bytes instead of {' or '.join(str(s) for s in sorted(file.sha256))}"
    if expected := file.sha256.get(size):
        with open(path, "rb") as whole:
            found = hashlib.file_digest(whole, "sha256").hexdigest()
        return None if found == expected else f"SHA-256 {found[:12]}... instead of {expected[:12]}..."
    try:
        with formats[detector.layout.format].reader(path, detector.layout, detector.schema):
            return None
    except InputError as error:
        return error.what


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Keep a second process from writing into the same part."""
    path = target.with_name(f".{target.name}.lock")
    try:
        with writing(target), FileLock(path).acquire(blocking=False):
            try:
                yield
            finally:
                path.unlink(missing_ok=True)
    except Timeout:
        fix = "wait for it, or choose another --out"
        raise InputError("another process is downloading it", where=target, fix=fix) from None
