"""Simulated hadronic showers of the CLIC calorimeters beside published values, where no full simulation is right.

    python benchmarks/published_clic_lcd.py [--events 1000]

The iron calorimeter stands alone, wide and deep enough to hold a shower, so that nothing but its showers is measured;
its scintillator counts as matter. A row agrees within the range that publications span, or 5 % or two standard errors
of it. A source is followed by what of it could be read in public copies: its `abstract`, its number `quoted` by others,
its `title` where the number is from memory, or nothing (`memory`). Prints a table in Markdown, then JSON.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace

import numpy as np

from pidcam.simulation.hadron_cascade import cascade
from pidcam.simulation.sampling_stack import Stack, stack
from pidcam.simulators.clic_jets import Beam
from pidcam.simulators.clic_lcd import Showers, calorimeter, electrons, hadrons, sections

LAYERS, CELLS = 120, 33
LAYER = 22.0
"""mm of iron and scintillator."""
LENGTH = LAYER / (19 / 167.7 + 3 / 770.7)
"""mm: nuclear interaction length of the pile; of iron and polystyrene: Particle Data Group."""


def wide() -> tuple[Stack, Showers]:
    """The HCAL alone, 1 m wide and 2.3 m of iron deep, and what describes its electromagnetic showers."""
    section = replace(sections()[1], thicknesses=(19.0,) * LAYERS, cells=CELLS)
    return stack([section]), calorimeter()[1]


def shot(kind: str, energy: float, n: int, seed: int = 1) -> np.ndarray:
    """(n, CELLS, CELLS, LAYERS) GeV of electrons or pions at the middle."""
    pile, showers = wide()
    image = np.zeros((n, CELLS, CELLS, LAYERS), np.float32)
    zero, rng = np.zeros(n), np.random.default_rng(seed)
    beam = Beam(np.arange(n), np.full(n, energy), zero, zero, zero, zero)
    if kind == "electron":
        electrons((image,), beam, showers, pile, rng)
    else:
        hadrons((image,), beam, np.full(n, True), showers, pile, rng)
    return image


def fractions(energy: float, n: int) -> np.ndarray:
    """(n,) electromagnetic parts of showers that end in iron."""
    zero = np.zeros(n)
    depths = (np.linspace(0.1, 60, 600), np.linspace(20, 12_000, 600))
    beam = (np.arange(n), np.full(n, energy), zero, zero, zero, zero)
    pions = cascade(beam, np.full(n, True), depths, np.random.default_rng(1)).pions
    return np.bincount(pions.event, pions.energy, n) / energy


def interacting(n: int) -> np.ndarray:
    """(n,) True where pions of 50 GeV meet a nucleus in the ECAL."""
    pile, _ = calorimeter()
    zero = np.zeros(n)
    beam = (np.arange(n), np.full(n, 50.0), zero, zero, zero, zero)
    flights = cascade(beam, np.full(n, True), (pile.pion, pile.z), np.random.default_rng(1)).flights
    first = flights.end[np.unique(flights.event, return_index=True)[1]]
    return first < pile.pion[24]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1000)
    n = parser.parse_args().events
    rows: list[dict[str, object]] = []

    def add(quantity: str, value: float, error: float, low: float, high: float, source: str) -> None:
        agrees = bool(low - max(0.05 * low, 2 * error) <= value <= high + max(0.05 * high, 2 * error))
        rows.append({"quantity": quantity, "value": float(value), "error": float(error), "range": [low, high]})
        rows[-1]["agrees"] = agrees
        print(
            f"| {quantity} | {value:.3g} ± {error:.1g} | {low:.3g} to {high:.3g} | {'yes' if agrees else '**no**'} "
            f"| {source} |"
        )

    print("| quantity | pidcam | published | agrees | source |\n|---|---|---|---|---|")
    for energy in (10, 50, 100):
        f = fractions(energy, 4 * n)
        low, high = 1 - energy**-0.13, 1 - energy**-0.20
        add(f"electromagnetic part, {energy} GeV", f.mean(), f.std() / len(f) ** 0.5, low, high, GABRIEL)
    add("its r.m.s., 50 GeV", (f := fractions(50, 4 * n)).std(), f.std() / (2 * len(f)) ** 0.5, 0.15, 0.19, WIGMANS)
    met = interacting(20 * n)
    lengths = -np.log(1 - met.mean())
    error = (met.mean() / (1 - met.mean()) / len(met)) ** 0.5
    add("interaction lengths of pions, ECAL", lengths, error, *(79.2 / w + 12.5 / s for w, s in PIONS), LENGTHS)
    electron = shot("electron", 50, n // 4).sum((1, 2, 3)).mean()
    seen = {}
    for energy in (10, 50, 80):
        image = np.concatenate([shot("pion", energy, 100, seed) for seed in range(n // 100)])
        seen[energy] = total = image.sum((1, 2, 3)).astype(float)
        resolution = total.std() / total.mean() * energy**0.5
        add(f"resolution x sqrt(E), pions of {energy} GeV", resolution, resolution / (2 * n) ** 0.5, 0.52, 0.64, CALICE)
        if energy == 50:
            parts = image.sum((1, 2)).reshape(10, -1, LAYERS).sum(1)
            depth = np.cumsum(parts, 1) / parts.sum(1, keepdims=True)
            places = [(np.interp(0.95, d, np.arange(LAYERS)) + 1) * LAYER / LENGTH for d in depth]
            error = np.std(places) / len(places) ** 0.5
            low, high = (94 * np.log(50) + 390) / 167.7, 1 + 1.35 * np.log(50)
            add("95 % of the energy, interaction lengths deep", np.mean(places), error, low, high, DEPTH)
            away = np.hypot(*(np.indices((CELLS, CELLS)) - CELLS // 2)) * 30
            inside = image.sum(3)[:, away < LENGTH].sum(1) / total
            error = inside.std() / len(inside) ** 0.5
            add("energy within one interaction length of the axis", inside.mean(), error, 0.95, 0.95, RADIUS)
    pi_over_e = seen[50].mean() / electron
    error = seen[50].std() / seen[50].mean() / n**0.5 * pi_over_e
    low, high = (f.mean() + (1 - f.mean()) / ratio for ratio in (1.43, 1.23))
    add("pi / e, 50 GeV", pi_over_e, error, low, high, TILES)
    print(json.dumps(rows))


GABRIEL = (
    "1 - (E / E0)^(k - 1), E0 1 GeV, k 0.80 to 0.87: T. A. Gabriel et al., NIM A 338 (1994) 336 (memory); k 0.83: "
    "D. E. Groom, NIM A 572 (2007) 633 (abstract)"
)
WIGMANS = "R. Wigmans, Calorimetry (2000), ch. 2 (memory)"
PIONS = (113.3, 591.4), (112.2, 575.0)
"""mm of tungsten and silicon: Particle Data Group; 1.41 b and 0.348 b of V. S. Barashenkov at 50 GeV, as in Geant4."""
LENGTHS = "pions, Particle Data Group (tungsten quoted, silicon memory); V. S. Barashenkov at 50 GeV (quoted in Geant4)"
CALICE = "CALICE, JINST 7 (2012) P09017 (abstract): 0.58, ± 10 % for other plates; the shape of binding was set by it"
DEPTH = (
    "9.4 cm ln E + 39 cm of iron: M. Holder et al., NIM 151 (1978) 69 (memory); 1 + 1.35 ln E: R. K. Bock and "
    "A. Vasilescu, The Particle Detector BriefBook (1998) (quoted)"
)
RADIUS = "95 %: C. W. Fabjan and F. Gianotti, Rev. Mod. Phys. 75 (2003) 1243 (title)"
TILES = (
    "e/h 1.33: ATLAS tiles, NIM A 606 (2009) 362 (abstract: 8 % more from 10 to 350 GeV, as it makes); 1.362: J. A. "
    "Budagov et al. (2002) (abstract); ± 0.1 for other plates; f of the rows above"
)


if __name__ == "__main__":
    main()
