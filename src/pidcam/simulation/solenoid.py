"""Charged particles from the beam line to the calorimeters in the field of a solenoid: helices, in closed form."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pidcam.simulation.constants import CURVATURE

Floats = NDArray[np.float64]


class Barrel(NamedTuple):
    """The surface at which the calorimeters begin: a cylinder of `radius`, closed at z = +-`end`; m."""

    radius: float
    end: float


def impact(
    pt: Floats, eta: Floats, phi: Floats, charge: Floats, z: Floats, field: float, barrel: Barrel
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """(eta, phi) of the points, seen from the origin, where particles meet the surface, and whether they do.

    They begin on the beam line at `z` m. In a field of `field` T along z a particle turns by psi on its way, and by
    psi / 2 as seen from the beam line, where sin(psi / 2) = r / 2R in the barrel. What turns by more than pi before it
    reaches the end curls, and is lost.
    """
    bend = charge * field * CURVATURE / np.maximum(pt, 1e-9)  # 1 / R, with a sign
    half = np.abs(bend) * barrel.radius / 2
    reaches = half < 1
    turned = np.where(half > 1e-9, 2 * np.arcsin(np.minimum(half, 1.0)), 2 * half)
    way = np.where(half > 1e-9, turned / np.maximum(np.abs(bend), 1e-12), barrel.radius)  # in the transverse plane
    slope = np.sinh(eta)
    there = z + way * slope
    flat = np.abs(slope) < 1e-9
    to_end = np.where(flat, np.inf, (np.copysign(barrel.end, slope) - z) / np.where(flat, 1.0, slope))
    ends = (np.abs(there) > barrel.end) | ~reaches
    way = np.where(ends, to_end, way)
    turned = np.where(ends, np.abs(bend) * way, turned)
    with np.errstate(invalid="ignore"):
        chord = np.where(
            np.abs(bend) > 1e-9, 2 / np.maximum(np.abs(bend), 1e-12) * np.sin(np.minimum(turned, np.pi) / 2), way
        )
    radius = np.where(ends, chord, barrel.radius)
    arrives = (turned <= np.pi) & (way > 0) & (radius > 1e-3)
    height = np.where(ends, np.copysign(barrel.end, slope), there)
    turned = np.where(arrives, turned, 0.0)
    return np.arcsinh(height / np.where(arrives, radius, 1.0)), phi - np.sign(charge) * turned / 2, arrives


def bent(pt: Floats, charge: Floats, way: Floats, field: float, radius: float) -> tuple[Floats, NDArray[np.bool_]]:
    """Change of phi at `radius` m of what begins `way` m before it along a straight line, and whether it arrives.

    Of the circle: sagitta-like, R (1 - cos psi) across with R sin psi = way; about 0.15 B way^2 / (pT radius).
    """
    bend = np.abs(charge) * field * CURVATURE / np.maximum(pt, 1e-9)
    sine = bend * way
    arrives = sine < 0.95
    sine = np.minimum(sine, 0.95)
    across = np.where(bend > 1e-9, (1 - np.sqrt(1 - sine**2)) / np.maximum(bend, 1e-12), 0.0)
    return -np.sign(charge) * np.arctan2(across, radius), arrives
