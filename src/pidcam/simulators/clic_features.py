"""The 24 engineered numbers of the LCD files, from the two calorimeter volumes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HIT = 1e-4
"""GeV in a cell that counts as a hit: half of what a minimum ionising particle leaves in 0.5 mm of silicon."""


def clic_features(ecal: np.ndarray, hcal: np.ndarray) -> dict[str, Floats]:
    """Name -> (n,), of ecal (n, x, y, layer) and hcal (n, x, y, layer) in GeV.

    ECALMeasuredEnergy: sum of all cells, GeV. ...NumberOfHits: cells above 0.1 MeV. Moments are of the ECAL,
    weighted by energy, in cells along each axis: order 1 is the mean, orders 2 to 6 are central. A ratio with nothing
    below the line is 0.
    """
    layers = ecal.sum((1, 2), dtype=np.float64)
    total, hadronic = layers.sum(1), hcal.sum((1, 2, 3), dtype=np.float64)
    hits, hadronic_hits = ((v > HIT).sum((1, 2, 3)).astype(np.float64) for v in (ecal, hcal))
    moments: dict[str, Floats] = {}
    for number, axis in enumerate("XYZ"):
        others = tuple(1 + a for a in range(3) if a != number)
        profile = ecal.sum(others, dtype=np.float64)
        place = np.arange(profile.shape[1])
        mean = ratio(profile @ place, total)
        away = place - mean[:, None]
        moments[f"ECALMoment1{axis}"] = mean
        for order in range(2, 7):
            moments[f"ECALMoment{order}{axis}"] = ratio((profile * away**order).sum(1), total)
    return {
        "ECALMeasuredEnergy": total,
        "ECALNumberOfHits": hits,
        "ECAL_ratioFirstLayerToTotalE": ratio(layers[:, 0], total),
        "ECAL_ratioFirstLayerToSecondLayerE": ratio(layers[:, 0], layers[:, 1]),
        **moments,
        "ECAL_HCAL_ERatio": ratio(total, hadronic),
        "ECAL_HCAL_nHitsRatio": ratio(hits, hadronic_hits),
    }


def ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros(len(above)), where=below != 0)
