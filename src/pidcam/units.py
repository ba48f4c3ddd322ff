"""Units as schemas write them."""

from __future__ import annotations

import re


def physical_unit(unit: str) -> tuple[float, str]:
    """(factor, unit): a unit such as `50 GeV` is read as fifty times GeV.

    >>> physical_unit("50 GeV")
    (50.0, 'GeV')
    >>> physical_unit("ns")
    (1.0, 'ns')
    """
    match = re.fullmatch(r"([0-9.]+(?:e[+-]?\d+)?)\s*([^\W\d].*)", unit.strip())
    return (float(match[1]), match[2]) if match else (1.0, unit)
