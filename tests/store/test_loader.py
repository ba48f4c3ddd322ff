"""The loader: every event once an epoch, in an order that is a function of (seed, epoch), resumable at any batch."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pidcam.batch import Batch, SparseImage
from pidcam.errors import ConfigError, DataError, UnknownNameError
from pidcam.schema import ClassSelection
from pidcam.store.loader import Loader, batch_from_events
from pidcam.store.memory import ReadAhead, read
from pidcam.store.plan import PrepareOptions
from pidcam.store.prepare import prepare_store
from pidcam.store.store import Store

EVENTS = 150


@pytest.fixture(scope="module")
def stores(toy: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Store]:
    """The same events with dense and with cell storage, in many shards; some of no known class."""
    made = {}
    for storage in ("dense", "cells"):
        folder = tmp_path_factory.mktemp(storage)
        raw = toy.save(
            folder / "raw.toy", toy.joined(toy.events(EVENTS, 3, occupancy=0.3), toy.events(20, 4, label=-1)), 31
        )
        options = PrepareOptions(shard_events=17, keep_empty=True, split="0.8/0.2")
        made[storage] = prepare_store(toy.detector(toy.schema(storage)), [raw], folder / "store", options, workers=1)
    return made


@pytest.fixture(scope="module")
def store(stores: dict[str, Store]) -> Store:
    return stores["cells"]


def rows(loader: Loader) -> list[int]:
    return [int(row) for batch in loader for row in batch.event[:, 1]]


def same(one: Batch, two: Batch) -> bool:
    def flat(batch: Batch) -> list[torch.Tensor]:
        images = []
        for image in batch.images.values():
            images += [image.offsets, image.place, image.value] if isinstance(image, SparseImage) else [image]
        return [*images, *batch.features.values(), *batch.targets.values(), batch.label, batch.weight, batch.event]

    return all(torch.equal(a, b) for a, b in zip(flat(one), flat(two), strict=True))


# every event once


@given(
    batch_size=st.integers(1, 200),
    shuffle=st.booleans(),
    seed=st.integers(0, 2**40),
    epoch=st.integers(0, 1000),
    limit=st.none() | st.integers(1, 300),
    splits=st.sampled_from(["train", "test", ("train", "test")]),
    threads=st.integers(0, 3),
)
@settings(max_examples=40)
def test_every_event_comes_once_an_epoch(
    store: Store, splits: Any, limit: int | None, epoch: int, **options: Any
) -> None:
    loader = Loader(store, splits, limit=limit, **options)
    loader.epoch = epoch
    names = (splits,) if isinstance(splits, str) else splits
    expected = np.concatenate([store.events(s).row for s in names])[:limit]
    batches = list(loader)
    found = [int(row) for batch in batches for row in batch.event[:, 1]]
    assert Counter(found) == Counter(expected.tolist())
    assert loader.events == len(expected)
    assert len(batches) == len(loader) == -(-len(expected) // options["batch_size"])
    assert {len(b) for b in batches[:-1]} <= {options["batch_size"]}
    assert len(batches[-1]) == (len(expected) - 1) % options["batch_size"] + 1, "the last partial batch is not lost"
    if not options["shuffle"]:
        assert found == expected.tolist()


@pytest.mark.parametrize("storage", ["dense", "cells"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_every_event_comes_with_its_own_content(
    toy: SimpleNamespace, stores: dict[str, Store], storage: str, shuffle: bool
) -> None:
    """Ancestors lost the last partial chunk, began the rest at row 0 again, and shifted what was selected."""
    raw = toy.joined(toy.events(EVENTS, 3, occupancy=0.3), toy.events(20, 4, label=-1))
    expected = batch_from_events(raw, stores[storage].schema)
    for batch in Loader(stores[storage], ("train", "test"), batch_size=16, shuffle=shuffle, seed=1):
        mine = batch.event[:, 1]
        assert torch.equal(batch.dense("grid"), torch.from_numpy(raw.images["grid"].values)[mine])
        assert torch.equal(batch.dense("cloud"), expected.dense("cloud")[mine])
        assert torch.equal(batch.features["pt"], torch.from_numpy(raw.features["pt"]).float()[mine])
        assert torch.equal(batch.targets["energy"], torch.from_numpy(raw.targets["energy"]).float()[mine])
        assert torch.equal(batch.label, torch.from_numpy(raw.label).long()[mine])
        assert (batch.weight == 1).all()
        assert (batch.event[:, 0] == 0).all()
        assert batch.label.dtype == batch.event.dtype == torch.int64


# order and resume


def test_the_order_is_a_function_of_seed_and_epoch(store: Store) -> None:
    orders = {}
    for seed in (0, 1):
        for epoch in (0, 1, 2):
            loader = Loader(store, "train", shuffle=True, seed=seed, batch_size=7)
            loader.epoch = epoch
            orders[seed, epoch] = rows(loader)
            again = Loader(store, "train", shuffle=True, seed=seed, batch_size=50, threads=3)
            again.epoch = epoch
            assert rows(again) == orders[seed, epoch], "whatever the batches and threads"
    assert len({tuple(o) for o in orders.values()}) == len(orders)


def noise(batch: Batch, generator: torch.Generator) -> Batch:
    drawn = torch.rand(len(batch), 1, 1, 1, generator=generator)
    return replace(batch, images={**batch.images, "grid": batch.dense("grid") * drawn})


@given(cursor=st.integers(0, 20), epoch=st.integers(0, 3), threads=st.integers(0, 3), sparse=st.booleans())
@settings(max_examples=20)
def test_a_cursor_resumes_with_exactly_the_batches_that_remain(
    store: Store, cursor: int, epoch: int, threads: int, sparse: bool
) -> None:
    def loader() -> Loader:
        given = Loader(
            store, "train", shuffle=True, seed=5, batch_size=9, change=noise, threads=threads, sparse=["cloud"] * sparse
        )
        given.epoch = epoch
        return given

    whole = list(loader())
    cursor = min(cursor, len(whole))
    resumed = loader()
    resumed.cursor = cursor
    rest = list(resumed)
    assert len(rest) == len(whole) - cursor
    assert all(same(a, b) for a, b in zip(whole[cursor:], rest, strict=True))


def test_the_cursor_counts_the_batches_handed_out(store: Store) -> None:
    loader = Loader(store, "train", batch_size=9, shuffle=True)
    seen = []
    for batch in loader:
        seen.append(batch)
        assert loader.cursor == len(seen)
        if len(seen) == 4:
            break
    assert loader.cursor == 4, "after a break it stands where it was left"
    seen += list(loader)
    assert sorted(int(r) for b in seen for r in b.event[:, 1]) == sorted(store.events("train").row.tolist())
    assert loader.cursor == 0, "after the last batch the next epoch begins"


def test_every_epoch_has_its_own_augmentation(store: Store) -> None:
    loader = Loader(store, "train", batch_size=9, change=noise)
    first = next(iter(loader)).dense("grid")
    loader.cursor, loader.epoch = 0, 1
    second = next(iter(loader)).dense("grid")
    assert not torch.equal(first, second)


# ranks


@given(
    batch_size=st.integers(4, 40),
    ranks=st.integers(1, 4),
    later=st.integers(1, 4),
    cursor=st.integers(0, 40),
    limit=st.integers(1, 60),
    epoch=st.integers(0, 3),
    threads=st.integers(0, 1),
)
@settings(max_examples=40)
def test_ranks_share_every_batch_also_when_their_number_changes(
    store: Store, batch_size: int, ranks: int, later: int, cursor: int, limit: int, epoch: int, threads: int
) -> None:
    """Stopped after `cursor` steps of `ranks` processes, resumed with `later`: every event once, in the same step."""

    def batches(count: int, start: int) -> list[list[Batch]]:
        given = []
        for rank in range(count):
            loader = Loader(
                store, "train", shuffle=True, seed=2, batch_size=batch_size, limit=limit, threads=threads,
                rank=rank, ranks=count,
            )  # fmt: skip
            loader.epoch, loader.cursor = epoch, start
            given.append(list(loader))
            assert len(given[-1]) == len(loader) - start, "as many steps on every rank"
        return [list(step) for step in zip(*given, strict=True)]

    alone = batches(1, 0)
    cursor = min(cursor, len(alone))
    shared = batches(ranks, 0)[:cursor] + batches(later, cursor)
    for (whole,), parts in zip(alone, shared, strict=True):
        real = [part for part in parts if not part.padding.any()]
        assert torch.equal(torch.cat([part.event for part in real]), whole.event)
        assert torch.equal(torch.cat([part.dense("grid") for part in real]), whole.dense("grid"))
        assert max(map(len, real)) - min(map(len, real)) <= 1
        assert len(real) == len(parts) or len(whole) < len(parts)
        for part in parts:
            assert part.weight.sum() == (0 if part.padding.any() else len(part)), "what fills up weighs nothing"
            assert (part.label >= -1).all()
            assert len(part) > 0


def test_ranks_draw_their_own_augmentation(store: Store) -> None:
    def drawn(batch: Batch, generator: torch.Generator) -> Batch:
        return replace(batch, features={"pt": torch.rand(len(batch), generator=generator)})

    one, two = (
        next(iter(Loader(store, "train", batch_size=8, change=drawn, rank=rank, ranks=2))).features["pt"]
        for rank in range(2)
    )
    assert not torch.equal(one, two)


@pytest.mark.parametrize(("rank", "ranks"), [(2, 2), (-1, 2), (0, 9)])
def test_ranks_that_cannot_be_are_named(store: Store, rank: int, ranks: int) -> None:
    with pytest.raises(ConfigError, match=f"rank {rank} of {ranks} cannot share batches of 8 events"):
        Loader(store, "train", batch_size=8, rank=rank, ranks=ranks)


# memory


def test_batches_that_are_kept_stay_as_they_are(store: Store) -> None:
    """Memory is used again, but never while somebody holds it."""
    loader = Loader(store, "train", batch_size=9, shuffle=True)
    kept, copies = [], []
    for number, batch in enumerate(loader):
        held: Any = {0: batch, 1: batch.images, 2: batch.dense("grid")[3:5, 0], 3: batch.dense("grid").numpy()}[
            number % 4
        ]
        kept.append(held)
        source = batch.dense("grid")
        copies.append((source[3:5, 0] if number % 4 == 2 else source).clone())
        del batch, source, held
    for number, (held, copy) in enumerate(zip(kept, copies, strict=True)):
        if number % 4 == 0:
            held = held.dense("grid")
        elif number % 4 == 1:
            held = held["grid"]
        elif number % 4 == 3:
            held = torch.from_numpy(held)
        assert torch.equal(held, copy)


def test_batches_that_are_changed_in_place_harm_no_other(store: Store) -> None:
    clean = [b.dense("grid").clone() for b in Loader(store, "train", batch_size=9)]
    for batch, expected in zip(Loader(store, "train", batch_size=9), clean, strict=True):
        assert torch.equal(batch.dense("grid"), expected)
        batch.dense("grid").fill_(torch.nan)


@pytest.mark.parametrize("threads", [0, 1])
def test_memory_is_used_again(store: Store, threads: int) -> None:
    loader = Loader(store, "train", batch_size=2, threads=threads)
    places = set()
    for _ in range(3):
        for batch in loader:
            places.add(batch.dense("grid").data_ptr())
            del batch
    assert len(places) <= (2 if threads == 0 else 50) < len(loader)


# classes


@pytest.mark.parametrize(
    ("classes", "table"),
    [
        (None, {0: 0, 1: 1, 2: 2}),
        (["proton", "pion"], {2: 0, 0: 1}),
        ({"hadron": ["pion", "kaon"], "signal": "proton"}, {0: 0, 1: 0, 2: 1}),
    ],
)
def test_classes_are_selected_merged_and_dropped(store: Store, classes: Any, table: dict[int, int]) -> None:
    selection = ClassSelection.of(classes, store.schema)
    loader = Loader(store, "train", selection=selection, batch_size=20, shuffle=True)
    stored = store.events("train")
    true = dict(zip(stored.row.tolist(), stored.label.tolist(), strict=True))
    expected = {row: table[label] for row, label in true.items() if label in table}
    found = {int(r): int(k) for b in loader for r, k in zip(b.event[:, 1], b.label, strict=True)}
    assert found == expected
    assert loader.labels.tolist() == [expected[r] for r in stored.row.tolist() if r in expected]
    assert loader.labels.dtype == np.int64


def test_without_selection_events_without_truth_come_too(store: Store) -> None:
    labels = torch.cat([b.label for b in Loader(store, ("train", "test"), batch_size=20)])
    assert (labels == -1).sum() == 20


def test_a_limit_takes_the_first_of_the_selection(store: Store) -> None:
    selection = ClassSelection.of(["kaon"], store.schema)
    every = rows(Loader(store, "train", selection=selection))
    assert rows(Loader(store, "train", selection=selection, limit=5)) == every[:5]
    shuffled = Loader(store, "train", selection=selection, limit=5, shuffle=True)
    for epoch in range(3):
        shuffled.epoch = epoch
        assert sorted(rows(shuffled)) == sorted(every[:5])


def test_nothing_to_load_is_named(store: Store, toy: SimpleNamespace, tmp_path: Path) -> None:
    raw = toy.save(tmp_path / "raw.toy", toy.events(60, 3, label=1))
    options = PrepareOptions(keep_empty=True, allow_one_class=True)
    kaons = prepare_store(toy.detector(toy.schema()), [raw], tmp_path / "store", options, workers=1)
    selection = ClassSelection.of({"rest": ["pion", "proton"]}, kaons.schema)
    with pytest.raises(DataError) as error:
        Loader(kaons, ("train", "test"), selection=selection)
    assert str(error.value) == f"{kaons.path}: split train+test holds no events of classes rest"
    with pytest.raises(UnknownNameError, match=r"unknown split 'tset'; did you mean 'test'\?"):
        Loader(store, "tset")


# sparse


@pytest.mark.parametrize("name", ["grid", "cloud"])
def test_hits_put_into_an_image_are_the_dense_image(store: Store, name: str) -> None:
    image = store.schema.image(name)
    low, pitch = torch.tensor(image.low or (0.0, 0.0)), torch.tensor(image.pitch or (1.0, 1.0))
    loaders = [Loader(store, "train", shuffle=True, batch_size=11, sparse=s) for s in ((), (name,))]
    for dense, sparse in zip(*loaders, strict=True):
        hits = sparse.images[name]
        assert isinstance(hits, SparseImage)
        assert hits.shape == image.shape
        event = torch.repeat_interleave(torch.arange(len(sparse)), hits.offsets.diff())
        cell = hits.place.long() if name == "grid" else ((hits.place - low) / pitch).floor().long()
        inside = ((cell >= 0) & (cell < torch.tensor(image.shape))).all(dim=1)
        out = torch.zeros(len(sparse), *image.shape, len(image.channels))
        out.index_put_((event[inside], *cell[inside].T), hits.value[inside], accumulate=True)
        assert torch.allclose(out.movedim(-1, 1), dense.dense(name), atol=1e-6)


def test_dense_images_have_no_hits(stores: dict[str, Store]) -> None:
    with pytest.raises(DataError, match="image 'grid' is stored dense and has no hits; prepare it with storage: cells"):
        next(iter(Loader(stores["dense"], "train", sparse=["grid"])))
    with pytest.raises(UnknownNameError, match=r"unknown image 'gird'; did you mean 'grid'\?"):
        Loader(stores["dense"], "train", sparse=["gird"])


# threads


def test_an_error_in_a_thread_reaches_the_caller(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise DataError("the hits of image 'image' are damaged")

    monkeypatch.setattr("pidcam.store.assemble.Assembler.batches", fail)
    with pytest.raises(DataError, match="damaged"):
        list(Loader(store, "train", batch_size=9, threads=2))


@pytest.mark.parametrize("window", [1, 2000, 1 << 30])
def test_all_that_is_mapped_is_read_ahead(store: Store, window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(ReadAhead, "ask", lambda self, spans: asked.extend(spans()))
    list(Loader(store, "train", batch_size=9, keep="mapped", window=window, shuffle=True))
    wanted = [
        (values.ctypes.data, values.nbytes)
        for shard in store.shards("train")
        for image in shard.images.values()
        for values in (getattr(image, n) for n in ("values", "place", "value") if hasattr(image, n))
    ]
    assert wanted
    for address, size in wanted:
        inside = [(a, n) for a, n in asked if address <= a and a + n <= address + size]
        assert sum(n for _, n in inside) == size


def test_what_cannot_be_read_ahead_is_no_fault() -> None:
    read([(0, 4096), (0, 0)])  # nothing is mapped there
    values = np.arange(10_000)
    read([(values.ctypes.data, values.nbytes)])
    assert np.array_equal(values, np.arange(10_000))


def test_two_epochs_at_once_do_not_disturb_each_other(store: Store) -> None:
    def both() -> Iterator[tuple[Batch, Batch]]:
        yield from zip(Loader(store, "train", batch_size=9), Loader(store, "train", batch_size=9), strict=True)

    assert all(same(a, b) for a, b in both())


# balance, places to keep events, other people's loops


def test_an_epoch_holds_the_stated_fractions_and_resumes(store: Store) -> None:
    fractions = {"pion": 0.5, "kaon": 0.3, "proton": 0.2}

    def loader() -> Loader:
        return Loader(store, "train", batch_size=9, shuffle=True, balance=fractions, seed=3)

    whole = list(loader())
    labels = torch.cat([b.label for b in whole])
    assert len(labels) == loader().events == (store.events("train").label >= 0).sum()
    for number, name in enumerate(store.schema.class_names):
        assert abs((labels == number).sum() - fractions[name] * len(labels)) < 1
    resumed = loader()
    resumed.cursor = 5
    assert all(same(a, b) for a, b in zip(whole[5:], resumed, strict=True))


@pytest.mark.parametrize("storage", ["dense", "cells"])
@pytest.mark.parametrize("keep", ["ram", "device"])
@pytest.mark.parametrize("sparse", [(), ("cloud",)])
def test_where_events_are_kept_changes_no_batch(
    stores: dict[str, Store], storage: str, keep: Any, sparse: tuple[str, ...]
) -> None:
    def loader(keep: Any) -> Loader:
        return Loader(
            stores[storage], ("train", "test"), batch_size=16, shuffle=True, sparse=sparse, keep=keep, window=2000
        )

    for expected, found in zip(loader("mapped"), loader(keep), strict=True):
        assert same(expected, found)


def test_hits_cross_to_a_device_and_become_dense_there(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a GPU: hits with flat cell numbers, one scatter there. The CPU stands in for it."""
    from pidcam.store import loader as module

    monkeypatch.setattr(module, "is_host", lambda device: False)
    device = Loader(store, "train", batch_size=16, shuffle=True)
    monkeypatch.undo()
    for found, expected in zip(device, Loader(store, "train", batch_size=16, shuffle=True), strict=True):
        assert same(found, expected)


@pytest.mark.parametrize("keep", ["ram", "device"])
@pytest.mark.parametrize("part", ["cell", "offset"])
def test_damaged_hits_are_named_wherever_events_are_kept(stores: dict[str, Store], keep: Any, part: str) -> None:
    from pidcam.events import Cells

    store = Store(stores["cells"].path)
    first = store.shards("train")[0]
    cells = first.images["grid"]
    assert isinstance(cells, Cells)
    offsets, place = cells.offsets.copy(), cells.place.copy()
    (place if part == "cell" else offsets)[3] = 60_000
    first.images["grid"] = Cells(offsets, place, cells.value)
    with pytest.raises(DataError, match="the hits of image 'grid' are damaged; prepare the store again"):
        list(Loader(store, "train", batch_size=16, keep=keep))


def test_a_loop_over_the_store(store: Store) -> None:
    assert sum(len(batch) for batch in store.loader("train", batch_size=50)) == store.manifest.events("train")


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_of_torch_see_every_batch_once(store: Store, workers: int) -> None:
    loader = Loader(store, "train", batch_size=9, shuffle=True, seed=4, change=noise)
    taken = torch.utils.data.DataLoader(loader, batch_size=None, num_workers=workers)
    assert all(same(a, b) for a, b in zip(taken, loader, strict=True))
    assert same(loader[-1], list(loader)[-1])
    with pytest.raises(IndexError, match="batch 99 of"):
        loader[99]


def test_a_loader_can_be_sent_to_a_process(store: Store) -> None:
    loader = Loader(store, "train", batch_size=9, shuffle=True, seed=4, change=noise)
    loader.epoch, loader.cursor = 2, 3
    arrived = pickle.loads(pickle.dumps(loader))
    assert all(same(a, b) for a, b in zip(arrived, loader, strict=True))
