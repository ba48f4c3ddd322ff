"""Thin material in a field, against limits and textbook values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad

from pidcam.simulation import upstream
from pidcam.simulation.upstream import Tracker


def tracker(**changes: float) -> Tracker:
    given = {
        "layers": 10, "thickness": 1.0, "first": 0.0, "spacing": 0.12, "wall": 1.29, "field": 3.8, "loss": 0.0,
        "cut": 0.005, "radiates": 1, "converts": 1, "scatters": 1,
    }  # fmt: skip
    return Tracker(**{**given, **changes})  # type: ignore[arg-type]


def arrivals(charge: float, energy: float, through: Tracker, seed: int = 0) -> np.ndarray:
    arrived = np.zeros((2000, 6))
    n = upstream.transport(charge, energy, through, np.random.default_rng(seed), np.zeros((2000, 7)), arrived)
    return arrived[:n]


@pytest.mark.parametrize("lowest", [1e-4, 0.1, 0.9])
def test_number_of_photons_is_the_integral_of_the_spectrum(lowest: float) -> None:
    spectrum, _ = quad(lambda y: (4 / 3 - 4 / 3 * y + y * y) / y, lowest, 1)
    assert upstream.bremsstrahlung_photons(0.3, lowest) == pytest.approx(0.3 * spectrum)


def test_an_electron_loses_its_energy_in_a_radiation_length() -> None:
    """d<E>/E = -t (integral of y dN/dy is 1 in complete screening)."""
    rng = np.random.default_rng(1)
    taken = np.array([upstream.draw_bremsstrahlung(1e-4, rng) for _ in range(20_000)])
    assert taken.mean() * upstream.bremsstrahlung_photons(1.0, 1e-4) == pytest.approx(1.0, rel=0.03)


def test_pairs_share_as_complete_screening_says() -> None:
    rng = np.random.default_rng(2)
    x = np.array([upstream.draw_pair(rng) for _ in range(20_000)])
    norm = 1 - 4 / 3 * (1 / 2 - 1 / 3)
    assert x.mean() == pytest.approx(0.5, abs=0.01)
    assert ((x - 0.5) ** 2).mean() == pytest.approx(
        quad(lambda v: (v - 0.5) ** 2 * (1 - 4 / 3 * v * (1 - v)) / norm, 0, 1)[0], rel=0.03
    )


def test_photons_convert_in_nine_sevenths_of_a_radiation_length() -> None:
    assert upstream.conversion_probability(1e4, 0.4) == pytest.approx(1 - math.exp(-7 / 9 * 0.4), rel=1e-3)
    assert upstream.pair_strength(0.01) == pytest.approx(0.44, abs=0.01)
    converted = [len(arrivals(0, 50.0, tracker(thickness=0.42, radiates=0), seed)) == 2 for seed in range(1500)]
    assert np.mean(converted) == pytest.approx(1 - math.exp(-7 / 9 * 0.42), abs=0.04)


def test_highland() -> None:
    assert upstream.highland(1.0, 1.0) == pytest.approx(0.0136)


@pytest.mark.parametrize("energy", [5.0, 50.0])
def test_bending_is_the_sagitta_of_a_circle(energy: float) -> None:
    """0.3 B L^2 / (2 p); opposite for opposite charges, and none without field."""
    empty = tracker(thickness=1e-9, scatters=0)
    for charge in (1.0, -1.0):
        ((_, _, x, y, tangent, _),) = arrivals(charge, energy, empty)
        assert x == pytest.approx(charge * 0.2998 * 3.8 * 1.29**2 / (2 * energy), rel=0.03)
        assert tangent == pytest.approx(charge * 0.2998 * 3.8 * 1.29 / energy, rel=0.06)
        assert y == 0
        assert x == pytest.approx(upstream.straight_impact(energy, charge, empty))
    assert arrivals(1.0, energy, tracker(thickness=1e-9, scatters=0, field=0.0))[0, 2] == 0


def test_energy_is_kept_when_nothing_is_lost() -> None:
    for seed in range(20):
        for charge in (0.0, 1.0):
            total = arrivals(charge, 50.0, tracker(field=0.0, cut=1e-4), seed)[:, 1].sum()
            assert total == pytest.approx(50.0, rel=1e-3)


def test_slow_particles_curl_and_do_not_arrive() -> None:
    assert len(arrivals(1.0, 0.3, tracker(thickness=1e-9))) == 0


def test_effects_can_be_switched_off() -> None:
    ((charge, energy, *_),) = arrivals(1.0, 50.0, tracker(radiates=0, loss=0.06))
    assert charge == 1
    assert energy == pytest.approx(50 - 0.06, rel=1e-3)
    assert len(arrivals(0.0, 50.0, tracker(converts=0))) == 1
