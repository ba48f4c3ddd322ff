"""Every bad HDF5 file is answered by one exact line: what, where, what to do."""

from __future__ import annotations

import gzip
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from pidcam.detectors.base import detectors
from pidcam.errors import ConfigError, DataError, InputError, UnknownNameError
from pidcam.events import Dense, EventBatch
from pidcam.formats.columns import MissingColumnError
from pidcam.formats.layout import ImageSource, LabelSource, Layout, formats

ECAL = detectors["cms-ecal"]()
X, Y = np.zeros((10, 32, 32, 2), np.float32), np.ones(10)
CHECK = "check that it is a file of 'cms-ecal'"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bad.hdf5"


def write(path: Path, **arrays: object) -> None:
    with h5py.File(path, "w") as file:
        for key, array in arrays.items():
            file[key] = array


def line(path: Path, kind: type[Exception] = DataError, *, truth: bool = True, layout: Layout = ECAL.layout) -> str:
    """What is raised when the file is opened and read whole, without the path in front."""
    with pytest.raises(kind) as caught:
        _read(path, layout, truth)
    assert type(caught.value) in (kind, MissingColumnError)
    text = str(caught.value)
    assert "\n" not in text
    return text.removeprefix(f"{path}: ")


def _read(path: Path, layout: Layout, truth: bool) -> None:
    with formats["hdf5"].reader(path, layout, ECAL.schema, truth=truth) as reader:
        reader.read(0, len(reader))


def test_missing(path: Path) -> None:
    assert line(path, InputError) == "no such file; check the path"


def test_a_folder(path: Path) -> None:
    path.mkdir()
    assert line(path, InputError) == "is a folder, not a file; name the files in it"


def test_empty(path: Path) -> None:
    path.touch()
    assert line(path) == "is empty (0 bytes); fetch or write it again"


@pytest.mark.parametrize("content", [b"\0" * 5000, b"<svg></svg>", b"\x89HD", b"x"])
def test_not_hdf5(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert line(path) == "is not an HDF5 file; check that it is the right file, or fetch it again"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PK\x03\x04 a zip", "a ZIP archive or NPZ file"),
        (b"PAR1", "a Parquet file"),
        (b"root", "a ROOT file"),
        (b"\x0e\x03\x13\x01", "an HDF4 file"),
    ],
)
def test_another_format(path: Path, content: bytes, kind: str) -> None:
    path.write_bytes(content + bytes(500))
    assert line(path) == f"is not an HDF5 file but {kind}; check that it is the right file, or fetch it again"


def test_compressed_as_a_whole(path: Path) -> None:
    write(path, X=X, y=Y)
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert line(path) == "is compressed; unpack it first, with gunzip"


def test_a_pointer_to_the_data(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
    assert line(path) == "is a pointer of Git LFS, not the data; run: git lfs pull"


def test_no_file_at_all(path: Path) -> None:
    os.mkfifo(path)
    assert line(path, InputError) == "is a named pipe, not a file; write the data to a file first"
    path.unlink()
    path.symlink_to(path.name)
    assert line(path, InputError) == "cannot be read (Too many levels of symbolic links)"
    path.unlink()
    path.symlink_to("/dev/zero")
    assert line(path, InputError) == "is a device, not a file; write the data to a file first"


@pytest.mark.parametrize(
    "page",
    [
        "<!DOCTYPE html><html lang=en>",
        "\n\n  <HTML><body>",
        "\ufeff<html>",
        "<!-- a page --><html>",
        '<?xml version="1.0"?><!DOCTYPE html><html>',
        "<head><title>CERN</title>",
    ],
)
def test_a_web_page(path: Path, page: str) -> None:
    path.write_text(page, encoding="utf-8")
    message = "is a web page (HTML), not data; the download ended at a login or error page: fetch it again"
    assert line(path) == message


@pytest.mark.parametrize("part", [0.999, 0.5, 0.05])
def test_truncated(path: Path, part: float) -> None:
    write(path, X=np.random.default_rng(0).random((10, 32, 32, 2)), y=Y)
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.truncate(int(part * size))
    assert line(path) == f"is truncated: {int(part * size)} of {size} bytes are there; fetch or write it again"


def test_truncated_within_the_first_bytes(path: Path) -> None:
    write(path, X=X, y=Y)
    with open(path, "r+b") as file:
        file.truncate(20)
    assert line(path).startswith("is a damaged HDF5 file (")


def test_damaged_inside(path: Path) -> None:
    with h5py.File(path, "w") as file:
        random = np.random.default_rng(0).random(X.shape)
        offset = (
            file.create_dataset("X", data=random, chunks=X.shape, compression="gzip").id.get_chunk_info(0).byte_offset
        )
        file["y"] = Y
    with open(path, "r+b") as raw:
        raw.seek(offset)
        raw.write(bytes(1000))
    message = line(path)
    assert message.startswith("'X' is damaged in events 0 to 9 (")
    assert message.endswith("); fetch or write it again")


def test_being_written(path: Path) -> None:
    """By another process: within one, HDF5 shares the open file."""
    code = f"""
import h5py, sys
file = h5py.File({str(path)!r}, "w")
file["y"] = 1
file.flush()
print("open", flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "open\n"
        assert line(path, InputError) == "is still being written by another process; wait until it has finished"
        other.communicate()


def test_missing_key(path: Path) -> None:
    write(path, images=X, **{"truth/label": Y})
    assert line(path) == f"has no data set 'X' for image 'ecal', it holds 'images', 'truth/label'; {CHECK}"
    write(path, X=X)
    assert line(path) == f"has no data set 'y' for the label, it holds 'X'; {CHECK}"
    _read(path, ECAL.layout, truth=False)


def test_a_group_in_place_of_a_key(path: Path) -> None:
    write(path, **{"X/values": X})
    assert line(path) == f"has no data set 'X' for image 'ecal', it holds 'X/values'; {CHECK}"


def test_nothing_inside(path: Path) -> None:
    write(path)
    assert line(path) == f"has no data set 'X' for image 'ecal', it holds none; {CHECK}"


def test_many_keys(path: Path) -> None:
    write(path, **{f"k{i:02d}": 1.0 for i in range(25)})
    assert line(path).endswith(f"'k19' and 5 more; {CHECK}")


def test_dangling_links(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["X"] = h5py.ExternalLink("elsewhere.h5", "/X")
        file["y"] = Y
    assert line(path) == f"has no data set 'X' for image 'ecal', it holds 'y'; {CHECK}"


def test_a_circle_of_links(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["X"] = h5py.SoftLink("/X")
        file["y"] = Y
    assert line(path) == "is a damaged HDF5 file (too many links); fetch or write it again"


def test_a_virtual_data_set_without_its_source(path: Path) -> None:
    """HDF5 itself gives zeros for what is not there."""
    layout = h5py.VirtualLayout(X.shape, "f4")
    layout[:] = h5py.VirtualSource("source.hdf5", "X", X.shape)
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("X", layout)
        file["y"] = Y
    virtual = "'X' is a virtual data set whose source 'source.hdf5'"
    assert line(path) == f"{virtual} is missing; put it beside this file"
    write(path.with_name("source.hdf5"), other=X)
    assert line(path) == f"{virtual} has no data set 'X'; fetch or write it again"
    write(path.with_name("source.hdf5"), X=X)
    _read(path, ECAL.layout, truth=True)


@pytest.mark.parametrize(
    ("shape", "fix"),
    [
        ((10, 32, 32), CHECK),
        ((10, 32, 32, 3), CHECK),
        ((10, 125, 125, 2), CHECK),
        ((10, 2048), "its axes lie in one: declare it flat in the layout"),
        ((10,), CHECK),
        ((10, 2, 32, 32), "its axes look channel-first: declare that order in the layout"),
    ],
)
def test_wrong_shape(path: Path, shape: tuple[int, ...], fix: str) -> None:
    write(path, X=np.zeros(shape), y=Y)
    expected = "expected (events, 32, 32, 2) for image 'ecal' (channel-last: energy, time)"
    assert line(path) == f"'X' has shape {shape}, {expected}; {fix}"


def test_wrong_label_shape(path: Path) -> None:
    write(path, X=X, y=np.zeros((10, 2)))
    assert line(path) == f"'y' has shape (10, 2), expected (events,) or (events, 1) for the label; {CHECK}"


@pytest.mark.parametrize("value", [3.0, h5py.Empty("f4")])
def test_a_single_value(path: Path, value: object) -> None:
    write(path, X=X, y=value)
    assert line(path) == f"'y' is a single value, not one per event; {CHECK}"


def test_no_events(path: Path) -> None:
    write(path, X=X[:0], y=Y[:0])
    assert line(path) == "holds no events; leave this file out"


def test_different_lengths(path: Path) -> None:
    write(path, X=X, y=Y[:7])
    assert line(path) == "'X' has 10 events but 'y' has 7; fetch or write it again"


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.full((10, 32, 32, 2), b"abc"), "text"),
        (np.full((10, 32, 32, 2), "0.5", h5py.string_dtype()), "text"),
        (np.zeros((10, 32, 32, 2), [("e", "f4"), ("t", "f4")]), "records (e, t)"),
        (np.zeros((10, 32, 32, 2), "c8"), "complex numbers"),
        (np.zeros((10, 32, 32, 2), "V3"), "raw bytes"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_no_numbers(path: Path, values: np.ndarray, kind: str) -> None:
    write(path, X=values, y=Y)
    assert line(path) == f"'X' holds {kind}, expected numbers for image 'ecal'; {CHECK}"


def test_lists_of_any_length(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("X", (10, 32, 32, 2), h5py.vlen_dtype(np.float32))
        file["y"] = np.full(10, "photon", h5py.string_dtype())
    assert line(path) == f"'X' holds objects of varying length, expected numbers for image 'ecal'; {CHECK}"


def test_text_labels(path: Path) -> None:
    write(path, X=X, y=np.full(10, b"photon"))
    assert line(path) == (
        "'y' is 'photon' in event 0, no number; known are 0 = photon, 1 = electron: correct the label"
    )


@pytest.mark.parametrize(
    ("value", "text", "fault"),
    [
        (2, "2", "no known class"),
        (-1, "-1", "no known class"),
        (1000010020, "1000010020", "no known class"),
        (0.5, "0.5", "not an integer"),
        (np.nan, "nan", "not an integer"),
        (np.inf, "inf", "not an integer"),
    ],
)
def test_unknown_label(path: Path, value: float, text: str, fault: str) -> None:
    y = Y.copy()
    y[7] = value
    write(path, X=X, y=y)
    assert line(path) == f"'y' is {text} in event 7, {fault}; known are 0 = photon, 1 = electron: correct the label"
    with formats["hdf5"].reader(path, ECAL.layout, ECAL.schema) as reader:
        reader.read(0, 7)
        with pytest.raises(DataError, match="in event 7"):
            reader.read(5, 9)
    _read(path, ECAL.layout, truth=False)


def test_unknown_compression(path: Path) -> None:
    with h5py.File(path, "w") as file:
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_chunk((10, 32, 32, 2))
        plan.set_filter(300, h5py.h5z.FLAG_OPTIONAL)
        space = h5py.h5s.create_simple(X.shape)
        h5py.h5d.create(file.id, b"X", h5py.h5t.IEEE_F32LE, space, plan)
        file["y"] = Y
    message = "'X' is compressed by HDF5 filter 300 (no name), which is not installed; run: pip install hdf5plugin"
    assert line(path, InputError) == message


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_no_permission() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = Path(folder, "secret.hdf5")
        write(path, X=X, y=Y)
        path.chmod(0o600)
        os.seteuid(65534)
        try:
            readable = line(path, InputError)
            with (
                pytest.raises(InputError) as caught,
                formats["hdf5"].writer(Path(folder, "a"), ECAL.layout, ECAL.schema),
            ):
                pass
        finally:
            os.seteuid(0)
    assert readable == "no permission to read it; ask its owner for access"
    assert str(caught.value).endswith(": no permission to write here; choose another --out")


def test_the_disk_is_full(path: Path) -> None:
    rng = np.random.default_rng(0)
    batch = EventBatch(
        {"ecal": Dense(rng.random((400, 2, 32, 32), np.float32))}, {}, {}, np.zeros(400, np.int16), np.arange(400)
    )

    def fill() -> None:
        with formats["hdf5"].writer(path, ECAL.layout, ECAL.schema) as writer:
            for _ in range(5):
                writer.write(batch)

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        with pytest.raises(InputError) as caught:
            fill()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    fix = "free some space or choose another --out; nothing half-written was left"
    assert str(caught.value) == f"{path}: the disk is full; {fix}"
    assert not list(path.parent.iterdir())
    fill()
    _read(path, ECAL.layout, truth=True)


SOURCE = ECAL.layout.images["ecal"]


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"images": {}}, ConfigError, "names no key for image 'ecal'"),
        (
            {"images": {"ecal": ImageSource(key="X", order="no-channel")}},
            ConfigError,
            "says no-channel for image 'ecal', which has 2 channels; say channel-first or channel-last",
        ),
        ({"label": LabelSource(key="y", values={})}, ConfigError, "gives the label 'y' no values"),
        (
            {"label": LabelSource(key="y", values={0: "foton"})},
            UnknownNameError,
            "unknown class 'foton'; did you mean 'photon'?",
        ),
    ],
)
def test_a_layout_that_does_not_fit(path: Path, change: dict[str, object], kind: type[Exception], message: str) -> None:
    write(path, X=X, y=Y)
    assert line(path, kind, layout=ECAL.layout.model_copy(update=change)) == f"layout of 'cms-ecal': {message}"
