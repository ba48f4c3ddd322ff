"""Simulated charge in 75 um of silicon beside a full simulation, by species and momentum.

    python benchmarks/realism_belle2_pxd.py FOLDER [--half 1]

FOLDER holds `e-.npz`, `mu-.npz`, ... with `momentum` GeV/c, `theta`, `phi`, `total_kev`, and the pixels of 50 x 50 um
as `kev` with `offsets`. True deposits: no diffusion, no Lorentz angle, no noise, no threshold; delta rays below 500 keV
stay where they are born, as the reference's pixels look. The constants were tuned on the first half (half 0); half 1
is quoted. A row agrees within the larger of 5 % and two standard errors. Prints tables in Markdown, then JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from pidcam.simulation.silicon_pixels import Sensor
from pidcam.simulators.belle2_pxd import Belle2Pxd, true_deposits
from realism_table import peak_row, print_table, row

SPECIES = {"e-": "electron", "mu-": "muon", "pi-": "pion", "kaon-": "kaon", "proton": "proton", "deuteron": "deuteron"}
MOMENTA = ((0.1, 0.2), (0.3, 0.5), (0.5, 1.0), (1.0, 2.0))
ANGLES = ((0, 15), (15, 30), (30, 45), (45, 60))
FINEST = 1.0  # keV: smaller deposits are below any threshold
SQUARE = Sensor(0.05, 0.05, 0.075, 0.0, 0.0, 217.0, 0.0, 1, 255)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", type=int, default=1, choices=(0, 1))
    options = parser.parse_args()
    parameters = Belle2Pxd(delta_rays_from=500)
    report: dict[str, object] = {}
    for name, species in SPECIES.items():
        file, rng = np.load(options.folder / f"{name}.npz"), np.random.default_rng(1)
        half = len(file["momentum"]) // 2
        events = slice(half * options.half, half * (options.half + 1))
        p, theta, phi, total = (file[k][events].astype(float) for k in ("momentum", "theta", "phi", "total_kev"))
        cut = file["offsets"][half * options.half : half * (options.half + 1) + 1]
        pixel, event = file["kev"][cut[0] : cut[-1]].astype(float), np.repeat(np.arange(half), np.diff(cut))
        direction = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=1)
        energy, pixels = true_deposits(parameters, species, p * 1e3, direction, SQUARE, rng)
        rows = []
        for low, high in MOMENTA:
            chosen = (p > low) & (p < high)
            if chosen.sum() < 500:
                continue
            mine, theirs = ((e * np.cos(theta))[chosen] for e in (energy, total))
            rows.append(peak_row(f"{low} to {high} GeV/c: peak, FWHM (keV)", mine, theirs, rng))
            rows.append(row(f"{low} to {high} GeV/c: ln energy", np.log(mine), np.log(theirs)))
            kept = pixels > FINEST, (pixel > FINEST) & chosen[event]
            mine_pixels = pixels[kept[0] & chosen[:, None]]
            rows.append(row(f"{low} to {high} GeV/c: pixel (keV)", mine_pixels, pixel[kept[1]]))
        mine = (pixels > FINEST).sum(axis=1)
        theirs = np.bincount(event, pixel > FINEST, half)
        for low, high in ANGLES:
            chosen = (theta >= np.radians(low)) & (theta < np.radians(high))
            rows.append(row(f"{low} to {high} degrees: pixels", mine[chosen].astype(float), theirs[chosen]))
        print(f"\n{name}")
        print_table(rows)
        report[name] = rows
    print(json.dumps(report))


if __name__ == "__main__":
    main()
