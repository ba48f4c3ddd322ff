"""`download` against a local server that does everything a server should not."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

import h5py
import numpy as np
import pytest

from pidcam.detectors.base import Detector, OfficialFile, detectors
from pidcam.downloads import download, http
from pidcam.errors import DataError, ExistsError, InputError, UnknownNameError

NAME = "electrons.hdf5"


def official(seed: int) -> bytes:
    """A small file in the official layout; one seed, one content, always the same length."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", track_order=False) as file:
        file["X"] = np.random.default_rng(seed).random((20, 32, 32, 2), np.float32)
        file["y"] = np.ones(20, np.float32)
    return buffer.getvalue()


DATA, OTHER = official(1), official(2)
SIZE = len(DATA)


@dataclass
class Reply:
    """How the server answers one request; by default as it should."""

    status: int | None = None
    data: bytes | None = None
    cut: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    range: bool = True
    etag: str | None = '"one"'
    length: int | None = None
    hold: threading.Event | None = None  # half of the data is sent, the rest when this is set
    coding: Literal["length", "chunked", "until closed"] = "length"


class Server:
    """Answers by `script`, one reply per request, then by `then`; `ranges` is what was asked for."""

    def __init__(self) -> None:
        self.script: list[Reply] = []
        self.then = Reply()
        self.ranges: list[str | None] = []
        self.paths: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers["Range"]
        self.ranges.append(asked)
        self.paths.append(request.path)
        reply = self.script.pop(0) if self.script else self.then
        data = DATA if reply.data is None else reply.data
        status, begin, extra = reply.status or 200, 0, {}
        if asked and reply.range and reply.status is None:
            begin = int(asked.removeprefix("bytes=").rstrip("-"))
            status = 206 if begin < len(data) else 416
            extra = {"Content-Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"}
        body = data[begin:]
        request.send_response(status)
        chunked = reply.coding == "chunked"
        framing = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(reply.length or len(body))}
        headers = {**(framing if reply.coding != "until closed" else {}), **extra, **reply.headers}
        if reply.etag:
            headers["ETag"] = reply.etag
        for key, value in headers.items():
            request.send_header(key, value)
        request.end_headers()
        sent = body[: reply.cut]
        try:
            for start in range(0, len(sent), 8192):
                if reply.hold and start > len(sent) // 2:
                    reply.hold.wait()
                block = sent[start : start + 8192]
                request.wfile.write(b"%x\r\n%s\r\n" % (len(block), block) if chunked else block)
            if chunked and reply.cut is None:
                request.wfile.write(b"0\r\n\r\n")
        except ConnectionError:
            pass
        request.close_connection = True

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(http, "FIRST_PAUSE", 0.001)
    server = Server()
    yield server
    server.close()


@pytest.fixture
def toy(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Registers a detector `toy` whose one official file has the given sizes and checksums."""
    real = detectors["cms-ecal"]()

    def register(sha256: dict[int, str | None] | None = None) -> None:
        urls = {"new": f"{server.url}/new/{NAME}", "old": f"{server.url}/old/{NAME}"}
        files = (OfficialFile(NAME, urls, {SIZE: None} if sha256 is None else sha256),)
        toy = Detector("toy", "a toy", real.schema, real.layout, files=files)
        monkeypatch.setitem(detectors._things, "toy", lambda: toy)

    register()
    return register


def fails(kind: type[Exception], out: Path, message: str, left: tuple[str, ...] = (), **options: str) -> None:
    """`download` raises `kind` with exactly `message`, and nothing but files with the endings `left` is in `out`."""
    with pytest.raises(kind) as caught:
        download("toy", out, **options)  # type: ignore[arg-type]
    assert str(caught.value) == message
    assert sorted(p.suffix for p in out.glob("*")) == sorted(left)


def test_a_good_server(server: Server, toy: Callable[..., None], tmp_path: Path) -> None:
    assert download("toy", tmp_path / "new") == [tmp_path / "new" / NAME]
    assert [p.name for p in (tmp_path / "new").iterdir()] == [NAME]
    assert (tmp_path / "new" / NAME).read_bytes() == DATA
    assert server.paths == [f"/new/{NAME}"]
    download("toy", tmp_path / "new")
    assert len(server.paths) == 1, "what is there and whole is not fetched again"


def test_generations_and_mirrors(server: Server, toy: Callable[..., None], tmp_path: Path) -> None:
    download("toy", tmp_path / "old", generation="old")
    download("toy", tmp_path / "mirror", url_base=server.url + "/far/away/", files=[NAME])
    assert server.paths == [f"/old/{NAME}", f"/far/away/{NAME}"]
    fails(
        UnknownNameError, tmp_path, f"{NAME}: unknown generation 'od'; did you mean 'old'?", ("", ""), generation="od"
    )
    with pytest.raises(
        UnknownNameError, match=r"detector 'toy': unknown file 'electron'; did you mean 'electrons.hdf5'"
    ):
        download("toy", tmp_path, files=["electron"])


def test_both_generations_of_a_size_are_accepted(server: Server, toy: Callable[..., None], tmp_path: Path) -> None:
    toy({SIZE: None, SIZE + 999: None})
    download("toy", tmp_path)
    assert (tmp_path / NAME).read_bytes() == DATA


def test_a_cut_connection_is_resumed(server: Server, toy: Callable[..., None], tmp_path: Path) -> None:
    server.script = [Reply(cut=60_000), Reply(cut=50_000), Reply(cut=100), Reply(cut=0)]
    download("toy", tmp_path)
    assert (tmp_path / NAME).read_bytes() == DATA
    second = f"bytes={110_000 - 2 * http.OVERLAP}-"
    assert server.ranges == [None, f"bytes={60_000 - http.OVERLAP}-", second, second, second]


@pytest.mark.parametrize("coding", ["chunked", "until closed"])
def test_a_server_that_states_no_length(
    server: Server, toy: Callable[..., None], tmp_path: Path, coding: Literal["chunked", "until closed"]
) -> None:
    server.script = [Reply(cut=60_000, coding=coding)]
    server.then = Reply(coding=coding)
    download("toy", tmp_path)
    assert (tmp_path / NAME).read_bytes() == DATA
    assert len(server.ranges) == 2
    assert server.ranges[1]


def test_many_cuts_are_borne_while_there_is_progress(server: Server, toy: Callable[..., None], tmp_path: Path) -> None:
    server.then = Reply(cut=16_384)
    download("toy", tmp_path)
    assert (tmp_path / NAME).read_bytes() == DATA
    assert len(server.ranges) > http.RETRIES + 2


def test_a_later_call_goes_on(server: Server, toy: Callable[..., None], tmp_path: Path) -> None:
    server.script = [Reply(cut=60_000)]
    server.then = Reply(status=503)
    url = f"{server.url}/new/{NAME}"
    again = "run the same command again: it goes on where it stopped"
    fails(
        InputError,
        tmp_path,
        f"{url}: the server answers 503 (Service Unavailable), 5 times in a row; {again}",
        (".part",),
    )
    server.then = Reply()
    server.ranges.clear()
    download("toy", tmp_path)
    assert server.ranges == [f"bytes={60_000 - http.OVERLAP}-"]
    assert (tmp_path / NAME).read_bytes() == DATA


def test_without_ranges_it_starts_again(server: Server, toy: Callable[..., None], tmp_path: Path) -> None:
    server.script = [Reply(cut=60_000), Reply(range=False)]
    download("toy", tmp_path)
    assert (tmp_path / NAME).read_bytes() == DATA


def test_without_ranges_and_always_cut_it_gives_up(server: Server, toy: Callable[..., None], tmp_path: Path) -> None:
    server.then = Reply(cut=60_000, range=False)
    fails(
        InputError,
        tmp_path,
        f"{server.url}/new/{NAME}: the connection broke off at 60000 of {SIZE} bytes, 5 times in a row; "
        "run the same command again: it goes on where it stopped",
        (".part",),
    )


@pytest.mark.parametrize("etag", ['"two"', None])
def test_a_file_that_changes_between_parts(
    server: Server, toy: Callable[..., None], tmp_path: Path, etag: str | None
) -> None:
    """Seen by the ETag, or by the bytes themselves where there is none."""
    server.script = [Reply(cut=60_000, etag=etag and '"one"')]
    server.then = Reply(data=OTHER, etag=etag)
    download("toy", tmp_path)
    assert (tmp_path / NAME).read_bytes() == OTHER
    assert server.ranges == [None, f"bytes={60_000 - http.OVERLAP}-", None]


def test_a_file_that_changes_its_length(server: Server, toy: Callable[..., None], tmp_path: Path) -> None:
    toy({})
    server.script = [Reply(cut=SIZE - 10, data=DATA + bytes(500), etag=None)]
    server.then = Reply(etag=None)
    download("toy", tmp_path)
    assert (tmp_path / NAME).read_bytes() == DATA


def test_a_file_that_shrank_below_the_part(server: Server, toy: Callable[..., None], tmp_path: Path) -> None:
    toy({})
    server.script = [Reply(cut=SIZE + 90_000, data=DATA + bytes(100_000))]
    download("toy", tmp_path)
    assert (tmp_path / NAME).read_bytes() == DATA


def test_more_promised_than_sent(server: Server, toy: Callable[..., None], tmp_path: Path) -> None:
    toy({})
    server.then = Reply(length=SIZE + 500, range=False)
    fails(
        InputError,
        tmp_path,
        f"{server.url}/new/{NAME}: the connection broke off at {SIZE} of {SIZE + 500} bytes, 5 times in a row; "
        "run the same command again: it goes on where it stopped",
        (".part",),
    )


def test_less_promised_than_sent(server: Server, toy: Callable[..., None], tmp_path: Path) -> None:
    toy({})
    server.then = Reply(length=SIZE - 500)
    fails(
        DataError,
        tmp_path,
        f"{server.url}/new/{NAME}: what came is not the official file (is truncated: {SIZE - 500} of {SIZE} bytes are "
        "there); try again; if it stays so, the published file has changed",
    )


@pytest.mark.parametrize("wrong", [-500, 500])
def test_a_length_that_is_not_the_official_one(
    server: Server, toy: Callable[..., None], tmp_path: Path, wrong: int
) -> None:
    toy({SIZE: None, 5: None})
    server.then = Reply(length=SIZE + wrong)
    fails(
        DataError,
        tmp_path,
        f"{server.url}/new/{NAME}: the server offers {SIZE + wrong} bytes, the official file has 5 or {SIZE}; "
        "the published file has changed, or the address is wrong",
    )


def test_redirects_are_followed(server: Server, toy: Callable[..., None], tmp_path: Path) -> None:
    server.script = [Reply(status=302, headers={"Location": "/elsewhere"}, data=b""), Reply(cut=60_000)]
    server.script += [Reply(status=307, headers={"Location": "/elsewhere"}, data=b"")]
    download("toy", tmp_path)
    assert (tmp_path / NAME).read_bytes() == DATA
    assert server.ranges[-1] == f"bytes={60_000 - http.OVERLAP}-"


def test_redirects_in_a_circle(server: Server, toy: Callable[..., None], tmp_path: Path) -> None:
    server.then = Reply(status=302, headers={"Location": "/round"}, data=b"")
    fails(InputError, tmp_path, f"{server.url}/new/{NAME}: the server redirects in a circle (302)")


MOVED = "the address may have moved: give another one by --url-base, or fetch the file by hand"


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, f"no such file on the server (404); {MOVED}"),
        (410, f"no such file on the server (410); {MOVED}"),
        (403, "the server asks for a login (403); open the address in a browser and fetch the file by hand"),
        (400, "the server answers 400 (Bad Request)"),
    ],
)
def test_refusals(server: Server, toy: Callable[..., None], tmp_path: Path, status: int, message: str) -> None:
    server.then = Reply(status=status, data=b"<html>oh no</html>")
    fails(InputError, tmp_path, f"{server.url}/new/{NAME}: {message}")
    assert len(server.ranges) == 1


def test_busy_then_well(
    server: Server, toy: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(http.time, "sleep", waits.append)
    monkeypatch.setattr(http, "FIRST_PAUSE", 1.0)
    date = formatdate(time.time() + 40, usegmt=True)
    server.script = [Reply(status=503, headers={"Retry-After": wait}) for wait in ("7", date, "soon")]
    download("toy", tmp_path)
    assert (tmp_path / NAME).read_bytes() == DATA
    waits = [wait for wait in waits if wait]  # the server sleeps too, for 0 s
    assert waits[0] == 7
    assert 30 < waits[1] <= 41
    assert waits[2] == 4


def test_busy_for_too_long(server: Server, toy: Callable[..., None], tmp_path: Path) -> None:
    server.then = Reply(status=503, headers={"Retry-After": "86400"})
    fails(
        InputError,
        tmp_path,
        f"{server.url}/new/{NAME}: the server is busy and asks to come back in 86400 s; "
        "run the same command again: it goes on where it stopped",
    )


PAGE = b"  <!DOCTYPE html><html><body>Please log in</body></html>" + bytes(SIZE)


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/octet-stream"])
def test_a_web_page_is_refused(server: Server, toy: Callable[..., None], tmp_path: Path, kind: str) -> None:
    """By its type even where the bytes look like data, by its bytes even where the type lies."""
    server.then = Reply(data=PAGE[:SIZE] if "octet" in kind else None, headers={"Content-Type": kind})
    message = (
        f"{server.url}/new/{NAME}: the server sends a web page (HTML), not data; "
        "the address may have moved or ask for a login: open it in a browser"
    )
    fails(InputError, tmp_path, message)


def test_a_web_page_does_not_destroy_a_part(server: Server, toy: Callable[..., None], tmp_path: Path) -> None:
    server.script = [Reply(cut=60_000), Reply(range=False, data=PAGE)]
    with pytest.raises(InputError, match="web page"):
        download("toy", tmp_path)
    download("toy", tmp_path)
    assert server.ranges[-1] == f"bytes={60_000 - http.OVERLAP}-"


def test_what_is_not_hdf5_is_refused(server: Server, toy: Callable[..., None], tmp_path: Path) -> None:
    server.then = Reply(data=b"PAR1" + bytes(SIZE - 4))
    fails(
        DataError,
        tmp_path,
        f"{server.url}/new/{NAME}: what came is not the official file (is not an HDF5 file but a Parquet file); "
        "try again; if it stays so, the published file has changed",
    )


def test_checksums(server: Server, toy: Callable[..., None], tmp_path: Path) -> None:
    digest = hashlib.sha256(DATA).hexdigest()
    toy({SIZE: digest})
    server.script = [Reply(data=OTHER)]
    found = hashlib.sha256(OTHER).hexdigest()
    fails(
        DataError,
        tmp_path,
        f"{server.url}/new/{NAME}: what came is not the official file (SHA-256 {found[:12]}... instead of "
        f"{digest[:12]}...); try again; if it stays so, the published file has changed",
    )
    download("toy", tmp_path)
    assert (tmp_path / NAME).read_bytes() == DATA


def test_another_file_of_the_name_is_not_overwritten(server: Server, toy: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"mine")
    message = (
        f"{tmp_path / NAME}: is not the official file (4 bytes instead of {SIZE}); "
        "nothing was overwritten: move it away, or choose another --out"
    )
    fails(ExistsError, tmp_path, message, (".hdf5",))
    assert (tmp_path / NAME).read_bytes() == b"mine"
    assert not server.paths


def test_a_file_that_appears_meanwhile_is_not_overwritten(
    server: Server, toy: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sly(url: str, target: Path, **options: object) -> Path:
        target.write_bytes(b"mine")
        return http.fetch(url, target)

    monkeypatch.setattr("pidcam.downloads.official.fetch", sly)
    with pytest.raises(ExistsError, match="already exists"):
        download("toy", tmp_path)
    assert (tmp_path / NAME).read_bytes() == b"mine"


def test_out_is_a_file(toy: Callable[..., None], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("")
    with pytest.raises(ExistsError) as caught:
        download("toy", out)
    assert str(caught.value) == f"{out}: is a file, not a folder; choose another --out"


def test_no_server(server: Server, toy: Callable[..., None], tmp_path: Path) -> None:
    server.close()
    fails(
        InputError,
        tmp_path,
        f"{server.url}/new/{NAME}: the server cannot be reached (Connection refused), 5 times in a row; "
        "run the same command again: it goes on where it stopped",
    )


def test_no_network(toy: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown host is told at once, without new attempts."""

    def unknown(*args: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    message = "cannot be reached (Name or service not known); check the network and the address"
    fails(InputError, tmp_path, f"http://nowhere.invalid/{NAME}: {message}", url_base="http://nowhere.invalid")


def test_no_address(toy: Callable[..., None], tmp_path: Path) -> None:
    fails(
        InputError,
        tmp_path,
        f"ftp://x/{NAME}: is not a web address; give http://... or https://...",
        url_base="ftp://x",
    )


def test_a_detector_without_public_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = detectors["cms-ecal"]()
    monkeypatch.setitem(detectors._things, "shy", lambda: Detector("shy", "", real.schema, real.layout))
    with pytest.raises(InputError) as caught:
        download("shy", tmp_path)
    assert str(caught.value) == "detector 'shy' has no public files; make some: pidcam simulate shy"
    with pytest.raises(UnknownNameError):
        download("cms-ecol", tmp_path)


def test_two_at_once(server: Server, toy: Callable[..., None], tmp_path: Path) -> None:
    go_on = threading.Event()
    server.script = [Reply(hold=go_on)]
    first = threading.Thread(target=download, args=("toy", tmp_path))
    first.start()
    while not list(tmp_path.glob("*.part")):
        time.sleep(0.005)
    message = f"{tmp_path / NAME}: another process is downloading it; wait for it, or choose another --out"
    fails(InputError, tmp_path, message, (".lock", ".part"))
    go_on.set()
    first.join()
    assert os.listdir(tmp_path) == [NAME]
    assert (tmp_path / NAME).read_bytes() == DATA


def test_the_disk_is_full(server: Server, toy: Callable[..., None], tmp_path: Path) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        message = (
            f"{tmp_path / NAME}: cannot be written (File too large); "
            "make room and run the same command again: it goes on where it stopped"
        )
        fails(InputError, tmp_path, message, (".part",))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    download("toy", tmp_path)
    assert (tmp_path / NAME).read_bytes() == DATA


def test_ctrl_c_leaves_nothing_but_the_part(
    server: Server, toy: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.script = [Reply(cut=60_000)]

    def stop(seconds: float) -> None:
        if seconds:
            raise KeyboardInterrupt

    monkeypatch.setattr(http.time, "sleep", stop)
    with pytest.raises(KeyboardInterrupt):
        download("toy", tmp_path)
    assert [p.suffix for p in tmp_path.iterdir()] == [".part"]


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_killed_at_any_moment(server: Server, toy: Callable[..., None], tmp_path: Path, sign: signal.Signals) -> None:
    """Only a part is left, and the next call goes on from it."""
    go_on = threading.Event()
    server.script = [Reply(hold=go_on)]
    script = f"""
        import signal
        from pathlib import Path
        from pidcam.downloads.http import fetch
        signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever the shell above ignores
        fetch("{server.url}/new/{NAME}", Path("{tmp_path / NAME}"))
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stderr=subprocess.DEVNULL)
    while not any(p.stat().st_size > 3 * http.OVERLAP for p in tmp_path.glob("*.part")):
        time.sleep(0.005)
    child.send_signal(sign)
    assert child.wait(60) in (-sign, 130)
    go_on.set()
    assert [p.suffix for p in tmp_path.iterdir()] == [".part"]
    download("toy", tmp_path)
    assert server.ranges[-1] is not None
    assert os.listdir(tmp_path) == [NAME]
    assert (tmp_path / NAME).read_bytes() == DATA
