"""Transforms: closed forms, what they leave alone, and that a run records exactly what it did."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pidcam.batch import Batch, SparseImage, flat_cells
from pidcam.errors import ConfigError, UnknownNameError
from pidcam.features import image_features
from pidcam.schema import Channel, Column, EventSchema, Image
from pidcam.store.manifest import ChannelStatistics
from pidcam.transforms.base import Chain, Transform, transforms

SCHEMA = EventSchema(
    name="toy",
    images=(
        Image(name="ecal", shape=(6, 8), axes=("eta", "phi"), channels=(Channel(name="e"), Channel(name="t"))),
        Image(name="tracker", shape=(4, 4), axes=("x", "y"), channels=(Channel(name="q"),)),
        Image(name="hcal", shape=(4, 6, 3), axes=("phi", "eta", "depth"), channels=(Channel(name="e"),)),
    ),
    features=(Column(name="pt"),),
)


def channel(hit_rms: float) -> ChannelStatistics:
    return ChannelStatistics(cells=100, hits=10, mean=0.1, std=1, hit_mean=1, hit_rms=hit_rms, minimum=0, maximum=9)


STATISTICS = {"ecal": (channel(4.0), channel(0.0)), "hcal": (channel(0.5),), "tracker": (channel(2.0),)}


def batch(n: int = 5, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    images: dict[str, Any] = {i.name: torch.randn(n, *i.dense_shape, generator=generator) for i in SCHEMA.images}
    images["ecal"][0, 0, 0, 0] = 0
    column = torch.arange(n).float()
    return Batch(
        images, {"pt": column}, {}, torch.zeros(n, dtype=torch.int64), column, torch.zeros(n, 2, dtype=torch.int64)
    )


def generator(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def built(**config: Any) -> Transform:
    ((_, transform, _),) = Chain([config], SCHEMA, STATISTICS).steps
    return transform


def untouched(before: Batch, after: Batch, images: tuple[str, ...] = ()) -> bool:
    named = all(torch.equal(before.dense(name), after.dense(name)) for name in images)
    return (
        named and torch.equal(before.features["pt"], after.features["pt"]) and torch.equal(before.weight, after.weight)
    )


OPTIONS: dict[str, dict[str, Any]] = {
    "asinh": {"scale": {"ecal": [1, 2]}},
    "channels": {"keep": {"ecal": ["e"]}},
    "crop": {"image": "ecal", "cells": {"eta": 3, "phi": 10}, "about": "highest"},
    "downsample": {"image": "hcal", "factor": {"phi": 2, "eta": 4}},
    "drop_cells": {"probability": 0.2},
    "flip": {"axes": ["eta", "phi"], "about": "cell"},
    "inputs": {"images": ["ecal"]},
    "log": {"scale": {"ecal": [1, 2]}},
    "rotate": {"axes": ["x", "y"]},
    "scale": {},
    "shapes": {},
    "shift": {"axes": ["phi"], "cyclic": True, "cells": 3},
    "smear": {"image": "ecal", "stochastic": 0.1},
    "standardise": {},
    "tanh_log": {"scale": {"hcal": [3]}},
    "unit": {"to": "norm"},
    "voxelise": {"image": "hcal", "pitch": 2.0, "shape": [3, 3, 2], "centre": "highest"},
}


# closed forms


def test_scale_divides_by_the_training_rms() -> None:
    before = batch()
    after = built(name="scale")(before, SCHEMA, generator())
    assert torch.equal(after.dense("ecal")[:, 0], before.dense("ecal")[:, 0] / 4)
    assert torch.equal(after.dense("ecal")[:, 1], before.dense("ecal")[:, 1]), "a channel that is always zero"
    assert torch.equal(after.dense("hcal"), before.dense("hcal") / 0.5)
    assert untouched(before, after)


def test_scale_by_given_values_leaves_other_images_alone() -> None:
    before = batch()
    after = built(name="scale", by={"ecal": [2, 10]})(before, SCHEMA, generator())
    assert torch.allclose(after.dense("ecal")[:, 1], before.dense("ecal")[:, 1] / 10)
    assert untouched(before, after, ("hcal",))


@given(x=st.floats(-1e6, 1e6, width=32), scale=st.floats(1e-3, 1e3))
def test_asinh_is_odd_linear_below_the_scale_and_logarithmic_above(x: float, scale: float) -> None:
    given_batch = replace(batch(2), images={**batch(2).images, "hcal": torch.tensor([x, -x]).view(2, 1, 1, 1, 1)})
    up, down = built(name="asinh", scale={"hcal": [scale]})(given_batch, SCHEMA, generator()).dense("hcal").flatten()
    assert up == -down
    assert up.item() == pytest.approx(math.asinh(x / scale), rel=1e-4, abs=1e-6)
    ratio = abs(x) / scale
    if ratio < 0.01:
        assert up.item() == pytest.approx(x / scale, rel=1e-4, abs=1e-12)
    if ratio > 100:
        assert abs(up.item()) == pytest.approx(math.log(2 * ratio), rel=1e-4)


@pytest.mark.parametrize("config", [{"name": "scale"}, {"name": "asinh", "scale": {"ecal": [0.5, 3.0]}}])
def test_hits_are_changed_as_their_cells_are(config: dict[str, Any]) -> None:
    dense = batch()
    event, row, column = torch.nonzero((dense.dense("ecal") != 0).any(1), as_tuple=True)
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), torch.bincount(event).cumsum(0)])
    hits = SparseImage(offsets, torch.stack([row, column], 1), dense.dense("ecal")[event, :, row, column], (6, 8))
    transform = built(**config)
    expected = transform(dense, SCHEMA, generator()).dense("ecal")[event, :, row, column]
    found = transform(replace(dense, images={**dense.images, "ecal": hits}), SCHEMA, generator()).images["ecal"]
    assert isinstance(found, SparseImage)
    assert torch.equal(found.value, expected)
    assert torch.equal(found.place, hits.place)


# augmentations


@given(axes=st.lists(st.sampled_from(["eta", "phi", "depth"]), min_size=1, unique=True), seed=st.integers(0, 999))
@settings(max_examples=30)
def test_flips_are_undone_by_the_same_flips_and_lose_nothing(axes: list[str], seed: int) -> None:
    flip, before = built(name="flip", axes=axes), batch(9, seed)
    after = flip(before, SCHEMA, generator(seed))
    for name in ("ecal", "hcal"):
        one, two = before.dense(name).flatten(2).sort().values, after.dense(name).flatten(2).sort().values
        assert torch.equal(one, two), "every value stays in its event and channel"
    assert untouched(before, flip(after, SCHEMA, generator(seed)), ("ecal", "hcal"))


def test_images_are_flipped_alike_and_about_half_of_them() -> None:
    n = 2000
    marked = {i.name: torch.zeros(n, *i.dense_shape) for i in SCHEMA.images}
    marked["ecal"][:, 0, 1, 2] = 1
    marked["hcal"][:, 0, 2, 1, 1] = 1  # phi 2 of 4, eta 1 of 6
    before = replace(batch(n), images=dict(marked))
    after = built(name="flip", axes=["phi", "eta"])(before, SCHEMA, generator())
    _, _, eta, phi = torch.nonzero(after.dense("ecal"), as_tuple=True)
    _, _, other_phi, other_eta, depth = torch.nonzero(after.dense("hcal"), as_tuple=True)
    flipped_eta, flipped_phi = eta == 4, phi == 5
    assert torch.equal(flipped_eta, other_eta == 4)
    assert torch.equal(flipped_phi, other_phi == 1)
    assert (depth == 1).all()
    for flipped in (flipped_eta, flipped_phi, flipped_eta == flipped_phi):
        assert abs(flipped.float().mean() - 0.5) < 5 * 0.5 / math.sqrt(n)


@given(cells=st.integers(1, 9), seed=st.integers(0, 999))
@settings(max_examples=30)
def test_a_shift_moves_all_images_alike_and_keeps_what_stays_inside(cells: int, seed: int) -> None:
    before = batch(20, seed)
    after = built(name="shift", axes=["eta"], cells=cells)(before, SCHEMA, generator(seed))
    steps = torch.randint(-cells, cells + 1, (20,), generator=generator(seed))
    for name, dimension in (("ecal", 1), ("hcal", 2)):
        for i, step in enumerate(steps.tolist()):
            old, new = before.dense(name)[i], after.dense(name)[i]
            length = old.shape[dimension]
            kept = max(0, length - abs(step))
            expected = torch.zeros_like(old)
            if kept:
                part = old.narrow(dimension, max(0, -step), kept)
                expected.narrow(dimension, max(0, step), kept).copy_(part)
            assert torch.equal(new, expected)
    assert untouched(before, after)


def test_a_shift_in_an_image_with_an_infinite_margin_conserves_energy() -> None:
    before = batch(50)
    before.images["ecal"][:, :, [0, 1, 4, 5]] = 0
    after = built(name="shift", axes=["eta"], cells=2)(before, SCHEMA, generator())
    assert torch.allclose(after.dense("ecal").sum((2, 3)), before.dense("ecal").sum((2, 3)), atol=1e-5)
    assert not torch.equal(after.dense("ecal"), before.dense("ecal"))


@pytest.mark.parametrize("name", ["flip", "shift"])
def test_random_choices_come_from_the_generator_alone(name: str) -> None:
    transform = built(name=name, axes=["eta", "phi"])
    torch.manual_seed(1)
    one = transform(batch(30), SCHEMA, generator())
    torch.manual_seed(2)
    two = transform(batch(30), SCHEMA, generator())
    assert untouched(one, two, ("ecal", "hcal"))
    assert not torch.equal(one.dense("ecal"), transform(batch(30), SCHEMA, generator(9)).dense("ecal"))


@pytest.mark.parametrize("name", sorted(transforms))
def test_the_batch_that_is_given_stays_as_it_is(name: str) -> None:
    before, copy = batch(), batch()
    built(name=name, **OPTIONS[name])(before, SCHEMA, generator())
    assert untouched(before, copy, ("ecal", "hcal"))


@pytest.mark.parametrize("name", sorted(set(transforms) - {"drop_cells", "smear"}))
def test_hits_are_changed_as_the_dense_image_is(name: str) -> None:
    """An image may come as hits, and what a transform makes of them is what it makes of their cells."""
    transform, full = built(name=name, **OPTIONS[name]), batch(40)
    thin = {k: x * (torch.rand(40, 1, *x.shape[2:], generator=generator(8)) < 0.3) for k, x in full.images.items()}
    dense, hits = (replace(full, images=images) for images in (thin, {k: SparseImage.of(x) for k, x in thin.items()}))
    expected, found = (transform(given, SCHEMA, generator(4)) for given in (dense, hits))
    schema, _ = transform.outcome(SCHEMA, STATISTICS)
    for image in schema.images:
        assert expected.dense(image.name).shape[1:] == image.dense_shape, "the schema says what comes out"
        assert torch.allclose(found.dense(image.name), expected.dense(image.name), atol=1e-5)
        given = found.images[image.name]
        if isinstance(given, SparseImage):
            one, two = given.on_grid(), found.hits(image.name)
            cell = flat_cells(one.event, one.place, one.shape)
            assert (cell.diff() > 0).all(), "cells of an event ascend and none comes twice"
            assert torch.equal(two.place, one.place)


@pytest.mark.parametrize("name", sorted(transforms))
def test_what_is_recorded_builds_the_same_transform(name: str) -> None:
    chain = Chain([{"name": name, **OPTIONS[name]}], SCHEMA, STATISTICS)
    again = Chain(json.loads(json.dumps(chain.describe())), SCHEMA, {})
    assert again.steps == chain.steps
    assert again.schema == chain.schema


def test_statistics_that_no_longer_hold_are_not_used() -> None:
    """Scaling by the rms of raw training data after a logarithm would be a silent mistake; after a scale it is not."""
    log = {"name": "log", "scale": {"ecal": [1, 1]}}
    with pytest.raises(
        ConfigError, match="no training statistics of image 'ecal'; put it before transforms that change"
    ):
        Chain([log, {"name": "scale"}], SCHEMA, STATISTICS)
    twice = Chain([{"name": "scale"}, {"name": "scale"}], SCHEMA, STATISTICS)
    assert twice.describe()[1]["by"]["ecal"] == [1.0, 1.0], "what was scaled has an rms of 1"


# recorded and built again

CHAIN = [
    {"name": "scale"},
    {"name": "asinh", "scale": {"ecal": [0.5, 2.0]}},
    {"name": "flip", "axes": ["eta"]},
    {"name": "shift", "axes": ["eta", "phi"], "cells": 2},
]


def test_what_a_run_records_makes_the_same_change_without_the_statistics() -> None:
    first = Chain(CHAIN, SCHEMA, STATISTICS)
    told = first.describe()
    assert told[0] == {"name": "scale", "by": {"ecal": [4.0, 1.0], "tracker": [2.0], "hcal": [0.5]}}
    again = Chain(told, SCHEMA, {})
    assert again.steps == first.steps
    assert again.describe() == told
    one, two = (chain(batch(), generator(), training=True) for chain in (first, again))
    assert untouched(one, two, ("ecal", "hcal"))


def test_channels_change_what_a_model_sees() -> None:
    """What follows is fitted to the channels that are left, and the schema says so."""
    chain = Chain([{"name": "channels", "keep": {"ecal": ["t"]}}, {"name": "scale"}], SCHEMA, STATISTICS)
    before = batch()
    after = chain(before)
    assert [c.name for c in chain.schema.image("ecal").channels] == ["t"]
    assert chain.schema.image("hcal") == SCHEMA.image("hcal")
    assert chain.describe()[1] == {"name": "scale", "by": {"ecal": [1.0], "tracker": [2.0], "hcal": [0.5]}}
    assert torch.equal(after.dense("ecal"), before.dense("ecal")[:, 1:])


def test_flip_about_the_cell_keeps_the_highest_hit_of_a_crop_in_its_place() -> None:
    """On an even grid mirroring the grid would move the central cell by one."""
    flip = built(name="flip", axes=["phi"], about="cell")
    before = batch(200)
    n = before.dense("ecal").shape[3]
    after = flip(before, SCHEMA, generator())
    mirrored = [(n - i) % n for i in range(n)]
    centre = n // 2
    assert torch.equal(before.dense("ecal")[..., centre], after.dense("ecal")[..., centre])
    changed = (after.dense("ecal") != before.dense("ecal")).flatten(1).any(1)
    assert 50 < changed.sum() < 150
    assert torch.equal(after.dense("ecal")[changed], before.dense("ecal")[changed][..., mirrored])


def test_only_augmentations_are_marked_as_such() -> None:
    assert [t.augmentation for _, t, _ in Chain(CHAIN, SCHEMA, STATISTICS).steps] == [False, False, True, True]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"by": "rms"}, "transforms: a transform needs a name; known: asinh, channels, crop, downsample"),
        ({"name": "scael"}, "unknown transform 'scael'; did you mean 'scale'?"),
        ({"name": "flip", "axs": ["eta"]}, "transform 'flip': unknown key 'axs'; did you mean 'axes'?"),
        ({"name": "flip"}, "transform 'flip' axes: field required"),
        ({"name": "flip", "axes": []}, "transform 'flip' axes: list should have at least 1 item"),
        ({"name": "flip", "axes": ["eat"]}, "transforms: unknown axis 'eat'; did you mean 'eta'?"),
        (
            {"name": "shift", "axes": ["eta"], "cells": 0},
            "transform 'shift' cells: input should be greater than or equal",
        ),
        ({"name": "scale", "by": {"ecal": [1]}}, "transforms: image 'ecal' has 2 channels, 1 values were given"),
        ({"name": "scale", "by": {"ecal": [1, 0]}}, "transforms: image 'ecal' needs positive values"),
        ({"name": "scale", "by": {"ecal": [1, math.nan]}}, "transforms: image 'ecal' needs positive values"),
        ({"name": "scale", "by": {"ecla": [1, 1]}}, "unknown image 'ecla'; did you mean 'ecal'?"),
        ({"name": "asinh", "scale": {"hcal": [-1]}}, "transforms: image 'hcal' needs positive values"),
        ({"name": "asinh", "scale": {"hcal": [math.inf]}}, "transforms: image 'hcal' needs positive values"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_one_line(config: dict[str, Any], message: str) -> None:
    with pytest.raises((ConfigError, UnknownNameError)) as error:
        Chain([config], SCHEMA, STATISTICS)
    assert str(error.value).startswith(message)


def test_rms_without_training_statistics_is_one_line() -> None:
    with pytest.raises(
        ConfigError, match="transform 'scale': there are no training statistics of image 'ecal'; put it"
    ):
        Chain([{"name": "scale"}], SCHEMA, {})


def test_a_model_may_be_given_some_of_the_inputs_alone():
    chain = Chain([{"name": "inputs", "images": ["hcal"], "features": []}], SCHEMA, STATISTICS)
    assert ([i.name for i in chain.schema.images], chain.schema.features) == (["hcal"], ())
    after = chain(batch())
    assert list(after.images) == ["hcal"]
    assert "pt" in after.features, "what is known of an event is told beside its scores"
    features = Chain([{"name": "inputs", "images": []}], SCHEMA, STATISTICS).schema
    assert (features.images, [f.name for f in features.features]) == ((), ["pt"])
    scaled = [{"name": "inputs", "images": ["hcal"]}, {"name": "scale", "by": "rms"}]
    assert Chain(scaled, SCHEMA, STATISTICS)(batch()).images.keys() == {"hcal"}


@pytest.mark.parametrize(
    ("config", "error", "words"),
    [
        ({"images": ["ecall"]}, UnknownNameError, "unknown image 'ecall'; did you mean 'ecal'?"),
        ({"features": ["m0"]}, UnknownNameError, "unknown feature 'm0'"),
        ({"images": [], "features": []}, ConfigError, "keeps neither an image nor a feature"),
    ],
)
def test_inputs_that_cannot_be_kept_are_told(config, error, words):
    with pytest.raises(error) as caught:
        built(name="inputs", **config)
    assert words in str(caught.value)


def test_shapes_are_what_trees_see_and_are_no_spectators() -> None:
    """Of the images at this place of the list; a network on them alone needs nothing else."""
    before = batch()
    chain = Chain([{"name": "scale"}, {"name": "shapes"}, {"name": "inputs", "images": []}], SCHEMA, STATISTICS)
    after = chain(before, generator())
    scaled = Chain([{"name": "scale"}], SCHEMA, STATISTICS)(before, generator())
    images = {image.name: scaled.dense(image.name).numpy() for image in SCHEMA.images}
    channels = {image.name: [c.name for c in image.channels] for image in SCHEMA.images}
    names, matrix = image_features(images, channels, {image.name: image.axes for image in SCHEMA.images})
    assert [column.name for column in chain.schema.features] == ["pt", *names]
    seen = after.stack_features(["pt", *names])
    assert torch.equal(seen[:, 0], before.features["pt"])
    assert torch.allclose(seen[:, 1:], torch.asinh(torch.from_numpy(matrix)), rtol=1e-5, atol=1e-6)
    assert list(after.features) == ["pt"], "what a table of predictions takes along"


def test_shapes_twice_are_refused() -> None:
    with pytest.raises(ConfigError, match="'shapes' stands twice"):
        Chain([{"name": "shapes"}, {"name": "shapes"}], SCHEMA, STATISTICS)
