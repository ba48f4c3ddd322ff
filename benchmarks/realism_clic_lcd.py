"""Simulated CLIC calorimeters beside a full simulation: means and widths of what tells species apart.

    python benchmarks/realism_clic_lcd.py FOLDER [--half 1]

FOLDER holds `e-.npz`, `gamma.npz`, `pi0.npz`, `pi-.npz`, `pi+.npz` with `ecal` (n, 25, 25, 25) and `hcal` (n, 5, 5, 60)
GeV, and `beam_energy` GeV. The constants were tuned on the even events (half 0); half 1, the odd ones, is quoted. A row
agrees within the larger of 5 % and two standard errors of the reference. Prints a table in Markdown, then JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from pidcam.detectors.base import detectors
from pidcam.simulators.base import simulators

SPECIES = {"e-": "electron", "gamma": "photon", "pi0": "neutral pion", "pi-": "charged pion", "pi+": "charged pion"}
WEIGHT = np.where(np.arange(25) < 17, 1.0, 2.0)  # layers behind thicker plates sample half as often
TIMES = 4  # simulated events per reference event


def simulate(species: str, energies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Dense volumes of one event for each energy, to within 1 GeV, in their order."""
    simulator, schema = simulators["clic-lcd"], detectors["clic-lcd"]().schema
    one = next(s for s in simulator.species if s.name == species)
    rng, volumes = np.random.default_rng(1), []
    for low in np.unique(np.floor(energies)):
        n = int(np.sum(np.floor(energies) == low))
        batch = simulator.events(simulator.parameters(energy=(low, low + 1)), one, n, rng)
        volumes.append([batch.images[i.name].to_dense(i).values[:, 0] for i in schema.images])
    order = np.argsort(np.argsort(np.floor(energies), kind="stable"), kind="stable")
    return tuple(np.concatenate(v)[order] for v in zip(*volumes, strict=True))  # type: ignore[return-value]


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
        "no interaction in the ECAL": (layers.max(1) < 1.2e-3).astype(float),
        "ECAL cells above 0.1 MeV": (ecal > 1e-4).sum((1, 2, 3)).astype(float),
        "HCAL cells above 0.1 MeV": (hcal > 1e-4).sum((1, 2, 3)).astype(float),
        "HCAL E1 / total": plane[:, 2, 2] / total,
        "HCAL E9 / total": plane[:, 1:4, 1:4].sum((1, 2)) / total,
        "HCAL mean layer": mean,
        "HCAL longitudinal r.m.s. (layers)": np.sqrt(np.maximum(deep @ depth**2 / total - mean**2, 0)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", type=int, choices=(0, 1), default=1)
    options = parser.parse_args()
    rows = []
    print("| particle | quantity | full simulation | pidcam | agrees (mean, width) |")
    print("|---|---|---|---|---|")
    for name, species in SPECIES.items():
        with np.load(options.folder / f"{name}.npz") as file:
            half = slice(options.half, None, 2)
            ecal, hcal, energy = (file[key][half].astype(np.float64) for key in ("ecal", "hcal", "beam_energy"))
        quantities = hadronic if species == "charged pion" else electromagnetic
        reference = quantities(ecal, hcal, energy)
        many = np.tile(energy, TIMES)
        made = quantities(*(v.astype(np.float64) for v in simulate(species, many)), many)
        for quantity, values in reference.items():
            (m, s), (mine, width), n = (
                (values.mean(), values.std()),
                (made[quantity].mean(), made[quantity].std()),
                len(values),
            )
            agrees = [
                bool(abs(mine - m) <= max(0.05 * abs(m), 2 * s / np.sqrt(n))),
                bool(abs(width - s) <= max(0.05 * s, 2 * s / np.sqrt(2 * n))),
            ]
            rows.append(
                {"particle": name, "quantity": quantity, "reference": [m, s], "pidcam": [mine, width], "agrees": agrees}
            )
            words = ", ".join("yes" if a else "**no**" for a in agrees)
            print(f"| {name} | {quantity} | {m:.4g} ± {s:.3g} | {mine:.4g} ± {width:.3g} | {words} |")
    agreeing = sum(sum(row["agrees"]) for row in rows)
    print(json.dumps({"detector": "clic-lcd", "agree": agreeing, "of": 2 * len(rows), "rows": rows}))


if __name__ == "__main__":
    main()
