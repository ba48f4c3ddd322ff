"""Splits into folds, and splits that keep files or runs whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pidcam.errors import ConfigError, DataError, InputError, UnknownNameError
from pidcam.schema import Column
from pidcam.store.groups import assign_groups
from pidcam.store.loader import Loader
from pidcam.store.store import Store

FRACTIONS = np.array([0.8, 0.1, 0.1])
SPLITS = ("train", "valid", "test")


@pytest.fixture(scope="module")
def folds(toy: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of five folds."""
    folder = tmp_path_factory.mktemp("folds")
    raw = [toy.save(folder / f"{k}.toy", toy.events(50 + k, k, label=k, occupancy=0.9), 9) for k in range(3)]
    path: Path = toy.prepare(raw, folder / "store", split="folds:5", shard_events=8).path
    return path


def test_every_event_is_tested_once_and_validates_once(toy: SimpleNamespace, folds: Path) -> None:
    everything = toy.stored(Store(folds))
    assert len(everything) == 153
    tested: list[Any] = []
    for k in range(5):
        found = toy.stored(Store(folds, fold=k))
        assert found.keys() == everything.keys(), "no event is lost or there twice"
        assert {p for p, (s, _) in found.items() if s == "test"} == {
            p for p, (s, _) in everything.items() if s == f"fold{k}"
        }
        assert {p for p, (s, _) in found.items() if s == "valid"} == {
            p for p, (s, _) in everything.items() if s == f"fold{(k + 1) % 5}"
        }
        tested += [p for p, (s, _) in found.items() if s == "test"]
    assert sorted(tested) == sorted(everything)


def test_a_fold_is_a_store_of_its_own(folds: Path) -> None:
    stores = [Store(folds, fold=k) for k in range(5)]
    assert len({s.manifest.fingerprint for s in (Store(folds), *stores)}) == 6
    for store in stores:
        assert store.splits == SPLITS
        assert store.manifest.accounting.adds_up()
        events = store.events("train")
        told = store.manifest.statistics["grid"][0]
        assert told.mean == pytest.approx(store.to_numpy("train")["grid"][:, 0].mean(), rel=1e-5)
        assert sum(b.label.shape[0] for b in Loader(store, "train", shuffle=True)) == len(events)


def test_a_fold_must_be_chosen(folds: Path, toy: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is split into 5 folds and has no train split .*fold=0"):
        Store(folds).events("train")
    with pytest.raises(InputError, match=r"^fold 5: the store has folds 0 to 4$"):
        Store(folds, fold=5)
    plain = toy.prepare([toy.save(tmp_path / "a.toy", toy.events(60))], tmp_path / "plain", keep_empty=True)
    with pytest.raises(InputError, match=r"has no folds; prepare it with --split folds:5"):
        Store(plain.path, fold=0)
    for split in ("folds", "folds:2", "folds:x", "folds:-3", "folds:1000"):
        with pytest.raises(ConfigError, match="gives no number of folds from 3 to 100"):
            toy.prepare([tmp_path / "a.toy"], tmp_path / "store", split=split)


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2)), min_size=1, max_size=300),
    st.integers(0, 3),
    st.sampled_from([(0.8, 0.1, 0.1), (0.5, 0.5), (0.25, 0.25, 0.25, 0.25)]),
)
@settings(max_examples=150)
def test_no_group_is_torn_and_every_split_has_every_class(
    events: list[tuple[int, int]], seed: int, fractions: tuple[float, ...]
) -> None:
    group, label = np.array(events, np.int64).T
    names = {0: "a", 1: "b", 2: "c"}
    splits = [str(k) for k in range(len(fractions))]
    try:
        target = assign_groups(label, group, np.array(fractions), seed, splits, names)
    except DataError:
        return
    for g in set(group):
        assert len(set(target[group == g])) == 1
    for split in range(len(fractions)):
        assert set(label[target == split]) == set(label)


def test_equal_files_of_one_class_fill_all_splits_and_many_come_near_the_fractions() -> None:
    label, names = np.repeat([0, 1], 300), {0: "a", 1: "b"}
    three = np.arange(600) // 100
    assert sorted(assign_groups(label, three, FRACTIONS, 0, SPLITS, names)[::100]) == [0, 0, 1, 1, 2, 2]
    label = np.random.default_rng(1).integers(0, 2, 6000)
    target = assign_groups(label, np.arange(6000) // 60, FRACTIONS, 0, SPLITS, names)
    assert np.bincount(target) / 6000 == pytest.approx(FRACTIONS, abs=0.01)


@pytest.mark.parametrize("split", ["0.6/0.2/0.2", "hash:0.6/0.2/0.2", "folds:3"])
def test_a_detector_says_what_stays_whole_where_it_is_known(toy: SimpleNamespace, tmp_path: Path, split: str) -> None:
    schema = toy.schema()
    schema = schema.model_copy(update={"targets": (Column(name="energy", optional=True),)})
    batch = toy.events(240, occupancy=0.9)
    pairs = np.repeat(np.arange(120.0), 2)
    known = {"all": np.ones(240, bool), "some": np.arange(240) < 120, "none": np.zeros(240, bool)}
    stores = {}
    for name, mask in known.items():
        raw = toy.save(tmp_path / f"{name}.toy", replace(batch, targets={"energy": np.where(mask, pairs, np.nan)}))
        detector = toy.detector(schema, split_by="energy")
        store = stores[name] = toy.prepare([raw], tmp_path / name, detector=detector, split=split)
        where = {row: split for (_, row), (split, _) in toy.stored(store).items()}
        assert len(where) == 240
        torn = [where[2 * k] != where[2 * k + 1] for k in range(120)]
        assert not any(torn[: mask.sum() // 2])
        assert mask.all() or any(torn[60:])
        assert store.manifest.split.endswith(", whole by energy where it is known")
    plain = toy.prepare([tmp_path / "none.toy"], tmp_path / "plain", detector=toy.detector(schema), split=split)
    assert plain.manifest.fingerprint == stores["none"].manifest.fingerprint
    if split.startswith("hash"):
        return
    with pytest.raises(DataError, match="'energy' is missing in some events"):
        toy.prepare([tmp_path / "some.toy"], tmp_path / "asked", detector=detector, split=split, split_by="energy")


@pytest.mark.parametrize("split", ["0.6/0.2/0.2", "folds:3"])
@pytest.mark.parametrize("by", ["file", "energy"])
def test_files_and_runs_stay_whole(toy: SimpleNamespace, tmp_path: Path, split: str, by: str) -> None:
    """With events repeated between groups, which are kept: their groups go together."""
    raw = []
    for k in range(12):
        batch = toy.events(20 + k, k, occupancy=0.9)
        raw.append(replace(batch, targets={"energy": np.full(len(batch), float(k // 2))}))
    raw[7] = toy.joined(raw[7], raw[2].take(np.arange(2)))
    raw[7].targets["energy"][:] = 3.0
    files = [toy.save(tmp_path / f"{k:02d}.toy", batch, 6) for k, batch in enumerate(raw)]
    store = toy.prepare(files, tmp_path / "store", split=split, split_by=by, keep_duplicates=True)
    home: dict[int, set[str]] = {}
    found = toy.stored(store)
    assert len(found) == sum(map(len, raw))
    for (file, _), (where, _) in found.items():
        number = int(file.removesuffix(".toy"))
        home.setdefault(number if by == "file" else number // 2, set()).add(where)
    assert all(len(splits) == 1 for splits in home.values())
    assert home[2 if by == "file" else 1] == home[7 if by == "file" else 3]
    assert store.manifest.split.endswith(f", whole by {by}")


def test_what_cannot_be_kept_whole_is_refused(toy: SimpleNamespace, tmp_path: Path) -> None:
    files = [toy.save(tmp_path / f"{k}.toy", toy.events(30, k, label=k, occupancy=0.9)) for k in range(3)]
    with pytest.raises(DataError) as error:
        toy.prepare(files, tmp_path / "store", split_by="file")
    assert str(error.value) == (
        "--split-by: class 'pion' lies in 1 group that may not be torn apart, and 3 splits (train, valid, test) need "
        "at least as many; give more files or runs, fewer splits, or split by fractions alone"
    )
    with pytest.raises(UnknownNameError, match=r"--split-by: unknown column 'energi'; did you mean 'energy'\?"):
        toy.prepare(files, tmp_path / "store", split_by="energi")
    official = toy.detector(toy.schema(), official_split={"train": (0, 10), "test": (10, 20)})
    with pytest.raises(ConfigError, match="the split 'official' says for itself where every event goes"):
        toy.prepare(files, tmp_path / "store", detector=official, split="official", split_by="file")
    assert not (tmp_path / "store").exists()


def test_a_split_by_hash_is_a_function_of_the_event(toy: SimpleNamespace, tmp_path: Path) -> None:
    """Fractions hold on average; more files, other drops, another cut into files move nobody; copies stay together."""
    events = toy.events(400, 1, occupancy=0.9)
    whole = toy.save(tmp_path / "whole.toy", toy.joined(events, events.take(np.arange(20))))
    parts = [toy.save(tmp_path / f"{k}.toy", toy.joined(events.take(np.arange(k, 400, 2)))) for k in range(2)]
    homes = []
    for name, files, options in (
        ("one", [whole], {}),
        ("many", [*parts, toy.save(tmp_path / "more.toy", toy.events(50, 2))], {"select": "pt > -1"}),
        ("kept", [whole], {"keep_duplicates": True}),
    ):
        store = toy.prepare(files, tmp_path / name, split="hash:0.6/0.3/0.1", **options)
        assert store.manifest.split == "0.6/0.3/0.1 by hash"
        found: dict[Any, set[str]] = {}
        for split, event in toy.stored(store).values():
            found.setdefault(event, set()).add(split)
        assert all(len(splits) == 1 for splits in found.values())
        homes.append(found)
    assert all(homes[1].get(event, home) == home for event, home in homes[0].items())
    assert homes[2] == homes[0]
    count = [sum(home == {split} for home in homes[0].values()) for split in ("train", "valid", "test")]
    assert sum(count) == 400
    assert np.allclose(np.array(count) / 400, [0.6, 0.3, 0.1], atol=0.08)
    with pytest.raises(ConfigError, match="the split 'hash' says for itself"):
        toy.prepare([whole], tmp_path / "no", split="hash:0.8/0.2", split_by="file")
