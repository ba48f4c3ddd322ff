"""What every reader asks of a raw file first: is it there, may it be read, does it hold anything, is it data at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import xxhash

from pidcam.errors import DataError, InputError

HEAD = 4096

BLOCK = 1 << 16
BLOCKS = 16

KINDS = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
    b"PAR1": "a Parquet file",
    b"PK\x03\x04": "a ZIP archive or NPZ file",
    b"\x93NUMPY": "an NPY file",
    b"root": "a ROOT file",
    b"\x0e\x03\x13\x01": "an HDF4 file",
    b"CDF\x01": "a NetCDF file",
    b"CDF\x02": "a NetCDF file",
    b"\x89PNG": "a PNG picture",
    b"%PDF": "a PDF",
}
"""How files begin."""

COMPRESSED = {b"\x1f\x8b": "gunzip", b"BZh": "bunzip2", b"\xfd7zXZ": "unxz", b"\x28\xb5\x2f\xfd": "unzstd"}
"""How compressed files begin, and what unpacks them."""

POINTER = b"version https://git-lfs"

RIGHT = "check that it is the right file, or fetch it again"


def read_head(path: Path) -> bytes:
    """The first bytes of a raw file, which is a readable, non-empty file and no web page.

    Raises `InputError` if it cannot be read and `DataError` if it cannot be data of any format.
    """
    try:
        _require_file(path)
        with open(path, "rb") as file:
            head = file.read(HEAD)
    except FileNotFoundError as error:
        raise InputError("no such file", where=path, fix="check the path") from error
    except IsADirectoryError as error:
        raise InputError("is a folder, not a file", where=path, fix="name the files in it") from error
    except PermissionError as error:
        raise InputError("no permission to read it", where=path, fix="ask its owner for access") from error
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=path) from error
    if not head:
        raise DataError("is empty (0 bytes)", where=path, fix="fetch or write it again")
    if is_web_page(head):
        fix = "the download ended at a login or error page: fetch it again"
        raise DataError("is a web page (HTML), not data", where=path, fix=fix)
    if head.startswith(POINTER):
        raise DataError("is a pointer of Git LFS, not the data", where=path, fix="run: git lfs pull")
    for magic, unpack in COMPRESSED.items():
        if head.startswith(magic):
            raise DataError("is compressed", where=path, fix=f"unpack it first, with {unpack}")
    return head


def _require_file(path: Path) -> None:
    """A pipe, say, would let us wait for ever."""
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        kind = "a named pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
        raise InputError(f"is {kind}, not a file", where=path, fix="write the data to a file first")


def known_format(head: bytes) -> str | None:
    """What a file is by its first bytes."""
    return next((kind for magic, kind in KINDS.items() if head.startswith(magic)), None)


def other_format(path: Path, head: bytes, expected: str) -> DataError:
    """The error for a file that is not `expected` ("an HDF5 file"); it says what the file is if that can be seen."""
    seen = known_format(head)
    return DataError(f"is not {expected}" + (f" but {seen}" if seen else ""), where=path, fix=RIGHT)


def is_web_page(head: bytes) -> bool:
    """Whether the first bytes of a file are those of an HTML page."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!--", b"<?xml")):
        return b"<html" in text
    return text.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))


def fingerprint(path: Path) -> tuple[int, str]:
    """(bytes, hash) of a raw file, or of a folder that is one.

    Hashed are the size and blocks spread from the beginning to the end: a file of many GB takes no longer.
    """
    digest = xxhash.xxh3_128()
    total = 0
    for part in sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]:
        size = part.stat().st_size
        total += size
        digest.update(str(size).encode())
        with open(part, "rb") as file:
            for number in range(BLOCKS):
                start = max(number * BLOCK, (size - BLOCK) * number // (BLOCKS - 1))
                if start < size:
                    file.seek(start)
                    digest.update(file.read(BLOCK))
    return total, digest.hexdigest()
