"""Collisions of one species in silicon, as tables, and single hard ones drawn from them. Compiled; energies in MeV."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pidcam.compiled import compiled
from pidcam.simulation.constants import ELECTRON_MASS
from pidcam.simulation.delta_rays import moller_over_rutherford
from pidcam.simulation.ionisation import Floats


class Charged(NamedTuple):
    """What a species does per mm, at momenta over mass exp(`start` + i `step`).

    Collisions of less than `cut` MeV each lose `soft` (rows,) MeV, with a variance of `variance` (rows,) MeV per xi.
    The others are `rate` (rows,) times as many as with free electrons; cut over transfer is, at equal steps of
    probability, `quantiles` (rows, steps + 1). `xi` MeV is Landau's width, over beta^2 where the charge is `electric`.
    """

    mass: float
    start: float
    step: float
    soft: Floats
    variance: Floats
    rate: Floats
    quantiles: Floats
    cut: float
    xi: float
    electric: bool


@compiled
def largest_of(kinetic: float, ratio: float, mass: float) -> float:
    """Largest transfer at a momentum of `ratio` masses: `ionisation.largest_transfer`; of two electrons half of all."""
    if mass == ELECTRON_MASS:
        return kinetic / 2
    share = ELECTRON_MASS / mass
    return 2 * ELECTRON_MASS * ratio * ratio / (1 + 2 * math.sqrt(1 + ratio * ratio) * share + share * share)


@compiled
def draw_transfer(
    rng: np.random.Generator, particle: Charged, row: int, kinetic: float, beta2: float, largest: float
) -> float:
    """Of one of the expected hard collisions; 0 where that is impossible for this particle, or its spin forbids it.

    Of two electrons the slower one is knocked on, which in a few of a million tracks makes more collisions, not less.
    """
    quantiles = particle.quantiles[row]
    steps = len(quantiles) - 1
    place = (1 - rng.random()) * steps  # never 0, an infinite transfer
    i = min(int(place), steps - 1)
    transfer = particle.cut / (quantiles[i] + (place - i) * (quantiles[i + 1] - quantiles[i]))
    if transfer > largest:
        return 0.0
    if particle.mass == ELECTRON_MASS:
        spin = moller_over_rutherford(transfer / kinetic, 1 + kinetic / ELECTRON_MASS)
    else:
        spin = 1 - beta2 * transfer / largest if particle.electric else 1.0
    return transfer if rng.random() < spin else 0.0
