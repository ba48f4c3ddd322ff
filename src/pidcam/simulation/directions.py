"""Directions in space: drawn isotropically, and turned by a deflection."""

from __future__ import annotations

import math

import numpy as np

from pidcam.compiled import compiled


@compiled
def isotropic(rng: np.random.Generator) -> tuple[float, float, float]:
    """A unit vector of any direction."""
    w = 2 * rng.random() - 1
    phi = 2 * math.pi * rng.random()
    sine = math.sqrt(1 - w * w)
    return sine * math.cos(phi), sine * math.sin(phi), w


@compiled
def turned(u: float, v: float, w: float, cosine: float, phi: float) -> tuple[float, float, float]:
    """The unit vector (u, v, w) deflected by an angle of that cosine, at azimuth phi about itself."""
    sine = math.sqrt(max(0.0, 1 - cosine * cosine))
    a, b = sine * math.cos(phi), sine * math.sin(phi)
    across = math.sqrt(u * u + v * v)
    if across < 1e-9:
        return a, b, math.copysign(cosine, w * cosine)
    x = u * cosine + (u * w * a - v * b) / across
    y = v * cosine + (v * w * a + u * b) / across
    z = w * cosine - across * a
    norm = 1 / math.sqrt(x * x + y * y + z * z)  # rounding would add up over thousands of turns
    return x * norm, y * norm, z * norm
