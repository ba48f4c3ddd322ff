"""Hadrons in crystals before towers, against the combined test beam of CMS and limits."""

from __future__ import annotations

import numpy as np
import pytest

from pidcam.simulation.two_calorimeters import hadrons, pion_response, smeared
from pidcam.simulators.cms_jets_detector import CALORIMETERS


def pions(energy: float, n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    return hadrons(np.full(n, energy), np.ones(n, bool), CALORIMETERS, np.random.default_rng(1))


def test_response_rises_and_resolution_falls() -> None:
    """CMS (Eur. Phys. J. C 60 (2009) 359): 110 %/sqrt(E) + 9 % of uncorrected crystals and towers."""
    response, resolution = [], []
    for energy in (5.0, 20.0, 100.0):
        total = sum(pions(energy))
        response.append(total.mean() / energy)
        resolution.append(total.std() / total.mean())
        assert resolution[-1] == pytest.approx(np.hypot(1.1 / np.sqrt(energy), 0.09), rel=0.3)
    assert 0.6 < response[0] < response[1] < response[2] < 1.0


def test_pions_that_only_ionise_in_the_crystals() -> None:
    first, second = pions(50.0)
    through = first < 0.5
    assert through.mean() == pytest.approx(np.exp(-CALORIMETERS.depth), abs=0.06)
    assert second[through].mean() == pytest.approx(50, rel=0.03)


def test_compensation() -> None:
    assert pion_response(np.array([1.0, 50.0]), 1.0) == pytest.approx([1, 1])
    assert pion_response(np.array([1.0]), 2.5) == pytest.approx([0.4])


def test_smearing() -> None:
    values = smeared(np.full(50_000, 4.0), 0.8, 0.1, np.random.default_rng(2))
    assert values.min() >= 0
    assert (values.mean(), values.std()) == pytest.approx((4, np.hypot(0.8 * 2, 0.4)), rel=0.02)
    assert smeared(np.zeros(3), 0.8, 0.1, np.random.default_rng(2)).tolist() == [0, 0, 0]
