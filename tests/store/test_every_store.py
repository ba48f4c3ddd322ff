"""prepare then read gives the same events: any format, storage, chunking, order of files and number of workers."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import awkward as ak
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot
from hypothesis import given, settings
from hypothesis import strategies as st

from pidcam.detectors.base import Detector
from pidcam.formats.layout import HitsSource, ImageSource, LabelSource, Layout, TextOptions
from pidcam.schema import Channel, Column, EventSchema, Image, ParticleClass
from pidcam.store.options import PrepareOptions
from pidcam.store.prepare import prepare_store
from pidcam.store.store import Store

SCHEMA = EventSchema(
    name="any",
    images=(Image(name="calo", shape=(3, 5), channels=(Channel(name="energy"), Channel(name="time"))),),
    features=(Column(name="pt"),),
    classes=(ParticleClass(name="pion"), ParticleClass(name="kaon")),
)
COMMON: dict[str, Any] = {"features": {"pt": "pt"}, "label": LabelSource(key="y", values={0: "pion", 1: "kaon"})}
DENSE = {"calo": ImageSource(key="calo", order="channel-last")}
HITS = {"calo": HitsSource(coordinates=("row", "column"), values=("energy", "time"))}
TEXT = {
    "images": {"calo": ImageSource(key="2:32", order="channel-last")},
    "features": {"pt": "0"},
    "label": LabelSource(key="1", values={0: "pion", 1: "kaon"}),
}
FORMATS = ("hdf5", "npz", "parquet", "parquet hits", "root", "root hits", "text")


def events(n: int, seed: int, occupancy: float) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    calo = np.where(rng.random((n, 3, 5, 1)) < occupancy, rng.integers(-9, 99, (n, 3, 5, 2)), 0).astype("f4")
    return {"calo": calo, "pt": rng.integers(0, 1 << 20, n) / 8, "y": rng.integers(0, 2, n)}


def hits(e: dict[str, np.ndarray]) -> dict[str, Any]:
    event, row, column = np.nonzero((e["calo"] != 0).any(-1))
    counts = np.bincount(event, minlength=len(e["y"]))
    energy, time = e["calo"][event, row, column].T
    lists = {"row": row, "column": column, "energy": energy, "time": time}
    return {"pt": e["pt"], "y": e["y"], **{name: ak.unflatten(values, counts) for name, values in lists.items()}}


def layout(kind: str) -> Layout:
    name = kind.split()[0]
    if name == "text":
        return Layout(format="text", text=TextOptions(), **TEXT)
    return Layout(format=name, **(({"hits": HITS} if "hits" in kind else {"images": DENSE}) | COMMON))


def write(path: Path, kind: str, e: dict[str, np.ndarray], chunk: int) -> Path:
    if kind == "hdf5":
        with h5py.File(path, "w") as file:
            for name, values in e.items():
                size = (min(chunk, len(values)), *values.shape[1:])
                file.create_dataset(name, data=values, chunks=size, compression="gzip" if chunk % 2 else None)
    elif kind == "npz":
        np.savez(path, **e)
    elif kind == "parquet":
        pq.write_table(pa.table({name: values.tolist() for name, values in e.items()}), path, row_group_size=chunk)
    elif kind == "parquet hits":
        columns = {name: ak.to_list(v) for name, v in hits(e).items()}
        types = {name: pa.list_(pa.float64()) for name in ("row", "column", "energy", "time")}
        table = {name: pa.array(v, types.get(name)) for name, v in columns.items()}
        pq.write_table(pa.table(table), path, row_group_size=chunk)
    elif kind.startswith("root"):
        with uproot.recreate(path) as file:
            file["events"] = hits(e) if "hits" in kind else e
    else:
        flat = np.concatenate([e["pt"][:, None], e["y"][:, None], e["calo"].reshape(len(e["y"]), -1)], 1)
        np.savetxt(path, flat, "%.12g")
    return path


def multiset(arrays: dict[str, np.ndarray]) -> Counter[bytes]:
    rows = zip(arrays["calo"].astype("f4"), arrays["pt"].astype("f4"), arrays["label"].astype("i8"), strict=True)
    return Counter(c.tobytes() + p.tobytes() + y.tobytes() for c, p, y in rows)


def content(store: Store) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in store.path.iterdir()}


@given(
    st.sampled_from(FORMATS),
    st.lists(st.integers(1, 40), min_size=1, max_size=3),
    st.integers(1, 50),
    st.sampled_from(["auto", "dense", "cells"]),
    st.sampled_from([0.05, 0.5]),
    st.sampled_from([64, 1000, 1 << 20]),
    st.sampled_from(["0.8/0.1/0.1", "folds:3"]),
    st.integers(1, 30),
    st.randoms(use_true_random=False),
)
@settings(max_examples=12)
def test_what_goes_in_comes_out(
    tmp_path_factory: pytest.TempPathFactory,
    kind: str,
    sizes: list[int],
    chunk: int,
    storage: str,
    occupancy: float,
    read_bytes: int,
    split: str,
    shard: int,
    draw: Any,
) -> None:
    folder = tmp_path_factory.mktemp("any")
    raw = [events(n, i, occupancy) for i, n in enumerate(sizes)]
    suffix = {"hdf5": "h5", "text": "txt"}.get(kind, kind.split()[0])
    files = [write(folder / f"{i}.{suffix}", kind, e, chunk) for i, e in enumerate(raw)]
    detector = Detector("any", "any", SCHEMA, layout(kind))
    options = PrepareOptions(
        keep_empty=True, allow_one_class=True, split=split, shard_events=shard,
        storage={} if storage == "auto" else {"calo": storage},
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pidcam.formats.reader.READ_BYTES", read_bytes)
        store = prepare_store(detector, files, folder / "store", options, workers=1)
        with ThreadPoolExecutor(3) as pool:
            mixed = draw.sample(files, len(files))
            again = prepare_store(detector, mixed, folder / "again", options, executor=pool)
    found: Counter[bytes] = Counter()
    for name in store.splits:
        found += multiset(store.to_numpy(name))
    expected: Counter[bytes] = Counter()
    for e in raw:
        expected += multiset({"calo": np.moveaxis(e["calo"], -1, 1), "pt": e["pt"], "label": e["y"]})
    assert found == expected
    assert content(store) == content(again)
    assert store.manifest.accounting.adds_up()
