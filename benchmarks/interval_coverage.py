"""How often do the intervals hold the truth? Simulated coverage of fractions, AUC and ROC bands; last line is JSON.

python benchmarks/interval_coverage.py [experiments]    # 2,000 for each point unless told otherwise

The level is 68.27 %. Clopper-Pearson must cover at least that for every true p, Wilson and the bootstrap on average.
"""

from __future__ import annotations

import json
import sys

import numpy as np
from scipy.stats import binom, norm

from pidcam.analysis import ONE_SIGMA, binomial_interval, delong, fraction, roc_band
from pidcam.analysis.estimate import Method

P = np.linspace(0.005, 0.995, 199)
METHODS: tuple[Method, ...] = ("clopper-pearson", "wilson", "bootstrap")


def exact(n: int, method: Method) -> np.ndarray:
    """(p,) coverage of unweighted fractions of n events: the sum over all outcomes, no dice needed."""
    passed = np.arange(n + 1)
    low, high = binomial_interval(passed, n, method=method)
    inside = (low <= P[:, None]) & (P[:, None] <= high)
    return np.sum(binom.pmf(passed, n, P[:, None]) * inside, axis=1)


def weighted(n: int, method: Method, experiments: int, rng: np.random.Generator) -> np.ndarray:
    """(p,) coverage of fractions of n events with weights of 0.2 to 1.8."""
    true = np.linspace(0.05, 0.95, 19)
    covered = np.zeros(len(true))
    for i, p in enumerate(true):
        for number in range(experiments):
            result = fraction(rng.random(n) < p, rng.uniform(0.2, 1.8, n), method=method, seed=number)
            covered[i] += result.low <= p <= result.high
    return covered / experiments


def areas(n: int, experiments: int, rng: np.random.Generator) -> float:
    """Coverage of AUC +- DeLong's error, n signal and n background events of unit Gaussians 1 apart."""
    truth, area = np.arange(2 * n) < n, norm.cdf(1 / np.sqrt(2))
    found = [delong(truth, rng.normal(size=2 * n) + truth) for _ in range(experiments)]
    return float(np.mean([abs(each.auc - area) <= each.error for each in found]))


def bands(n: int, experiments: int, rng: np.random.Generator) -> float:
    """Coverage of the efficiency at given fake rates by the bootstrap band of the ROC curve."""
    truth, at = np.arange(2 * n) < n, np.array([0.05, 0.1, 0.2, 0.4])
    true = norm.sf(norm.isf(at) - 1)
    inside = []
    for number in range(experiments):
        band = roc_band(truth, rng.normal(size=2 * n) + truth, at=at, replicas=200, seed=number)
        inside.append((band.low <= true) & (true <= band.high))
    return float(np.mean(inside))


def main(experiments: int) -> None:
    rng = np.random.default_rng(0)
    result: dict[str, object] = {"level": ONE_SIGMA, "experiments": experiments}
    print(f"{'method':16s} {'events':>8s} {'lowest':>8s} {'mean':>8s}")
    for method in METHODS:
        for n in (10, 30, 100, 1000):
            covered = exact(n, method)
            print(f"{method:16s} {n:8d} {covered.min():8.3f} {covered.mean():8.3f}")
            result[f"{method} {n}"] = {"lowest": covered.min(), "mean": covered.mean()}
        for n in (30, 100):
            few = max(experiments // 20, 50)
            covered = weighted(n, method, few, rng)
            print(f"{method:16s} {n:8d} {'':8s} {covered.mean():8.3f}  weighted, {few * len(covered):,} experiments")
            result[f"{method} {n} weighted"] = covered.mean()
    for n in (50, 500):
        result[f"auc {n}"] = areas(n, experiments, rng)
        print(f"{'AUC +- DeLong':16s} {n:8d} {'':8s} {result[f'auc {n}']:8.3f}")
    result["band 500"] = bands(500, max(experiments // 10, 50), rng)
    print(f"{'ROC band':16s} {500:8d} {'':8s} {result['band 500']:8.3f}")
    print(json.dumps(result))


if __name__ == "__main__":
    main(int(float(sys.argv[1])) if len(sys.argv) > 1 else 2_000)
