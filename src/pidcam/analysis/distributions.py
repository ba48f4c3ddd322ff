"""Do two distributions agree? Kolmogorov-Smirnov with weights, train against test, and sculpting of a spectator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import ks_2samp, kstwo, rankdata

from pidcam.analysis._check import FloatArray, check_binary, check_edges, check_total, check_values, check_weight
from pidcam.analysis.estimate import effective_events
from pidcam.analysis.in_bins import InBins, fraction_in_bins, quantile_edges
from pidcam.analysis.roc import AucResult, delong, z_and_p
from pidcam.analysis.working_points import Sample
from pidcam.errors import InputError


@dataclass(frozen=True)
class Ks:
    """The Kolmogorov-Smirnov distance of two samples, its p-value, and the effective numbers of events."""

    distance: float
    p_value: float
    n_a: float
    n_b: float


@dataclass(frozen=True)
class Overtraining:
    """Train against test: KS of the scores per class, and the AUC difference (train - test) with error and p-value."""

    signal: Ks
    background: Ks
    train: AucResult
    test: AucResult
    difference: float
    error: float
    z: float
    p_value: float


@dataclass(frozen=True)
class Sculpting:
    """How a cut on the score shapes a spectator in one class: compare passed with failed.

    `passed` and `failed` (bins,) are the normalised spectator distributions in `rate.edges`; `rate` is the fraction
    that passes per bin. `jensen_shannon` is their divergence in bits (0 the same, 1 disjoint), `jensen_shannon_null`
    what fluctuations alone give on average; `correlation` is Spearman's between score and spectator.
    """

    passed: FloatArray
    failed: FloatArray
    rate: InBins
    jensen_shannon: float
    jensen_shannon_null: float
    ks: Ks
    correlation: float


def ks(a: ArrayLike, b: ArrayLike, weight_a: ArrayLike | None = None, weight_b: ArrayLike | None = None) -> Ks:
    """Return the two-sample Kolmogorov-Smirnov test; `a` (n,), `b` (m,), weights of the same shapes or None.

    SciPy's `ks_2samp` without weights. With weights the distance is that of the weighted cumulative distributions and
    the p-value SciPy's asymptotic one with effective numbers of events. Raises InputError for NaN, total weight <= 0.

    >>> ks([1, 2, 3, 4], [1.5, 2.5, 3.5, 4.5]).distance
    0.25
    """
    first, second = check_values(a, "a"), check_values(b, "b")
    weights_a, weights_b = check_weight(weight_a, len(first)), check_weight(weight_b, len(second))
    if weights_a is None and weights_b is None:
        result = ks_2samp(first, second)
        return Ks(float(result.statistic), float(result.pvalue), float(len(first)), float(len(second)))
    weights_a = np.ones(len(first)) if weights_a is None else weights_a
    weights_b = np.ones(len(second)) if weights_b is None else weights_b
    check_total(weights_a, "a")
    check_total(weights_b, "b")
    everywhere = np.concatenate([first, second])
    distance = float(
        np.abs(_cumulative(first, weights_a, everywhere) - _cumulative(second, weights_b, everywhere)).max()
    )
    n_a, n_b = effective_events(weights_a), effective_events(weights_b)
    p_value = float(kstwo.sf(min(distance, 1.0), max(1, round(n_a * n_b / (n_a + n_b)))))
    return Ks(distance, p_value, n_a, n_b)


def overtraining(train: Sample | tuple[ArrayLike, ...], test: Sample | tuple[ArrayLike, ...]) -> Overtraining:
    """Return whether scores of train and test events agree, per class by KS and in AUC.

    Each sample is (truth, score) or (truth, score, weight), errors as for `roc`. A small p-value says that the model
    knows its training events; that alone does not make its test result wrong.
    """
    samples = [check_binary(*Sample(*each)) for each in (train, test)]
    areas = [delong(*each) for each in samples]
    tests = []
    for signal in (True, False):
        (score_a, weight_a), (score_b, weight_b) = (
            (score[truth == signal], None if weight is None else weight[truth == signal])
            for truth, score, weight in samples
        )
        tests.append(ks(score_a, score_b, weight_a, weight_b))
    difference = areas[0].auc - areas[1].auc
    error = float(np.hypot(areas[0].error, areas[1].error))
    return Overtraining(tests[0], tests[1], areas[0], areas[1], difference, error, *z_and_p(difference, error))


def sculpting(
    score: ArrayLike,
    spectator: ArrayLike,
    threshold: float,
    weight: ArrayLike | None = None,
    *,
    edges: ArrayLike | None = None,
) -> Sculpting:
    """Return how the cut score >= threshold shapes the distribution of a spectator (mass, say) of one class.

    Give the events of that class only, background as a rule: `score`, `spectator`, `weight` (n,). `edges` default to 20
    bins of equal population. The Jensen-Shannon divergence of passed and failed is the measure of ATLAS,
    ATL-PHYS-PUB-2018-014. Raises InputError for NaN, differing lengths, or a cut that all or no events pass.
    """
    scores = check_values(score, "score")
    values = check_values(spectator, "spectator", len(scores))
    weights = check_weight(weight, len(scores))
    bins = quantile_edges(values, 20) if edges is None else check_edges(edges)
    passed = scores >= threshold
    inside = (values >= bins[0]) & (values <= bins[-1])
    count = int(np.count_nonzero(passed & inside))
    if count in (0, int(np.count_nonzero(inside))):
        raise InputError(f"{count} of {np.count_nonzero(inside)} events pass", where="threshold", fix="choose another")
    each = np.ones(len(scores)) if weights is None else weights
    parts = [inside & passed, inside & ~passed]
    for part, name in zip(parts, ("events that pass", "events that fail"), strict=True):
        check_total(each[part], name)
    shapes = [np.histogram(values[part], bins, weights=each[part])[0] for part in parts]
    p, q = (shape / shape.sum() for shape in shapes)
    inverse = sum(1 / effective_events(each[part]) for part in parts)
    subset = (None, None) if weights is None else (weights[parts[0]], weights[parts[1]])
    return Sculpting(
        passed=p,
        failed=q,
        rate=fraction_in_bins(passed, values, bins, weights),
        jensen_shannon=_jensen_shannon(p, q),
        jensen_shannon_null=float((len(p) - 1) / (8 * np.log(2)) * inverse),
        ks=ks(values[parts[0]], values[parts[1]], *subset),
        correlation=_spearman(scores, values, each),
    )


def _cumulative(values: FloatArray, weight: FloatArray, at: FloatArray) -> FloatArray:
    order = np.argsort(values)
    running = np.concatenate([[0.0], np.cumsum(weight[order])])
    return running[np.searchsorted(values[order], at, side="right")] / running[-1]


def _jensen_shannon(p: FloatArray, q: FloatArray) -> float:
    p, q = np.maximum(p, 0), np.maximum(q, 0)  # a bin of negative weight counts as empty
    middle = (p + q) / 2

    def gain(part: FloatArray) -> float:
        filled = part > 0
        return float(np.sum(part[filled] * np.log2(part[filled] / middle[filled])))

    return max(0.0, (gain(p) + gain(q)) / 2)


def _spearman(a: FloatArray, b: FloatArray, weight: FloatArray) -> float:
    ranks = np.stack([rankdata(a), rankdata(b)])
    ranks -= (ranks @ weight / weight.sum())[:, None]
    covariance = (ranks * weight) @ ranks.T
    spread = covariance[0, 0] * covariance[1, 1]
    return float(covariance[0, 1] / np.sqrt(spread)) if spread > 0 else np.nan
