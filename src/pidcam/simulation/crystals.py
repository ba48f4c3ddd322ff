"""Showers in a wall of square crystals: the energy in each, from the mean profile with fluctuations per crystal.

A shower of many particles is smooth where it matters: the radial profile is integrated over every crystal in closed
form near the core, taken at its middle further out, for a few ages of the shower. Energies then fluctuate as the number
of spots in them. Below a GeV the spots themselves are drawn. Lengths in cm, energies in GeV.

Loops over crystals are written so that the processor takes several at once: `np.reciprocal` divides and cannot raise.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pidcam.compiled import compiled
from pidcam.simulation.em_shower import (
    deposited,
    draw_profile,
    draw_radius,
    inside_corner,
    log_profile,
    radial,
    shower_age,
    spots,
)
from pidcam.simulation.materials import Medium
from pidcam.simulation.upstream import draw_pair, pair_strength

AGES = np.array([0.0, 0.35, 0.6, 0.85, 1.15, 1.5, 2.0, 2.8, 10.0])
"""Edges in depth / T of the parts of a shower, within which the radial profile is taken to be one."""

INNER, OUTER = 2, 8
"""Crystals to either side of the core that are integrated, and that get anything."""

FEW = 1.0
"""GeV below which spots are drawn."""


class Crystals(NamedTuple):
    """A wall of crystals of `size` (square) and `depth`, and what was adjusted to detailed simulation of such a wall.

    Factor `core` of Grindhammer and Peters' radius of the core. Their core is flat at its middle, where showers have a
    cusp of energetic particles: the part `needle` of it is within `thin` of its radius. `reach` in Moliere radii beyond
    which the tail dies as exp(-(r / reach)^4), for f(r) falls too slowly for distances that low-energy photons do not
    reach; `inner` and `outer` spot energies within a crystal of the core and beyond. Low-energy electrons curl in a
    field: distances along the bending direction are longer by the parts `curl_core` and `curl_tail`; the needle is too
    energetic. Photons make most of the tail, and go straight. `fluctuation` factor of the widths of ln T and ln alpha;
    `back` is the part of the energy that leaves through the front face.
    """

    medium: Medium
    size: float
    depth: float
    core: float
    reach: float
    inner: float
    outer: float
    needle: float
    thin: float
    curl_core: float
    curl_tail: float
    fluctuation: float
    back: float


@compiled
def photon_shower(
    image: np.ndarray, energy: float, at: np.ndarray, wall: Crystals, rng: np.random.Generator, mean: np.ndarray
) -> None:
    """A photon: nothing up to its conversion, 9/7 radiation lengths deep on average, then two showers."""
    start = rng.exponential(9 / 7) / max(pair_strength(energy), 0.7)
    if energy > FEW:
        x = draw_pair(rng)
        electron_shower(image, x * energy, at, start, wall, rng, mean)
        electron_shower(image, (1 - x) * energy, at, start, wall, rng, mean)
    else:
        electron_shower(image, energy, at, start, wall, rng, mean)


@compiled
def electron_shower(
    image: np.ndarray,
    energy: float,
    at: np.ndarray,
    start: float,
    wall: Crystals,
    rng: np.random.Generator,
    mean: np.ndarray,
) -> None:
    """Add a shower that begins `start` radiation lengths along its way to `image` [row y, column x].

    `at` is (x, y, tan x, tan y) at the front face, from the middle of the image; `mean` (17, 17) is work space.
    """
    medium, size = wall.medium, wall.size
    t, s, a, b, rho = log_profile(energy, medium)
    peak, alpha = draw_profile((t, s * wall.fluctuation, a, b * wall.fluctuation, rho), rng)
    path = math.sqrt(1 + at[2] * at[2] + at[3] * at[3])  # along the shower's axis, over the depth
    if start * medium.x0 >= wall.depth * path:
        return
    half = len(image) // 2
    column, row = math.floor(at[0] / size + 0.5), math.floor(at[1] / size + 0.5)
    if abs(column) > half + OUTER or abs(row) > half + OUTER:
        return
    if energy < FEW:
        _draw_spots(image, energy, at, path, start, peak, alpha, a, wall, rng)
        return
    width = OUTER if energy > 5 else INNER + 3
    mean[:] = 0
    left, before = wall.depth * path / medium.x0 - start, 0.0
    for part in range(len(AGES) - 1):
        low, high = AGES[part] * peak, min(AGES[part + 1] * peak, left)
        if high <= low:
            break
        now = deposited(high, peak, alpha)
        age = (AGES[part] + AGES[part + 1]) / 2 if part < len(AGES) - 2 else AGES[part] + 0.6
        core, tail, share = radial(energy, shower_age(age * peak, peak, alpha, a), medium)
        depth = (start + age * peak) * medium.x0 / path
        x, y = at[0] + at[2] * depth - column * size, at[1] + at[3] * depth - row * size
        radii = (wall.core * core * medium.moliere, tail * medium.moliere)
        here, core_curl, tail_curl = energy * (now - before), 1 + wall.curl_core, 1 + wall.curl_tail
        _add_inner(mean, here * share * (1 - wall.needle), x, y, radii[0], core_curl, INNER, size)
        _add_inner(mean, here * share * wall.needle, x, y, wall.thin * radii[0], 1.0, 1, size)
        _add_inner(mean, here * (1 - share), x, y, radii[1], tail_curl, INNER, size)
        _add_outer(mean, here * share * (1 - wall.needle), x, y, radii[0], core_curl, width, size)
        _add_outer(mean, here * (1 - share), x, y, radii[1], tail_curl, width, size)
        before = now
    _fluctuate(mean, energy * before * (1 - wall.back), width, wall, rng)
    for i in range(-width, width + 1):
        for j in range(-width, width + 1):
            k, n = row + i + half, column + j + half
            if 0 <= k < len(image) and 0 <= n < len(image):
                image[k, n] += mean[i + OUTER, j + OUTER]


@compiled
def _add_inner(
    mean: np.ndarray, energy: float, x: float, y: float, radius: float, stretch: float, around: int, size: float
) -> None:
    """Integrals over the crystals around the axis: second differences of `inside_corner` at their corners."""
    corners, narrower = 2 * around + 2, 1 / stretch
    integral = np.empty((corners, corners))
    column, row = math.floor(x / size + 0.5) - around, math.floor(y / size + 0.5) - around
    for i in range(corners):
        line, corner_y = integral[i], (row + i - 0.5) * size - y
        for j in range(corners):
            line[j] = inside_corner(((column + j - 0.5) * size - x) * narrower, corner_y, radius)
    for i in range(corners - 1):
        for j in range(corners - 1):
            k, n = row + i + OUTER, column + j + OUTER
            if 0 <= k < len(mean) and 0 <= n < len(mean):
                right, left = integral[i + 1, j + 1] - integral[i, j + 1], integral[i + 1, j] - integral[i, j]
                mean[k, n] += energy * (right - left)


@compiled
def _add_outer(
    mean: np.ndarray, energy: float, x: float, y: float, radius: float, stretch: float, width: int, size: float
) -> None:
    """Further out: the density at the middle of a crystal times its area, to second order in its size."""
    square, area = radius * radius, size * size
    scale, narrower = energy * square * area / (math.pi * stretch), 1 / (stretch * stretch)
    column, row = math.floor(x / size + 0.5), math.floor(y / size + 0.5)
    for i in range(-width, width + 1):
        line, dy = mean[i + OUTER, OUTER - width : OUTER + width + 1], i * size - y
        beyond = abs(i - row) > INNER
        for j in range(len(line)):
            dx = (j - width) * size - x
            x2, y2 = dx * dx * narrower, dy * dy
            over = np.reciprocal(x2 + y2 + square)
            curvature = (x2 * over - 1 / 6) * narrower + y2 * over - 1 / 6
            density = scale * over * over * (1 + area * over * curvature)
            line[j] += density if beyond or abs(j - width - column) > INNER else 0.0


@compiled
def _fluctuate(mean: np.ndarray, energy: float, width: int, wall: Crystals, rng: np.random.Generator) -> None:
    """End the tail, let every crystal fluctuate, and keep the sum."""
    total, reach = 0.0, wall.reach * wall.medium.moliere / wall.size
    for i in range(-width, width + 1):
        for j in range(-width, width + 1):
            spot = wall.inner if abs(i) < 2 and abs(j) < 2 else wall.outer
            value = mean[i + OUTER, j + OUTER] * math.exp(-(((i * i + j * j) / (reach * reach)) ** 2))
            if value > spot / 8:
                value = rng.gamma(value / spot) * spot
            mean[i + OUTER, j + OUTER] = value
            total += value
    if total > 0:
        mean *= energy / total


@compiled
def _draw_spots(
    image: np.ndarray,
    energy: float,
    at: np.ndarray,
    path: float,
    start: float,
    peak: float,
    alpha: float,
    log_alpha: float,
    wall: Crystals,
    rng: np.random.Generator,
) -> None:
    medium, half = wall.medium, len(image) // 2
    reach = wall.reach * medium.moliere
    n = max(int(spots(energy, medium) * 0.3), 8)
    for _ in range(n):
        t = rng.gamma(alpha) * peak / (alpha - 1)
        depth = (start + t) * medium.x0 / path
        if depth > wall.depth:
            continue
        core, tail, share = radial(energy, min(shower_age(t, peak, alpha, log_alpha), 4.0), medium)
        while True:
            r = draw_radius(wall.core * core, tail, share, rng) * medium.moliere
            if rng.random() < math.exp(-((r / reach) ** 4)):
                break
        angle = 2 * math.pi * rng.random()
        x = at[0] + at[2] * depth + (1 + wall.curl_tail) * r * math.cos(angle)
        y = at[1] + at[3] * depth + r * math.sin(angle)
        column, row = math.floor(x / wall.size + 0.5) + half, math.floor(y / wall.size + 0.5) + half
        if 0 <= row < len(image) and 0 <= column < len(image):
            image[row, column] += energy / n
