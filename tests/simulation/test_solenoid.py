"""Helices in a solenoid against the circle's geometry and its limits."""

from __future__ import annotations

import numpy as np
import pytest

from pidcam.simulation.solenoid import Barrel, bent, impact

CMS = Barrel(radius=1.29, end=3.15)


def at(pt: float, eta: float = 0.0, charge: float = 1.0, z: float = 0.0, field: float = 3.8):  # type: ignore[no-untyped-def]
    one = [np.array([float(v)]) for v in (pt, eta, 0.0, charge, z)]
    return [v[0] for v in impact(*one, field, CMS)]


@pytest.mark.parametrize(("pt", "shift"), [(50, 0.0147), (10, 0.0735)])
def test_shift_in_phi(pt: float, shift: float) -> None:
    """asin(0.15 B r / pT): 0.85 crystals at 50 GeV."""
    assert abs(at(pt)[1]) == pytest.approx(shift, rel=5e-3)
    assert at(pt)[1] == pytest.approx(-at(pt, charge=-1)[1])


def test_straight_lines() -> None:
    eta, phi, arrives = at(1.0, eta=1.2, charge=0)
    assert (eta, phi, arrives) == (pytest.approx(1.2), 0, True)
    assert at(1.0, eta=1.2, field=0.0)[:2] == [pytest.approx(1.2), 0]
    assert at(1.0, eta=0.0, charge=0, z=0.05)[0] == pytest.approx(0.05 / 1.29, rel=1e-3)


def test_what_does_not_reach_the_barrel_goes_to_the_end_or_curls() -> None:
    """2 R < 1.29 m below 0.735 GeV."""
    assert at(0.74, eta=0.1)[2]
    assert not at(0.73, eta=0.1)[2], "it turns many times before it is 3.15 m away"
    eta, _, arrives = at(0.73, eta=1.5)
    assert arrives
    assert eta == pytest.approx(1.5, abs=0.5)
    assert abs(eta) > 1.5, "nearer to the beam line than it would be without field"


def test_pairs_part() -> None:
    """0.15 B L^2 / pT across after L."""
    turned, arrives = bent(np.array([5.0, 0.4]), np.ones(2), np.array([0.8, 0.8]), 3.8, 1.29)
    assert abs(turned[0]) == pytest.approx(0.15 * 3.8 * 0.64 / 5 / 1.29, rel=0.02)
    assert list(arrives) == [True, False]
