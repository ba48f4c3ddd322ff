"""An opened store: what is damaged is named, what is asked for comes, and files are mapped, not held open."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pidcam.errors import DataError, InputError, PidcamError, UnknownNameError
from pidcam.store.plan import PrepareOptions
from pidcam.store.prepare import prepare_store
from pidcam.store.store import Store


def make(toy: SimpleNamespace, folder: Path, storage: str = "cells", **options: Any) -> Store:
    folder.mkdir(exist_ok=True)
    raw = toy.save(folder / "raw.toy", toy.events(100, occupancy=0.3))
    options = {"shard_events": 30, "keep_empty": True, **options}
    return prepare_store(
        toy.detector(toy.schema(storage)), [raw], folder / "store", PrepareOptions(**options), workers=1
    )


@pytest.fixture
def store(toy: SimpleNamespace, tmp_path: Path) -> Store:
    return make(toy, tmp_path)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def scribble(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda p: p.unlink(), "a shard of the store is missing; prepare the store again"),
        (cut, "a shard of the store is damaged; prepare the store again"),
        (lambda p: p.write_bytes(b""), "a shard of the store is damaged; prepare the store again"),
        (
            lambda p: p.write_bytes(b"not Arrow at all, but quite long all the same"),
            "a shard of the store is damaged; ",
        ),
        (lambda p: p.write_bytes((p.parent / "test-00000.arrow").read_bytes()), "holds 10 events, expected "),
    ],
)
def test_a_missing_or_damaged_shard_is_named(store: Store, damage: Callable[[Path], None], message: str) -> None:
    path = store.path / store.manifest.shards["train"][1].file
    damage(path)
    with pytest.raises(DataError) as error:
        Store(store.path).events("train")
    assert str(error.value).startswith(f"{path}: {message}")


def test_a_flipped_bit_is_found_by_verify(store: Store) -> None:
    store.verify()
    path = store.path / store.manifest.shards["train"][1].file
    scribble(path)
    with pytest.raises(DataError) as error:
        Store(store.path).verify()
    assert str(error.value) == f"{path}: differs from its checksum; prepare the store again"
    path.unlink()
    with pytest.raises(DataError, match="a shard of the store is missing"):
        Store(store.path).verify()


def test_a_shard_of_another_schema_is_named(store: Store, toy: SimpleNamespace, tmp_path: Path) -> None:
    from pidcam.store.shards import write_shard

    shard = store.manifest.shards["test"][0]
    write_shard(store.path / shard.file, toy.events(shard.events, points=False))
    with pytest.raises(DataError, match=r"test-00000\.arrow: has no column 'image\.cloud'; prepare the store again"):
        Store(store.path).events("test")


def test_a_folder_that_is_no_store_is_told_apart(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        Store(tmp_path / "nothing")
    assert str(error.value) == (
        f"{tmp_path / 'nothing'}: no such store; make one with: pidcam prepare DETECTOR FILES... --out STORE"
    )
    with pytest.raises(
        InputError, match=r"is not a store \(it has no manifest\.json\); give the folder that prepare wrote"
    ):
        Store(tmp_path)
    (store.path / "manifest.json").unlink()
    with pytest.raises(InputError, match="is an unfinished store; call the same prepare command again to finish it"):
        Store(store.path)


def test_a_damaged_manifest_is_named(store: Store) -> None:
    path = store.path / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))

    def told(text: str) -> str:
        path.write_text(text, encoding="utf-8")
        with pytest.raises(PidcamError) as error:
            Store(store.path)
        return str(error.value)

    assert told(json.dumps({**content, "layout": 99})) == (
        f"{store.path}: has store layout 99, this pidcam reads 1; prepare it again from the raw files"
    )
    assert told("[]").startswith(f"{store.path}: has store layout None, this pidcam reads 1")
    assert told("{").startswith(f"{path}: is not valid JSON")
    assert told(json.dumps({**content, "seed": "x"})).startswith(f"{path} seed: input should be a valid integer")
    del content["shards"]
    assert told(json.dumps(content)) == f"{path} shards: field required"


def test_an_unknown_split_names_the_nearest(store: Store) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown split 'vaild'; did you mean 'valid'\?"):
        store.events("vaild")


@pytest.mark.parametrize("storage", ["cells", "dense"])
def test_rows_come_in_the_order_asked_for(toy: SimpleNamespace, tmp_path: Path, storage: str) -> None:
    store = make(toy, tmp_path, storage)
    every = toy.content(store.events("train"))
    assert len(every) == store.manifest.events("train") > 30
    rows = np.array([63, 0, 31, 30, 29, 31])
    assert toy.content(store.events("train", rows)) == [every[r] for r in rows]
    assert toy.content(store.events("train", slice(5, 70, 9))) == every[5:70:9]
    assert len(store.events("train", slice(0, 0))) == 0


def test_an_empty_split_is_an_empty_batch(toy: SimpleNamespace, tmp_path: Path) -> None:
    store = make(toy, tmp_path, limit=1)
    assert store.manifest.events("test") == 0
    assert len(store.events("test")) == 0
    assert store.shards("test") == []
    assert store.to_numpy("test")["grid"].shape == (0, 2, 3, 4)


@pytest.mark.parametrize("storage", ["cells", "dense"])
def test_a_split_as_plain_arrays(toy: SimpleNamespace, tmp_path: Path, storage: str) -> None:
    store = make(toy, tmp_path, storage)
    raw = toy.events(100, occupancy=0.3)
    arrays = store.to_numpy("train")
    assert set(arrays) == {"grid", "cloud", "pt", "energy", "label", "weight", "file", "row"}
    assert np.array_equal(arrays["grid"], raw.images["grid"].values[arrays["row"]])
    assert np.array_equal(arrays["pt"], raw.features["pt"][arrays["row"]].astype(np.float32))
    assert np.array_equal(arrays["label"], raw.label[arrays["row"]])


def test_neighbours_in_the_store_are_no_neighbours_in_the_file(toy: SimpleNamespace, tmp_path: Path) -> None:
    """The shuffle is global: every shard holds events from all over the file."""
    raw = toy.save(tmp_path / "raw.toy", toy.events(3000, occupancy=0.05), 100)
    options = PrepareOptions(shard_events=300, keep_empty=True, keep_duplicates=True)
    store = prepare_store(toy.detector(toy.schema()), [raw], tmp_path / "store", options, workers=1)
    for shard in store.shards("train"):
        assert abs(shard.row.mean() - 1500) < 5 * 3000 / np.sqrt(12 * len(shard))
        assert abs(np.corrcoef(shard.row[1:], shard.row[:-1])[0, 1]) < 5 / np.sqrt(len(shard))
        assert len(np.unique(shard.row // 100)) == 30, "some of every piece"


def test_many_shards_need_no_open_files(toy: SimpleNamespace, tmp_path: Path) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("this system does not list its open files")
    store = make(toy, tmp_path, shard_events=1)
    before = len(os.listdir("/proc/self/fd"))
    shards = store.shards("train")
    assert len(shards) > 50
    assert len(os.listdir("/proc/self/fd")) <= before + 1


# statistics


@pytest.mark.parametrize("storage", ["cells", "dense"])
def test_statistics_are_those_of_the_training_split(toy: SimpleNamespace, tmp_path: Path, storage: str) -> None:
    store = make(toy, tmp_path, storage)
    values = store.to_numpy("train")["grid"].astype(np.float64)
    hit = (values != 0).any(axis=1)
    for channel, told in enumerate(store.manifest.statistics["grid"]):
        mine = values[:, channel]
        assert told.cells == mine.size
        assert told.hits == hit.sum()
        assert told.mean == pytest.approx(mine.mean())
        assert told.std == pytest.approx(mine.std())
        assert told.hit_mean == pytest.approx(mine[hit].mean())
        assert told.hit_rms == pytest.approx(np.sqrt((mine[hit] ** 2).mean()))
        assert (told.minimum, told.maximum) == (mine.min(), mine.max())


def test_zero_is_a_value_only_where_a_cell_has_no_hit(toy: SimpleNamespace, tmp_path: Path) -> None:
    from pidcam.store.manifest import Moments

    full = Moments.of_hits(np.array([[2.0, -3.0], [4.0, -1.0]]), 2).statistics()
    assert [(s.minimum, s.maximum) for s in full] == [(2, 4), (-3, -1)]
    sparse = Moments.of_hits(np.array([[2.0, -3.0], [4.0, -1.0]]), 3).statistics()
    assert [(s.minimum, s.maximum) for s in sparse] == [(0, 4), (-3, 0)]
    nothing = Moments.of_hits(np.empty((0, 2)), 0)
    assert [(s.mean, s.hit_rms, s.minimum) for s in nothing.statistics()] == [(0, 0, 0)] * 2
    assert Moments.sum([nothing, Moments.of_hits(np.array([[2.0, -3.0]]), 1)]).statistics()[0].minimum == 2
