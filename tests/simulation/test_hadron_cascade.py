"""Cascades of hadrons: energy, the first interaction, and the electromagnetic part that publications give."""

from __future__ import annotations

import numpy as np
import pytest

from pidcam.simulation.hadron_cascade import CUT, LOSS, NUCLEUS, Cascade, cascade

DEEP = (np.linspace(0.1, 60, 600), np.linspace(20, 12_000, 600))


def shot(energy: float, n: int = 2000, charged: bool = True, depths: tuple[np.ndarray, np.ndarray] = DEEP) -> Cascade:
    zero = np.zeros(n)
    beam = (np.arange(n), np.full(n, energy), zero, zero, zero, zero)
    return cascade(beam, np.full(n, charged), depths, np.random.default_rng(3))


def test_all_energy_goes_somewhere() -> None:
    made = shot(50.0, 300)
    lost = LOSS * (made.flights.end - made.flights.begin)
    total = np.bincount(made.flights.event, lost, 300)
    for lines in (made.pions, made.nuclear):
        total += np.bincount(lines.event, lines.energy, 300)
    np.testing.assert_allclose(total, 50.0, rtol=1e-9)


@pytest.mark.parametrize("energy", [10.0, 50.0, 300.0])
def test_electromagnetic_part_grows_as_published(energy: float) -> None:
    """T. A. Gabriel et al., Nucl. Instrum. Meth. A 338 (1994) 336: 1 - (E / E0)^(k - 1), k of 0.80 to 0.87, E0 of 0.7
    to 1.3 GeV; R. Wigmans, Calorimetry (2000), ch. 2: r.m.s. 0.17 at 10 to 150 GeV."""
    pions = shot(energy).pions
    part = np.bincount(pions.event, pions.energy, 2000) / energy
    assert 1 - (energy / 1.3) ** -0.13 < part.mean() < 1 - (energy / 0.7) ** -0.20
    if energy < 150:
        assert part.std() == pytest.approx(0.17, rel=0.12)


def test_first_interaction_is_an_exponential_in_interaction_lengths() -> None:
    flights = shot(100.0).flights
    first = flights.end[np.unique(flights.event, return_index=True)[1]]
    assert first.mean() == pytest.approx(1, abs=2.5 / 2000**0.5)
    assert np.median(first) == pytest.approx(np.log(2), abs=0.06)


def test_neutral_hadrons_leave_no_track_before_they_interact() -> None:
    made = shot(20.0, 200, charged=False)
    assert made.flights.begin.min() > 0
    begin = np.full(200, np.inf)
    np.minimum.at(begin, made.nuclear.event, made.nuclear.begin)
    assert np.all(made.flights.begin >= begin[made.flights.event])


def test_what_goes_through_leaves_nothing_to_nuclei() -> None:
    thin = (np.array([0.01, 0.02]), np.array([1.0, 2.0]))
    made = shot(20.0, 500, depths=thin)
    met = np.unique(made.nuclear.event)
    assert 2 <= len(met) < 25  # 10 expected
    assert set(made.pions.event) <= set(met)


def test_a_soft_hadron_stops_where_its_energy_ends() -> None:
    slow = shot(0.05, 500)
    assert (slow.flights.end - slow.flights.begin).max() <= 0.05 / LOSS + 1e-12
    assert len(slow.pions.event) == 0
    assert slow.nuclear.energy.max(initial=0) < 0.05 < NUCLEUS <= CUT
