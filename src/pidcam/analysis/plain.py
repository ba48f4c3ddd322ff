"""From a result to what JSON can hold."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np


def plain(result: Any) -> Any:
    """Return a result (dataclass, array, container of them) as dicts, lists and numbers; NaN and infinity as None.

    >>> from pidcam.analysis import AucResult
    >>> plain(AucResult(np.float64(0.5), float("nan"), 1, 1))
    {'auc': 0.5, 'error': None, 'n_signal': 1, 'n_background': 1}
    """
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        return {field.name: plain(getattr(result, field.name)) for field in dataclasses.fields(result)}
    if isinstance(result, dict):
        return {str(key): plain(value) for key, value in result.items()}
    if isinstance(result, (list, tuple)):
        return [plain(value) for value in result]
    if isinstance(result, (np.ndarray, np.generic)):
        return plain(result.tolist())
    if isinstance(result, float) and not math.isfinite(result):
        return None
    return result
