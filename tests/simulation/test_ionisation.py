"""Energy loss: tables of NIST and the Particle Data Group, and cross-sections that the integrals must agree with."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from pidcam.simulation.constants import ELECTRON_MASS, K
from pidcam.simulation.delta_rays import bhabha, draw_bhabha, draw_knock_on, draw_moller, knock_on, moller, moller_above
from pidcam.simulation.ionisation import (
    beta_gamma,
    bethe_bloch,
    density_effect,
    electron_stopping,
    largest_transfer,
    restricted_bethe_bloch,
)
from pidcam.simulation.matter import LIQUID_ARGON, LIQUID_XENON, SILICON, XENON, Material, xenon_gas
from pidcam.simulation.monopoles import monopole_stopping
from pidcam.simulation.straggling import (
    EULER,
    bichsel_most_probable,
    bichsel_width,
    kappa,
    most_probable_loss,
    moyal_pdf,
    vavilov_pdf,
    xi,
)

MUON = 105.6584


@pytest.mark.parametrize(
    ("material", "kinetic", "expected"),
    [(SILICON, 0.01, 16.89), (SILICON, 0.1, 3.264), (SILICON, 1.0, 1.512), (XENON, 0.1, 2.267), (XENON, 1.0, 1.122)],
)
def test_electrons_lose_what_estar_says(material: Material, kinetic: float, expected: float) -> None:
    assert electron_stopping(kinetic, material) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(("material", "minimum"), [(SILICON, 1.664), (LIQUID_ARGON, 1.508), (LIQUID_XENON, 1.255)])
def test_minimum_ionisation(material: Material, minimum: float) -> None:
    """The table of the Particle Data Group."""
    losses = bethe_bloch(np.geomspace(50, 2000, 200), MUON, material)
    assert losses.min() == pytest.approx(minimum, rel=0.01)


def test_density_effect_ends_in_the_plasma_energy() -> None:
    """delta / 2 -> ln(plasma energy / I) + ln(beta gamma) - 1/2."""
    for material in (SILICON, LIQUID_ARGON):
        plasma = 28.816 * np.sqrt(material.density * material.z_over_a)
        limit = np.log(plasma / material.excitation) + np.log(1e5) - 0.5
        assert density_effect(1e5, material) / 2 == pytest.approx(limit, rel=2e-3)


def test_compressed_gas_has_the_same_plasma_limit() -> None:
    gas = xenon_gas(10)
    assert gas.density == pytest.approx(57.16e-3)
    plasma = 28.816 * np.sqrt(gas.density * gas.z_over_a)
    assert density_effect(1e6, gas) / 2 == pytest.approx(np.log(plasma / 482) + np.log(1e6) - 0.5, rel=2e-3)


@pytest.mark.parametrize("positron", [False, True])
def test_restricted_loss_and_hard_collisions_make_the_whole(positron: bool) -> None:
    t, cut = 1.3, 0.05
    section, highest = (bhabha, t) if positron else (moller, t / 2)
    hard = quad(lambda w: w * float(section(t, w)), cut, highest)[0] * SILICON.z_over_a
    whole, soft = (electron_stopping(t, SILICON, c, positron=positron) for c in (np.inf, cut))
    assert whole - soft == pytest.approx(hard, rel=1e-6)


def test_restricted_loss_of_heavy_particles() -> None:
    t, cut = 200.0, 0.05
    largest = float(largest_transfer(*beta_gamma(t, MUON), MUON))
    hard = quad(lambda w: w * float(knock_on(t, MUON, w)), cut, largest)[0] * SILICON.z_over_a
    assert bethe_bloch(t, MUON, SILICON) - restricted_bethe_bloch(t, MUON, SILICON, cut) == pytest.approx(
        hard, rel=1e-6
    )
    for cut in (largest * 2, np.inf):
        assert restricted_bethe_bloch(t, MUON, SILICON, cut) == bethe_bloch(t, MUON, SILICON)


def test_slow_bhabha_and_moller_become_rutherford() -> None:
    t, w = 1e-3, 1e-5
    beta, _ = beta_gamma(t, ELECTRON_MASS)
    rutherford = K / 2 / beta**2 / w**2
    assert bhabha(t, w) == pytest.approx(rutherford, rel=0.01)
    assert moller(t, w) == pytest.approx(rutherford, rel=0.02)


def test_drawn_transfers_follow_the_cross_section() -> None:
    rng, t, cut, n = np.random.default_rng(1), 1.3, 0.05, 1000
    beta, gamma = beta_gamma(t, ELECTRON_MASS)
    heavy = float(largest_transfer(beta, gamma, MUON))
    draws = {
        "moller": ([draw_moller(rng, t, cut) for _ in range(n)], lambda w: float(moller(t, w)), t / 2),
        "bhabha": ([draw_bhabha(rng, t, cut) for _ in range(n)], lambda w: float(bhabha(t, w)), t),
        "heavy": (
            [draw_knock_on(rng, float(beta), heavy, cut) for _ in range(n)],
            lambda w: (1 - beta**2 * w / heavy) / w**2,
            heavy,
        ),
    }
    for name, (drawn, density, highest) in draws.items():
        norm, first, second = (quad(lambda w, k=k, f=density: w**k * f(w), cut, highest)[0] for k in (0, 1, 2))
        mean, width = first / norm, np.sqrt(second / norm - (first / norm) ** 2)
        assert abs(np.mean(drawn) - mean) < 4 * width / np.sqrt(n), name
        assert min(drawn) >= cut
        assert max(drawn) <= highest
    assert moller_above(t, cut) == pytest.approx(quad(lambda w: float(moller(t, w)), cut, t / 2)[0])


def test_vavilov_has_its_moments_and_landaus_limit() -> None:
    beta = 0.8
    x = np.linspace(-10, 10, 401)
    density = vavilov_pdf(x, 2.0, beta, points=2000)
    step = x[1] - x[0]
    assert density.sum() * step == pytest.approx(1, abs=1e-4)
    assert (density * x).sum() * step == pytest.approx(0, abs=1e-4)
    assert (density * x**2).sum() * step == pytest.approx((1 - beta**2 / 2) / 2.0, rel=1e-3)
    x = np.linspace(-8, 0, 401)
    density = vavilov_pdf(x, 1e-3, beta, points=4000)
    landau = x - 1 + EULER - beta**2 - np.log(1e-3)
    assert landau[density.argmax()] == pytest.approx(-0.2228, abs=0.01)
    above = landau[density > density.max() / 2]
    assert above[-1] - above[0] == pytest.approx(4.018, abs=0.03)
    assert moyal_pdf(0.0) == pytest.approx(0.2420, abs=1e-4)


def test_thin_silicon() -> None:
    """75 um: PHYSICS tables of the pixel detector; Landau's peak lies lower and is narrower than Bichsel's."""
    thickness, pion = 75e-4 * SILICON.density, 139.57
    t = 3 * pion
    assert bichsel_most_probable(75) == pytest.approx(18.99, abs=0.01)
    assert bichsel_width(75) == pytest.approx(10.27, abs=0.01)
    peak = most_probable_loss(t, pion, SILICON, thickness) * 1e3
    assert 17.0 < peak < 19.1
    assert 4.018 * xi(t, pion, SILICON, thickness) * 1e3 < bichsel_width(75)
    assert kappa(t, pion, SILICON, thickness) < 0.01


def test_monopoles_of_ahlen() -> None:
    losses = monopole_stopping([0.1, 0.5, 0.9], SILICON) * SILICON.density * 1e-3
    assert losses == pytest.approx([5.93, 11.8, 15.9], rel=0.005)  # GeV/cm
    assert monopole_stopping(0.005, SILICON, 2) == pytest.approx(45e3 * 4 * 0.005)
    around = monopole_stopping([0.0099999, 0.0100001, 0.0999999, 0.1000001], SILICON)
    assert around[0] == pytest.approx(around[1], rel=1e-4)
    assert around[2] == pytest.approx(around[3], rel=1e-4)
