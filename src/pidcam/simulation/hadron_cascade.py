"""Cascades of hadrons: who interacts where, and what each collision gives to neutral pions, to other hadrons and to
the nucleus.

A hadron goes an exponential distance in interaction lengths. It leaves `NUCLEUS` GeV to the struck nucleus and breaks
the rest into pieces, each a fraction (Beta(1, `SPLITS`)) of what is left, so that the number of secondaries grows with
the logarithm of the energy. One piece in three is a neutral pion. Below `CUT` a hadron leaves what it has where it is.
T. A. Gabriel et al., Nucl. Instrum. Meth. A 338 (1994) 336, and R. Wigmans, Calorimetry (2000), ch. 2, have the
picture; that the electromagnetic part grows with energy and fluctuates follows from it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pidcam.compiled import compiled

Floats = NDArray[np.float64]

NUCLEUS = 1.0
"""GeV that leave a struck nucleus as nucleons and are lost to its binding: some ten nucleons of 0.1 GeV."""
SPLITS = 4.0
"""Mean number of secondaries for every factor e of energy."""
CUT, SOFTEST = 1.0, 0.3
"""GeV below which hadrons do not go on, and pieces stay with the nucleus."""
NEUTRAL_PIONS, UNCHARGED = 1 / 3, 0.1
"""Parts of secondaries that are neutral pions, and other neutral hadrons."""
TRANSVERSE = 0.28
"""GeV: r.m.s. of each transverse component, for a mean of 0.35."""
STEEPEST = 2.0
"""Largest slope of a secondary to its parent."""
LOSS = 0.24
"""GeV that a charged hadron loses per interaction length, iron or tungsten (Particle Data Group: 1.14 x 204, 2.21 x 113
MeV)."""


class Lines(NamedTuple):
    """Straight flights or deposits (m,): event, GeV, mm at the front, slopes, first and last depth in interaction
    lengths."""

    event: NDArray[np.int64]
    energy: Floats
    x: Floats
    y: Floats
    slope_x: Floats
    slope_y: Floats
    begin: Floats
    end: Floats

    def first(self, n: int) -> Lines:
        """The first n."""
        return Lines._make(column[:n] for column in self)


class Cascade(NamedTuple):
    """Flights of charged hadrons, neutral pions where they are born, and energy left to nuclei."""

    flights: Lines
    pions: Lines
    nuclear: Lines


def cascade(
    beam: tuple[NDArray[Any], ...],
    charged: NDArray[np.bool_],
    depths: tuple[Floats, Floats],
    rng: np.random.Generator,
) -> Cascade:
    """Follow hadrons: of `beam`, (m,) each, the event, GeV, mm at the front and slopes along x and y.

    `depths`: interaction lengths and mm of the same planes, from the front; nothing is kept behind the last.
    """
    energy = beam[1]
    most = int(energy.sum() / SOFTEST) + 4 * len(energy) + 8  # every line but a last one holds so much
    lines = [_empty(most) for _ in range(4)]
    counts = _follow(*beam, charged, *depths, *lines, rng)
    return Cascade(*(line.first(n) for line, n in zip(lines, counts, strict=False)))


def _empty(n: int) -> Lines:
    return Lines(np.zeros(n, np.int64), *np.zeros((7, n)))


@compiled
def _add(lines, n, event, energy, x, y, slope_x, slope_y, begin, end):  # type: ignore[no-untyped-def]
    lines.event[n], lines.energy[n] = event, energy
    lines.x[n], lines.y[n], lines.slope_x[n], lines.slope_y[n] = x, y, slope_x, slope_y
    lines.begin[n], lines.end[n] = begin, end
    return n + 1


@compiled
def _between(at, pion, z):  # type: ignore[no-untyped-def]
    """mm at a depth in interaction lengths, which is not behind the last plane."""
    k = np.searchsorted(pion, at)
    if k == 0:
        return z[0] * at / pion[0]
    return z[k - 1] + (z[k] - z[k - 1]) * (at - pion[k - 1]) / (pion[k] - pion[k - 1])


@compiled
def _follow(  # type: ignore[no-untyped-def]
    event, energy, x, y, slope_x, slope_y, charged, pion, z, flights, pions, nuclear, waiting, rng
):
    """Fill lines; of `waiting` hadrons, `end` is 1 where charged."""
    n_flights = n_pions = n_nuclear = 0
    for s in range(len(event)):
        n = _add(waiting, 0, event[s], energy[s], x[s], y[s], slope_x[s], slope_y[s], 0.0, 1.0 if charged[s] else 0.0)
        while n:
            n -= 1
            e, at_x, at_y = waiting.energy[n], waiting.x[n], waiting.y[n]
            to_x, to_y = waiting.slope_x[n], waiting.slope_y[n]
            begin, ionising = waiting.begin[n], waiting.end[n] == 1.0
            end = begin + rng.exponential(1.0)
            stops = e < CUT and begin > 0
            if stops:
                end = begin
            elif ionising:
                stops = e < LOSS * (end - begin)
                end = min(end, begin + e / LOSS)
                n_flights = _add(flights, n_flights, event[s], e, at_x, at_y, to_x, to_y, begin, end)
                e -= LOSS * (min(end, pion[-1]) - begin)
            if end > pion[-1] or e <= 0:
                continue
            depth = _between(end, pion, z)
            left = 0.0 if stops else max(e - NUCLEUS, 0.0)
            given = e - left
            while left > SOFTEST:
                part = left * (1 - rng.random() ** (1 / SPLITS))
                left -= part
                kind = rng.random()
                if part < SOFTEST:
                    given += part
                    continue
                new_x = to_x + min(max(TRANSVERSE * rng.standard_normal() / part, -STEEPEST), STEEPEST)
                new_y = to_y + min(max(TRANSVERSE * rng.standard_normal() / part, -STEEPEST), STEEPEST)
                from_x, from_y = at_x + (to_x - new_x) * depth, at_y + (to_y - new_y) * depth
                if kind < NEUTRAL_PIONS:
                    n_pions = _add(pions, n_pions, event[s], part, from_x, from_y, new_x, new_y, end, end)
                else:
                    flies = 1.0 if kind < 1 - UNCHARGED else 0.0
                    n = _add(waiting, n, event[s], part, from_x, from_y, new_x, new_y, end, flies)
            n_nuclear = _add(nuclear, n_nuclear, event[s], given + left, at_x, at_y, to_x, to_y, end, end)
    return n_flights, n_pions, n_nuclear
