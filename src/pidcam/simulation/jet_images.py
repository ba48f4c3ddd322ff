"""Images of jets: tracks, crystals and towers about an axis, with lateral spread, noise and thresholds.

Cells are `SUB` x `SUB` to a tower, and towers lie on a grid that begins at eta = phi = 0. Everything is put on a larger
grid about the tower of the axis first, for the image is centred on the highest tower near by.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pidcam.compiled import compiled

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SIDE, SUB = 125, 5
"""Cells of the image along each axis, and cells along the side of a tower."""

NEAR = 4
"""Towers to either side of the axis among which the highest is looked for."""

TOWERS = SIDE // SUB + 2 * NEAR
TRACKS, ECAL, HCAL = 0, 1, 2


class Hits(NamedTuple):
    """What the detector sees of events: event i owns `[offsets[i]:offsets[i+1]]` of the others.

    `kind` TRACKS: `value` is pT; otherwise energy in that calorimeter, spread with the lateral profile `profile`.
    """

    offsets: Integers
    eta: Floats
    phi: Floats
    value: Floats
    kind: Integers
    profile: Integers


class Profiles(NamedTuple):
    """Lateral profiles p 2 r C^2 / (r^2 + C^2)^2 + (1 - p) 2 r T^2 / (r^2 + T^2)^2 (Grindhammer and Peters), one each.

    core, tail: C and T in eta and phi; share: p; grain: GeV of a spot, of which a shower has `few` to `many`.
    """

    core: Floats
    tail: Floats
    share: Floats
    grain: Floats
    few: Floats
    many: Floats


class Readout(NamedTuple):
    """Side of a tower along eta and phi; noise (r.m.s.) and threshold of crystals and towers, GeV."""

    eta: float
    phi: float
    crystal_noise: float
    crystal_threshold: float
    tower_noise: float
    tower_threshold: float


@compiled
def draw_images(
    event: Integers, eta: Floats, phi: Floats,
    hits: Hits, pile: Hits, overlaid: Integers, which: Integers, turned: Floats, mirrored: Floats,
    profiles: Profiles, readout: Readout, rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """(jets, 3, 125, 125) float32 in GeV: pT of tracks, ECAL, HCAL, the latter spread evenly over the cells of a tower.

    event, eta, phi (jets,): whose jets, and their axes. Event i is overlaid with the events `which[overlaid[i]:
    overlaid[i+1]]` of `pile`, `turned` in phi and `mirrored` (-1) in eta.
    """
    fine = TOWERS * SUB
    images = np.zeros((len(event), 3, SIDE, SIDE), np.float32)
    tracks, crystals, towers = np.zeros((fine, fine)), np.zeros((fine, fine)), np.zeros((TOWERS, TOWERS))
    for j in range(len(event)):
        tracks[:], crystals[:], towers[:] = 0, 0, 0
        low_eta = (math.floor(eta[j] / readout.eta) - TOWERS // 2) * readout.eta
        low_phi = (math.floor(phi[j] / readout.phi) - TOWERS // 2) * readout.phi
        grids = (tracks, crystals, towers)
        _deposit(grids, hits, event[j], 0.0, 1.0, low_eta, low_phi, profiles, readout, rng)
        for k in range(overlaid[event[j]], overlaid[event[j] + 1]):
            _deposit(grids, pile, which[k], turned[k], mirrored[k], low_eta, low_phi, profiles, readout, rng)
        _digitise(crystals, readout.crystal_noise, readout.crystal_threshold, rng)
        _digitise(towers, readout.tower_noise, readout.tower_threshold, rng)
        a, b = _highest(towers)
        top, left = a * SUB + SUB // 2 - SIDE // 2, b * SUB + SUB // 2 - SIDE // 2
        for r in range(SIDE):
            for c in range(SIDE):
                images[j, TRACKS, r, c] = tracks[top + r, left + c]
                images[j, ECAL, r, c] = crystals[top + r, left + c]
                images[j, HCAL, r, c] = towers[(top + r) // SUB, (left + c) // SUB] / (SUB * SUB)
    return images


@compiled
def _deposit(grids, hits, event, turned, mirrored, low_eta, low_phi, profiles, readout, rng):  # type: ignore[no-untyped-def]
    cell_eta, cell_phi = readout.eta / SUB, readout.phi / SUB
    fine = TOWERS * SUB
    for h in range(hits.offsets[event], hits.offsets[event + 1]):
        x = (hits.eta[h] * mirrored - low_eta) / cell_eta
        if not -SUB < x < fine + SUB:
            continue
        y = (hits.phi[h] + turned - low_phi) / cell_phi
        around = 2 * math.pi / cell_phi
        y -= around * math.floor((y + around / 2 - fine / 2) / around)  # the turn in which it is nearest
        if not -SUB < y < fine + SUB:
            continue
        kind = hits.kind[h]
        if kind == TRACKS:
            _add(grids[0], x, y, hits.value[h])
            continue
        p = hits.profile[h]
        spots = min(max(hits.value[h] / profiles.grain[p], profiles.few[p]), profiles.many[p])
        energy = hits.value[h] / int(spots)
        for _ in range(int(spots)):
            radius = profiles.core[p] if rng.random() < profiles.share[p] else profiles.tail[p]
            u, angle = rng.random(), 2 * math.pi * rng.random()
            r = radius * math.sqrt(u / (1 - u))
            at_x, at_y = x + r * math.cos(angle) / cell_eta, y + r * math.sin(angle) / cell_phi
            if kind == ECAL:
                _add(grids[1], at_x, at_y, energy)
            else:
                _add(grids[2], at_x / SUB, at_y / SUB, energy)


@compiled
def _add(grid, x, y, value):  # type: ignore[no-untyped-def]
    if 0 <= x < len(grid) and 0 <= y < len(grid):
        grid[int(x), int(y)] += value


@compiled
def _digitise(grid, noise, threshold, rng):  # type: ignore[no-untyped-def]
    for i in range(grid.shape[0]):
        for j in range(grid.shape[1]):
            if noise > 0:
                grid[i, j] += noise * rng.standard_normal()
            if grid[i, j] < threshold:
                grid[i, j] = 0


@compiled
def _highest(towers):  # type: ignore[no-untyped-def]
    """The highest tower near the middle, which is it itself where there is none."""
    middle = len(towers) // 2
    best, at_row, at_column = 0.0, middle, middle
    for i in range(middle - NEAR, middle + NEAR + 1):
        for j in range(middle - NEAR, middle + NEAR + 1):
            if towers[i, j] > best:
                best, at_row, at_column = towers[i, j], i, j
    return at_row, at_column
