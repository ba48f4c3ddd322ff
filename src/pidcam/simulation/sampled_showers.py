"""Electromagnetic showers, single tracks and what struck nuclei leave in a sampling calorimeter: the particles that
cross its sensitive layers, each a spot of energy somewhere in a layer.

Electromagnetic: the profiles of `em_shower`, with a needle about the axis and a tail of photons.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pidcam.compiled import compiled
from pidcam.simulation.em_shower import draw_profile, draw_radius, log_profile_sampling, radial_sampling, shower_age

MEV = 1e-3

ALBEDO_RADIUS, ALBEDO_DEPTH = 2.0, 3.0
"""Radius in R_M of what travels backwards, and how many X0 before the shower it is seen."""
LEAST = 0.3
"""1/X0, in tungsten: no tail of a shower dies sooner than photons of least attenuation, 0.273 (NIST XCOM); tuned."""
FLATTEST = 0.15
"""Least cosine of a knock-on electron to the axis, below which it stops in a layer."""


class Tuning(NamedTuple):
    """What full simulation of this calorimeter adds to the published fit, which is of lead, iron and copper plates.

    later, longer: added to T and to alpha; spread: times the fluctuations of both; core, tail: times the radii; wider:
    fluctuation of the tail's radius from shower to shower; albedo: energy per X0 that particles travelling backwards
    leave before the maximum, over the energy of the shower (the fitted gamma distribution begins with nothing); needle,
    fade, thin: of the core the part needle * exp(-fade * age) is energetic particles within `thin` of its radius.
    """

    later: float
    longer: float
    spread: float
    core: float
    tail: float
    wider: float
    albedo: float
    needle: float
    fade: float
    thin: float


@compiled
def put(images, event, x, y, k, energy, stack):  # type: ignore[no-untyped-def]
    """Add MeV at (x, y) mm in layer `k`; what falls beside the cells is lost, as it is from the official arrays."""
    cells = stack.cells[k]
    i = math.floor(x / stack.cell[k] + cells / 2)
    j = math.floor(y / stack.cell[k] + cells / 2)
    if 0 <= i < cells and 0 <= j < cells:
        images[stack.section[k]][event, int(i), int(j), stack.layer[k]] += energy * MEV


@compiled
def spots(images, event, x, y, k, seen, spot, shape, core, tail, fraction, stack, rng):  # type: ignore[no-untyped-def]
    """`seen` MeV as a Poisson number of spots of mean `spot` MeV (gamma distributed), about (x, y)."""
    for _ in range(rng.poisson(seen / spot)):
        r, phi = draw_radius(core, tail, fraction, rng), 2 * math.pi * rng.random()
        put(images, event, x + r * math.cos(phi), y + r * math.sin(phi), k, rng.gamma(shape, spot / shape), stack)


@compiled
def shower_em(images, event, energy, x, y, slope_x, slope_y, start, shape, medium, sampling, tuning, stack, rng):  # type: ignore[no-untyped-def]
    """Showers that begin `start` X0 deep, of `energy` GeV along (x, y) mm + slope * depth.

    `shape`: of the gamma distribution of a spot's energy.
    """
    for s in range(len(energy)):
        t, sigma_t, a, sigma_a, rho = log_profile_sampling(energy[s], medium, sampling)
        mean_a = math.log(math.exp(a) + tuning.longer)
        logs = (math.log(math.exp(t) + tuning.later), tuning.spread * sigma_t, mean_a, tuning.spread * sigma_a, rho)
        peak, alpha = draw_profile(logs, rng)
        beta = (alpha - 1) / peak
        norm = alpha * math.log(beta) - math.lgamma(alpha)
        wider = math.exp(tuning.wider * rng.standard_normal())
        first = np.searchsorted(stack.x0, start[s] - ALBEDO_DEPTH)
        density, depth, last = 0.0, 0.0, start[s]
        for k in range(first, len(stack.x0)):
            pace = stack.faster[k] if depth > peak else 1.0
            step = pace * (stack.x0[k] - last)
            depth, last = depth + step, stack.x0[k]
            at_x, at_y = x[s] + slope_x[s] * stack.z[k], y[s] + slope_y[s] * stack.z[k]
            scale, spot, moliere = energy[s] / MEV * stack.seen_em[k] * pace, stack.spot_em[k], stack.moliere[k]
            if -ALBEDO_DEPTH < depth < peak:
                wide, seen = ALBEDO_RADIUS * moliere, tuning.albedo * scale
                spots(images, event[s], at_x, at_y, k, seen, spot, shape, wide, wide, 1.0, stack, rng)
            if depth <= 0:
                continue
            floor = density * math.exp(-LEAST * step) if depth > peak else 0.0
            density = max(math.exp(norm + (alpha - 1) * math.log(depth) - beta * depth), floor)
            if density < 1e-7 and depth > peak:
                break
            tau = shower_age(depth, peak, alpha, mean_a)
            core, tail, fraction = radial_sampling(energy[s], tau, medium, sampling)
            core, tail = core * tuning.core * moliere, tail * tuning.tail * wider * moliere
            needle, thin = fraction * tuning.needle * math.exp(-tau * tuning.fade), tuning.thin * core
            seen = density * scale
            spots(images, event[s], at_x, at_y, k, seen * needle, spot, shape, thin, thin, 1.0, stack, rng)
            rest = (fraction - needle) / (1 - needle)
            spots(images, event[s], at_x, at_y, k, seen * (1 - needle), spot, shape, core, tail, rest, stack, rng)


@compiled
def nuclei(images, event, energy, x, y, slope_x, slope_y, start, reach, radius, bound, shape, stack, rng):  # type: ignore[no-untyped-def]
    """What struck nuclei leave, from `start` pion interaction lengths on: exp(-depth / reach) along the line, and
    radially 2 r R^2 / (r^2 + R^2)^2 with R = `radius` mm. What is not lost to binding varies as a gamma distribution of
    shape `bound`."""
    for s in range(len(energy)):
        free = energy[s] / MEV * rng.gamma(bound, 1 / bound)
        for k in range(np.searchsorted(stack.pion, start[s], "right"), len(stack.pion)):
            density = math.exp((start[s] - stack.pion[k]) / reach)
            if density < 1e-3:
                break
            seen = free * density / reach * stack.seen_had[k]
            at_x, at_y = x[s] + slope_x[s] * stack.z[k], y[s] + slope_y[s] * stack.z[k]
            spots(images, event[s], at_x, at_y, k, seen, stack.spot_had[k], shape, radius, radius, 1.0, stack, rng)


@compiled
def knock_ons(images, event, x, y, k, stack, rng):  # type: ignore[no-untyped-def]
    """Electrons that a particle at (x, y) set free, most of them in the plate before the layer. Scattering has turned
    them to all sides (Lambert's law): the flatter they fly, the more they leave and the farther from the track."""
    for _ in range(rng.poisson(stack.knocked[k])):
        cosine, phi = max(math.sqrt(rng.random()), FLATTEST), 2 * math.pi * rng.random()
        r = stack.knock_from[k] * math.sqrt(1 - cosine * cosine) / cosine
        energy = stack.knock_on[k] * rng.exponential() / cosine
        put(images, event, x + r * math.cos(phi), y + r * math.sin(phi), k, energy, stack)


@compiled
def tracks(images, event, x, y, slope_x, slope_y, begin, end, stack, rng):  # type: ignore[no-untyped-def]
    """Single particles from `begin` to `end` pion interaction lengths: in each layer a draw from Landau's distribution,
    as Moyal's, -ln(z^2) with a normal z, in units of xi about the most probable energy; and `knock_ons`."""
    for s in range(len(event)):
        for k in range(np.searchsorted(stack.pion, begin[s]), len(stack.pion)):
            if stack.pion[k] > end[s]:
                break
            normal = rng.standard_normal()
            energy = stack.mpv[k] + stack.xi[k] * (-2 * math.log(max(abs(normal), 1e-9)) - 1.27)
            at_x, at_y = x[s] + slope_x[s] * stack.z[k], y[s] + slope_y[s] * stack.z[k]
            put(images, event[s], at_x, at_y, k, max(energy, 0.0), stack)
            knock_ons(images, event[s], at_x, at_y, k, stack, rng)
