"""Four-momenta (E, px, py, pz) in MeV, as arrays of length 4: boosts, and decays according to phase space."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pidcam.simulation.directions import isotropic
from pidcam.simulation.ionisation import Floats

Generator = np.random.Generator


def on_shell(mass: float, momentum: Sequence[float] | Floats) -> Floats:
    """The four-momentum of a mass and a momentum."""
    x, y, z = momentum
    return np.array([math.sqrt(mass * mass + x * x + y * y + z * z), x, y, z])


def moving(mass: float, kinetic: float, direction: Sequence[float] | Floats) -> Floats:
    """The four-momentum of a mass, a kinetic energy and a unit vector."""
    momentum = math.sqrt(max(kinetic * (kinetic + 2 * mass), 0.0))
    return on_shell(mass, [momentum * c for c in direction])


def invariant_mass(p: Floats) -> float:
    """0 where rounding, or binding energy, makes it imaginary."""
    return math.sqrt(max(p[0] ** 2 - p[1] ** 2 - p[2] ** 2 - p[3] ** 2, 0.0))


def three_momentum(p: Floats) -> float:
    return math.sqrt(p[1] ** 2 + p[2] ** 2 + p[3] ** 2)


def boosted(p: Floats, frame: Floats) -> Floats:
    """`p` (..., 4), given in the rest frame of the four-momentum `frame`, in the frame in which that was given."""
    mass = invariant_mass(frame)
    beta = frame[1:] / mass
    gamma = frame[0] / mass
    along = p[..., 1:] @ beta
    energy = gamma * p[..., 0] + along
    momentum = p[..., 1:] + np.multiply.outer(along / (gamma + 1) + p[..., 0], beta)
    return np.concatenate([energy[..., None], momentum], axis=-1)


def unit_vector(rng: Generator) -> Floats:
    """Any direction."""
    return np.array(isotropic(rng))


def phase_space(rng: Generator, total: Floats, masses: Sequence[float]) -> Floats:
    """(n, 4) four-momenta of particles into which `total` breaks up, by their phase space alone.

    R. Kleiss, W. J. Stirling, S. D. Ellis, Comput. Phys. Commun. 40 (1986) 359 (RAMBO); where particles are heavy,
    momenta are scaled and the weight of that, which is one for two particles, is neglected. Raises `ValueError` below
    threshold.
    """
    mass, m = invariant_mass(total), np.asarray(masses, np.float64)
    if mass <= m.sum():
        raise ValueError(f"{mass:g} MeV are too little for masses of {m.sum():g} MeV")
    if len(m) == 2:
        square = (mass**2 - (m[0] + m[1]) ** 2) * (mass**2 - (m[0] - m[1]) ** 2)
        momentum = math.sqrt(square) / (2 * mass) * unit_vector(rng) * np.array([[1], [-1]])
    else:
        energy = -np.log(rng.random(len(m)) * rng.random(len(m)))
        q = np.array([[e, *(e * unit_vector(rng))] for e in energy])
        s = q.sum(axis=0)
        at_rest = boosted(q, np.array([s[0], -s[1], -s[2], -s[3]]))
        momentum = _scaled(at_rest[:, 1:] * (mass / invariant_mass(s)), m, mass)
    rest = np.concatenate([np.sqrt(m**2 + (momentum**2).sum(axis=1))[:, None], momentum], axis=1)
    return boosted(rest, total)


def _scaled(momentum: Floats, m: Floats, mass: float) -> Floats:
    """Momenta multiplied so that energies add up to `mass`: Newton's method from the massless end."""
    squares, x = (momentum**2).sum(axis=1), 1.0
    for _ in range(20):
        energy = np.sqrt(m**2 + x * x * squares)
        x -= (energy.sum() - mass) / (x * (squares / energy).sum())
        if abs(energy.sum() - mass) < 1e-9 * mass:
            break
    return momentum * x
