"""What makes two events the same."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from pidcam.events import Cells, Dense, EventBatch
from pidcam.store.hashes import hashes


def stored_as(events: EventBatch, images: Dense | Cells) -> EventBatch:
    return replace(events, images={**events.images, "grid": images})


def test_an_event_is_the_same_however_it_is_stored(toy: SimpleNamespace) -> None:
    events = toy.events(50, 1)
    dense = events.images["grid"]
    cells = Cells.from_dense(dense)
    # readers of hits may give some that hold nothing
    empty = np.arange(len(dense), dtype=cells.place.dtype) % 12
    place = np.insert(cells.place, cells.offsets[:-1], empty)
    value = np.insert(cells.value, cells.offsets[:-1], 0, axis=0)
    with_nothing = Cells(cells.offsets + np.arange(51), place, value)
    content, identity = hashes(events)
    for images in (cells, with_nothing):
        again = hashes(stored_as(events, images))
        assert (again[0] == content).all()
        assert (again[1] == identity).all()


def test_a_changed_bit_makes_another_event(toy: SimpleNamespace) -> None:
    events = toy.events(50, 1, occupancy=1.0)
    content, identity = hashes(events)
    values = events.images["grid"].values.copy()
    values[7, 0, 0, 1] = np.nextafter(values[7, 0, 0, 1], np.inf)
    changed, _ = hashes(stored_as(events, Dense(values)))
    assert np.flatnonzero((changed != content).any(axis=1)).tolist() == [7]
    targets = {"energy": events.targets["energy"] + (np.arange(50) == 9)}
    same, other = hashes(replace(events, targets=targets))
    assert (same == content).all()
    assert np.flatnonzero(other != identity).tolist() == [9]
