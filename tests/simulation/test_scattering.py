"""Deflections, bremsstrahlung and photons: limits and published values."""

from __future__ import annotations

import numpy as np
import pytest

from pidcam.simulation.constants import AVOGADRO, CLASSICAL_RADIUS, ELECTRON_MASS, FINE_STRUCTURE
from pidcam.simulation.double_beta import draw_neutrinoless
from pidcam.simulation.electron_bremsstrahlung import photon_spectrum, photons_above, radiative_stopping
from pidcam.simulation.matter import XENON
from pidcam.simulation.mott import mott_ratio
from pidcam.simulation.photons import XENON as XENON_ABSORBER
from pidcam.simulation.photons import draw_compton, klein_nishina, photoelectric
from pidcam.simulation.scattering import Elastic, highland

X = 1 - np.cos(np.radians([15, 30, 60, 90, 120, 150, 180]))


def test_highland() -> None:
    assert highland(1000.0, 1.0, 1.0) == pytest.approx(13.6e-3)
    assert highland(1000.0, 1.0, 0.01) == pytest.approx(1.36e-3 * (1 + 0.038 * np.log(0.01)))
    assert highland(1000.0, 1.0, 0.0) == 0


@pytest.mark.parametrize(("z", "tolerance"), [(1, 2e-3), (6, 0.005), (13, 0.025)])
def test_mott_of_light_nuclei_is_mckinley_and_feshbach(z: int, tolerance: float) -> None:
    """Phys. Rev. 74 (1948) 1759, the expansion to second order in alpha Z."""
    beta, s = 0.9, np.sqrt(X / 2)
    expansion = 1 - beta**2 * s**2 + np.pi * FINE_STRUCTURE * z * beta * s * (1 - s)
    assert mott_ratio(beta, z, X) == pytest.approx(expansion, rel=tolerance)


def test_mott_of_mercury() -> None:
    """N. Sherman, Phys. Rev. 103 (1956) 1601: slow electrons scatter back far more than Rutherford says."""
    assert mott_ratio(0.6, 80, X)[4] == pytest.approx(1.79, abs=0.02)
    assert mott_ratio(0.6, 80, 0.0) == 1


def test_transport_cross_section() -> None:
    """Moments of the pure screened Rutherford cross-section, to which Mott's brings a known few tens of percent."""
    elastic = Elastic(1.0, 13)
    gamma = 1 + 1 / ELECTRON_MASS
    beta2 = 1 - 1 / gamma**2
    front = 2 * np.pi * 13 * 14 * (CLASSICAL_RADIUS / (gamma * beta2)) ** 2
    a = elastic.a
    assert elastic.total == pytest.approx(front * (1 / (2 * a) - 1 / (2 + 2 * a)), rel=0.01)
    rutherford = front * (np.log(1 + 1 / a) - 1 / (1 + a))
    assert 0.8 < elastic.transport / rutherford < 1.05
    x = elastic.hard(elastic.total / 10)
    assert elastic.rutherford_above(x) == pytest.approx(elastic.total / 10, rel=0.05)
    assert elastic.soft(2.0) == pytest.approx(elastic.transport)


@pytest.mark.parametrize(("z", "a", "kinetic", "estar"), [(82, 207.2, 1.0, 0.107), (14, 28.0855, 1.0, 0.0236)])
def test_radiative_stopping(z: float, a: float, kinetic: float, estar: float) -> None:
    assert radiative_stopping(kinetic, z, AVOGADRO / a) == pytest.approx(estar, rel=0.05)


def test_bremsstrahlung_of_fast_electrons_is_completely_screened() -> None:
    """k dsigma/dk X0 N_A / A -> 4/3 for soft photons of GeV electrons, up to what Schiff's 111 is off 183 and 1440."""
    soft = photon_spectrum(2000.0, 1.0, 54) * AVOGADRO / XENON.a * XENON.radiation_length
    assert soft == pytest.approx(4 / 3, rel=0.15)
    assert photons_above(0.01, 54, 1.0, 0.02) == radiative_stopping(0.01, 54, 1.0, 0.02) == 0


def test_photons() -> None:
    thomson = 8 / 3 * np.pi * CLASSICAL_RADIUS**2
    assert klein_nishina(1e-4) == pytest.approx(thomson, rel=1e-3)
    assert klein_nishina(1.0) == pytest.approx(0.2112e-24, rel=2e-3)
    below, above = photoelectric([0.0345, 0.0346], XENON_ABSORBER)
    assert above / below == pytest.approx(5.8, abs=0.1)
    rng, k = np.random.default_rng(2), 1.0
    left = np.array([draw_compton(rng, k) for _ in range(1000)])
    assert left[:, 0] == pytest.approx(k / (1 + k / ELECTRON_MASS * (1 - left[:, 1])))
    assert 1 - left[:, 0].mean() / k == pytest.approx(0.440, abs=0.03)  # mean transfer over energy at 1 MeV


def test_double_beta() -> None:
    """Energies sum to Q, peak at equal shares; <cos> = -<beta1 beta2> / 3."""
    q = 2.4578
    kinetic, cosine = draw_neutrinoless(np.random.default_rng(3), 100_000, q)
    assert kinetic.sum(axis=1) == pytest.approx(q)
    beta = np.sqrt(1 - 1 / (1 + kinetic / ELECTRON_MASS) ** 2).prod(axis=1)
    assert cosine.mean() == pytest.approx(-beta.mean() / 3, abs=0.006)
    t, end = np.linspace(0, q, 2001) / ELECTRON_MASS, q / ELECTRON_MASS
    spectrum = ((t + 1) * (end - t + 1)) ** 2
    expected = np.sqrt(((t - end / 2) ** 2 * spectrum).sum() / spectrum.sum()) * ELECTRON_MASS
    assert kinetic[:, 0].std() == pytest.approx(expected, rel=0.01)
    assert kinetic[:, 0].mean() == pytest.approx(q / 2, abs=0.01)
