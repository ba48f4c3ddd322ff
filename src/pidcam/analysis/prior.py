"""The class mixture that probabilities assume, and its change."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pidcam.analysis._check import FloatArray, check_fractions, check_unit_rows


def prior_shift(probabilities: ArrayLike, old: ArrayLike, new: ArrayLike) -> FloatArray:
    """Return the probabilities for another class mixture: p_k new_k / old_k, normalised.

    Binary: `probabilities` (n,) of signal, `old` and `new` the signal fraction. K classes: (n, K), and the K fractions,
    whose scale does not matter. M. Saerens et al., Neural Comput. 14 (2002) 21, eq. 2.4; right where the classes
    themselves look the same in both mixtures. Raises InputError for fractions that are not above zero, probabilities
    outside 0..1 or rows that do not sum to one.

    >>> prior_shift([0.5, 0.9], 0.5, 0.1).round(3).tolist()
    [0.1, 0.5]
    """
    p = check_unit_rows(probabilities)
    shifted = p * (check_fractions(new, "new", p.shape[1]) / check_fractions(old, "old", p.shape[1]))
    shifted /= shifted.sum(axis=1, keepdims=True)
    return shifted[:, 1] if np.ndim(probabilities) == 1 else shifted
