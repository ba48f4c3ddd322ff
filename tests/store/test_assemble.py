"""Batches against plain NumPy: cells put on the grid, points in voxels, and hits that a damaged shard puts nowhere."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pidcam.errors import DataError
from pidcam.events import Cells, Dense, EventBatch, Images, Points
from pidcam.schema import Channel, EventSchema, Image
from pidcam.store.assemble import Assembler, ImageTable, batch_from_events


def only(image: Image, images: Dense | Cells | Points) -> tuple[EventSchema, EventBatch]:
    """A schema and a batch of this image alone."""
    n = len(images)
    return EventSchema(name="one", images=(image,)), EventBatch(
        {image.name: images}, {}, {}, np.full(n, -1, np.int16), np.arange(n)
    )


@given(
    shape=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    counts=st.lists(st.integers(0, 30), min_size=1, max_size=8),
    channels=st.integers(1, 2),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40)
def test_points_are_summed_in_voxels_as_a_histogram_does(
    shape: list[int], counts: list[int], channels: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    low, pitch = rng.uniform(-5, 5, len(shape)), rng.uniform(0.1, 3, len(shape))
    high = low + pitch * shape
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    place = rng.uniform(low - pitch, high + pitch, (offsets[-1], len(shape))).astype(np.float32)
    value = rng.normal(size=(offsets[-1], channels)).astype(np.float32)
    image = Image(
        name="tpc",
        shape=tuple(shape),
        channels=tuple(Channel(name=str(c)) for c in range(channels)),
        low=tuple(low),
        pitch=tuple(pitch),
        storage="points",
    )
    schema, events = only(image, Points(offsets, place, value))
    found = batch_from_events(events, schema).dense("tpc").numpy()
    for i in range(len(counts)):
        mine = slice(offsets[i], offsets[i + 1])
        for channel in range(channels):
            expected, _ = np.histogramdd(
                place[mine].astype(np.float64),
                bins=shape,
                range=list(zip(low, high, strict=True)),
                weights=value[mine, channel].astype(np.float64),
            )
            assert np.allclose(found[i, channel], expected, atol=1e-5)


def test_the_lower_edge_of_a_voxel_belongs_to_it() -> None:
    image = Image(name="x", shape=(2,), channels=(Channel(name="e"),), low=(1.0,), pitch=(0.5,), storage="points")
    place = np.array([[1.0], [1.5], [2.0], [0.999], [1e30], [-1e30]], np.float32)
    points = Points(np.array([0, 6]), place, np.array([[1], [2], [4], [8], [16], [32]], np.float32))
    schema, events = only(image, points)
    assert batch_from_events(events, schema).dense("x").tolist() == [[[1.0, 2.0]]]


@pytest.mark.parametrize("cells", [5, 1 << 16, (1 << 16) + 3])
def test_cells_of_any_width(cells: int) -> None:
    image = Image(name="x", shape=(cells,), channels=(Channel(name="a"), Channel(name="b")))
    values = np.zeros((3, 2, cells), np.float32)
    values[0, 0, 0], values[0, 1, cells - 1], values[2, 1, 2] = 1, 2, 3
    schema, events = only(image, Cells.from_dense(Dense(values)))
    assert np.array_equal(batch_from_events(events, schema).dense("x").numpy(), values)


def test_any_arrays_of_a_user_will_do(toy: SimpleNamespace) -> None:
    """Doubles, other integers, views with gaps: the compiled loops see what they expect."""
    raw = toy.events(12, occupancy=0.5)
    schema = toy.schema()
    expected = batch_from_events(raw, schema)
    cells = Cells.from_dense(raw.images["grid"])
    cloud = raw.images["cloud"]
    odd = EventBatch(
        {
            "grid": Cells(
                cells.offsets.astype(np.int32), cells.place.astype(np.uint32), cells.value.astype(np.float64)
            ),
            "cloud": Points(cloud.offsets, np.asfortranarray(cloud.place), np.repeat(cloud.value, 2, axis=1)[:, ::2]),
        },
        {"pt": np.repeat(raw.features["pt"], 2)[::2]},
        raw.targets,
        raw.label.astype(np.int64),
        raw.row.astype(np.int32),
    )
    batch = batch_from_events(odd, schema)
    for name in ("grid", "cloud"):
        assert torch.equal(batch.dense(name), expected.dense(name))
    assert torch.equal(batch.features["pt"], expected.features["pt"])
    assert torch.equal(batch.event, expected.event)


def test_no_events_are_an_empty_batch(toy: SimpleNamespace) -> None:
    batch = batch_from_events(toy.events(0), toy.schema())
    assert len(batch) == 0
    assert batch.dense("grid").shape == (0, 2, 3, 4)


def test_a_schema_without_images_has_features(toy: SimpleNamespace) -> None:
    schema = toy.schema().model_copy(update={"images": ()})
    batch = batch_from_events(toy.events(4), schema)
    assert batch.images == {}
    assert batch.features["pt"].shape == (4,)


@pytest.mark.parametrize("part", ["cell", "offset", "last offset"])
@pytest.mark.parametrize("sparse", [False, True])
def test_hits_of_a_damaged_shard_are_an_error_and_no_crash(toy: SimpleNamespace, part: str, sparse: bool) -> None:
    raw = toy.events(12, occupancy=0.9, kind="cells")
    cells = raw.images["grid"]
    offsets, place = cells.offsets.copy(), cells.place.copy()
    if part == "cell":
        place[7] = 999
    else:
        offsets[-1 if part == "last offset" else 3] = 10**12
    raw.images["grid"] = Cells(offsets, place, cells.value)
    assembler = Assembler([raw], toy.schema(), sparse=["grid"] if sparse else [])
    with pytest.raises(DataError, match="the hits of image 'grid' are damaged; prepare the store again"):
        list(assembler.batches(np.arange(12), np.zeros(12, np.int64), [5, 5, 2]))


@pytest.mark.parametrize("kind", ["dense", "cells"])
def test_float16_stays_so_in_memory_and_becomes_the_same_numbers(kind: str) -> None:
    """Every one of the 65536, with infinities, NaN, zeros of both signs and the smallest."""
    values = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    image = Image(name="a", shape=(32, 32), channels=(Channel(name="q"),))
    images: Images = Dense(values.reshape(64, 1, 32, 32))
    if kind == "cells":
        images = Cells(np.arange(65) * 1024, np.tile(np.arange(1024, dtype=np.uint16), 64), values.reshape(-1, 1))
    table = ImageTable([images], image)
    where = table.locate(np.zeros(64, np.int64), np.arange(64))
    out = np.empty(1 << 16, np.float32)
    table.dense(where, out)
    wide = values.astype(np.float32)
    known = ~np.isnan(wide)
    assert np.array_equal(out[known].view(np.uint32), wide[known].view(np.uint32))
    assert np.isnan(out[~known]).all()
    if kind == "cells":
        assert np.array_equal(table.sparse(where).value.numpy()[:, 0], wide, equal_nan=True)
