"""Simulated CLIC calorimeters beside a full simulation: means and widths of what tells species apart.

    python benchmarks/realism_clic_lcd.py FOLDER [--half 1]

FOLDER holds `e-.npz`, `gamma.npz`, `pi0.npz`, `pi-.npz`, `pi+.npz` with `ecal` (n, 25, 25, 25) and `hcal` (n, 5, 5, 60)
GeV, `beam_energy` GeV and `impact` (n, 2) mm. The constants were tuned on the even events (half 0); half 1, the odd
ones, is quoted. Simulated events have the reference's energies and points of impact. A row agrees within the larger of
5 % and two standard errors of the difference. Prints tables in Markdown, then JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from pidcam.simulators.base import simulators
from pidcam.simulators.clic_jets import Beam
from pidcam.simulators.clic_lcd import ClicLcd, showers_of
from realism_table import Row, in_both, print_table, row, summary

Quantities = Callable[[np.ndarray, np.ndarray, np.ndarray], dict[str, np.ndarray]]

SPECIES = {"e-": "electron", "gamma": "photon", "pi0": "neutral pion", "pi-": "charged pion", "pi+": "charged pion"}
WEIGHT = np.where(np.arange(25) < 17, 1.0, 2.0)  # layers behind thicker plates sample half as often
TIMES = 20  # simulated events per reference event


def simulate(species: str, energy: np.ndarray, impact: np.ndarray, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Dense volumes of events with the reference's energies (n,) GeV and points of impact (n, 2) mm."""
    n, (x, y) = len(energy), impact.T
    beam = Beam(np.arange(n), energy, x, y, np.zeros(n), np.zeros(n))
    simulator = simulators["clic-lcd"]
    one = next(s for s in simulator.species if s.name == species)
    parameters = ClicLcd()
    return showers_of(one, beam, n, parameters, np.random.default_rng(seed))


def made(species: str, quantities: Quantities, energy: np.ndarray, impact: np.ndarray) -> dict[str, np.ndarray]:
    """Quantities of `TIMES` events for each energy, in turns, because dense volumes are large."""
    turns = [
        quantities(*(v.astype(np.float64) for v in simulate(species, energy, impact, seed)), energy)
        for seed in range(TIMES)
    ]
    return {name: np.concatenate([turn[name] for turn in turns]) for name in turns[0]}


def electromagnetic(ecal: np.ndarray, hcal: np.ndarray, energy: np.ndarray) -> dict[str, np.ndarray]:
    plane, layers = ecal.sum(3), ecal.sum((1, 2))
    total, depth = layers.sum(1), np.arange(25)
    mean = layers @ depth / total
    away = np.arange(25) - 12.0
    centre = plane.sum(2) @ away / total
    return {
        "seen energy / energy (weighted layers)": (layers @ WEIGHT) / energy,
        "cells above 0.1 MeV": (ecal > 1e-4).sum((1, 2, 3)).astype(float),
        "cells above 1 MeV": (ecal > 1e-3).sum((1, 2, 3)).astype(float),
        "E1 / total": plane[:, 12, 12] / total,
        "E9 / total": plane[:, 11:14, 11:14].sum((1, 2)) / total,
        "E25 / total": plane[:, 10:15, 10:15].sum((1, 2)) / total,
        "lateral r.m.s. (cells)": np.sqrt(plane.sum(2) @ away**2 / total - centre**2),
        "mean layer": mean,
        "longitudinal r.m.s. (layers)": np.sqrt(layers @ depth**2 / total - mean**2),
        "first 3 layers / total": layers[:, :3].sum(1) / total,
        "last 5 layers / total": layers[:, 20:].sum(1) / total,
        "largest cell / total": ecal.max((1, 2, 3)) / total,
        "HCAL / energy": hcal.sum((1, 2, 3)) / energy,
    }


def hadronic(ecal: np.ndarray, hcal: np.ndarray, energy: np.ndarray) -> dict[str, np.ndarray]:
    layers, plane, deep = ecal.sum((1, 2)), hcal.sum(3), hcal.sum((1, 2))
    total, depth = np.maximum(deep.sum(1), 1e-9), np.arange(60)
    mean = deep @ depth / total
    return {
        "ECAL / energy (weighted layers)": (layers @ WEIGHT) / energy,
        "HCAL / energy": deep.sum(1) / energy,
        "no interaction in the ECAL": layers.max(1) < 1.2e-3,
        "ECAL cells above 0.1 MeV": (ecal > 1e-4).sum((1, 2, 3)).astype(float),
        "HCAL cells above 0.1 MeV": (hcal > 1e-4).sum((1, 2, 3)).astype(float),
        "HCAL E1 / total": plane[:, 2, 2] / total,
        "HCAL E9 / total": plane[:, 1:4, 1:4].sum((1, 2)) / total,
        "HCAL mean layer": mean,
        "HCAL longitudinal r.m.s. (layers)": np.sqrt(np.maximum(deep @ depth**2 / total - mean**2, 0)),
    }


def rows_of(path: Path, species: str, half: int) -> list[Row]:
    """Rows of one particle, of which every second event is compared, from `half` on."""
    with np.load(path) as file:
        ecal, hcal, energy, impact = (
            file[key][half::2].astype(np.float64) for key in ("ecal", "hcal", "beam_energy", "impact")
        )
    quantities = hadronic if species == "charged pion" else electromagnetic
    reference = quantities(ecal, hcal, energy)
    mine = made(species, quantities, energy, impact)
    return [row(name, mine[name], values) for name, values in reference.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", type=int, choices=(0, 1), default=1)
    options = parser.parse_args()
    report: dict[str, list[Row]] = {}
    for name, species in SPECIES.items():
        report[name] = in_both(partial(rows_of, options.folder / f"{name}.npz", species), options.half)
        print(f"\n**{name}**\n")
        print_table(report[name])
    print(f"\nIn all, {summary([r for rows in report.values() for r in rows])}.")
    print(json.dumps({"detector": "clic-lcd", "tables": report}))


if __name__ == "__main__":
    main()
