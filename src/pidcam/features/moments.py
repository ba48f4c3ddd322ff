"""Features of any image channel, whatever its number of axes: how much, how many, where, how wide."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pidcam.features.hits import Floats, Hits, ratio


def moment_features(hits: Hits, axes: Sequence[str]) -> dict[str, Floats]:
    """Name -> (n,) for one channel; E is the cell value, x the cell index along an axis, <.> the energy-weighted mean.

    total = sum E; hits; max_fraction = max E / total; concentration = sum E^2 / total^2 (1 for a single hit); per axis
    mean = <x>, width = sqrt(<(x - <x>)^2>), skewness = <(x - <x>)^3> / width^3, kurtosis = <(x - <x>)^4> / width^4 - 3,
    extent = last - first hit index; per pair of axes their linear correlation. Empty events give zeros.
    """
    features = {
        "total": hits.total,
        "hits": hits.sum(np.ones_like(hits.energy)),
        "max_fraction": ratio(hits.nth(0)[0], hits.total),
        "concentration": ratio(hits.sum(hits.energy**2), hits.total**2),
    }
    offsets, widths = [], []
    for axis, place in zip(axes, hits.place, strict=True):
        mean = hits.mean(place.astype(np.float64))
        offset = place - mean[hits.event]
        variance = hits.mean(offset**2)
        # rounding leaves a tiny variance where all hits share one index
        variance[variance < 1e-9] = 0.0
        width = np.sqrt(variance)
        features |= {
            f"mean_{axis}": mean,
            f"width_{axis}": width,
            f"skewness_{axis}": ratio(hits.mean(offset**3), width**3),
            f"kurtosis_{axis}": np.where(width > 0, ratio(hits.mean(offset**4), width**4) - 3, 0.0),
            f"extent_{axis}": _extent(hits, place),
        }
        offsets.append(offset)
        widths.append(width)
    for i in range(len(axes)):
        for j in range(i + 1, len(axes)):
            covariance = hits.mean(offsets[i] * offsets[j])
            features[f"correlation_{axes[i]}_{axes[j]}"] = ratio(covariance, widths[i] * widths[j])
    return features


def companion_features(hits: Hits, value: Floats) -> dict[str, Floats]:
    """Name -> (n,) for `value` (hits,), what a further channel says of the same cells, such as the time t of each hit.

    mean = <t>, rms = sqrt(<(t - <t>)^2>) and mean_plain, rms_plain the same with every hit counted once, peak = t of
    the most energetic cell. Empty events give zeros.
    """
    one = np.ones_like(hits.energy)
    features = {}
    for suffix, weight in (("", hits.energy), ("_plain", one)):
        mean = hits.mean(value, weight)
        features[f"mean{suffix}"] = mean
        features[f"rms{suffix}"] = np.sqrt(hits.mean((value - mean[hits.event]) ** 2, weight))
    order, rank = hits.ranked
    first = order[rank == 0]
    features["peak"] = np.zeros(hits.n)
    features["peak"][hits.event[first]] = value[first]
    return features


def spread(hits: Hits, weight: Floats) -> Floats:
    """(axes, axes, n) covariance of the hit indices under per-hit `weight`; zero where the weights sum to zero."""
    offset = [x - hits.mean(x.astype(np.float64), weight)[hits.event] for x in hits.place]
    return np.array([[hits.mean(a * b, weight) for b in offset] for a in offset])


def _extent(hits: Hits, place: np.ndarray) -> Floats:
    """(n,) distance in cells between the outermost hits along one axis."""
    return hits.reduce(np.maximum, place) - hits.reduce(np.minimum, place)
