"""Shower shapes against closed forms, and what must not change them."""

import numpy as np
import pytest

from pidcam.features import image_features

SHAPE = (2, 24, 24)


def features(image: np.ndarray) -> dict[str, np.ndarray]:
    """name -> (n,) of images (n, 2, 24, 24), without the image's own name."""
    names, matrix = image_features({"ecal": image}, {"ecal": ("energy", "time")}, {"ecal": ("eta", "phi")})
    assert matrix.dtype == np.float32
    assert matrix.shape == (len(image), len(names))
    assert np.isfinite(matrix).all()
    assert len(set(names)) == len(names)
    return {name.removeprefix("ecal."): matrix[:, i] for i, name in enumerate(names)}


def one(hits: dict[tuple[int, int], float]) -> dict[str, float]:
    image = np.zeros((1, *SHAPE), np.float32)
    for (row, column), energy in hits.items():
        image[0, 0, row, column] = energy
    return {name: float(value[0]) for name, value in features(image).items()}


@pytest.fixture
def showers() -> np.ndarray:
    """40 random sparse images that stay 4 cells away from every border; their energies are powers of two apart."""
    rng = np.random.default_rng(3)
    image = np.zeros((40, *SHAPE), np.float32)
    inside = image[:, :, 4:-4, 4:-4]
    inside[:, 0] = rng.exponential(size=inside[:, 0].shape) * (rng.random(inside[:, 0].shape) < 0.15)
    inside[:, 1] = rng.normal(size=inside[:, 1].shape) * (inside[:, 0] > 0)
    return image


def test_an_empty_image_gives_zeros():
    assert set(one({}).values()) == {0.0}


def test_no_events_give_an_empty_matrix():
    names, matrix = image_features({"ecal": np.zeros((0, *SHAPE), np.float32)})
    assert matrix.shape == (0, len(names))


def test_a_single_hit_is_concentrated_and_has_no_width():
    got = one({(7, 9): 2.0})
    assert got["energy.total"] == 2
    for name in ("hits", "max_fraction", "concentration", "e9", "e25", "e49", "e1_e9", "e9_e25", "swiss_cross"):
        assert got[f"energy.{name}"] == 1, name
    assert (got["energy.mean_eta"], got["energy.mean_phi"]) == (7, 9)
    zero = ("width_eta", "width_phi", "major", "minor", "kurtosis_eta", "extent_phi", "second_energy", "sigma_log_phi")
    assert all(got[f"energy.{name}"] == 0 for name in zero)


def test_two_hits_give_the_moments_of_two_points():
    # energies 3 and 1, four columns apart: mean a quarter of the way, variance p (1 - p) d^2
    got = one({(10, 8): 3.0, (10, 12): 1.0})
    p, d = 0.25, 4.0
    width = d * np.sqrt(p * (1 - p))
    assert got["energy.mean_phi"] == pytest.approx(9)
    assert got["energy.width_phi"] == pytest.approx(width)
    assert got["energy.skewness_phi"] == pytest.approx((1 - 2 * p) / np.sqrt(p * (1 - p)), rel=1e-5)
    assert got["energy.kurtosis_phi"] == pytest.approx((1 - 6 * p * (1 - p)) / (p * (1 - p)), rel=1e-5)
    assert got["energy.major"] == pytest.approx(width)
    assert got["energy.elongation"] == 1
    assert got["energy.angle"] == 0
    assert got["energy.asymmetry_phi"] == 1
    assert got["energy.near_phi_3_4"] == p
    assert got["energy.far_phi_3_4"] == 0
    assert got["energy.ring_4_5"] == p
    assert (got["energy.apart_energy"], got["energy.apart_distance_phi"]) == (pytest.approx(1 / 3), 4)
    assert got["energy.strip_phi"] == 1
    assert got["energy.width_eta"] == 0


def test_log_weights_of_two_equal_hits():
    assert one({(9, 9): 1.0, (9, 11): 1.0})["energy.sigma_log5_phi"] == pytest.approx(1)


def test_a_gaussian_has_its_width_and_no_higher_moments():
    x = np.arange(24) - 12
    profile = np.exp(-((x / 2.0) ** 2) / 2)[:, None] * np.exp(-((x / 3.0) ** 2) / 2)[None]
    got = {k: v[0] for k, v in features(np.stack([profile, profile])[None].astype(np.float32)).items()}
    assert got["energy.width_eta"] == pytest.approx(2, rel=1e-3)
    assert got["energy.width_phi"] == pytest.approx(3, rel=1e-2)
    assert got["energy.skewness_eta"] == pytest.approx(0, abs=1e-2)
    assert got["energy.kurtosis_eta"] == pytest.approx(0, abs=2e-2)
    assert got["energy.correlation_eta_phi"] == pytest.approx(0, abs=1e-6)


def test_a_diagonal_line_is_correlated():
    got = one({(k, k): 1.0 for k in range(5, 15)})
    assert got["energy.correlation_eta_phi"] == pytest.approx(1)
    assert got["energy.angle"] == pytest.approx(np.pi / 4)
    assert got["energy.minor"] == pytest.approx(0, abs=1e-6)


def test_the_time_of_two_hits_is_weighted_by_energy():
    image = np.zeros((1, *SHAPE), np.float32)
    image[0, :, 5, 5], image[0, :, 6, 6] = (3.0, 2.0), (1.0, 6.0)
    got = features(image)
    assert got["time.mean"] == 3
    assert got["time.mean_plain"] == 4
    assert got["time.rms_plain"] == 2
    assert got["time.peak"] == 2


def test_scaling_the_energy_changes_only_the_total(showers):
    scaled = showers.copy()
    scaled[:, 0] *= 8
    before, after = features(showers), features(scaled)
    for name in before:
        factor = 8 if name == "energy.total" else 1
        np.testing.assert_allclose(after[name], factor * before[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_moving_the_image_changes_only_the_centroid(showers):
    before, after = features(showers), features(np.roll(showers, (3, -2), axis=(2, 3)))
    moved = {"energy.mean_eta": 3, "energy.mean_phi": -2}
    for name in before:
        expected = before[name] + moved.get(name, 0)
        np.testing.assert_allclose(after[name], expected, rtol=1e-4, atol=1e-5, err_msg=name)


def test_mirroring_changes_only_what_has_a_sign(showers):
    before, after = features(showers), features(showers[..., ::-1])
    signed = ("asymmetry_phi", "skewness_phi", "mean_phi", "correlation_eta_phi", "covariance_log", "covariance_log5")
    signed += ("covariance_sqrt",)
    for name in before:
        if name.removeprefix("energy.") not in signed:
            np.testing.assert_allclose(after[name], before[name], rtol=1e-4, atol=1e-5, err_msg=name)
        elif name != "energy.mean_phi":
            np.testing.assert_allclose(after[name], -before[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_features_do_not_depend_on_the_batch(showers):
    _, together = image_features({"ecal": showers})
    alone = np.concatenate([image_features({"ecal": showers[i : i + 1]})[1] for i in range(len(showers))])
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("shape", [(1, 30), (1, 5, 6, 7), (2, 5, 6, 7)])
def test_images_of_other_dimensions_get_moments(shape):
    image = np.zeros((2, *shape), np.float32)
    image[0, 0].flat[3] = 5
    names, matrix = image_features({"tracker": image})
    got = dict(zip(names, matrix[0], strict=True))
    assert np.isfinite(matrix).all()
    assert got["tracker.channel0.total"] == 5
    assert got["tracker.channel0.hits"] == 1
    last = f"tracker.channel0.mean_axis{len(shape) - 2}"
    assert got[last] == 3
    assert not matrix[1].any()


def test_negative_values_count_by_size():
    image = np.zeros((1, 1, 8, 8), np.float32)
    image[0, 0, 2, 2], image[0, 0, 2, 4] = -1, 1
    names, matrix = image_features({"wires": image})
    got = dict(zip(names, matrix[0], strict=True))
    assert got["wires.channel0.total"] == 2
    assert got["wires.channel0.mean_axis1"] == 3
