"""One file over HTTP: streamed beside its target, resumed after any break, whole as far as HTTP can tell."""

from __future__ import annotations

import email.utils
import glob
import hashlib
import http.client
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Collection
from http.client import HTTPResponse
from pathlib import Path
from typing import BinaryIO

import pidcam
from pidcam.errors import DataError, InputError
from pidcam.files import writing
from pidcam.formats.raw import HEAD, is_web_page
from pidcam.progress import progress

BLOCK = 1 << 18
OVERLAP = 1 << 12
"""Bytes asked for again when resuming; they must equal what is there."""

RETRIES = 4
"""Breaks in a row, without a new byte in between, that are borne."""

FIRST_PAUSE = 1.0
"""Seconds before the first new attempt; each further one waits twice as long."""

LONGEST_WAIT = 600.0
"""Seconds that a server may ask us to wait."""

TIMEOUT = 60.0
"""Seconds of silence after which a connection counts as broken."""

AGAIN = "run the same command again: it goes on where it stopped"


class _BrokenError(Exception):
    """A fault that may pass; `wait` is what the server asked for, in seconds."""

    def __init__(self, what: str, wait: float | None = None):
        super().__init__(what)
        self.wait = wait


class _ChangedError(Exception):
    """What lies in the part file does not belong to what the server has now."""


def fetch(url: str, target: Path, *, sizes: Collection[int] = ()) -> Path:
    """Stream `url` to a file `<target>.<stamp>.part` and return its path when all its bytes are there.

    An earlier part is continued if ETag or date, total length and the last bytes agree, else begun anew. `sizes` are
    the total lengths that are acceptable, if known. Raises `InputError` where the server refuses, sends a web page or
    breaks off again and again (the part stays), `DataError` for a wrong total length.
    """
    if not url.startswith(("http://", "https://")):
        raise InputError("is not a web address", where=url, fix="give http://... or https://...")
    most, breaks = -1, 0
    while True:
        part = _earlier(target)
        try:
            return _attempt(url, target, part, sizes)
        except _ChangedError:
            if part is None:
                raise InputError("the server sends another part of the file than was asked for", where=url) from None
            _discard(target)
        except _BrokenError as broken:
            part = _earlier(target)
            size = part.stat().st_size if part else 0
            breaks = breaks + 1 if size <= most else 1
            most = max(most, size)
            if breaks > RETRIES:
                raise InputError(f"{broken}, {breaks} times in a row", where=url, fix=AGAIN) from broken
            wait = FIRST_PAUSE * 2 ** (breaks - 1) if broken.wait is None else broken.wait
            with progress(f"{broken}; trying again in {wait:.0f} s"):
                time.sleep(wait)


def _attempt(url: str, target: Path, part: Path | None, sizes: Collection[int]) -> Path:
    have = part.stat().st_size if part else 0
    start = max(have - OVERLAP, 0)
    headers = {"User-Agent": f"pidcam/{pidcam.__version__}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    with _open(urllib.request.Request(url, headers=headers)) as answer:
        begin, total = _extent(answer)
        first = b"" if begin else _read(answer, HEAD)
        _require_data(url, answer, first)
        if total is not None and sizes and total not in sizes:
            official = " or ".join(str(s) for s in sorted(sizes))
            fix = "the published file has changed, or the address is wrong"
            raise DataError(f"the server offers {total} bytes, the official file has {official}", where=url, fix=fix)
        whole = target.with_name(f"{target.name}.{_stamp(url, answer, total)}.part")
        if begin and (begin != start or whole != part):
            raise _ChangedError
        if not begin:
            _discard(target)
        with writing(target):
            file = open(whole, "r+b" if begin else "wb")  # noqa: SIM115 (the next line closes it)
        with file:
            file.seek(begin)
            if begin:
                _compare(file.read(), _read(answer, have - begin))
            _copy(answer, first, file, target, total)
    size = whole.stat().st_size
    expected = max(sizes, default=0) if total is None and size not in sizes else total or 0
    if size < expected:
        raise _BrokenError(f"the connection broke off at {size} of {expected} bytes")
    return whole


def _open(request: urllib.request.Request) -> HTTPResponse:
    url = request.full_url
    try:
        return urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        code = error.code
        if code == 416:
            raise _ChangedError from error
        if code in (408, 425, 429, 500, 502, 503, 504):
            raise _BrokenError(
                f"the server answers {code} ({http.client.responses[code]})", _retry_after(error, url)
            ) from error
        if code in (404, 410):
            fix = "the address may have moved: give another one by --url-base, or fetch the file by hand"
            raise InputError(f"no such file on the server ({code})", where=url, fix=fix) from error
        if code in (401, 403):
            fix = "open the address in a browser and fetch the file by hand"
            raise InputError(f"the server asks for a login ({code})", where=url, fix=fix) from error
        if code in (301, 302, 303, 307, 308):
            raise InputError(f"the server redirects in a circle ({code})", where=url) from error
        raise InputError(f"the server answers {code} ({http.client.responses.get(code, '?')})", where=url) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, socket.gaierror | ssl.SSLCertVerificationError):
            text = getattr(reason, "verify_message", None) or reason.strerror
            raise InputError(
                f"cannot be reached ({text})", where=url, fix="check the network and the address"
            ) from error
        raise _BrokenError(f"the server cannot be reached ({getattr(reason, 'strerror', None) or reason})") from error


def _retry_after(error: urllib.error.HTTPError, url: str) -> float | None:
    """Seconds the server asks us to wait: a number, or a date (RFC 9110, 10.2.3)."""
    text = error.headers.get("Retry-After")
    if text is None:
        return None
    if text.strip().isdigit():
        wait = float(text)
    else:
        try:
            wait = max(email.utils.parsedate_to_datetime(text).timestamp() - time.time(), 0)
        except ValueError:
            return None
    if wait > LONGEST_WAIT:
        raise InputError(f"the server is busy and asks to come back in {wait:.0f} s", where=url, fix=AGAIN) from error
    return wait


def _extent(answer: HTTPResponse) -> tuple[int, int | None]:
    """(first byte sent, length of the whole file) as the server states them."""
    if answer.status == 206:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", "").strip())
        if not found:
            raise _ChangedError
        return int(found[1]), None if found[2] == "*" else int(found[2])
    length = answer.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _require_data(url: str, answer: HTTPResponse, first: bytes) -> None:
    if answer.headers.get_content_type() in ("text/html", "application/xhtml+xml") or is_web_page(first):
        fix = "the address may have moved or ask for a login: open it in a browser"
        raise InputError("the server sends a web page (HTML), not data", where=url, fix=fix)


def _compare(there: bytes, sent: bytes) -> None:
    if not there.startswith(sent):
        raise _ChangedError
    if len(sent) < len(there):
        raise _BrokenError("the connection broke off")


def _copy(answer: HTTPResponse, first: bytes, file: BinaryIO, target: Path, total: int | None) -> None:
    have = file.tell()
    left = None if total is None else (total - have) / 1e6
    with progress(f"{target.name} (MB{f', after {have / 1e6:.0f}' if have else ''})", left) as bar:
        block = first or _read(answer, BLOCK)
        while block:
            try:
                file.write(block)
                file.flush()
            except OSError as error:
                fix = f"make room and {AGAIN}"
                raise InputError(f"cannot be written ({error.strerror})", where=target, fix=fix) from error
            bar.advance(len(block) / 1e6)
            block = _read(answer, BLOCK)


def _read(answer: HTTPResponse, n: int) -> bytes:
    try:
        return answer.read(n)
    except http.client.IncompleteRead as error:
        if error.partial:
            return error.partial
        raise _BrokenError("the connection broke off") from error
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenError(f"the connection broke off ({error})") from error


def _stamp(url: str, answer: HTTPResponse, total: int | None) -> str:
    """Eight letters that change when the file on the server does."""
    validator = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or total
    return hashlib.sha256(f"{url} {validator}".encode()).hexdigest()[:8]


def _parts(target: Path) -> list[Path]:
    return list(target.parent.glob(f"{glob.escape(target.name)}.*.part"))


def _earlier(target: Path) -> Path | None:
    return max(_parts(target), key=lambda part: part.stat().st_size, default=None)


def _discard(target: Path) -> None:
    for part in _parts(target):
        part.unlink()
