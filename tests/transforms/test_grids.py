"""Grids chosen when loading, and noise: against plain NumPy and the numbers that were asked for."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from pidcam.batch import Batch, SparseImage
from pidcam.errors import ConfigError, UnknownNameError
from pidcam.schema import Channel, Column, EventSchema, Image
from pidcam.transforms.base import Chain

SCHEMA = EventSchema(
    name="tpc",
    images=(
        Image(
            name="track",
            shape=(8, 6),
            axes=("x", "y"),
            channels=(Channel(name="e"), Channel(name="n")),
            low=(-4.0, -3.0),
            pitch=(1.0, 1.0),
            storage="points",
        ),
    ),
    features=(Column(name="x0"), Column(name="y0")),
)


def points(n: int = 20, seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 12, n)
    offsets = torch.from_numpy(np.concatenate([[0], np.cumsum(counts)]))
    place = torch.from_numpy(rng.normal(0, 1.5, (int(offsets[-1]), 2)).astype(np.float32))
    value = torch.from_numpy(rng.exponential(1, (len(place), 2)).astype(np.float32))
    image = SparseImage(offsets, place, value, (8, 6), (-4.0, -3.0), (1.0, 1.0))
    features = {name: torch.from_numpy(rng.normal(0, 1, n).astype(np.float32)) for name in ("x0", "y0")}
    nothing = torch.zeros(n, dtype=torch.int64)
    return Batch({"track": image}, features, {}, nothing, torch.ones(n), torch.zeros(n, 2, dtype=torch.int64))


def chain(**config: Any) -> Chain:
    return Chain([config], SCHEMA, {})


def histogram(batch: Batch, event: int, middle: np.ndarray, pitch: float, shape: tuple[int, int]) -> np.ndarray:
    """What `voxelise` must give: the middle lies in the middle of voxel n // 2."""
    hits = batch.images["track"]
    assert isinstance(hits, SparseImage)
    mine = slice(int(hits.offsets[event]), int(hits.offsets[event + 1]))
    place = hits.place[mine].numpy() - middle
    edges = [pitch * (np.arange(n + 1) - n // 2 - 0.5) for n in shape]
    return np.stack([np.histogram2d(*place.T, bins=edges, weights=w)[0] for w in hits.value[mine].numpy().T])


@pytest.mark.parametrize("centre", ["barycentre", "highest", ["x0", "y0"]])
@pytest.mark.parametrize("sparse", [False, True])
def test_voxels_about_the_centre_of_each_event(centre: Any, sparse: bool) -> None:
    before = points()
    made = chain(name="voxelise", image="track", pitch=0.7, shape=[4, 5], centre=centre, channel="n", sparse=sparse)
    after = made(before)
    assert made.hits == ("track",)
    assert made.schema.image("track").shape == (4, 5)
    assert made.schema.image("track").pitch == (0.7, 0.7)
    assert isinstance(after.images["track"], SparseImage) == sparse
    hits = before.images["track"]
    assert isinstance(hits, SparseImage)
    for event in range(len(before)):
        mine = slice(int(hits.offsets[event]), int(hits.offsets[event + 1]))
        place, value = hits.place[mine].numpy(), hits.value[mine, 1].numpy()
        if isinstance(centre, list):
            middle = np.array([before.features["x0"][event], before.features["y0"][event]])
        elif not len(place):
            continue
        elif centre == "highest":
            middle = place[value.argmax()]
        else:
            middle = (place * value[:, None]).sum(0) / value.sum()
        expected = histogram(before, event, middle, 0.7, (4, 5))
        assert np.allclose(after.dense("track")[event], expected, atol=1e-5)
        if centre == "highest":
            assert after.dense("track")[event, 1, 2, 2] >= value.max() * (1 - 1e-6)


def test_the_grid_of_the_store_is_the_one_that_the_loader_uses() -> None:
    before = points()
    same = chain(name="voxelise", image="track", pitch=1.0, shape=[8, 6])
    assert torch.equal(same(before).dense("track"), before.dense("track"))
    assert same.schema.image("track").low == SCHEMA.images[0].low
    finer = chain(name="voxelise", image="track", pitch=0.5, window=[8.0, 6.0])
    assert finer.schema.image("track").shape == (16, 12)
    blocks = finer(before).dense("track").unflatten(3, (6, 2)).sum(4).unflatten(2, (8, 2)).sum(3)
    assert torch.allclose(blocks, before.dense("track"), atol=1e-5), "four fine voxels are a coarse one"


def test_a_window_at_a_point_of_the_detector() -> None:
    made = chain(name="voxelise", image="track", pitch=1.0, shape=[2, 2], at=[1.0, -1.0])
    assert torch.equal(made(points()).dense("track"), points().dense("track")[:, :, 4:6, 1:3])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"pitch": 1.0}, "transform 'voxelise': needs either shape or window"),
        ({"pitch": [1.0], "shape": [2, 2]}, "transform 'voxelise': image 'track' has 2 axes, pitch has 1"),
        ({"pitch": 1.0, "shape": [2, 2], "centre": ["x0", "z0"]}, "transform 'voxelise': unknown column 'z0'"),
        ({"pitch": 1.0, "shape": [2, 2], "centre": "highest", "at": [0, 0]}, "transform 'voxelise': at is a point"),
        ({"pitch": 1.0, "shape": [2, 2], "channel": "m"}, "transform 'voxelise': unknown channel 'm'"),
    ],
)
def test_a_grid_that_makes_no_sense_is_one_line(config: dict[str, Any], message: str) -> None:
    with pytest.raises((ConfigError, UnknownNameError)) as error:
        chain(name="voxelise", image="track", **config)
    assert str(error.value).startswith(message)


def dense(n: int = 400, energy: float = 4.0) -> Batch:
    image = torch.zeros(n, 2, 8, 6)
    image[:, :, 2:4, 3:5] = energy
    return replace(points(n), images={"track": image})


@pytest.mark.parametrize("how", ["sum", "mean", "max"])
def test_down_sampling_is_pooling_with_zeros_at_the_end(how: str) -> None:
    before = replace(points(5), images={"track": torch.randn(5, 2, 8, 6, generator=torch.Generator().manual_seed(1))})
    after = chain(name="downsample", image="track", factor={"x": 3, "y": 2}, how=how)(before).dense("track")
    padded = torch.cat([before.dense("track"), torch.zeros(5, 2, 1, 6)], 2)
    blocks = padded.view(5, 2, 3, 3, 3, 2)
    expected = blocks.amax((3, 5)) if how == "max" else getattr(blocks, how)((3, 5))
    assert torch.allclose(after, expected)


def test_a_crop_brings_the_highest_cell_to_the_middle() -> None:
    image = torch.rand(30, 2, 8, 6, generator=torch.Generator().manual_seed(1))
    after = chain(name="crop", image="track", cells={"x": 4, "y": 3}, about="highest", channel="n")(
        replace(points(30), images={"track": image})
    )
    assert torch.equal(after.dense("track")[:, 1, 2, 1], image[:, 1].amax((1, 2)))
    middle = chain(name="crop", image="track", cells={"x": 4, "y": 2})
    assert torch.equal(middle(replace(points(30), images={"track": image})).dense("track"), image[:, :, 2:6, 2:4])
    assert middle.schema.image("track").low == (-2.0, -1.0)


@pytest.mark.parametrize("per", ["cell", "event"])
@pytest.mark.parametrize("as_hits", [False, True])
def test_smearing_has_the_resolution_that_was_asked_for(per: str, as_hits: bool) -> None:
    before = dense()
    given = replace(before, images={"track": SparseImage.of(before.dense("track"))}) if as_hits else before
    made = chain(name="smear", image="track", per=per, stochastic=0.1, constant=0.03, noise=0.08)
    after = made(given, torch.Generator().manual_seed(5), training=True).dense("track")
    assert torch.equal(after[:, 1], before.dense("track")[:, 1])
    assert ((after[:, 0] != 0) == (before.dense("track")[:, 0] != 0)).all()
    energy = 4.0 if per == "cell" else 16.0
    values = after[:, 0, 2:4, 3:5].flatten() if per == "cell" else after[:, 0].sum((1, 2))
    expected = math.sqrt(0.1**2 / energy + 0.03**2 + (0.08 / energy) ** 2)
    found, n = (values.std() / energy).item(), len(values)
    assert abs(found - expected) < 5 * expected / math.sqrt(2 * n)
    assert abs(values.mean() / energy - 1) < 5 * expected / math.sqrt(n)
    assert torch.equal(made(given).dense("track"), before.dense("track")), "in training only"


@pytest.mark.parametrize("as_hits", [False, True])
def test_cells_drop_out_whole_with_the_stated_probability(as_hits: bool) -> None:
    before = dense()
    given = replace(before, images={"track": SparseImage.of(before.dense("track"))}) if as_hits else before
    after = chain(name="drop_cells", probability=0.3)(given, torch.Generator().manual_seed(5), training=True)
    alive = after.dense("track")[:, :, 2:4, 3:5] != 0
    assert torch.equal(alive[:, 0], alive[:, 1])
    n = alive[:, 0].numel()
    assert abs(alive[:, 0].float().mean() - 0.7) < 5 * math.sqrt(0.21 / n)


def test_standardised_hits_have_mean_zero_and_width_one() -> None:
    from pidcam.store.manifest import Moments

    before = points(200)
    hits = before.images["track"]
    assert isinstance(hits, SparseImage)
    statistics = {"track": Moments.of_hits(hits.value.numpy(), 200 * 48).statistics()}
    after = Chain([{"name": "standardise"}], SCHEMA, statistics)(before).images["track"]
    assert isinstance(after, SparseImage)
    assert torch.allclose(after.value.mean(0), torch.zeros(2), atol=1e-5)
    assert torch.allclose(after.value.std(0, correction=0), torch.ones(2), atol=1e-4)
