"""Shower shapes of a two-dimensional calorimeter image, seen from its most energetic cell.

E is the value of a cell, (r, c) its distance in cells from the most energetic cell along the first and second axis. All
are ratios or lengths in cells: they do not change when the whole image is scaled or moved (away from its borders).
"""

from __future__ import annotations

import numpy as np

from pidcam.features.hits import Floats, Hits, ratio
from pidcam.features.moments import spread

LOG_WEIGHT = 4.7
"""w0 of the logarithmic weights, T. C. Awes et al., Nucl. Instrum. Meth. A 311 (1992) 130; 4.7 as in the CMS ECAL."""

THRESHOLDS = (0.3, 0.1, 0.03, 0.01, 0.003)
BANDS = ((2, 2), (3, 4), (5, 7), (8, 11), (12, 99))
RINGS = ((1, 1), (2, 2), (3, 3), (4, 5), (6, 8), (9, 12), (13, 99))


def shower_features(hits: Hits, rows: str, columns: str) -> dict[str, Floats]:
    """Name -> (n,) for one channel of a 2D image; `rows`, `columns` name its axes. Empty events give zeros."""
    _, peak = hits.nth(0)
    r, c = (hits.place - peak[:, hits.event]).astype(np.float64)
    return {
        **_core(hits, r, c),
        **_rings(hits, r, c),
        **_strips(hits, r, c, rows, columns),
        **_strips(hits, c, r, columns, rows),
        **_widths(hits, r, c, rows, columns),
        **_axes(hits),
        **_second(hits, rows, columns),
    }


def _core(hits: Hits, r: Floats, c: Floats) -> dict[str, Floats]:
    """Fractions in squares about the peak: e<k*k> = E(k x k) / total; swiss_cross = 1 - E(4 neighbours) / E(peak);
    e1_e9 and e9_e25; n_above_<t> = hits above t times the peak."""
    peak = hits.nth(0)[0]
    far = np.maximum(abs(r), abs(c))
    squares = {k: hits.fraction(far <= k // 2) for k in (3, 5, 7)}
    cross = hits.sum(hits.energy * (abs(r) + abs(c) == 1))
    above = {f"n_above_{t}": hits.sum((hits.energy > t * peak[hits.event]).astype(np.float64)) for t in THRESHOLDS}
    return {
        **{f"e{k * k}": square for k, square in squares.items()},
        "e1_e9": ratio(ratio(peak, hits.total), squares[3]),
        "e9_e25": ratio(squares[3], squares[5]),
        "swiss_cross": np.where(peak > 0, 1 - ratio(cross, peak), 0.0),
        **above,
    }


def _rings(hits: Hits, r: Floats, c: Floats) -> dict[str, Floats]:
    """ring_<a>_<b> = energy fraction, ring_hits_<a>_<b> = hits, with a <= max(|r|, |c|) <= b."""
    far = np.maximum(abs(r), abs(c))
    features = {}
    for low, high in RINGS:
        inside = (far >= low) & (far <= high)
        features[f"ring_{low}_{high}"] = hits.fraction(inside)
        features[f"ring_hits_{low}_{high}"] = hits.sum(inside.astype(np.float64))
    return features


def _strips(hits: Hits, along: Floats, across: Floats, axis: str, other: str) -> dict[str, Floats]:
    """The strip |across| <= 1 that runs along `axis`: what lies in it on both sides of the peak.

    strip_<axis> = its energy fraction. Per band of distance a..b: near = energy fraction on the side that holds more
    energy, far = on the other side (so that mirrored events agree). asymmetry = (E(+) - E(-)) / (E(+) + E(-)) of all
    cells off the peak, `asymmetry_abs` its size, `reach` = energy-weighted mean |distance| in the strip.
    """
    strip = abs(across) <= 1
    plus, minus = (hits.sum(hits.energy * (side & strip)) for side in (along >= 2, along <= -2))
    swap = np.where(plus >= minus, 1.0, -1.0)[hits.event]
    folded = along * swap
    features = {f"strip_{axis}": hits.fraction(strip)}
    for low, high in BANDS:
        features[f"near_{axis}_{low}_{high}"] = hits.fraction(strip & (folded >= low) & (folded <= high))
        features[f"far_{axis}_{low}_{high}"] = hits.fraction(strip & (folded <= -low) & (folded >= -high))
    plus, minus = (hits.sum(hits.energy * side) for side in (along > 0, along < 0))
    asymmetry = ratio(plus - minus, plus + minus)
    neighbours = [hits.sum(hits.energy * ((along == step) & strip)) for step in (1, -1)]
    features |= {
        f"asymmetry_{axis}": asymmetry,
        f"asymmetry_abs_{axis}": abs(asymmetry),
        f"neighbour_high_{axis}": ratio(np.maximum(*neighbours), hits.total),
        f"neighbour_low_{axis}": ratio(np.minimum(*neighbours), hits.total),
        f"reach_{axis}": hits.mean(abs(along) * strip),
    }
    return features


def _widths(hits: Hits, r: Floats, c: Floats, rows: str, columns: str) -> dict[str, Floats]:
    """Widths with logarithmic weights w = max(0, 4.7 + ln(E / total)): sigma along each axis and their covariance, in
    the 5x5 square (the sigma_ieta_ieta of CMS) and in the whole image; square-root weights beside them."""
    square = np.maximum(abs(r), abs(c)) <= 2
    core = hits.where(square)
    features: dict[str, Floats] = {}
    for name, part in (("log5", core), ("log", hits)):
        share = part.energy / part.total[part.event]
        features |= _named(spread(part, np.maximum(0.0, LOG_WEIGHT + np.log(share))), name, rows, columns)
    return features | _named(spread(hits, np.sqrt(hits.energy)), "sqrt", rows, columns)


def _named(covariance: Floats, name: str, rows: str, columns: str) -> dict[str, Floats]:
    return {
        f"sigma_{name}_{rows}": np.sqrt(covariance[0, 0]),
        f"sigma_{name}_{columns}": np.sqrt(covariance[1, 1]),
        f"covariance_{name}": covariance[0, 1],
    }


def _axes(hits: Hits) -> dict[str, Floats]:
    """Principal axes of the energy-weighted covariance: major, minor = square roots of its eigenvalues, elongation =
    1 - minor / major, angle of the major axis to the second image axis, in [0, pi/2] (mirrored events agree)."""
    (rr, rc), (_, cc) = spread(hits, hits.energy)
    middle, half = (rr + cc) / 2, np.hypot((rr - cc) / 2, rc)
    major, minor = np.sqrt(middle + half), np.sqrt(np.maximum(middle - half, 0.0))
    return {
        "major": major,
        "minor": minor,
        "elongation": np.where(major > 0, 1 - ratio(minor, major), 0.0),
        "angle": abs(np.arctan2(2 * rc, cc - rr)) / 2,
    }


def _second(hits: Hits, rows: str, columns: str) -> dict[str, Floats]:
    """The next most energetic cells: energy over the peak, distance from it along each axis; and the most energetic
    cell that does not touch the peak."""
    energy, peak = hits.nth(0)
    apart = hits.where(np.any(abs(hits.place - peak[:, hits.event]) > 1, axis=0))
    features: dict[str, Floats] = {}
    for name, (e, place) in (("second", hits.nth(1)), ("third", hits.nth(2)), ("apart", apart.nth(0))):
        distance = np.where(e > 0, abs(place - peak), 0).astype(np.float64)
        features |= {
            f"{name}_energy": ratio(e, energy),
            f"{name}_distance_{rows}": distance[0],
            f"{name}_distance_{columns}": distance[1],
        }
    return features
