"""Events on the host: taking, joining and changing the form of images loses nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from pidcam.events import Cells, Dense, EventBatch, Images, Points, concat_images
from pidcam.schema import Channel, Column, EventSchema, Image

IMAGE = Image(name="grid", shape=(2, 3), channels=(Channel(name="q"), Channel(name="t")))
SCHEMA = EventSchema(name="toy", images=(IMAGE,), features=(Column(name="pt"),), targets=(Column(name="energy"),))

values = st.sampled_from([0.0, 0.0, 0.0, 1.5, -2.0, np.float32(1e-30)])


def dense_images(n: int | None = None) -> st.SearchStrategy[Dense]:
    sizes = st.integers(0, 6) if n is None else st.just(n)
    return sizes.flatmap(lambda k: npst.arrays(np.float32, (k, *IMAGE.dense_shape), elements=values)).map(Dense)


@st.composite
def point_images(draw: st.DrawFn) -> Points:
    counts = draw(st.lists(st.integers(0, 4), max_size=6))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    hits = int(offsets[-1])
    place, value = np.arange(3 * hits).reshape(hits, 3), np.arange(2 * hits).reshape(hits, 2)
    return Points(offsets, place.astype(np.float32), -value.astype(np.float32))


any_images = st.one_of(dense_images(), dense_images().map(Cells.from_dense), point_images())


def one_by_one(images: Images) -> list[tuple[bytes, ...]]:
    if isinstance(images, Dense):
        return [(v.tobytes(),) for v in images.values]
    edges = zip(images.offsets[:-1], images.offsets[1:], strict=True)
    return [(images.place[a:b].tobytes(), images.value[a:b].tobytes()) for a, b in edges]


@given(dense_images())
def test_cells_keep_every_value(dense: Dense) -> None:
    cells = Cells.from_dense(dense)
    assert np.array_equal(cells.to_dense(IMAGE).values, dense.values)
    assert np.array_equal(cells.hits(), dense.hits())
    assert cells.place.dtype == np.uint16
    for a, b in zip(cells.offsets[:-1], cells.offsets[1:], strict=True):
        assert (np.diff(cells.place[a:b].astype(int)) > 0).all(), "cells ascend and never repeat"
    assert (cells.value != 0).any(axis=1).all(), "every hit has a value"


@pytest.mark.parametrize(("cells", "dtype"), [(1 << 16, np.uint16), ((1 << 16) + 1, np.uint32)])
def test_cell_numbers_are_as_narrow_as_they_can_be(cells: int, dtype: type) -> None:
    values = np.zeros((1, 1, cells), np.float32)
    values[0, 0, -1] = 1
    hits = Cells.from_dense(Dense(values))
    assert hits.place.dtype == dtype
    assert hits.place.tolist() == [cells - 1]


@given(any_images, st.data())
def test_taking_takes_the_events_asked_for(images: Images, data: st.DataObject) -> None:
    each = one_by_one(images)
    rows = data.draw(st.lists(st.integers(0, max(len(each) - 1, 0)), max_size=8 if each else 0))
    assert one_by_one(images.take(np.array(rows, int))) == [each[r] for r in rows]
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(each), max_size=len(each))), bool)
    assert one_by_one(images.take(mask)) == [e for e, kept in zip(each, mask, strict=True) if kept]


@given(any_images, st.data())
def test_joining_the_parts_gives_the_whole(images: Images, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(images)))
    every = np.arange(len(images))
    joined = concat_images([images.take(every[:cut]), images.take(every[cut:])])
    assert type(joined) is type(images)
    assert one_by_one(joined) == one_by_one(images)


def batch(n: int, dense: Dense | None = None) -> EventBatch:
    dense = dense or Dense(np.arange(n * 12, dtype=np.float32).reshape(n, 2, 2, 3))
    return EventBatch(
        {"grid": Cells.from_dense(dense)},
        {"pt": np.arange(n) + 0.5},
        {"energy": np.arange(n) * 2.0},
        (np.arange(n) % 3).astype(np.int16),
        np.arange(n, dtype=np.int64),
        np.full(n, 4, np.int32),
        np.linspace(0, 1, n).astype(np.float32),
    )


def columns(b: EventBatch) -> list[list[float]]:
    return [a.tolist() for a in (b.features["pt"], b.targets["energy"], b.label, b.row, b.file, b.weight)]


def test_every_column_goes_with_its_event() -> None:
    events = batch(7)
    rows = np.array([5, 0, 5])
    taken = events.take(rows)
    assert columns(taken) == [[column[r] for r in rows] for column in columns(events)]
    assert one_by_one(taken.images["grid"]) == [one_by_one(events.images["grid"])[r] for r in rows]
    again = EventBatch.concat([events.take(np.arange(3)), events.take(np.arange(3, 7))])
    assert columns(again) == columns(events)
    assert one_by_one(again.images["grid"]) == one_by_one(events.images["grid"])


def test_nothing_taken_is_an_empty_batch() -> None:
    for nothing in (np.empty(0, int), np.zeros(3, bool)):
        empty = batch(3).take(nothing)
        assert len(empty) == 0
        assert columns(empty) == [[]] * 6
        assert len(EventBatch.concat([empty, empty])) == 0


def test_an_event_is_empty_if_no_image_has_a_hit() -> None:
    one, two = np.zeros((3, 1, 4), np.float32), np.zeros((3, 1, 2, 2), np.float32)
    one[0, 0, 3], two[2, 0, 1, 1] = 1, -1
    label, row = np.zeros(3, np.int16), np.arange(3)
    for first in (Dense(one), Cells.from_dense(Dense(one))):
        assert EventBatch({"a": first, "b": Dense(two)}, {}, {}, label, row).is_empty().tolist() == [False, True, False]
    assert not EventBatch({}, {"pt": np.ones(3)}, {}, label, row).is_empty().any()


def test_events_that_nobody_numbered_count_once() -> None:
    events = EventBatch({}, {"pt": np.ones(3)}, {}, np.zeros(3, np.int16), np.arange(3))
    assert events.weight.tolist() == [1, 1, 1]
    assert events.file.tolist() == [0, 0, 0]


def test_arrays_become_events_without_truth() -> None:
    images = np.ones((4, *IMAGE.dense_shape))
    for given_images in (images, {"grid": images}):
        events = EventBatch.from_arrays(SCHEMA, given_images, pt=np.arange(4))
        assert events.label.tolist() == [-1] * 4
        assert events.images["grid"].values.dtype == np.float32  # type: ignore[union-attr]
        assert events.features["pt"].tolist() == [0, 1, 2, 3]
