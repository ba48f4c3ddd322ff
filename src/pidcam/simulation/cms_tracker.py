"""The CMS tracker as far as showers know it: how much material there is, and where the crystals behind it begin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CRYSTALS = 1.29
"""m from the beam line to the crystals of the barrel."""

ETA = (0.0, 0.15, 0.45, 0.75, 1.05, 1.48)
THICKNESS = (0.40, 0.42, 0.52, 0.75, 1.20, 1.85)
"""Radiation lengths at |eta|: from 0.4 in the middle of the barrel to 1.8 or 1.9 at its end."""


def thickness(eta: NDArray[np.float64]) -> NDArray[np.float64]:
    """Radiation lengths of material before the crystals, interpolated in |eta|; that of the end beyond the barrel."""
    return np.interp(np.abs(eta), ETA, THICKNESS)
