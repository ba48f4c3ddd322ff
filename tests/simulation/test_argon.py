"""Liquid argon: recombination, drift, pairs, ranges; decays and reactions of muons and hadrons."""

from __future__ import annotations

import numpy as np
import pytest

from pidcam.simulation.constants import AVOGADRO
from pidcam.simulation.decays import MODES, conjugate, decay, mass_of, michel
from pidcam.simulation.electron_transport import Volume, new_heap
from pidcam.simulation.heavy_tracks import follow_heavy
from pidcam.simulation.ionisation import bethe_bloch
from pidcam.simulation.kinematics import boosted, invariant_mass, moving, on_shell, phase_space
from pidcam.simulation.liquid_argon import birks, box, density, diffusion, drift_velocity
from pidcam.simulation.matter import LIQUID_ARGON
from pidcam.simulation.matter_transport import ALL, aftermath
from pidcam.simulation.neutrinos import CHARGED, NEUTRAL, channel_shares, charged_share, interact, tau_threshold
from pidcam.simulation.nuclear_cross_sections import reaction
from pidcam.simulation.nuclear_reactions import capture, react
from pidcam.simulation.pair_production import draw_pair_share, pair_cross_section
from pidcam.simulation.particles import MUON, MUON_MASS, PION_PLUS, PROTON_MASS
from pidcam.simulation.photons import ARGON, compton, photoelectric
from pidcam.simulation.scattering import highland
from pidcam.simulation.straggling import bound_variance
from pidcam.simulation.wire_readout import pulses, shaper
from pidcam.simulators.lariat import Lariat, argon_tables


@pytest.mark.parametrize(("loss", "box_share", "birks_share"), [(2.105, 0.705, 0.698), (10, 0.454, 0.472)])
def test_recombination(loss: float, box_share: float, birks_share: float) -> None:
    assert float(box(loss, 0.5, 1.396)) == pytest.approx(box_share, abs=5e-4)
    assert float(birks(loss, 0.5, 1.396)) == pytest.approx(birks_share, abs=5e-4)


def test_recombination_ends_in_limits() -> None:
    assert float(box(0, 0.5, 1.396)) == float(box(1.5, 0.5, 1.396)), "held where nothing ionises less"
    assert float(birks(0, 0.5, 1.396)) == pytest.approx(0.8)
    for law in (box, birks):
        assert 0 < float(law(1e4, 0.5, 1.396)) < 0.02
        assert float(law(5, 1.0, 1.396)) > float(law(5, 0.5, 1.396)), "a stronger field saves more"


def test_drift() -> None:
    assert drift_velocity(0.5, 87.5) == pytest.approx(1.585, abs=1e-3)
    assert drift_velocity(0.4865, 90.7) == pytest.approx(1.475, abs=1e-3)
    assert density(86.5) == pytest.approx(1.396, abs=1e-3)
    assert float(diffusion(4.0, 300.0)) == pytest.approx(0.4899, abs=1e-3)  # mm: sqrt(2 x 4 cm^2/s x 300 us)


def test_photons_in_argon() -> None:
    """Attenuation of J. H. Hubbell, S. M. Seltzer, NISTIR 5632, at 0.1, 1, 10 and 20 MeV, cm^2/g."""
    for k, expected in ((0.1, 0.2043), (1.0, 0.05762), (10.0, 0.02451), (20.0, 0.02453)):
        pairs = float(pair_cross_section(k, 18)) * AVOGADRO / LIQUID_ARGON.a
        whole = float(photoelectric(k, ARGON)) + float(compton(k, LIQUID_ARGON.z_over_a)) + pairs
        assert whole == pytest.approx(expected, rel=0.06), k


def test_pairs() -> None:
    """None below threshold; 7/9 per radiation length far above; symmetric, and more even at low energy."""
    assert pair_cross_section([0.5, 1.02], 18).tolist() == [0, 0]
    high = float(pair_cross_section(2e4, 18)) * AVOGADRO / LIQUID_ARGON.a * LIQUID_ARGON.radiation_length
    assert high == pytest.approx(7 / 9, rel=0.03)
    rng = np.random.default_rng(1)
    shares = {k: np.array([draw_pair_share(rng, k, 18.0) for _ in range(2000)]) for k in (5.0, 500.0)}
    for k, x in shares.items():
        assert x.mean() == pytest.approx(0.5, abs=0.03)
        assert x.min() > 0.51 / k
    assert shares[500.0].std() > shares[5.0].std() + 0.05


@pytest.mark.parametrize(
    ("mass", "kinetic", "expected"),
    [(MUON_MASS, 200, 75), (MUON_MASS, 400, 168), (PROTON_MASS, 200, 26), (PROTON_MASS, 300, 51)],
)
def test_ranges(mass: float, kinetic: float, expected: float) -> None:
    """cm, of Geant4 in argon of 1.396 g/cm^3."""
    energy = np.geomspace(1.0, kinetic, 400)
    steps = 1 / bethe_bloch(energy, mass, LIQUID_ARGON) / LIQUID_ARGON.density
    assert np.trapezoid(steps, energy) == pytest.approx(expected, rel=0.02)


def test_binding_widens_losses() -> None:
    """8.3 keV per xi for fast particles, of argon's shells K, L and M; slower than the K shell's electrons, less."""
    added = bound_variance([0.05, 0.2, 1.0], LIQUID_ARGON.shells) * 1e3
    assert added[2] == pytest.approx(8 / 3 / 18 * (2 * 3.206 * 5.77 + 8 * 0.268 * 8.25 + 8 * 0.019 * 10.9), rel=1e-3)
    assert added[2] == pytest.approx(8.3, abs=0.1)
    assert (np.diff(added) > 0).all()


def test_muons_scatter_as_highland_and_rutherford_have_it() -> None:
    """300 MeV/c, 10 cm: the middle 98 % of the angles have Highland's width, good to 11 %, and 0.30 % are beyond four
    of it, as a Gaussian has with Rutherford's cross-section of a nucleus of argon's size; alone it has 0.006 %."""
    table, heap = argon_tables(Lariat(temperature=86.504, delta_rays=False, decays=False)).heavy, new_heap(16, 1 << 12)
    volume, end = Volume((-1e3, -1e3, 0.0), (1e3, 1e3, 100.0), 3.0, 1.0, 0.0), np.empty(10)
    rng, found = np.random.default_rng(7), []
    energy = np.hypot(300.0, MUON_MASS)
    for _ in range(4000):
        heap.used[:] = 0
        follow_heavy(rng, table, volume, heap, MUON, energy - MUON_MASS, 0.0, 0.0, 0.0, (0.0, 0.0, 1.0), end)
        found += [end[6] / end[8], end[7] / end[8]]
    angle = np.sort(np.abs(np.arctan(found)))
    width = float(highland(287.0, 300.0 / energy, 10 * 1.396 / 19.55))  # half of its loss away
    middle = angle[: int(0.98 * len(angle))]
    assert (middle**2).mean() ** 0.5 / 0.935 == pytest.approx(width, rel=0.11)  # of a Gaussian, cut there
    assert (angle > 4 * width).mean() == pytest.approx(0.0030, abs=0.0015)


def test_phase_space_conserves() -> None:
    rng = np.random.default_rng(2)
    total = on_shell(2000.0, [300.0, -200.0, 1500.0])
    for masses in ([938.0, 139.6], [938.0, 139.6, 139.6, 0.0]):
        p = phase_space(rng, total, masses)
        assert p.sum(axis=0) == pytest.approx(total, rel=1e-6)
        assert [invariant_mass(q) for q in p] == pytest.approx(masses, abs=0.05)
    with pytest.raises(ValueError, match="too little"):
        phase_space(rng, total, [1500.0, 600.0])
    at_rest = np.array([total[0], 0.0, 0.0, 0.0])
    assert invariant_mass(boosted(at_rest, total)) == pytest.approx(total[0])


def test_michel_spectrum() -> None:
    """7/20 of the muon's mass on average, half of it at most."""
    rng = np.random.default_rng(3)
    energy = np.array([michel(rng)[0] for _ in range(2000)])
    assert energy.mean() == pytest.approx(0.35 * MUON_MASS, rel=0.02)
    assert energy.max() <= 52.83


def test_decays_conserve_energy_and_momentum() -> None:
    rng = np.random.default_rng(4)
    for pdg, modes in MODES.items():
        assert sum(share for share, _ in modes) == pytest.approx(1, abs=0.06), pdg
        p = moving(mass_of(pdg), 100.0, [0.0, 0.6, 0.8])
        for sign in (1, conjugate(pdg) // pdg):
            products = decay(rng, sign * pdg, p)
            if not any(abs(one) in (11, 13) for one, _ in products) and products:
                assert sum(q for _, q in products) == pytest.approx(p, rel=1e-6)
    muon = decay(rng, 211, np.array([mass_of(211), 0.0, 0.0, 0.0]))[0][1]
    assert muon[0] - MUON_MASS == pytest.approx(4.12, abs=0.01)


def test_negative_muons_are_captured_in_three_of_four_cases() -> None:
    rng, direction = np.random.default_rng(5), np.array([0.0, 0.0, 1.0])
    ends = [aftermath(rng, 13, 1, 0.0, direction, ALL) for _ in range(1000)]
    assert np.mean([e[0][0] != 11 for e in ends]) == pytest.approx(0.76, abs=0.04)
    assert aftermath(rng, -13, 1, 0.0, direction, ALL)[0][0] == -11
    assert aftermath(rng, 2212, 1, 0.0, direction, ALL) == []


def test_reactions_make_no_energy() -> None:
    """What comes out, with the masses of mesons but not of nucleons, is less than what went in."""
    rng = np.random.default_rng(6)

    def free(pdg: int, p: np.ndarray) -> float:
        nucleon = abs(pdg) in (2212, 2112) or pdg > 1e6
        return p[0] - (invariant_mass(p) if nucleon else 0.0)

    for pdg, kinetic in ((211, 200.0), (-211, 100.0), (2212, 400.0), (321, 300.0), (2112, 100.0)):
        p = moving(mass_of(pdg), kinetic, [0.0, 0.0, 1.0])
        out = [sum(free(*one) for one in react(rng, pdg, p)) for _ in range(60)]
        assert np.mean(out) < free(pdg, p)
        assert max(out) < free(pdg, p) + 60  # the motion of the nucleon
    assert np.mean([sum(one == 2112 for one, _ in capture(rng, -211)) for _ in range(200)]) == pytest.approx(
        2.8, abs=0.7
    )


def test_pions_react_most_at_the_delta() -> None:
    energy = np.geomspace(20, 5000, 200)
    section = reaction(PION_PLUS, energy)
    assert 150 < energy[section.argmax()] < 250
    assert (reaction(13, energy) == 0).all()


def test_neutrinos() -> None:
    assert tau_threshold() == pytest.approx(3460, abs=10)
    assert charged_share(16, 3000) == 0
    assert charged_share(14, 3000) == pytest.approx(1 / 1.31)
    elastic, delta, deep = channel_shares(14, 5000)
    assert elastic + delta + deep == pytest.approx(3.4)
    assert channel_shares(14, 600)[0] > channel_shares(14, 600)[1]
    rng = np.random.default_rng(7)
    for pdg, lepton in ((12, 11), (-14, -13)):
        for energy in (500.0, 5000.0):
            charged = interact(rng, pdg, energy, CHARGED)
            assert charged.products[0][0] == lepton
            assert 0 < charged.lepton < energy
            neutral = interact(rng, pdg, energy, NEUTRAL)
            assert neutral.current == 1
            assert not any(abs(one) in (11, 13) for one, _ in neutral.products)
    assert interact(rng, 16, 8000.0, CHARGED).lepton > 0


def test_pulses() -> None:
    """The shaper peaks at one; collected charge has one sign, what passes by induces as much of either."""
    assert float(shaper(2.0, 2.0)) == 1
    time = np.linspace(0, 20, 400)
    assert time[np.argmax(shaper(time, 2.0))] == pytest.approx(2.0, abs=0.06)
    pulse = pulses(2.0, 2.7, np.array([0.0, 3.0]), 1.0, 0.128)
    induction, collection = pulse.shape
    assert (collection > -1e-6).all()
    assert np.abs(induction.sum(axis=1)).max() < 0.03 * np.abs(induction).sum(axis=1).min()
    assert 0.5 < collection[0].max() < 1
    assert collection[1].max() < collection[0].max()
    assert collection[1].sum() == pytest.approx(collection[0].sum(), rel=0.01)
