"""Hard decisions among K classes: accuracy, top-k, the confusion matrix by efficiency and by purity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pidcam.analysis._check import FloatArray, check_classes, check_index, check_probabilities, check_weight
from pidcam.analysis.estimate import Estimate, fraction
from pidcam.errors import InputError


@dataclass(frozen=True)
class Confusion:
    """The confusion matrix, arrays (K, K) with truth along the rows and prediction along the columns.

    `counts` sums the weights; `efficiency` is counts over the row total, `purity` over the column total, each with its
    binomial error; NaN where the total is not above zero.
    """

    classes: tuple[str, ...]
    counts: FloatArray
    efficiency: FloatArray
    efficiency_error: FloatArray
    purity: FloatArray
    purity_error: FloatArray
    n: int


def accuracy(truth_index: ArrayLike, predicted_index: ArrayLike, weight: ArrayLike | None = None) -> Estimate:
    """Return the fraction of events whose predicted class is the true one; all arrays (n,).

    Raises InputError for differing lengths, NaN, total weight <= 0.

    >>> accuracy([0, 1, 2, 2], [0, 1, 2, 1]).value
    0.75
    """
    truth = check_index(truth_index, "truth_index", np.iinfo(np.int32).max)
    predicted = check_index(predicted_index, "predicted_index", np.iinfo(np.int32).max, len(truth))
    return fraction(truth == predicted, weight)


def top_k(truth_index: ArrayLike, probabilities: ArrayLike, k: int, weight: ArrayLike | None = None) -> Estimate:
    """Return the fraction of events whose true class is among the k most probable; equal ones rank by class order.

    `truth_index` (n,), `probabilities` (n, K). Raises InputError as `accuracy` and for k outside 1..K.

    >>> top_k([0, 2], [[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]], 2).value
    0.5
    """
    scores = check_probabilities(probabilities)
    truth = check_index(truth_index, "truth_index", scores.shape[1], len(scores))
    if not 1 <= k <= scores.shape[1]:
        raise InputError(f"{k} is not between 1 and the {scores.shape[1]} classes", where="k")
    own = scores[np.arange(len(truth)), truth][:, None]
    ahead = (scores > own) | ((scores == own) & (np.arange(scores.shape[1]) < truth[:, None]))
    return fraction(ahead.sum(axis=1) < k, weight)


def confusion(
    truth_index: ArrayLike, predicted_index: ArrayLike, classes: Sequence[str], weight: ArrayLike | None = None
) -> Confusion:
    """Return the confusion matrix of K = len(classes) classes; `truth_index`, `predicted_index`, `weight` (n,).

    Raises InputError for an index that is no class, differing lengths, NaN. Errors: as `fraction`, per cell.

    >>> confusion([0, 0, 1], [0, 1, 1], ["electron", "photon"]).efficiency.tolist()
    [[0.5, 0.5], [0.0, 1.0]]
    """
    names = check_classes(classes, len(classes))
    size = len(names)
    truth = check_index(truth_index, "truth_index", size)
    predicted = check_index(predicted_index, "predicted_index", size, len(truth))
    weights = check_weight(weight, len(truth))
    cell = truth * size + predicted
    counts: FloatArray = np.bincount(cell, weights, size * size).reshape(size, size).astype(np.float64)
    squares: FloatArray = counts
    if weights is not None:
        squares = np.bincount(cell, weights**2, size * size).reshape(size, size).astype(np.float64)
    efficiency, efficiency_error = _by_row(counts, squares)
    purity, purity_error = _by_row(counts.T, squares.T)
    return Confusion(names, counts, efficiency, efficiency_error, purity.T, purity_error.T, len(truth))


def _by_row(counts: FloatArray, squares: FloatArray) -> tuple[FloatArray, FloatArray]:
    total = counts.sum(axis=1, keepdims=True)
    total = np.where(total > 0, total, np.nan)
    share = counts / total
    rest = squares.sum(axis=1, keepdims=True) - squares
    return share, np.sqrt(squares * (1 - share) ** 2 + rest * share**2) / total
