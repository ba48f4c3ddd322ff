"""The known faults of pidcam's ancestors, one test each, on files that no chunk, shard or batch divides."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pidcam.events import Cells, EventBatch
from pidcam.schema import ClassSelection
from pidcam.store.loader import Loader
from pidcam.store.plan import PrepareOptions
from pidcam.store.prepare import prepare_store
from pidcam.store.store import Store

SIZES = (23, 31, 17)
"""Events of each file; 7 are read at once, 13 lie in a shard, 10 in a batch."""
SPLITS = ("train", "valid", "test")


@pytest.fixture(scope="module")
def raw(toy: SimpleNamespace) -> list[EventBatch]:
    return [toy.events(n, seed, occupancy=0.4, label=seed) for seed, n in enumerate(SIZES)]


def prepared(toy: SimpleNamespace, raw: list[EventBatch], folder: Path, order: tuple[int, ...]) -> Store:
    paths = {k: toy.save(folder / f"{toy.classes[k]}.toy", raw[k], step=7) for k in order}
    options = PrepareOptions(shard_events=13, keep_empty=True, split="0.5/0.25/0.25")
    files = [paths[k] for k in order]
    return prepare_store(toy.detector(toy.schema("cells")), files, folder / "store", options, workers=1)


@pytest.fixture(scope="module")
def store(toy: SimpleNamespace, raw: list[EventBatch], tmp_path_factory: pytest.TempPathFactory) -> Store:
    return prepared(toy, raw, tmp_path_factory.mktemp("ancestors"), (0, 1, 2))


def origin(store: Store, file: int) -> int:
    """Which of the files above the store's number of a file is."""
    return ("pion.toy", "kaon.toy", "proton.toy").index(store.manifest.sources[file].name)


def loaded(store: Store, **options: object) -> Counter[tuple[int, int]]:
    """(file, row) of all events that come."""
    loader = Loader(store, SPLITS, batch_size=10, shuffle=True, **options)  # type: ignore[arg-type]
    return Counter((origin(store, f), r) for batch in loader for f, r in batch.event.tolist())


def test_the_last_partial_chunk_is_read(store: Store) -> None:
    rows = loaded(store)
    for file, size in enumerate(SIZES):
        assert rows[file, size - 1] == 1


def test_the_remainder_does_not_begin_at_row_0_again(store: Store) -> None:
    assert max(loaded(store).values()) == 1


def test_no_file_is_skipped_at_a_boundary(store: Store) -> None:
    assert sorted(loaded(store)) == [(file, row) for file, size in enumerate(SIZES) for row in range(size)]


def test_what_is_selected_is_not_shifted(store: Store, raw: list[EventBatch]) -> None:
    """Ancestors read `data[index - min(index)]`: right only for selections that begin at 0."""
    selection = ClassSelection.of(["proton"], store.schema)
    for batch in Loader(store, SPLITS, batch_size=10, selection=selection):
        for k, (file, row) in enumerate(batch.event.tolist()):
            assert origin(store, file) == 2
            assert np.array_equal(batch.dense("grid")[k], raw[2].images["grid"].values[row])  # type: ignore[union-attr]
    rows = np.array([5, 11, 8])
    picked, every = store.events("train", rows), store.events("train")
    assert picked.row.tolist() == every.row[rows].tolist()
    assert np.array_equal(picked.features["pt"], every.features["pt"][rows])


def test_statistics_are_those_of_every_event_and_not_of_the_last(store: Store) -> None:
    cells = store.events("train").images["grid"]
    assert isinstance(cells, Cells)
    for channel, told in enumerate(store.manifest.statistics["grid"]):
        values = cells.value[:, channel].astype(np.float64)
        assert told.hits == len(values)
        assert told.hit_mean == pytest.approx(values.mean())
        assert told.hit_rms == pytest.approx(np.sqrt((values**2).mean()))


def test_a_class_has_its_number_whatever_the_order_of_files(
    toy: SimpleNamespace, raw: list[EventBatch], store: Store, tmp_path: Path
) -> None:
    other = prepared(toy, raw, tmp_path, (2, 0, 1))
    for each in (store, other):
        assert each.schema.class_names == ("pion", "kaon", "proton")
        for batch in Loader(each, SPLITS, batch_size=10):
            assert [origin(each, f) for f in batch.event[:, 0].tolist()] == batch.label.tolist()


def test_no_event_is_both_followed_in_training_and_tested_on(store: Store) -> None:
    rows = {split: {tuple(e) for batch in Loader(store, split) for e in batch.event.tolist()} for split in SPLITS}
    assert all(rows.values())
    assert sum(map(len, rows.values())) == len(set.union(*rows.values())) == sum(SIZES)
