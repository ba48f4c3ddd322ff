"""What an electron does on its way through a material, tabulated over its energy for the transport.

Class II condensed history (M. J. Berger, 1963): collisions above a threshold happen one by one, the many below it act
through their mean and variance. The mixed scheme for deflections is that of PENELOPE (F. Salvat, NEA/MBDAV/R(2019)1).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pidcam.simulation.constants import AVOGADRO, ELECTRON_MASS, K
from pidcam.simulation.delta_rays import moller_above
from pidcam.simulation.electron_bremsstrahlung import photon_spectrum, photons_above, radiative_stopping
from pidcam.simulation.ionisation import Floats, beta_gamma, electron_stopping
from pidcam.simulation.matter import Material
from pidcam.simulation.scattering import Elastic
from pidcam.simulation.straggling import bound_variance

STOPPING, VARIANCE, KNOCK_ON, HARD, HARD_FROM, SCREENING, SOFT, RADIATION = range(8)
"""Columns: loss in soft collisions (MeV/mm) and its variance (MeV^2/mm); knock-on electrons, hard deflections (an
upper bound, see `mott`) per mm; 1 - cos from which deflections are hard; 2 A of their screening; mean 1 - cos of soft
ones per mm; photons per mm."""


class Tuning(NamedTuple):
    """What theory leaves open: factors 1 + `excess` exp(-T / `excess_energy` MeV) on the elastic cross-section,
    `shell_variance` on that of free electrons (atoms take energy in lumps), and `radiated` on bremsstrahlung."""

    excess: float
    excess_energy: float
    shell_variance: float
    radiated: float


FREE = Tuning(0.0, 1.0, 1.0, 1.0)
"""Nothing is tuned."""

XENON_GAS = Tuning(excess=0.45, excess_energy=0.7, shell_variance=1.5, radiated=0.88)
"""Tuned on half of a Geant4 sample of electrons and double beta decays: scattering on lengths and ends of tracks, the
variance on the energy in the first 5 mm, radiation on the share of events that keep all their energy."""


class ElectronTable(NamedTuple):
    """Kinetic energies exp(`start` + i `step`) MeV from `lowest`, below which an electron stops where it is.

    `values` (energies, 8) has the columns above. `photons` (energies, 65): log(k / photon_cut) at evenly spaced
    probabilities. `mott` (energies, 33): Mott's ratio over its largest value, at sines of half the angle from 0 to 1.
    In one step an electron loses at most the part `largest_loss`.
    """

    start: float
    step: float
    values: Floats
    photons: Floats
    mott: Floats
    lowest: float
    knock_on_cut: float
    photon_cut: float
    largest_loss: float


def csda_range(kinetic: Floats, material: Material, *, radiation: bool = True) -> Floats:
    """Range of electrons that lose their mean energy steadily, g/cm^2; from 1 keV, below which it is of no matter."""
    grid = np.geomspace(1e-3, max(float(np.max(kinetic)), 2e-3), 400)
    atoms = AVOGADRO / material.a
    loss = electron_stopping(grid, material)
    if radiation:
        loss = loss + [radiative_stopping(t, material.z, atoms) for t in grid]
    middle = np.diff(grid) * (1 / loss[1:] + 1 / loss[:-1]) / 2
    return np.interp(kinetic, grid, np.concatenate([[0.0], np.cumsum(middle)]) + grid[0] / loss[0] / 2)


def electron_table(
    material: Material,
    highest: float,
    *,
    lowest: float,
    knock_on_cut: float,
    photon_cut: float = 0.01,
    radiates_from: float = 0.0,
    scattering: float = 1.0,
    fluctuations: bool = True,
    bremsstrahlung: bool = True,
    tuning: Tuning = XENON_GAS,
    mean_deflection: float = 0.1,
    largest_loss: float = 0.1,
    points: int = 120,
) -> ElectronTable:
    """The table of a material, for kinetic energies from `lowest` to `highest` MeV.

    Electrons below `radiates_from` MeV do not radiate; `scattering` multiplies the elastic cross-section.
    `mean_deflection` is the mean 1 - cos between two hard deflections: C1 of PENELOPE, which advises 0.05 to 0.1 where
    the shape of single tracks matters.
    """
    energy = np.geomspace(lowest, highest * (1 + 1e-9), points)
    atoms = AVOGADRO / material.a
    z_over_a = material.z / material.a
    values, photons = np.zeros((points, 8)), np.zeros((points, PHOTON_POINTS))
    beta, _ = beta_gamma(energy, ELECTRON_MASS)
    values[:, STOPPING] = electron_stopping(energy, material, knock_on_cut)
    if fluctuations:
        free = tuning.shell_variance * np.minimum(knock_on_cut, energy / 2)
        values[:, VARIANCE] = K / 2 * z_over_a / beta**2 * (free + bound_variance(beta, material.shells))
    values[:, KNOCK_ON] = moller_above(energy, knock_on_cut) * z_over_a
    strength = scattering * (1 + tuning.excess * np.exp(-energy / tuning.excess_energy))
    elastic = [Elastic(t, material.z) for t in energy]
    mott = np.array([one.mott for one in elastic])
    bound = float(mott.max())
    for i, t in enumerate(energy):
        values[i, [HARD, HARD_FROM, SCREENING, SOFT]] = _deflections(
            elastic[i], atoms * strength[i], bound, mean_deflection
        )
        if bremsstrahlung and t > radiates_from:
            all_loss = radiative_stopping(t, material.z, atoms)
            soft = all_loss - radiative_stopping(t, material.z, atoms, photon_cut)
            values[i, STOPPING] += tuning.radiated * soft
            values[i, RADIATION] = tuning.radiated * photons_above(t, material.z, atoms, photon_cut)
            photons[i] = _photon_quantiles(t, material.z, photon_cut)
    per_length = [STOPPING, VARIANCE, KNOCK_ON, HARD, SOFT, RADIATION]
    values[:, per_length] *= material.density / 10  # per mm
    step = float(np.log(energy[1] / energy[0]))
    start = float(np.log(lowest))
    return ElectronTable(start, step, values, photons, mott / bound, lowest, knock_on_cut, photon_cut, largest_loss)


PHOTON_POINTS = 65


def _photon_quantiles(t: float, z: float, cut: float) -> Floats:
    """log(k / cut) at evenly spaced probabilities."""
    if t <= cut:
        return np.zeros(PHOTON_POINTS)
    log = np.linspace(0.0, np.log(t / cut), 400)
    density = photon_spectrum(t, cut * np.exp(log), z)
    running = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return np.interp(np.linspace(0, 1, PHOTON_POINTS), running / running[-1], log)


def _deflections(elastic: Elastic, atoms: float, bound: float, mean: float) -> tuple[float, float, float, float]:
    """Columns HARD to SOFT, before the density."""
    if atoms == 0:
        return 0.0, 2.0, 1.0, 0.0
    x = elastic.hard(min(elastic.total, elastic.transport / mean))
    return atoms * elastic.rutherford_above(x) * bound, x, 2 * elastic.a, atoms * elastic.soft(x)
