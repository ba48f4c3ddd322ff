"""Collisions with bound electrons: what H. Bichsel published of silicon, sum rules, and the limit of free electrons."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pidcam.simulation.bound_electrons import (
    PER_ATOM,
    POINTS,
    dielectric,
    extra_loss,
    hard_collisions,
    oscillator_strength,
    over_rutherford,
    widening,
)
from pidcam.simulation.ionisation import bethe_bloch
from pidcam.simulation.matter import SILICON
from pidcam.simulation.straggling import bichsel_most_probable, bichsel_width

PROTON = 938.272


def test_photo_absorption_is_that_of_nist() -> None:
    """Mass attenuation of silicon, cm^2/g, at 2 and 6 keV (NIST, J. H. Hubbell, S. M. Seltzer, NISTIR 5632), of which
    scattering is a hundredth; the fit is good to a few per cent."""
    assert oscillator_strength([2e-3, 6e-3]) / PER_ATOM == pytest.approx([2777, 147.0], rel=0.03)


def test_every_electron_counts_once() -> None:
    d = dielectric()
    inner = d.energy > 1.839e-3
    assert d.free[-1] == pytest.approx(14)
    # of the K shell's two; the transitions that Pauli forbids are the L shell's
    assert (d.strength * d.width)[inner].sum() == pytest.approx(1.6, abs=0.1)
    assert (d.strength * d.width)[~inner].sum() == pytest.approx(8.8, abs=0.3)


def test_dielectric_constant_ends_in_the_plasma_energy() -> None:
    """1 - (31.05 eV / E)^2, of all electrons."""
    d = dielectric()
    high = d.energy > 0.05
    assert d.real[high] == pytest.approx(-((31.05e-6 / d.energy[high]) ** 2), rel=0.03)


@pytest.mark.parametrize(
    ("ev", "bichsel"), [(200, 4.81), (300, 4.36), (500, 2.79), (1003, 1.65), (2005, 3.36), (3013, 2.32), (6053, 1.46)]
)
def test_spectrum_of_collisions_is_that_of_bichsel(ev: float, bichsel: float) -> None:
    """Over Rutherford's, of electrons of 5 GeV: printed by Bichsel's program (github.com/pitzl/bichsel), which takes
    more of silicon's excitations into account."""
    ratio = np.interp(ev * 1e-6, dielectric().energy, over_rutherford([9785.0])[0])
    assert ratio == pytest.approx(bichsel, rel=0.13)


def test_hard_transfers_do_not_feel_the_binding() -> None:
    ratio = over_rutherford([0.5, 5.0, 500.0])
    assert ratio[:, -1] == pytest.approx(1, abs=0.001)
    free = np.ones((1, POINTS))
    rate, quantiles = hard_collisions(free, 1e-3, 50)
    assert rate == pytest.approx(1)
    assert quantiles[0] == pytest.approx(np.linspace(0, 1, 51))
    assert extra_loss(free, 1e-3, [1.0]) == pytest.approx(0)


def test_widening_grows_with_the_field_of_fast_particles() -> None:
    """Shulek's formula, 6.1 keV per xi for fast particles, knows no such rise; for slow ones it is an upper limit."""
    slow, minimum, plateau = (widening(over_rutherford([r]), 0.01)[0] - 0.01 for r in (0.5, 3.6, 1000.0))
    assert 0.001 < slow < 0.00466
    assert slow < minimum < 0.0061 < plateau < 0.0075


@pytest.fixture(scope="module")
def thin() -> Iterator[ModuleType]:
    """The script of the table in the documentation."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
        yield importlib.import_module("straggling_silicon")


@pytest.mark.parametrize(
    ("species", "momentum", "microns", "published"),
    [
        ("electron", 5000.0, 75, (float(bichsel_most_probable(75)), float(bichsel_width(75)))),
        ("muon", 1000.0, 35, (7.51, 4.97)),
        ("muon", 1000.0, 300, (79.7, 28.1)),
    ],
)
def test_straggling_in_thin_silicon(
    thin: ModuleType, species: str, momentum: float, microns: int, published: tuple[float, float]
) -> None:
    """Most probable loss and full width at half maximum in keV: H. Bichsel, Rev. Mod. Phys. 60 (1988) 663; of muons
    as his program printed them (github.com/bnachman/Bichsel)."""
    energy = thin.energies(species, momentum, microns, 60_000, np.random.default_rng(1))
    peak, width = thin.peak(energy)
    assert peak == pytest.approx(published[0], rel=0.04)
    assert width == pytest.approx(published[1], rel=0.08)


def test_electrons_straggle_more_than_muons_of_their_momentum(thin: ModuleType) -> None:
    """Their field reaches farther, up to what the medium screens: in 75 um a tenth more."""
    rng = np.random.default_rng(2)
    widths = [thin.peak(thin.energies(species, 700.0, 75, 60_000, rng))[1] for species in ("electron", "muon")]
    assert 1.04 < widths[0] / widths[1] < 1.2


def test_binding_leaves_the_mean_loss(thin: ModuleType) -> None:
    """Protons of 470 MeV/c, of which no collision gives more than 0.26 MeV."""
    energy = thin.energies("proton", 470.0, 75, 20_000, np.random.default_rng(3))
    kinetic = np.hypot(470.0, PROTON) - PROTON
    mean = bethe_bloch(kinetic, PROTON, SILICON) * SILICON.density * 7.5
    error = energy.std() / len(energy) ** 0.5
    assert energy.mean() == pytest.approx(mean, abs=3 * error + 0.005 * mean)
