"""Track features against tracks that were laid by hand."""

import numpy as np
import pytest
import torch

import pidcam.features as features_of
from pidcam.batch import SparseImage
from pidcam.features import ImageHits, image_features


def features(*hits: dict[tuple[int, int, int], float], channels: int = 1) -> dict[str, np.ndarray]:
    image = np.zeros((len(hits), channels, 12, 12, 12), np.float32)
    for event, cells in enumerate(hits):
        for place, energy in cells.items():
            image[(event, 0, *place)] = energy
    names, matrix = image_features({"tpc": image}, {"tpc": ("energy",)}, {"tpc": ("x", "y", "z")})
    assert np.isfinite(matrix).all()
    return {name.removeprefix("tpc.energy."): matrix[:, i] for i, name in enumerate(names)}


def test_a_straight_track_with_a_blob_at_one_end():
    track = {(k, 5, 5): 1.0 for k in range(10)}
    got = features(track | {(9, 5, 5): 4.0}, track | {(0, 5, 5): 4.0})
    assert got["length"] == pytest.approx(9)
    assert got["minor"] == pytest.approx(0, abs=1e-6)
    assert got["end_low"] == pytest.approx(2 / 13)
    assert got["end_high"] == pytest.approx(5 / 13)
    assert got["blob0_low"] == pytest.approx(2 / 13)
    assert got["blob0_high"] == pytest.approx(5 / 13)
    for name in ("major", "thickness", "blob2_low"):
        assert got[name][0] == pytest.approx(got[name][1]), "no end is the first"


def test_two_blobs_have_a_strong_weaker_end():
    track = {(5, k, 5): 1.0 for k in range(10)}
    one, two = features(track | {(5, 9, 5): 5.0}, track | {(5, 9, 5): 5.0, (5, 0, 5): 5.0})["blob0_low"]
    assert two > 2 * one


def test_an_empty_event_and_a_single_hit():
    got = features({}, {(3, 3, 3): 2.0})
    assert not any(value[0] for value in got.values())
    assert got["length"][1] == 0
    assert got["blob0_low"][1] == got["end_high"][1] == 1


@pytest.mark.parametrize("shape", [(30,), (9, 7), (5, 6, 4)])
def test_hits_and_dense_images_have_the_same_features_however_many_together(shape, monkeypatch):
    rng = np.random.default_rng(1)
    image = rng.normal(size=(20, 2, *shape)) * (rng.random((20, 2, *shape)) < 0.2)
    image[3] = 0
    hits = SparseImage.of(torch.tensor(image))
    table = ImageHits(20, shape, hits.event.numpy(), hits.place.T.numpy(), hits.value.numpy())
    (names, dense), (same, sparse) = image_features({"a": image}), image_features({"a": table})
    assert names == same
    np.testing.assert_array_equal(dense, sparse)

    most = np.bincount(table.event).max() + 1  # about an event at a time, and the empty one with its neighbour
    worked_on = []
    one = features_of._one_image
    monkeypatch.setattr(features_of, "CHUNK", most)
    monkeypatch.setattr(features_of, "_one_image", lambda hits, *names: worked_on.append(hits) or one(hits, *names))
    for given in (image, table):
        np.testing.assert_array_equal(image_features({"a": given})[1], dense)
    assert max(len(hits.event) for hits in worked_on) <= most
