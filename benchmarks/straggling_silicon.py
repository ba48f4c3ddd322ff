"""Energy loss in thin silicon beside published values: its peak, its width, and what binding adds to the variance.

    python benchmarks/straggling_silicon.py [--tracks 200000]

Tracks cross at a right angle; delta rays below 500 keV stay where they are born. Published are H. Bichsel's fits for
fast particles (Rev. Mod. Phys. 60 (1988) 663) and distributions of muons of 1 GeV/c that his program printed
(github.com/bnachman/Bichsel). Prints tables in Markdown, then JSON.
"""

from __future__ import annotations

import argparse
import json

import numpy as np

from pidcam.simulation.bound_electrons import HIGHEST, over_rutherford, widening
from pidcam.simulation.ionisation import Floats
from pidcam.simulation.silicon_pixels import Sensor
from pidcam.simulation.straggling import bichsel_most_probable, bichsel_width, bound_variance
from pidcam.simulators.belle2_pxd import Belle2Pxd, true_deposits

SQUARE = Sensor(0.05, 0.05, 0.075, 0.0, 0.0, 217.0, 0.0, 1, 255)
SHELLS = ((2, 1840.0), (8, 120.0), (4, 1e-6))  # electrons and their binding, eV; the outer four are as good as free

PROGRAM = {35: (7.51, 4.97), 75: None, 300: (79.7, 28.1)}
"""Of muons of 1 GeV/c, by thickness in um: most probable loss and full width at half maximum in keV."""


def energies(species: str, momentum: float, microns: float, n: int, rng: np.random.Generator) -> Floats:
    """What n tracks of `momentum` MeV/c deposit, keV."""
    direction = np.tile([0.0, 0.0, 1.0], (n, 1))
    sensor = SQUARE._replace(thickness=microns * 1e-3)
    parameters = Belle2Pxd(delta_rays_from=500, thickness=microns)
    return true_deposits(parameters, species, np.full(n, momentum), direction, sensor, rng)[0]


def peak(energy: Floats) -> tuple[float, float]:
    """Most probable value and full width at half maximum of many `energy`: of a cubic curve through the highest quarter
    of the histogram, and between straight lines through its bins."""
    counts, edges = np.histogram(energy, np.linspace(0, 3 * np.median(energy), 301))
    middle = (edges[1:] + edges[:-1]) / 2
    smooth = np.convolve(counts, np.ones(5) / 5, "same")
    top = middle[smooth > 0.75 * smooth.max()]
    fine = np.linspace(top[0], top[-1], 1000)
    curve = np.polynomial.Polynomial.fit(top, smooth[smooth > 0.75 * smooth.max()], 3)(fine)
    half = curve.max() / 2
    above = np.flatnonzero(smooth > half)
    first, last = above[0], above[-1]
    low = np.interp(half, smooth[first - 1 : first + 1], middle[first - 1 : first + 1])
    high = np.interp(half, smooth[last : last + 2][::-1], middle[last : last + 2][::-1])
    return float(fine[curve.argmax()]), float(high - low)


def measured(species: str, momentum: float, microns: float, n: int) -> list[list[float]]:
    """Peak and width with their standard errors, from ten parts."""
    parts = [peak(energies(species, momentum, microns, n // 10, np.random.default_rng(i))) for i in range(10)]
    return [[float(np.mean(x)), float(np.std(x) / 3)] for x in zip(*parts, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=200_000)
    n, rows = parser.parse_args().tracks, []
    fits = {t: (float(bichsel_most_probable(t)), float(bichsel_width(t))) for t in (35, 75, 100)}
    print("| | most probable, keV | published | FWHM, keV | published |\n|---|---|---|---|---|")
    for species, momentum, published in (("electron", 5000.0, fits), ("muon", 1000.0, PROGRAM)):
        for microns, values in published.items():
            ours = measured(species, momentum, microns, n)
            name = f"{species}s of {momentum / 1000:g} GeV/c in {microns} um"
            cells = (f"{a:.2f} ± {e:.2f} | {v}" for (a, e), v in zip(ours, _shown(values), strict=True))
            print(f"| {name} | " + " | ".join(cells) + " |")
            rows.append({"name": name, "ours": ours, "published": values})
    ratios = np.array([0.3, 0.5, 1.0, 3.6, 10.0, 100.0, 5000.0])
    columns = [1e6 * (widening(over_rutherford(ratios), cut) - cut) for cut in (0.001, 0.01, HIGHEST)]
    columns.append(1e6 * bound_variance(ratios / np.sqrt(1 + ratios**2), SHELLS))
    print("\n| momentum over mass | below 1 keV, eV per xi | below 10 keV | all | Shulek |\n|---|---|---|---|---|")
    for row in zip(ratios, *columns, strict=True):
        print(f"| {row[0]:g} | " + " | ".join(f"{x:,.0f}" for x in row[1:]) + " |")
    print(json.dumps({"peaks": rows, "widening": {f"{r:g}": list(x) for r, *x in zip(ratios, *columns, strict=True)}}))


def _shown(values: tuple[float, float] | None) -> list[str]:
    return [f"{v:.2f}" for v in values] if values else ["", ""]


if __name__ == "__main__":
    main()
