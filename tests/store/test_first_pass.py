"""The first epoch on a store in the making: every training event once, in one order, whoever reads the pieces."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pidcam.errors import ConfigError
from pidcam.schema import ClassSelection
from pidcam.store import first_pass
from pidcam.store.first_pass import FirstPass
from pidcam.store.options import PrepareOptions
from pidcam.store.prepare import Preparation, in_turns

SPLIT = "hash:0.7/0.2/0.1"


@pytest.fixture(autouse=True)
def _small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_pass, "PIECES", 4)
    monkeypatch.setattr(first_pass, "BYTES", 1)


@pytest.fixture
def files(toy: SimpleNamespace, tmp_path: Path) -> list[Path]:
    """Three species; the last events of the third file are copies of those of the first."""
    one, two, three = (toy.events(n, k, label=k, occupancy=0.6) for k, n in enumerate((60, 90, 30)))
    three = toy.joined(three, one.take(np.arange(5)))
    return [toy.save(tmp_path / f"{k}.toy", events) for k, events in enumerate((one, two, three))]


def prepared(toy: SimpleNamespace, files: list[Path], out: Path, **options: Any) -> Preparation:
    return Preparation(toy.detector(toy.schema()), files, out, PrepareOptions(**{"split": SPLIT, **options}))


def epoch(preparation: Preparation, cursor: int = 0, **options: Any) -> Iterator[np.ndarray]:
    """(n, 2) file and row of each batch."""
    (preparation.out / "work").mkdir(parents=True, exist_ok=True)
    first = FirstPass(preparation, lambda piece: None, **{"batch_size": 16, "seed": 5, **options})
    first.cursor = cursor
    sizes = []
    for batch in first:
        sizes.append(len(batch))
        yield batch.event.numpy()
    assert first.at_the_end is False  # begins anew
    assert first.cursor == 0
    if not (preparation.out / "manifest.json").exists():
        shutil.rmtree(preparation.out)  # nobody but this test makes pieces without a claim
    if "ranks" not in options:
        assert first.sizes[cursor:] == sizes
        assert first.events == sum(first.sizes)


def test_what_stays_whole_is_trained_on_whole(toy: SimpleNamespace, tmp_path: Path) -> None:
    batch = toy.events(80, occupancy=0.6)
    batch.targets["energy"][:] = np.arange(80) // 2
    raw = [toy.save(tmp_path / "0.toy", batch)]
    made = Preparation(
        toy.detector(toy.schema(), split_by="energy"), raw, tmp_path / "store", PrepareOptions(split=SPLIT)
    )
    rows = np.sort(np.concatenate(list(epoch(made)))[:, 1])
    assert rows.tolist() == np.sort(made.run(workers=1).events("train").row).tolist()
    assert (rows[::2] // 2 == rows[1::2] // 2).all()


def test_every_training_event_comes_once(toy: SimpleNamespace, files: list[Path], tmp_path: Path) -> None:
    made = prepared(toy, files, tmp_path / "store")
    events = np.concatenate(list(epoch(made)))
    store = made.run(workers=1)
    train = store.events("train")
    stored = set(zip(train.file.tolist(), train.row.tolist(), strict=True))
    seen = [(file, row) for file, row in events.tolist()]
    assert len(set(seen)) == len(seen)
    assert stored <= set(seen)
    # what is seen beyond repeats an event of the same split
    assert all(file == 2 and row >= 30 for file, row in set(seen) - stored)
    assert [s.name for s in store.manifest.sources] == ["0.toy", "1.toy", "2.toy"]


def test_the_order_is_random_and_does_not_depend_on_the_reading(
    toy: SimpleNamespace, files: list[Path], tmp_path: Path
) -> None:
    made = prepared(toy, files, tmp_path / "one")
    before = list(epoch(made))
    after = prepared(toy, files[::-1], tmp_path / "two")
    after.run(workers=1, keep_pieces=True)  # all pieces are there
    assert all(np.array_equal(a, b) for a, b in zip(before, epoch(after), strict=True))
    assert not np.array_equal(np.concatenate(before), np.concatenate(list(epoch(made, seed=6))))
    files_of = np.concatenate(before)[:, 0]
    half = len(files_of) // 2
    for file in range(3):  # every file has its share from the beginning to the end
        assert abs((files_of[:half] == file).mean() - (files_of[half:] == file).mean()) < 0.2


@pytest.mark.parametrize("cursor", [1, 4, 7])
def test_a_cursor_goes_on_exactly(toy: SimpleNamespace, files: list[Path], tmp_path: Path, cursor: int) -> None:
    made = prepared(toy, files, tmp_path / "store")
    whole = list(epoch(made))
    assert all(np.array_equal(a, b) for a, b in zip(whole[cursor:], epoch(made, cursor), strict=True))


def test_ranks_share_it(toy: SimpleNamespace, files: list[Path], tmp_path: Path) -> None:
    made = prepared(toy, files, tmp_path / "store")
    parts = [list(epoch(made, rank=rank, ranks=3)) for rank in range(3)]
    for whole, *shared in zip(epoch(made), *parts, strict=True):
        assert np.array_equal(whole, np.concatenate([part[part[:, 0] >= 0] for part in shared]))


def test_classes_are_selected(toy: SimpleNamespace, files: list[Path], tmp_path: Path) -> None:
    made = prepared(toy, files, tmp_path / "store")
    selection = ClassSelection.of(["pion", "proton"], toy.schema())
    files_of = np.concatenate(list(epoch(made, selection=selection)))[:, 0]
    assert set(files_of) == {0, 2}


def test_the_first_window_tells_statistics_and_classes(toy: SimpleNamespace, files: list[Path], tmp_path: Path) -> None:
    made = prepared(toy, files, tmp_path / "store")
    (made.out / "work").mkdir(parents=True)
    found = FirstPass(made, lambda piece: None).look()
    shutil.rmtree(made.out)
    whole = made.run(workers=1).manifest
    assert set(found.accounting.kept["train"]) == set(toy.classes)
    assert found.statistics["grid"][0].hit_rms == pytest.approx(whole.statistics["grid"][0].hit_rms, rel=0.3)


def test_pieces_take_turns(toy: SimpleNamespace, files: list[Path], tmp_path: Path) -> None:
    pieces = prepared(toy, files, tmp_path / "store").pieces
    order = in_turns(pieces, 3)
    assert sorted(order) == list(range(len(pieces)))
    first = [pieces[k].file for k in order[: len(order) // 2]]
    for file in range(3):
        assert abs(first.count(file) - sum(p.file == file for p in pieces) / 2) <= 1


@pytest.mark.parametrize("option", [{"limit": 5}, {"mix": {"pion": 1}}, {"split": "0.8/0.2"}, {"split": "folds:3"}])
def test_what_needs_all_events_is_refused(
    toy: SimpleNamespace, files: list[Path], tmp_path: Path, option: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match=f"prepare.{next(iter(option))}: "):
        FirstPass(prepared(toy, files, tmp_path / "store", **option), lambda piece: None)
