"""The species x species table: how well each species is told from each other one at a fixed fake rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from pidcam.analysis._check import (
    BoolArray,
    FloatArray,
    IndexArray,
    check_classes,
    check_fraction,
    check_index,
    check_probabilities,
    check_weight,
)
from pidcam.analysis.estimate import Method
from pidcam.analysis.working_points import FEW_EVENTS, threshold_at_fake_rate, working_point
from pidcam.errors import InputError

Discriminant = Literal["probability", "ratio"]


class ClassSample(NamedTuple):
    """Events of one split: truth_index (n,), probabilities (n, K), weight (n,) or None."""

    truth_index: ArrayLike
    probabilities: ArrayLike
    weight: ArrayLike | None = None


@dataclass(frozen=True)
class SpeciesTable:
    """Arrays (K, K): entry [a, b] is for species a (row) kept while species b (column) is let through at the fake rate.

    `efficiency` with its interval and the measured `fake_rate` are those of the quoted sample; NaN on the diagonal and
    where a pair cannot be measured, which `warnings` names; how many pairs have a fake rate of few events is one line.
    """

    classes: tuple[str, ...]
    asked: float
    thresholds: FloatArray
    efficiency: FloatArray
    error: FloatArray
    low: FloatArray
    high: FloatArray
    fake_rate: FloatArray
    warnings: tuple[str, ...]


def species_table(
    choose: ClassSample | tuple[ArrayLike, ...],
    quote: ClassSample | tuple[ArrayLike, ...],
    classes: Sequence[str],
    *,
    fake_rate: float = 0.01,
    discriminant: Discriminant = "probability",
    method: Method = "clopper-pearson",
) -> SpeciesTable:
    """Return the efficiency of each species at a fixed fake rate of each other, cuts chosen on `choose` (validation).

    Each sample is (truth_index (n,), probabilities (n, K)) or with weight (n,) as a third. The cut for the pair (a, b)
    is on p_a, or for `ratio` on p_a / (p_a + p_b), which is the best for the pair alone. Raises InputError for NaN,
    differing lengths, an index that is no class.
    """
    check_fraction(fake_rate, "fake_rate")
    if discriminant not in ("probability", "ratio"):
        raise InputError(
            f"unknown discriminant '{discriminant}'", where="discriminant", fix="known: probability, ratio"
        )
    samples = [_check(ClassSample(*each)) for each in (choose, quote)]
    size = samples[0][1].shape[1]
    if samples[1][1].shape[1] != size:
        raise InputError(f"{size} classes to choose on, {samples[1][1].shape[1]} to quote on", where="probabilities")
    names = check_classes(classes, size)
    thresholds, efficiency, error, low, high, fakes = (np.full((size, size), np.nan) for _ in range(6))
    warnings: list[str] = []
    few = pairs = 0
    for a in range(size):
        for b in range(size):
            if a == b:
                continue
            try:
                first, second = (_pair(sample, a, b, discriminant) for sample in samples)
                threshold = threshold_at_fake_rate(*first[:2], fake_rate, first[2])
                point = working_point(*second[:2], threshold, second[2], method=method)
            except InputError as fault:
                warnings.append(f"{names[a]} against {names[b]}: {fault}")
                continue
            kept = point.efficiency
            thresholds[a, b], fakes[a, b] = threshold, point.fake_rate.value
            efficiency[a, b], error[a, b], low[a, b], high[a, b] = kept.value, kept.error, kept.low, kept.high
            few, pairs = few + (point.background_passed < FEW_EVENTS), pairs + 1
    if few:  # most of a table of many species: each by name would hide every other warning
        which = f"{few} of {pairs} pairs: their fake rates are uncertain"
        warnings.append(f"fewer than {FEW_EVENTS} background events pass in {which}")
    return SpeciesTable(names, float(fake_rate), thresholds, efficiency, error, low, high, fakes, tuple(warnings))


def _check(sample: ClassSample) -> tuple[IndexArray, FloatArray, FloatArray | None]:
    scores = check_probabilities(sample.probabilities)
    truth = check_index(sample.truth_index, "truth_index", scores.shape[1], len(scores))
    return truth, scores, check_weight(sample.weight, len(truth))


def _pair(
    sample: tuple[IndexArray, FloatArray, FloatArray | None], a: int, b: int, discriminant: Discriminant
) -> tuple[BoolArray, FloatArray, FloatArray | None]:
    truth, scores, weight = sample
    here = (truth == a) | (truth == b)
    score = scores[here, a]
    if discriminant == "ratio":
        total = score + scores[here, b]
        score = np.divide(score, total, out=np.zeros_like(score), where=total > 0)
    return truth[here] == a, score, None if weight is None else weight[here]
