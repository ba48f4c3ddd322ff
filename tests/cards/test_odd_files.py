"""Files that nobody made the code for: what `card` drafts of them, prepare takes as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from pidcam.store.store import Store
from pidcam.verbs.card import card
from pidcam.verbs.prepare import prepare

RNG = np.random.default_rng(4)


def images(n: int = 40, shape: tuple[int, ...] = (6, 5)) -> np.ndarray:
    return RNG.exponential(1, (n, *shape)) * (RNG.random((n, *shape)) < 0.4) + np.eye(1, shape[-1])


def made(folder: Path, *files: Path) -> Store:
    card(list(files), out=folder / "card.yaml")
    return prepare(folder / "card.yaml", files, folder / "store", workers=1, split="0.5/0.5", keep_duplicates=True)


def kept(store: Store) -> int:
    return sum(store.manifest.events(split) for split in store.splits)


def grid(store: Store) -> tuple[tuple[int, ...], int]:
    (image,) = store.schema.images
    return image.shape, len(image.channels)


def test_wide_text_has_comments_and_empty_lines_not_events(tmp_path: Path) -> None:
    for name in ("signal", "noise"):
        rows = ["\t".join(f"{v:.4f}" for v in x.ravel()) + "\n# taken at night\n\n" for x in images(40, (5, 5))]
        (tmp_path / f"{name}.txt").write_text("# by hand\n\n" + "".join(rows))
    store = made(tmp_path, tmp_path / "signal.txt", tmp_path / "noise.txt")
    assert (grid(store), kept(store)) == (((5, 5), 1), 80)
    assert store.schema.class_names == ("signal", "noise")


def test_y_beside_x_is_a_coordinate(tmp_path: Path) -> None:
    for name in ("alpha", "beta"):
        hits = [f"{e} {RNG.integers(9)} {RNG.integers(7)} {RNG.integers(1, 50)}\n" for e in range(20) for _ in range(4)]
        (tmp_path / f"{name}.txt").write_text("event x y counts\n" + "".join(hits))
    store = made(tmp_path, tmp_path / "alpha.txt", tmp_path / "beta.txt")
    assert store.schema.class_names == ("alpha", "beta")
    assert len(store.schema.images[0].shape) == 2
    assert kept(store) == 40


def test_arrays_of_other_lengths_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "many.npz"
    more = {f"aux_{i}": RNG.random(40) for i in range(30)}
    np.savez_compressed(
        path, images=images(), target=np.arange(40) % 3, edges=np.arange(11.0), note=np.array("hello"), **more
    )
    store = made(tmp_path, path)
    assert (grid(store), kept(store), len(store.schema.features)) == (((6, 5), 1), 40, 30)
    assert "# left out: edges (11 rows, there are 40 events)" in (tmp_path / "card.yaml").read_text()


PICTURES = {
    "16 bit": (lambda: Image.fromarray((RNG.random((9, 9)) * 65535).astype(np.uint16)), "png", 1),
    "RGB and alpha": (lambda: Image.fromarray(RNG.integers(0, 255, (9, 9, 4)).astype(np.uint8)), "png", 4),
    "palette": (lambda: Image.fromarray(RNG.integers(0, 255, (9, 9, 3)).astype(np.uint8)).quantize(16), "png", 3),
    "1 bit": (lambda: Image.fromarray(RNG.random((9, 9)) > 0.5), "png", 1),
    "float": (lambda: Image.fromarray(RNG.random((9, 9)).astype(np.float32)), "tif", 1),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_a_folder_of_folders_of_pictures(tmp_path: Path, kind: str) -> None:
    make, suffix, channels = PICTURES[kind]
    for name in ("cat", "dog"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(4):
            make().save(tmp_path / "pictures" / name / f"{number}.{suffix}")
    store = made(tmp_path, tmp_path / "pictures")
    assert (grid(store), kept(store)) == (((9, 9), channels), 8)
    assert store.schema.class_names == ("cat", "dog")


HDF5: dict[str, dict[str, Any]] = {
    "chunks of one event, lzf": {"chunks": (1, 6, 5), "compression": "lzf"},
    "chunks across, checksums": {
        "chunks": (7, 4, 3),
        "compression": "gzip",
        "fletcher32": True,
        "shuffle": True,
    },
    "gzip": {"chunks": (9, 6, 5), "compression": "gzip"},
}


@pytest.mark.parametrize("kind", HDF5)
@pytest.mark.parametrize("dtype", [">f8", "<f2", ">u2"])
def test_hdf5_in_groups_of_any_type(tmp_path: Path, kind: str, dtype: str) -> None:
    values = (images() * 20).astype(dtype)
    with h5py.File(tmp_path / "run.h5", "w") as file:
        file.create_dataset("data/calo/images", data=values, **HDF5[kind])
        file["data/labels"] = (np.arange(40) % 2).astype(">i4")
    store = made(tmp_path, tmp_path / "run.h5")
    for split in store.splits:
        found = store.to_numpy(split)
        assert np.array_equal(found["images"][:, 0], values[found["row"]].astype(np.float32))
        assert np.array_equal(found["label"], found["row"] % 2)
    assert kept(store) == 40


PARQUET = {
    "nested lists": lambda x: pa.array([event.tolist() for event in x]),
    "large lists": lambda x: pa.array([event.ravel().tolist() for event in x], pa.large_list(pa.float64())),
    "fixed size": lambda x: pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), x[0].size),
}


@pytest.mark.parametrize("kind", PARQUET)
def test_parquet_with_a_row_group_for_each_event(tmp_path: Path, kind: str) -> None:
    values = images(40, (6, 6)).astype(np.float32)
    words = pa.array(["electron", "muon"] * 20).dictionary_encode()
    pq.write_table(pa.table({"img": PARQUET[kind](values), "name": words}), tmp_path / "x.parquet", row_group_size=1)
    store = made(tmp_path, tmp_path / "x.parquet")
    assert store.schema.class_names == ("electron", "muon")
    for split in store.splits:
        found = store.to_numpy(split)
        assert np.array_equal(found["img"][:, 0], values[found["row"]])
    assert kept(store) == 40
