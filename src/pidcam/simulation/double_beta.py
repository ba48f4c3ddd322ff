"""The two electrons of a neutrinoless double beta decay."""

from __future__ import annotations

import numpy as np

from pidcam.simulation.constants import ELECTRON_MASS
from pidcam.simulation.ionisation import Floats


def draw_neutrinoless(rng: np.random.Generator, n: int, q: float) -> tuple[Floats, Floats]:
    """Kinetic energies (n, 2) in MeV, which sum to q, and the cosine (n,) of the angle between the electrons.

    H. Primakoff, S. P. Rosen, Rep. Prog. Phys. 22 (1959) 121: with F(Z, E) ~ E / p the spectrum of one electron is
    (T + 1)^2 (K - T + 1)^2 in units of its mass; mass mechanism: 1 - beta1 beta2 cos.
    """
    end = q / ELECTRON_MASS
    first = np.empty(0)
    while len(first) < n:
        t = rng.random(2 * n) * end
        accepted = rng.random(2 * n) * (end / 2 + 1) ** 4 < ((t + 1) * (end - t + 1)) ** 2
        first = np.concatenate([first, t[accepted]])
    kinetic = np.stack([first[:n], end - first[:n]], axis=1)
    beta = np.sqrt(1 - 1 / (kinetic + 1) ** 2)
    slope = beta.prod(axis=1)
    # the distribution (1 - b c) / 2 inverted: b c^2 / 2 - c + (2 u - 1) + ... = 0, stable for small b
    u = 2 * rng.random(n) - 1
    root = np.sqrt(np.maximum((1 + slope) ** 2 - 2 * slope * (u + 1), 0))
    cosine = (2 * (u + 1)) / (1 + slope + root) - 1
    return kinetic * ELECTRON_MASS, cosine
