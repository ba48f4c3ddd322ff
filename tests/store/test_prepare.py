"""prepare: every event of the input is stored exactly once or counted under a reason, however the work is done."""

from __future__ import annotations

import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pidcam.errors import ConfigError, DataError, InputError, MismatchError
from pidcam.events import Cells, Dense, EventBatch
from pidcam.formats.layout import open_reader
from pidcam.store.plan import PrepareOptions
from pidcam.store.scan import choose_storage
from pidcam.store.store import Store


@st.composite
def samples(draw: st.DrawFn) -> dict[str, Any]:
    """Sizes of files, what is wrong in them, and options."""
    return {
        "sizes": draw(st.lists(st.integers(1, 40), min_size=1, max_size=4)),
        "steps": draw(st.lists(st.integers(6, 50), min_size=4, max_size=4)),
        "kind": draw(st.sampled_from(["dense", "cells"])),
        "storage": draw(st.sampled_from(["auto", "dense", "cells"])),
        "occupancy": draw(st.sampled_from([0.05, 0.3, 0.9])),
        "empty": draw(st.lists(st.integers(0, 159), max_size=20)),
        "bad": draw(st.lists(st.integers(0, 159), max_size=20)),
        "repeat": draw(st.lists(st.tuples(st.integers(0, 159), st.integers(0, 159)), max_size=20)),
        "identifies": draw(st.booleans()),
        "seed": draw(st.integers(0, 5)),
        "options": {
            "split": draw(st.sampled_from(["0.8/0.1/0.1", "0.5/0.5", "0.34/0.33/0.33"])),
            "seed": draw(st.integers(0, 3)),
            "keep_empty": draw(st.booleans()),
            "keep_duplicates": draw(st.booleans()),
            "limit": draw(st.sampled_from([None, None, 1, 5, 1000])),
            "shard_events": draw(st.sampled_from([None, 4, 10])),
            "drop_bad": True,
            "allow_one_class": True,
        },
    }


def make(toy: SimpleNamespace, sample: dict[str, Any]) -> list[EventBatch]:
    """The events of every file: random, some empty, some repeated, some with NaN."""
    whole = toy.events(sum(sample["sizes"]), sample["seed"], kind=sample["kind"], occupancy=sample["occupancy"])
    whole = toy.blank(whole, sample["empty"])
    order = np.arange(len(whole))
    for source, target in sample["repeat"]:
        order[target % len(order)] = order[source % len(order)]
    whole = whole.take(order)
    bad = [b for b in sample["bad"] if b < len(whole)]
    whole.features["pt"][bad] = np.nan
    edges = np.cumsum([0, *sample["sizes"]])
    return [toy.joined(whole.take(np.arange(a, b))) for a, b in pairwise(edges)]


@given(samples())
@settings(max_examples=50)
def test_every_event_is_stored_once_or_counted(
    toy: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory, sample: dict[str, Any]
) -> None:
    folder, options = tmp_path_factory.mktemp("prepare"), sample["options"]
    batches = make(toy, sample)
    files = [toy.save(folder / f"{i}.toy", b, sample["steps"][i]) for i, b in enumerate(batches)]
    raw = {(f.name, row): e for f, b in zip(files, batches, strict=True) for row, e in enumerate(toy.content(b))}
    schema = toy.schema(sample["storage"], sample["identifies"])

    # what must become of every event, one by one
    dropped: Counter[tuple[str, int]] = Counter()
    left, seen = set(), {}
    for i, batch in enumerate(batches):
        empty = batch.is_empty()
        for row in range(len(batch)):
            place, event = (files[i].name, row), raw[files[i].name, row]
            inputs = (event.content[:-1],)  # without the target
            if np.isnan(batch.features["pt"][row]):
                dropped["bad values", event.label] += 1
            elif empty[row] and not options["keep_empty"]:
                dropped["empty", event.label] += 1
            elif sample["identifies"] and not empty[row] and inputs in seen and not options["keep_duplicates"]:
                dropped["duplicate", event.label] += 1
            else:
                left.add(place)
                if not empty[row]:
                    seen.setdefault(inputs, place)
    limit = options["limit"]
    per_class = Counter(raw[place].label for place in left)
    beyond = {k: max(0, n - limit) if limit else 0 for k, n in per_class.items()}
    if not left:
        with pytest.raises(DataError, match="no event is left to prepare"):
            toy.prepare(files, folder / "store", schema=schema, **options)
        assert not (folder / "store").exists()
        return

    store = toy.prepare(files, folder / "store", schema=schema, **options)
    found = toy.stored(store)
    assert found.keys() <= left
    assert {place: event for place, (_, event) in found.items()} == {place: raw[place] for place in found}
    for label, name in enumerate(toy.classes):
        told = {reason: counts[name] for reason, counts in store.manifest.accounting.dropped.items()}
        for reason in ("bad values", "empty", "duplicate"):
            assert told.get(reason, 0) == dropped[reason, label]
        assert told.get("limit", 0) == beyond.get(label, 0)
        assert "outside split" not in told
        assert store.manifest.accounting.read[name] == sum(e.label == label for e in raw.values())
        for split, counts in store.manifest.accounting.kept.items():
            assert counts[name] == sum(s == split and e.label == label for s, e in found.values())
    assert store.manifest.accounting.adds_up()
    assert len(found) == len(left) - sum(beyond.values())
    assert {s: store.manifest.events(s) for s in store.splits} == {
        s: sum(split == s for split, _ in found.values()) for s in store.splits
    }
    if options["shard_events"]:
        assert all(
            shard.events <= options["shard_events"] for shards in store.manifest.shards.values() for shard in shards
        )
    store.verify()
    if sample["identifies"]:
        home = {}
        for split, event in found.values():
            if any(event.content[:-2]):  # equal content is in one split
                assert home.setdefault(event.content[:-1], split) == split
    assert not (folder / "store" / "work").exists()
    names = {p.name for p in (folder / "store").iterdir()}
    assert names == {"manifest.json", "request.json", *(s.file for ss in store.manifest.shards.values() for s in ss)}
    shutil.rmtree(folder)


@given(samples())
@settings(max_examples=8)
def test_order_of_files_and_number_of_workers_do_not_matter(
    toy: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory, sample: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("prepare")
    options = {**sample["options"], "limit": None}
    batches = [toy.joined(toy.events(30, 99, kind=sample["kind"]), *make(toy, sample))]
    batches += make(toy, {**sample, "seed": 50})
    files = [toy.save(folder / f"{i}.toy", b, 6 + i) for i, b in enumerate(batches)]
    schema = toy.schema(sample["storage"], sample["identifies"])
    first = toy.prepare(files, folder / "one", schema=schema, **options)
    with ThreadPoolExecutor(3) as pool:
        shuffled = [*reversed(files), files[0]]
        second = toy.prepare(shuffled, folder / "two", schema=schema, executor=pool, **options)
    assert first.manifest == second.manifest
    assert whole(first.path) == whole(second.path)
    # and where the files lie
    shutil.copytree(folder, folder / "copy", ignore=shutil.ignore_patterns("one", "two", "copy"))
    moved = toy.prepare([folder / "copy" / f.name for f in files], folder / "three", schema=schema, **options)
    assert {k: v for k, v in whole(first.path).items() if k != "manifest.json"} == {
        k: v for k, v in whole(moved.path).items() if k != "manifest.json"
    }
    shutil.rmtree(folder)


def whole(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_files_of_one_name_are_told_apart_by_what_is_in_them(toy: SimpleNamespace, tmp_path: Path) -> None:
    for folder in "ab":
        (tmp_path / folder).mkdir()
    one, two = (
        toy.save(tmp_path / "a" / "x.toy", toy.events(30, 1)),
        toy.save(tmp_path / "b" / "x.toy", toy.events(30, 2)),
    )
    first = toy.prepare([one, two], tmp_path / "first")
    one.rename(tmp_path / "c")
    two.rename(one)
    (tmp_path / "c").rename(two)
    second = toy.prepare([one, two], tmp_path / "second")
    assert first.manifest.shards == second.manifest.shards


def test_a_file_given_twice_by_two_names_counts_once(toy: SimpleNamespace, tmp_path: Path) -> None:
    raw = toy.save(tmp_path / "raw.toy", toy.events(30))
    (tmp_path / "alias.toy").symlink_to(raw)
    store = toy.prepare([raw, tmp_path / "alias.toy", raw], tmp_path / "store")
    assert sum(store.manifest.accounting.read.values()) == 30
    assert [s.name for s in store.manifest.sources] == ["alias.toy"]


def test_storage_is_as_declared_or_the_smaller(toy: SimpleNamespace, tmp_path: Path) -> None:
    for occupancy, smaller in ((0.05, "cells"), (1.0, "dense")):
        for kind in ("dense", "cells"):
            raw = toy.save(tmp_path / f"{occupancy}{kind}.toy", toy.events(40, kind=kind, occupancy=occupancy))
            for storage in ("auto", "dense", "cells"):
                out = tmp_path / f"{occupancy}{kind}{storage}"
                store = toy.prepare([raw], out, schema=toy.schema(storage), keep_empty=True)
                expected = smaller if storage == "auto" else storage
                assert store.manifest.storage == {"grid": expected, "cloud": "points"}
                assert type(store.events("train").images["grid"]).__name__.lower() == expected


def test_of_large_images_no_more_than_is_cheap_is_read_to_choose_how_they_are_stored(
    toy: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = toy.save(tmp_path / "raw.toy", toy.events(40), step=5)
    detector = toy.detector(toy.schema())
    with open_reader(raw, detector.layout, detector.schema) as reader:
        kind, asked = type(reader), []
    read = kind.read
    monkeypatch.setattr(kind, "read", lambda self, start, stop: asked.append(stop) or read(self, start, stop))
    assert choose_storage([raw], detector.layout, detector.schema) == {"grid": "cells", "cloud": "points"}
    assert asked == [5]


def test_points_cannot_become_cells(toy: SimpleNamespace, tmp_path: Path) -> None:
    schema = toy.schema()
    cloud = schema.images[1].model_copy(update={"storage": "cells"})
    raw = toy.save(tmp_path / "raw.toy", toy.events(10))
    with pytest.raises(MismatchError, match="image 'cloud' is read as points and cannot be stored as cells"):
        toy.prepare([raw], tmp_path / "store", schema=schema.model_copy(update={"images": (schema.images[0], cloud)}))


# content


def test_hits_in_another_image_are_another_event(toy: SimpleNamespace, tmp_path: Path) -> None:
    """Two wire planes: the same hits in the first plane or in the second are two events."""
    grid = toy.schema(points=False).images[0]
    other = grid.model_copy(update={"name": "other"})
    schema = toy.schema(points=False).model_copy(update={"images": (grid, other)})
    values = toy.events(1, occupancy=1.0).images["grid"].values
    events = toy.events(2)
    one, two = np.concatenate([values, 0 * values]), np.concatenate([0 * values, values])
    for kind in (Dense, lambda v: Cells.from_dense(Dense(v))):
        batch = replace(events, images={"grid": kind(one), "other": kind(two)}, features={"pt": np.zeros(2)})
        raw = toy.save(tmp_path / "raw.toy", batch)
        out = tmp_path / str(len(list(tmp_path.iterdir())))
        store = toy.prepare([raw], out, schema=schema, allow_one_class=True, split="0.5/0.5")
        assert store.manifest.accounting.dropped == {}


def test_features_tell_events_apart_and_targets_do_not(toy: SimpleNamespace, tmp_path: Path) -> None:
    same = toy.events(1, occupancy=0.9).take(np.zeros(3, int))
    same = replace(same, features={"pt": np.array([1.0, 1.0, 2.0])}, targets={"energy": np.array([1.0, 5.0, 1.0])})
    raw = toy.save(tmp_path / "raw.toy", toy.joined(same))
    store = toy.prepare([raw], tmp_path / "store", allow_one_class=True)
    assert sum(store.manifest.accounting.dropped["duplicate"].values()) == 1


def test_fingerprints_are_equal_if_and_only_if_the_splits_are(toy: SimpleNamespace, tmp_path: Path) -> None:
    whole = toy.events(60, 3)
    one = toy.save(tmp_path / "whole.toy", whole)
    stores: dict[str, Store] = {"first": toy.prepare([one], tmp_path / "first")}

    def add(name: str, files: list[Path], **options: Any) -> None:
        stores[name] = toy.prepare(files, tmp_path / f"store-{name}", **options)

    halves = [toy.joined(whole.take(np.arange(a, a + 30))) for a in (0, 30)]
    # the same events, cut into two files, read in other pieces, stored in other shards
    add("cut", [toy.save(tmp_path / f"half{i}.toy", h, 11) for i, h in enumerate(halves)])
    add("shards", [one], shard_events=7)
    same = ("first", "cut", "shards")
    add("seed", [one], seed=1)
    add("fractions", [one], split="0.9/0.1")
    add("limit", [one], limit=10)
    for part in ("features", "targets"):
        changed = {k: np.where(np.arange(60) == 17, 0.5, v) for k, v in getattr(whole, part).items()}
        add(part, [toy.save(tmp_path / f"{part}.toy", replace(whole, **{part: changed}))])
    label = np.where(np.arange(60) == 17, (whole.label + 1) % 3, whole.label).astype(np.int16)
    add("label", [toy.save(tmp_path / "label.toy", replace(whole, label=label))])
    fingerprints = {name: store.manifest.fingerprint for name, store in stores.items()}
    assert len({fingerprints[name] for name in same}) == 1
    assert len(set(fingerprints.values())) == len(stores) - len(same) + 1


# splits


def test_fractions_are_stratified_within_rounding(toy: SimpleNamespace, tmp_path: Path) -> None:
    sizes = (103, 58, 7)
    raw = [toy.save(tmp_path / f"{k}.toy", toy.events(n, k, label=k, occupancy=0.9)) for k, n in enumerate(sizes)]
    store = toy.prepare(raw, tmp_path / "store", split="0.7/0.2/0.1")
    for k, n in enumerate(sizes):
        for fraction, split in zip((0.7, 0.2, 0.1), ("train", "valid", "test"), strict=True):
            assert abs(store.manifest.accounting.kept[split][toy.classes[k]] - fraction * n) <= 1


def test_official_ranges_count_raw_events_of_a_class(toy: SimpleNamespace, tmp_path: Path) -> None:
    """Dropping an event moves no other, and classes may be mixed in a file."""
    whole = toy.blank(toy.events(300, occupancy=0.9), [3, 4, 5, 200])
    raw = toy.save(tmp_path / "raw.toy", whole)
    official = {"train": (0, 50), "valid": (50, 60), "test": (70, 80)}
    detector = toy.detector(toy.schema(), official_split=official)
    store = toy.prepare([raw], tmp_path / "store", detector=detector, split="official")
    found = toy.stored(store)
    for label in range(3):
        mine = np.flatnonzero(whole.label == label)
        for split, (start, stop) in official.items():
            expected = {int(row) for row in mine[start:stop] if row not in (3, 4, 5, 200)}
            assert {row for (_, row), (s, e) in found.items() if s == split and e.label == label} == expected
    assert store.manifest.split == "official (train 0:50, valid 50:60, test 70:80)"
    assert store.manifest.accounting.adds_up()
    assert store.manifest.accounting.dropped.keys() == {"empty", "outside split"}


def test_a_file_too_short_for_the_official_split_names_the_count(toy: SimpleNamespace, tmp_path: Path) -> None:
    raw = toy.save(tmp_path / "raw.toy", toy.joined(toy.events(20, label=0), toy.events(12, label=1)))
    detector = toy.detector(toy.schema(), official_split={"train": (0, 10), "test": (10, 20)})
    with pytest.raises(DataError) as error:
        toy.prepare([raw], tmp_path / "store", detector=detector, split="official")
    assert str(error.value) == (
        "the official split needs 20 events of class 'kaon', the files hold 12; "
        "use --split 0.8/0.1/0.1 for a smaller sample"
    )


def test_a_limit_is_never_exceeded_and_keeps_the_proportions(toy: SimpleNamespace, tmp_path: Path) -> None:
    raw = toy.save(tmp_path / "raw.toy", toy.events(600, occupancy=0.9))
    for limit in (3, 10):
        kept = toy.prepare([raw], tmp_path / str(limit), limit=limit).manifest.accounting.kept
        for name in toy.classes:
            assert sum(counts[name] for counts in kept.values()) == limit
            assert abs(kept["train"][name] - 0.8 * limit) <= 1


def test_events_without_truth_are_kept_and_counted(toy: SimpleNamespace, tmp_path: Path) -> None:
    raw = toy.save(tmp_path / "raw.toy", toy.joined(toy.events(20), toy.events(10, 1, label=-1)))
    store = toy.prepare([raw], tmp_path / "store", keep_empty=True)
    assert store.manifest.accounting.read["(no class)"] == 10
    assert sum(e.label == -1 for _, e in toy.stored(store).values()) == 10
    schema = toy.schema().model_copy(update={"classes": ()})
    raw = toy.save(tmp_path / "nothing.toy", toy.events(10, 1, label=-1))
    store = toy.prepare([raw], tmp_path / "regression", schema=schema, keep_empty=True)
    assert store.manifest.accounting.read == {"(no class)": 10}


def test_a_class_is_wherever_its_label_says_not_where_its_file_comes(toy: SimpleNamespace, tmp_path: Path) -> None:
    """An ancestor numbered classes in the order of the files."""
    for names in (("a", "b"), ("b", "a")):
        raw = [toy.save(tmp_path / f"{n}.toy", toy.events(20, k, label=k)) for k, n in enumerate(names)]
        store = toy.prepare(raw, tmp_path / f"store-{names[0]}", keep_empty=True)
        assert store.schema.class_names == toy.classes
        for (file, _), (_, event) in toy.stored(store).items():
            assert event.label == names.index(file.removesuffix(".toy"))


# what is refused


def test_bad_values_stop_with_file_and_event_unless_dropped(toy: SimpleNamespace, tmp_path: Path) -> None:
    whole = toy.events(30)
    whole.features["pt"][[11, 17]] = np.inf
    raw = toy.save(tmp_path / "raw.toy", whole)
    with pytest.raises(DataError, match=r"raw\.toy: feature 'pt' is inf in event 11; .* --drop-bad"):
        toy.prepare([raw], tmp_path / "store")
    # the advice can be followed in the same place
    store = toy.prepare([raw], tmp_path / "store", drop_bad=True, keep_empty=True)
    assert sum(store.manifest.accounting.dropped["bad values"].values()) == 2


def test_one_class_is_refused_unless_allowed(toy: SimpleNamespace, tmp_path: Path) -> None:
    raw = toy.save(tmp_path / "raw.toy", toy.events(30, label=1))
    with pytest.raises(DataError) as error:
        toy.prepare([raw], tmp_path / "store")
    assert str(error.value) == (
        "the files hold only class 'kaon', and learning needs at least two; "
        "give the files of the other classes too, or pass --allow-one-class"
    )
    assert not (tmp_path / "store").exists(), "nothing stands in the way of following the advice"
    other = toy.save(tmp_path / "other.toy", toy.events(30, 1, label=2))
    assert toy.prepare([raw, other], tmp_path / "store").splits
    assert toy.prepare([raw], tmp_path / "one", allow_one_class=True).splits


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (
            "0.8/0.3",
            "--split: '0.8/0.3' is neither 'official', 'folds:K' nor two or three positive fractions that add up to 1",
        ),
        ("1.0", "--split: '1.0' is neither"),
        ("0.5/0.5/0", "--split: '0.5/0.5/0' is neither"),
        ("0.25/0.25/0.25/0.25", "--split: '0.25/0.25/0.25/0.25' is neither"),
        ("most", "--split: 'most' is neither"),
        ("nan/nan", "--split: 'nan/nan' is neither"),
        ("official", "--split: this detector has no official split; give fractions: 0.8/0.1/0.1"),
    ],
)
def test_a_split_that_makes_no_sense_is_refused(toy: SimpleNamespace, tmp_path: Path, split: str, message: str) -> None:
    raw = toy.save(tmp_path / "raw.toy", toy.events(30))
    with pytest.raises(ConfigError) as error:
        toy.prepare([raw], tmp_path / "store", split=split)
    assert str(error.value).startswith(message)
    assert not (tmp_path / "store").exists()


def test_no_files_are_refused(toy: SimpleNamespace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^no raw files were given; give at least one file$"):
        toy.prepare([], tmp_path / "store")


@pytest.mark.parametrize("options", [{"limit": 0}, {"seed": -1}, {"shard_events": 0}])
def test_numbers_out_of_range_are_refused(options: dict[str, int]) -> None:
    from pidcam.config import parse

    with pytest.raises(ConfigError, match="input should be greater than or equal to"):
        parse(PrepareOptions, options)
