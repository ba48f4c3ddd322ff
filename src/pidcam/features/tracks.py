"""The shape of a track in three axes, seen along its principal axis: length, thickness, what lies at its two ends.

Two electrons from one vertex end in a blob each, one electron in a single one (xenon TPCs); a stopping particle ends in
its Bragg peak. No end is called the first: features tell the weaker from the stronger.
"""

from __future__ import annotations

import numpy as np

from pidcam.features.hits import Floats, Hits, Integers, ratio
from pidcam.features.moments import spread

OUTER = 0.2
"""Share of the length that counts as an end."""
BLOBS = (1.5, 3.0, 5.0)
"""Radii in cells of the spheres about the outermost hits."""


def track_features(hits: Hits) -> dict[str, Floats]:
    """Name -> (n,); lengths in cells. Empty events give zeros.

    major, middle, minor = square roots of the eigenvalues of the energy-weighted covariance; length = distance of the
    outermost hits along the principal axis; end_low, end_high = energy fraction in the outer fifth of the weaker and of
    the stronger end; blob<k>_low, blob<k>_high = the same within BLOBS[k] cells of the two outermost hits.
    """
    along, values = _principal(hits)
    low, high = _outermost(hits, along)
    features = dict(zip(("minor", "middle", "major"), np.sqrt(np.maximum(values, 0.0)), strict=True))
    first, last = _at(hits, along, low), _at(hits, along, high)
    length = last - first
    features["length"] = length
    depth = along - first[hits.event]
    reach = OUTER * length[hits.event]
    ends = [hits.fraction(depth <= reach), hits.fraction(depth >= length[hits.event] - reach)]
    features |= {"end_low": np.minimum(*ends), "end_high": np.maximum(*ends)}
    away = [_distance(hits, end) for end in (low, high)]
    for k, radius in enumerate(BLOBS):
        blobs = [hits.fraction(distance <= radius) for distance in away]
        features |= {f"blob{k}_low": np.minimum(*blobs), f"blob{k}_high": np.maximum(*blobs)}
    features["thickness"] = ratio(features["middle"], features["major"])
    return features


def _principal(hits: Hits) -> tuple[Floats, Floats]:
    """(hits,) place along the principal axis of each event; (axes, n) eigenvalues of the covariance, ascending."""
    values, vectors = np.linalg.eigh(np.moveaxis(spread(hits, hits.energy), 2, 0))
    offset = np.stack([x - hits.mean(x.astype(np.float64))[hits.event] for x in hits.place], axis=1)
    return np.einsum("ha,ha->h", offset, vectors[:, :, -1][hits.event]), values.T


def _outermost(hits: Hits, along: Floats) -> tuple[Integers, Integers]:
    """(n,) number of the first and of the last hit along the axis; -1 for events without hits."""
    low, high = np.full(hits.n, -1), np.full(hits.n, -1)
    for end, function, order in ((low, np.minimum, -1), (high, np.maximum, 1)):
        hit = np.flatnonzero(along == hits.reduce(function, along)[hits.event])[::order]
        end[hits.event[hit]] = hit  # of several the one written last stays
    return low, high


def _at(hits: Hits, values: Floats, number: Integers) -> Floats:
    """(n,) the value of the hit `number` of each event; zero where it has none."""
    out = np.zeros(hits.n)
    out[number >= 0] = values[number[number >= 0]]
    return out


def _distance(hits: Hits, number: Integers) -> Floats:
    """(hits,) distance of every hit from hit `number` of its event, in cells."""
    offset = hits.place - hits.place[:, number[hits.event]]
    return np.sqrt((offset.astype(np.float64) ** 2).sum(axis=0))
