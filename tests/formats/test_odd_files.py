"""Legal files of unusual kinds, as other people's programs write them, read through a card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot
import yaml
from PIL import Image as Picture

from pidcam.cards import find_detector
from pidcam.errors import DataError
from pidcam.events import Cells
from pidcam.formats.layout import open_reader

N = 40
RNG = np.random.default_rng(0)
IMAGE = np.where(RNG.random((N, 5, 7)) < 0.3, RNG.integers(1, 200, (N, 5, 7)), 0)
LABEL = np.arange(N) % 2
WORDS = np.where(LABEL, "pion", "muon")
PT = RNG.integers(0, 1000, N) / 8
EVENT, ROW, COLUMN = np.nonzero(IMAGE)
OFFSETS = np.concatenate([[0], np.cumsum(np.bincount(EVENT, minlength=N))])
CHARGE = IMAGE[EVENT, ROW, COLUMN]

NUMBERED = {"key": "y", "values": {0: "muon", 1: "pion"}}
WORDED = {"key": "y", "values": {"muon": "muon", "pion": "pion"}}


def dense(key: str = "img", order: str = "no-channel", **more: Any) -> dict[str, Any]:
    return {"key": key, "order": order, "shape": [5, 7], "channels": ["q"], **more}


def hits(prefix: str) -> dict[str, Any]:
    return {"coordinates": [f"{prefix}x", f"{prefix}y"], "values": [f"{prefix}q"], "shape": [5, 7], "channels": ["q"]}


def hdf5(fill: Callable[[h5py.File], Any]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with h5py.File(path, "w") as file:
            fill(file)
            for key, values in (("y", LABEL), ("pt", PT)):
                if key not in file:
                    file[key] = values

    return write


def chunked(dtype: str = "f4", **options: Any) -> Callable[[Path], None]:
    return hdf5(lambda file: file.create_dataset("img", data=IMAGE.astype(dtype), **options))


def nested(file: h5py.File) -> None:
    file["run/1/img"] = IMAGE[:, None]
    file["img"] = h5py.SoftLink("/run/1/img")
    file["y"] = LABEL.astype("S1")  # digits as text
    file["pt"] = PT[:, None]


def words(file: h5py.File) -> None:
    file["img"] = IMAGE
    file.create_dataset("y", data=WORDS.tolist(), dtype=h5py.string_dtype())


def records() -> np.ndarray:
    table = np.zeros(N, [("img", "u1", (5, 7)), ("pt", ">f4"), ("y", "S4")])
    table["img"], table["pt"], table["y"] = IMAGE, PT, WORDS
    return table


def parquet(image: pa.Array, label: Any = LABEL, pt: Any = PT, **options: Any) -> Callable[[Path], None]:
    table = pa.table({"img": image, "y": pa.array(label), "pt": pa.array(pt)})
    return lambda path: pq.write_table(table, path, **options)


FLAT = pa.array(IMAGE.reshape(-1).astype("f4"))
FIXED = pa.FixedSizeListArray.from_arrays(pa.FixedSizeListArray.from_arrays(FLAT, 7), 5)
LARGE = pa.array(IMAGE.tolist(), pa.large_list(pa.large_list(pa.int32())))
HITS = [pa.array(v) for v in (ROW.astype("u1"), COLUMN, CHARGE.astype("f4"))]
STRUCTS = pa.ListArray.from_arrays(pa.array(OFFSETS, pa.int32()), pa.StructArray.from_arrays(HITS, ["x", "y", "q"]))


def root(arrays: dict[str, Any], *, rntuple: bool = False) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with uproot.recreate(path, compression=uproot.ZSTD(3)) as file:
            if rntuple:
                file.mkrntuple("events", arrays)
            else:
                file["events"] = arrays

    return write


def jagged(values: np.ndarray) -> ak.Array:
    return ak.unflatten(values, np.diff(OFFSETS))


RECORDS = {
    "hit": ak.zip({"x": jagged(ROW), "y": jagged(COLUMN), "q": jagged(CHARGE.astype("f4"))}),
    "y": LABEL,
    "pt": PT,
}

CASES: dict[str, tuple[str, Callable[[Path], None], dict[str, Any], dict[str, Any]]] = {
    "hdf5 one event a chunk": ("h5", chunked(chunks=(1, 5, 7), compression="gzip"), dense(), NUMBERED),
    "hdf5 contiguous, big-endian": ("h5", chunked(">i2"), dense(), NUMBERED),
    "hdf5 shuffle, lzf, checksum": (
        "h5", chunked(chunks=(13, 2, 3), shuffle=True, compression="lzf", fletcher32=True), dense(), NUMBERED,
    ),
    "hdf5 scale-offset": ("h5", chunked("i4", chunks=(13, 5, 7), scaleoffset=0), dense(), NUMBERED),
    "hdf5 groups and links": ("h5", hdf5(nested), dense(order="channel-first"), NUMBERED),
    "hdf5 strings": ("h5", hdf5(words), dense(), WORDED),
    "parquet fixed sizes": ("parquet", parquet(FIXED, row_group_size=1), dense(), NUMBERED),
    "parquet large lists, dictionaries": (
        "parquet",
        parquet(LARGE, pa.array(WORDS.tolist()).dictionary_encode(), pa.array(PT).dictionary_encode()),
        dense(), WORDED,
    ),
    "parquet decimals, bytes, old version": (
        "parquet",
        parquet(FIXED, [w.encode() for w in WORDS.tolist()], pa.array(PT).cast(pa.decimal128(20, 4)), version="1.0"),
        dense(), WORDED,
    ),
    "parquet structs": ("parquet", parquet(STRUCTS, LABEL.astype(bool)), hits("img/"), NUMBERED),
    "npy records": ("npy", lambda path: np.save(path, records()), dense("array/img"), {**WORDED, "key": "array/y"}),
    "npz fortran": (
        "npz",
        lambda path: np.savez_compressed(path, img=np.asfortranarray(IMAGE.astype(">f8")), y=LABEL, pt=PT[:, None]),
        dense(), NUMBERED,
    ),
    "ttree records": ("root", root(RECORDS), hits("hit."), NUMBERED),
    "rntuple records": ("root", root(RECORDS, rntuple=True), hits("hit."), NUMBERED),
    "rntuple nested lists": (
        "root", root({"img": ak.Array(IMAGE.tolist()), "y": WORDS.tolist(), "pt": PT}, rntuple=True), dense(), WORDED,
    ),
}  # fmt: skip
FORMATS = {"h5": "hdf5", "npy": "npz"}


@pytest.mark.parametrize("case", CASES)
def test_unusual_files_are_read(case: str, tmp_path: Path) -> None:
    suffix, write, image, label = CASES[case]
    write(tmp_path / f"raw.{suffix}")
    pt = label["key"].removesuffix("y") + "pt"
    card = {"name": "odd", "format": FORMATS.get(suffix, suffix), "images": {"img": image}, "label": label}
    (tmp_path / "card.yaml").write_text(yaml.safe_dump({**card, "features": {"pt": pt}}), encoding="utf-8")
    detector = find_detector(tmp_path / "card.yaml")
    with open_reader(tmp_path / f"raw.{suffix}", detector.layout, detector.schema) as reader:
        assert len(reader) == N
        for start, stop in ((0, N), (7, 23)):
            batch = reader.read(start, stop)
            images = batch.images["img"]
            found = images.to_dense(detector.schema.images[0]) if isinstance(images, Cells) else images
            assert np.array_equal(found.values[:, 0], IMAGE[start:stop])  # type: ignore[union-attr]
            assert np.array_equal(batch.label, LABEL[start:stop])
            assert np.array_equal(batch.features["pt"], PT[start:stop])


def test_a_label_in_words_where_numbers_belong_names_the_event(tmp_path: Path) -> None:
    write = hdf5(words)
    write(tmp_path / "raw.h5")
    card = {"name": "odd", "format": "hdf5", "images": {"img": dense()}, "label": NUMBERED}
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(card), encoding="utf-8")
    detector = find_detector(tmp_path / "card.yaml")
    with (
        open_reader(tmp_path / "raw.h5", detector.layout, detector.schema) as reader,
        pytest.raises(DataError, match=r"raw\.h5: 'y' is 'muon' in event 0, no number; known are 0 = muon, 1 = pion"),
    ):
        reader.read(0, N)


COLOURS = RNG.integers(0, 256, (256, 3)).astype("u1")


def palette(values: np.ndarray) -> Picture.Image:
    picture = Picture.fromarray(values.astype("u1"), mode="P")
    picture.putpalette(COLOURS.reshape(-1).tolist())
    return picture


@pytest.mark.parametrize(
    ("suffix", "make", "expected"),
    [
        ("png", lambda v: Picture.fromarray((v * 200).astype("u2")), IMAGE[:, None] * 200),
        ("png", palette, np.moveaxis(COLOURS[IMAGE], -1, 1)),
        ("tif", lambda v: Picture.fromarray((v * 1.5).astype("f4")), IMAGE[:, None] * 1.5),
        ("tiff", lambda v: Picture.fromarray((v * 200).astype(">u2")), IMAGE[:, None] * 200),
    ],
)
@pytest.mark.parametrize("frames", [True, False])
def test_unusual_pictures_are_read(
    suffix: str, make: Callable[[np.ndarray], Any], expected: np.ndarray, frames: bool, tmp_path: Path
) -> None:
    """A folder of pictures, or the frames of one TIFF."""
    raw = tmp_path / "pion"
    raw.mkdir()
    if frames and suffix != "png":
        raw = raw / f"stack.{suffix}"
        first, *rest = (make(v) for v in IMAGE)
        first.save(raw, save_all=True, append_images=rest, compression="tiff_lzw")
    else:
        for i, values in enumerate(IMAGE):
            make(values).save(raw / f"{i:03d}.{suffix}")
    channels = ["r", "g", "b"] if expected.shape[1] == 3 else ["q"]
    image = {**dense("picture", "channel-last" if len(channels) == 3 else "no-channel"), "channels": channels}
    label = {"files": {"pion": "pion", "pion/*": "pion"}}
    card = {"name": "odd", "format": "pictures", "images": {"img": image}, "label": label}
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(card), encoding="utf-8")
    detector = find_detector(tmp_path / "card.yaml")
    with open_reader(raw, detector.layout, detector.schema) as reader:
        assert np.array_equal(reader.read(0, N).images["img"].values, expected)  # type: ignore[union-attr]
