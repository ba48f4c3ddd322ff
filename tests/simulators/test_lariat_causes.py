"""What the table of lariat has outside, with the named cause taken away; what nuclei set free against a measurement.

The reference is Geant4 11.4.1, single particles of 50 to 500 MeV, 400 of each kind in two halves; on the first were
tuned cross-sections of hadrons. Its means and widths are (value, standard error).
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import numpy as np
import pytest

Value = tuple[float, float]


@pytest.fixture(scope="module")
def lariat(table: ModuleType) -> ModuleType:
    return importlib.import_module("realism_lariat")


def agree(table: ModuleType, mine: np.ndarray, *references: tuple[Value, ...]) -> bool:
    """Mean, and width where it is given, with those of each part of the reference."""
    own = table.moments(mine)
    return all(table.within(a, b) for values in references for a, b in zip(own, values, strict=False))


def energies(n: int) -> np.ndarray:
    return np.linspace(50.0, 500.0, n)


def test_photons_that_show_little_or_far_away_are_few(table: ModuleType, lariat: ModuleType) -> None:
    """The width of the energy in the box hangs on photons of which more than 0.3 % leaves it, 3 of the reference's 400,
    widths across the axis on those whose energy lies 120 mm off it in the mean, 3 as well. As few are expected here,
    and without them the values agree."""
    photons = lariat.simulated(22, energies(800), np.random.default_rng(1))
    shower, lost = lariat.shower(photons), 1 - lariat.sums(photons, photons.energy) / photons.kinetic
    leave, far = lost > 3e-3, shower["mean radius (mm)"] > 120
    for few in (leave, far):
        assert abs(400 * few.mean() - 3) < 2 * (3 + 400 / 3 * few.mean()) ** 0.5
    assert agree(table, lost[~leave], ((1.10e-5, 0.67e-5), (1.34e-4, 0.44e-4)))
    assert agree(table, shower["mean radius (mm)"][~far], ((54.86, 0.88), (17.48, 0.73)))
    assert agree(table, shower["within 90 mm of the axis"][~far], ((0.8345, 0.0040), (0.0807, 0.0038)))


def test_muons_have_as_many_voxels_before_they_are_captured(table: ModuleType, lariat: ModuleType) -> None:
    """Voxels of muons that stop: 531 instead of 616 and 638. The reference absorbs the neutrons of captures at
    their first inelastic collision, with all their binding energy; on the first half of the way there are none yet."""
    muons = lariat.simulated(13, np.linspace(50.0, 500.0, 200), np.random.default_rng(1))
    mean, width = table.moments(lariat.half_way(muons))
    assert all(table.within(mean, reference) for reference in ((217.8, 8.1), (235.2, 8.6)))
    assert all(table.within(width, reference) for reference in ((114.4, 3.7), (121.9, 3.9)))


def test_what_captures_set_free_is_as_measured(lariat: ModuleType) -> None:
    """LArIAT counted isolated deposits near the ends of negative pions and muons."""
    pions, muons = (lariat.simulated(pdg, np.full(150, 60.0), np.random.default_rng(2)) for pdg in (-211, 13))
    measured, error = lariat.LARIAT_BLIPS
    for threshold in (0.3, 0.5):
        ratio, own = lariat.blips(pions, muons, threshold)
        assert abs(ratio - measured) < 2 * np.hypot(error, own)
        assert ratio > 1.4


def test_negative_pions_of_the_reference_are_hardly_bent_by_nuclei(table: ModuleType, lariat: ModuleType) -> None:
    """lariat, angle at which pi- below 250 MeV stop: its width is 0.09 instead of 0.068 and 0.061, whereas the
    reference's pi+ have 0.093 and 0.095. By charge symmetry nuclei bend both alike, and so they do here; with a
    tenth of the elastic scattering the width is the reference's for pi-."""
    kinetic, widths = np.linspace(50.0, 250.0, 240), []
    for elastic in (1.0, 0.1):
        pions = lariat.simulated(-211, kinetic, np.random.default_rng(3), elastic=elastic)
        stopped = lariat.track(pions, pions.how == lariat.STOPPED)
        widths.append(table.moments(stopped["off the axis, over the distance"])[1])
    references = (0.0678, 0.0079), (0.0606, 0.0065)
    assert widths[0][0] > widths[1][0]
    assert all(table.within(widths[1], reference) for reference in references)


@pytest.mark.parametrize(
    ("pdg", "reactions", "react", "stopped", "half_way"),
    [
        (211, 0.95, (0.803, 0.047), (380, 30), ((95.8, 5.7), (80.8, 5.6))),
        (211, 0.69, (0.583, 0.064), (402, 25), ((109.0, 6.3), (89.0, 4.8))),
        (-211, 0.84, (0.794, 0.051), None, ((96.6, 5.6), (78.9, 5.4))),
    ],
)
def test_pions_come_as_far_where_as_many_react(
    table: ModuleType,
    lariat: ModuleType,
    pdg: int,
    reactions: float,
    react: Value,
    stopped: Value | None,
    half_way: tuple[Value, Value],
) -> None:
    """How many pions react, their voxels on the first half of their way, and the voxels of those that stop. On the ways
    of 200 positive pions of the quoted half 161 reactions are expected and 111 are there, in the tuned half 143 and
    136; of negative ones in the quoted half 150 and 126. With as many as there are the values agree."""
    pions = lariat.simulated(pdg, energies(600), np.random.default_rng(2), reactions=reactions)
    middle = (pions.kinetic >= 200) & (pions.kinetic < 350)
    assert agree(table, (pions.how == lariat.REACTED)[middle], (react,))
    assert agree(table, lariat.half_way(pions), half_way)
    if stopped:
        assert agree(table, np.diff(pions.offsets)[pions.how == lariat.STOPPED], (stopped,))


def test_positive_pions_that_stop_end_in_michels_spectrum(table: ModuleType, lariat: ModuleType) -> None:
    """Energy in the box less their own, whose width is 9.7 in 81 pions of the reference: 4.1 MeV of a muon, an electron
    of x^2 (3 - 2 x) and its annihilation have 41.6 and 11.0, and all 139 pions that stop agree."""
    pions = lariat.simulated(211, np.full(800, 60.0), np.random.default_rng(4), reactions=0.01)
    own = (lariat.sums(pions, pions.energy) - pions.kinetic)[pions.how == lariat.STOPPED]
    assert own.mean() == pytest.approx(4.12 + 0.7 * 52.83 + 0.511, rel=0.02)
    assert own.std() == pytest.approx(52.83 * (8 / 15 - 0.49) ** 0.5, rel=0.05)
    assert agree(table, own, ((42.4, 0.89), (10.47, 0.55)))


@pytest.fixture(scope="module")
def kaons(lariat: ModuleType) -> Any:
    return lariat.simulated(321, energies(1600), np.random.default_rng(5))


def test_kaons_that_are_bent_most_are_few(table: ModuleType, lariat: ModuleType, kaons: Any) -> None:
    """The width of the angle at which positive kaons stop hangs on those beyond 0.2, 2 of 113 and none of 107 in the
    reference's halves, 1.6 expected in each. Without them it agrees."""
    angle = lariat.track(kaons, kaons.how == lariat.STOPPED)["off the axis, over the distance"]
    far = angle > 0.2
    expected = 220 * far.mean()
    assert np.exp(-expected) * (1 + expected + expected**2 / 2) > 0.025
    halves = ((0.0608, 0.0032), (0.0332, 0.0025)), ((0.0665, 0.0032), (0.0335, 0.0025))
    assert agree(table, angle[~far], *halves)


def test_kaons_of_both_halves_together(table: ModuleType, lariat: ModuleType, kaons: Any) -> None:
    """Voxels of positive kaons, and the peak of their losses, go above in one half and below in the other: in all 400
    they agree."""
    assert agree(table, lariat.half_way(kaons), ((89.4, 3.6), (72.9, 2.4)))
    assert agree(table, np.diff(kaons.offsets)[kaons.how == lariat.STOPPED], ((835, 23), (342, 15)))
    losses = lariat.slices(kaons, kaons.kinetic >= 300, 30)
    peak = table.of_peak(losses, np.random.default_rng(6))
    assert all(table.within(a, b) for a, b in zip(peak, ((0.6248, 0.0046), (0.2099, 0.012)), strict=True))
