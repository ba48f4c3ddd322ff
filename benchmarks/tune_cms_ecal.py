"""The constants of `cms-ecal`, from one half of a detailed simulation.

    python benchmarks/tune_cms_ecal.py REFERENCE_FOLDER [--points 256] [--events 4000] [--processes 2] [--half 0]

What shapes of images are, as means and widths at small and at large angles, is simulated at random points of a box of
constants; a polynomial of second order through them tells it anywhere in the box, and where it fits the reference best
(A. Buckley et al., Eur. Phys. J. C 65 (2010) 331). Then a narrower box is laid about that point. The first
box is wide: nothing is taken from an earlier tuning. A value counts with its statistical error and 2 % of the width of
its distribution in quadrature. Errors of constants are those of the reference's statistics, correlations of values
included. REFERENCE_FOLDER is that of `realism_cms_ecal.py`; only the even events (--half 0) are looked at. A quarter of
an hour on two cores. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from functools import partial
from itertools import combinations_with_replacement
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import OptimizeResult, least_squares
from scipy.stats import qmc

from pidcam.progress import progress
from pidcam.simulators import cms_ecal as ecal
from realism_cms_ecal import PLACE, SPECIES, figures, reference, simulated
from told_apart import features

BOX = {
    "core": (0.9, 1.7), "reach": (5.5, 8.5), "needle": (0.0, 0.5), "thin": (0.05, 0.45), "inner": (0.001, 0.03),
    "outer": (0.001, 0.007), "back": (0.0, 0.008), "curl_core": (0.0, 0.5), "curl_tail": (0.0, 0.2),
}  # fmt: skip
"""Of what is in `WALL`."""

ROUNDS = (1.0, 0.4)
"""Widths of the boxes, over the first."""

FLOOR = 0.02
"""Of the width of a distribution: no simulation this simple is better."""


class Known(NamedTuple):
    """What the reference says: angles of each species, values, widths of their distributions, and covariance."""

    eta: dict[str, np.ndarray]
    values: np.ndarray
    widths: np.ndarray
    covariance: np.ndarray


def shapes(deposits: np.ndarray, hits: np.ndarray, eta: np.ndarray) -> np.ndarray:
    """(n, quantities): what tables have, what boosted trees see, where deposits are, and what is lost of them."""
    told = figures(hits[:, 0] * ecal.UNIT, eta).values()
    total, away = deposits.sum((1, 2)), np.maximum(np.abs(PLACE)[:, None], np.abs(PLACE))
    rings = [deposits[:, away == k].sum(1) / total for k in range(8)]
    return np.column_stack([*told, features(hits), *rings, 1 - total / (50 * np.cosh(eta))])


def values(quantities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and widths of (n, quantities), and how each event pulls them, (n, 2 quantities)."""
    off = quantities - quantities.mean(0)
    width = np.maximum(off.std(0), 1e-12)
    return np.concatenate([quantities.mean(0), width]), np.concatenate([off, (off**2 - width**2) / (2 * width)], axis=1)


def by_angle(deposits: np.ndarray, hits: np.ndarray, eta: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """`values` at small and at large angles."""
    return [values(shapes(deposits[group], hits[group], eta[group])) for group in (eta < 0.6, eta > 0.6)]


def known(folder: Path, half: int) -> Known:
    eta, found, pulls = {}, [], []
    for species in SPECIES:
        deposits, eta[species], hits = reference(folder, species, slice(half, None, 2))
        for value, pull in by_angle(deposits, hits, eta[species]):
            found.append(value)
            pulls.append(pull.T @ pull / len(pull) ** 2)
    size = len(found[0])
    covariance = np.zeros((len(found) * size,) * 2)
    for k, block in enumerate(pulls):
        covariance[k * size : (k + 1) * size, k * size : (k + 1) * size] = block
    widths = np.concatenate([np.tile(value[len(value) // 2 :], 2) for value in found])
    return Known(eta, np.concatenate(found), widths, covariance)


def told(constants: np.ndarray, eta: dict[str, np.ndarray], events: int) -> np.ndarray:
    """The same values, simulated."""
    ecal.WALL = ecal.WALL._replace(**dict(zip(BOX, constants.tolist(), strict=True)))
    found = []
    for seed, species in enumerate(SPECIES):
        angles = np.resize(eta[species], events)
        found += [value for value, _ in by_angle(*simulated(species, angles, seed), angles)]
    return np.concatenate(found)


def terms(x: np.ndarray) -> np.ndarray:
    """(n, terms) of a polynomial of second order in (n, constants), within -1 and 1."""
    pairs = combinations_with_replacement(range(x.shape[1]), 2)
    return np.concatenate([np.ones((len(x), 1)), x, np.stack([x[:, i] * x[:, j] for i, j in pairs], axis=1)], axis=1)


def fitted(points: np.ndarray, made: np.ndarray, target: np.ndarray, error: np.ndarray) -> OptimizeResult:
    """Where in the box, -1 to 1, the polynomial through the values made at points is nearest to the reference."""
    polynomial = np.linalg.lstsq(terms(points), made, rcond=None)[0]

    def residuals(x: np.ndarray) -> np.ndarray:
        return ((terms(x[None]) @ polynomial)[0] - target) / error

    tries = [least_squares(residuals, start, bounds=(-1, 1)) for start in (np.zeros(len(points[0])), *points[:8])]
    return min(tries, key=lambda found: found.cost)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--half", type=int, default=0, choices=(0, 1))
    parser.add_argument("--points", type=int, default=256)
    parser.add_argument("--events", type=int, default=4000, help="of each species at a point")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    target = known(options.reference, options.half)
    error = np.sqrt(np.diag(target.covariance) + (FLOOR * target.widths) ** 2)
    error[target.widths < 1e-6] = np.inf  # the same in every event of the reference
    low, high = np.array(list(BOX.values())).T
    middle = (low + high) / 2
    for number, width in enumerate(ROUNDS):
        half = width * (high - low) / 2
        points = 2 * qmc.Sobol(len(BOX), seed=number).random(options.points) - 1
        work = partial(told, eta=target.eta, events=options.events)
        drawn, made = np.clip(middle + points * half, low, high), []
        workers = multiprocessing.get_context("spawn").Pool(options.processes)
        with workers as pool, progress(f"round {number + 1}", len(drawn)) as bar:
            for one in pool.imap(work, drawn):
                made.append(one)
                bar.advance()
        found = fitted((drawn - middle) / half, np.stack(made), target.values, error)
        pull = np.linalg.solve(found.jac.T @ found.jac, found.jac.T) / error
        errors = np.sqrt(np.diag(pull @ target.covariance @ pull.T)) * half
        middle = np.clip(middle + found.x * half, low, high)
        print(f"round {number + 1}: chi2 {2 * found.cost:.0f} of {np.isfinite(error).sum()} values")
        for name, value, its_error, x in zip(BOX, middle, errors, found.x, strict=True):
            print(f"  {name:9} {value:8.4f} ± {its_error:.4f}" + (" at the edge of its box" if abs(x) > 0.99 else ""))
    off = (told(middle, target.eta, 10 * options.events) - target.values) / error
    print(f"simulated there: chi2 {(off**2).sum():.0f} of {np.isfinite(error).sum()} values")
    print(json.dumps({"constants": dict(zip(BOX, middle.tolist(), strict=True)), "errors": errors.tolist()}))


if __name__ == "__main__":
    main()
