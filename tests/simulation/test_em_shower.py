"""Grindhammer and Peters' parametrisation: reference values in lead tungstate, limits, sums."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.special import gammainc

from pidcam.simulation import em_shower as gp
from pidcam.simulation.materials import LEAD_TUNGSTATE, SILICON, TUNGSTEN, Sampling, layers

PBWO4 = LEAD_TUNGSTATE


def test_lead_tungstate() -> None:
    assert PBWO4.critical == pytest.approx(8.738e-3, rel=1e-3)
    assert PBWO4.moliere == pytest.approx(2.159, rel=1e-3)
    assert PBWO4.x0 == pytest.approx(0.890, abs=5e-4)


@pytest.mark.parametrize(("energy", "peak", "alpha", "spots"), [(50, 7.794, 4.768, 12_094), (10, 6.185, 3.920, 2_953)])
def test_mean_profile(energy: float, peak: float, alpha: float, spots: float) -> None:
    assert gp.mean_profile(float(energy), PBWO4) == pytest.approx((peak, alpha), abs=1e-3)
    assert gp.spots(float(energy), PBWO4) == pytest.approx(spots, rel=1e-4)


def test_fluctuating_profile() -> None:
    assert gp.log_energy(50.0, PBWO4) == pytest.approx(8.6521, abs=5e-4)
    assert gp.log_profile(50.0, PBWO4) == pytest.approx((2.0593, 0.1052, 1.6211, 0.1458, 0.506), abs=2e-4)


def test_radial_profile() -> None:
    assert gp.radial(50.0, 1.0, PBWO4) == pytest.approx((0.1277, 0.7177, 0.8650), abs=1e-4)
    cores = [gp.radial(50.0, tau, PBWO4)[0] for tau in (0.2, 1.0, 2.0)]
    assert cores == sorted(cores), "showers grow wider with depth"


def test_drawn_profiles_have_their_moments() -> None:
    logs = gp.log_profile(50.0, PBWO4)
    rng = np.random.default_rng(1)
    drawn = np.log([gp.draw_profile(logs, rng) for _ in range(20_000)]).T
    assert drawn.mean(axis=1) == pytest.approx([logs[0], logs[2]], abs=4e-3)
    assert drawn.std(axis=1) == pytest.approx([logs[1], logs[3]], rel=0.02)
    assert np.corrcoef(drawn)[0, 1] == pytest.approx(logs[4], abs=0.02)


@pytest.mark.parametrize("t", [0.01, 1.0, 7.8, 30.0, 200.0])
def test_deposited_is_the_incomplete_gamma_function(t: float) -> None:
    assert gp.deposited(t, 7.794, 4.768) == pytest.approx(gammainc(4.768, 3.768 / 7.794 * t), abs=1e-9)


def test_age_of_the_mean_shower_is_depth_over_its_peak() -> None:
    mean = math.log(4.768)
    assert gp.shower_age(7.794, 7.794, 4.768, mean) == pytest.approx(1.0)


def test_radii_follow_the_profile() -> None:
    """Half of a component lies within its radius."""
    rng = np.random.default_rng(2)
    radii = np.array([gp.draw_radius(0.2, 1.0, 1.0, rng) for _ in range(20_000)])
    assert (radii < 0.2).mean() == pytest.approx(0.5, abs=0.01)


def test_corners_integrate_the_profile() -> None:
    area = dblquad(lambda y, x: 0.25 / math.pi / (x * x + y * y + 0.25) ** 2, 0, 1, 0, 2)[0]
    assert gp.inside_corner(1.0, 2.0, 0.5) == pytest.approx(area, rel=1e-6)
    assert 4 * gp.inside_corner(1e6, 1e6, 0.5) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("x", [0.0, -1e-9, 0.3, 1.0, -1.0, 2.5, -40.0, 1e12])
def test_arctangent(x: float) -> None:
    assert gp.arctangent(x) == pytest.approx(math.atan(x), abs=2e-8)


def test_sampling_goes_over_into_homogeneous_for_fine_layers() -> None:
    fine = Sampling(frequency=1e9, e_hat=1.0, resolution=0.01)
    t, _, alpha, _, _ = gp.log_profile_sampling(50.0, PBWO4, fine)
    assert (t, alpha) == pytest.approx((gp.log_profile(50.0, PBWO4)[0], gp.log_profile(50.0, PBWO4)[2]), abs=1e-6)
    assert gp.radial_sampling(50.0, 1.0, PBWO4, fine) == pytest.approx(gp.radial(50.0, 1.0, PBWO4), abs=1e-6)


def test_sampling_showers_start_earlier_and_are_smeared() -> None:
    coarse = Sampling(frequency=1.2, e_hat=0.65, resolution=0.17)
    assert gp.log_profile_sampling(50.0, PBWO4, coarse)[0] < gp.log_profile(50.0, PBWO4)[0]
    rng = np.random.default_rng(3)
    seen = np.array([gp.smear_sampling(10.0, coarse, rng) for _ in range(20_000)])
    assert seen.mean() == pytest.approx(10, rel=0.01)
    assert seen.std() / 10 == pytest.approx(0.17 / math.sqrt(10), rel=0.03)


def test_layers_lie_between_their_media() -> None:
    stack = layers([TUNGSTEN, SILICON], [0.24, 0.05], [19.3, 2.33])
    assert TUNGSTEN.x0 < stack.x0 < SILICON.x0
    assert SILICON.z < stack.z < TUNGSTEN.z
    alone = layers([TUNGSTEN, TUNGSTEN], [0.2, 0.3], [19.3, 19.3])
    assert alone == pytest.approx(TUNGSTEN)
    assert 0.24 / TUNGSTEN.x0 + 0.05 / SILICON.x0 == pytest.approx(0.29 / stack.x0)
