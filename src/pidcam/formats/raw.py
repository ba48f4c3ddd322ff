"""What every reader asks of a raw file first: is it there, may it be read, does it hold anything, is it data at all."""

from __future__ import annotations

from pathlib import Path

import xxhash

from pidcam.errors import DataError, InputError

HEAD = 4096

BLOCK = 1 << 16
BLOCKS = 16


def read_head(path: Path) -> bytes:
    """The first bytes of a raw file, which is a readable, non-empty file and no web page.

    Raises `InputError` if it cannot be read and `DataError` if it cannot be data of any format.
    """
    try:
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
    return head


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
