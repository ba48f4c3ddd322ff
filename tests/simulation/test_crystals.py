"""Showers in a wall of crystals: sums, symmetry, what a field does, and integrals against numerical ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import dblquad

from pidcam.simulation import crystals
from pidcam.simulation.crystals import INNER, OUTER, Crystals
from pidcam.simulation.materials import LEAD_TUNGSTATE

MIDDLE = 16


def wall(**changes: float) -> Crystals:
    given = {
        "medium": LEAD_TUNGSTATE, "size": 2.2, "depth": 23.0, "core": 1.16, "reach": 7.0, "inner": 1e-6,
        "outer": 1e-6, "needle": 0.19, "thin": 0.19, "curl_core": 0.0, "curl_tail": 0.0, "fluctuation": 0.0,
        "back": 0.0,
    }  # fmt: skip
    return Crystals(**{**given, **changes})  # type: ignore[arg-type]


def shower(energy: float, at: tuple[float, float, float, float], into: Crystals, seed: int = 0) -> np.ndarray:
    image, rng = np.zeros((32, 32)), np.random.default_rng(seed)
    work = np.zeros((2 * OUTER + 1, 2 * OUTER + 1))
    crystals.electron_shower(image, energy, np.array(at), 0.0, into, rng, work)
    return image


def test_deposits_are_never_negative_and_not_more_than_there_is() -> None:
    """Whatever the angle: at 70 degrees a shower crosses several crystals."""
    rng = np.random.default_rng(1)
    for seed in range(300):
        energy, tangent = float(rng.uniform(0.5, 20)), float(rng.uniform(-3, 3))
        image = shower(energy, (*rng.uniform(-3, 3, 2), tangent, 0.05), wall(fluctuation=1.0, inner=0.007), seed)
        assert image.min() >= 0
        assert 0.5 * energy < image.sum() <= energy * (1 + 1e-9)


def test_an_inclined_shower_is_as_long_as_an_upright_one() -> None:
    """Its middle moves by sine, not tangent, times its length."""
    columns = np.arange(32) - MIDDLE
    moved = [
        (shower(50.0, (0, 0, tangent, 0), wall()).sum(0) * columns).sum() / 50 * 2.2 / math.sin(math.atan(tangent))
        for tangent in (0.5, 1.0, 2.0)
    ]
    assert moved == pytest.approx([8.2] * 3, abs=0.5), "cm: a shower of 50 GeV has its middle nearly ten X0 deep"


def test_without_field_rows_are_as_columns() -> None:
    image = shower(50.0, (0, 0, 0, 0), wall())
    np.testing.assert_allclose(image, image.T, rtol=0.05, atol=1e-4)


def test_crystals_further_away_get_less_along_every_row_and_column() -> None:
    """Also where curling electrons stretch the shower along x."""
    image = shower(50.0, (0, 0, 0, 0), wall(curl_core=0.3, curl_tail=0.15))
    right, up = (part[MIDDLE:24, MIDDLE:24] for part in (image, image.T))
    for quarter in (right, up):
        assert (np.diff(quarter[:6, :6], axis=0) < 0).all()
    assert right[0, 1] > 1.2 * up[0, 1]
    assert right[0, 4] > 1.2 * up[0, 4]


def test_a_needle_tells_the_two_sides_of_an_edge_apart() -> None:
    """0.5 mm from an edge less gets across than from the flat middle of a core."""
    at = (2.2 / 2 - 0.05, 0.0, 0.0, 0.0)
    with_needle, without = (
        shower(50.0, at, wall(needle=needle)).sum(0)[MIDDLE + 1 :].sum() / 50 for needle in (0.19, 0.0)
    )
    assert without - with_needle == pytest.approx(0.19 * 0.8 * 0.3, abs=0.025)


def energy_in(row: int, column: int, x: float, y: float, radius: float, stretch: float, size: float) -> float:
    """The profile, integrated over a crystal."""

    def density(v: float, u: float) -> float:
        r2 = ((u - x) / stretch) ** 2 + (v - y) ** 2
        return radius**2 / (math.pi * stretch * (r2 + radius**2) ** 2)

    left, low = (column - 0.5) * size, (row - 0.5) * size
    return float(dblquad(density, left, left + size, low, low + size)[0])


@pytest.mark.parametrize(
    ("row", "column", "radius"), [(0, 0, 0.3), (0, 1, 0.3), (-1, 2, 0.3), (2, 2, 1.5), (1, 0, 2.5)]
)
def test_energy_in_crystals_around_the_axis(row: int, column: int, radius: float) -> None:
    x, y, stretch, size = 0.4, -0.7, 1.2, 2.2
    mean = np.zeros((2 * OUTER + 1, 2 * OUTER + 1))
    crystals._add_inner(mean, 1.0, x, y, radius, stretch, INNER, size)
    exact = energy_in(row, column, x, y, radius, stretch, size)
    assert mean[row + OUTER, column + OUTER] == pytest.approx(exact, rel=1e-4)
    assert np.count_nonzero(mean) == (2 * INNER + 1) ** 2


@pytest.mark.parametrize(("row", "column", "radius"), [(0, 3, 0.3), (3, 0, 1.5), (3, 3, 1.5), (0, 5, 2.5)])
def test_energy_in_distant_crystals(row: int, column: int, radius: float) -> None:
    """Second order in the size of a crystal is good to a per cent, three crystals away."""
    x, y, stretch, size = 0.4, -0.7, 1.2, 2.2
    mean = np.zeros((2 * OUTER + 1, 2 * OUTER + 1))
    crystals._add_outer(mean, 1.0, x, y, radius, stretch, OUTER, size)

    exact = energy_in(row, column, x, y, radius, stretch, size)
    assert mean[row + OUTER, column + OUTER] == pytest.approx(exact, rel=0.012)
    assert not mean[OUTER - INNER : OUTER + INNER + 1, OUTER - INNER : OUTER + INNER + 1].any(), "those are integrated"
