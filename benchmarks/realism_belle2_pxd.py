"""Simulated charge in 75 um of silicon beside a full simulation, by species and momentum.

    python benchmarks/realism_belle2_pxd.py FOLDER [--half 1] [--times 4]

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
from realism_table import Row, in_both, peak_row, print_table, row, summary

SPECIES = {"e-": "electron", "mu-": "muon", "pi-": "pion", "kaon-": "kaon", "proton": "proton", "deuteron": "deuteron"}
MOMENTA = ((0.1, 0.2), (0.3, 0.5), (0.5, 1.0), (1.0, 2.0))
ANGLES = ((0, 15), (15, 30), (30, 45), (45, 60))
FINEST = 1.0  # keV: smaller deposits are below any threshold
SQUARE = Sensor(0.05, 0.05, 0.075, 0.0, 0.0, 217.0, 0.0, 1, 255)


def rows_of(path: Path, species: str, times: int, half: int) -> list[Row]:
    file, rng = np.load(path), np.random.default_rng(1)
    n = len(file["momentum"]) // 2
    events = slice(n * half, n * (half + 1))
    p, theta, phi, total = (file[k][events].astype(float) for k in ("momentum", "theta", "phi", "total_kev"))
    cut = file["offsets"][n * half : n * (half + 1) + 1]
    pixel, event = file["kev"][cut[0] : cut[-1]].astype(float), np.repeat(np.arange(n), np.diff(cut))
    many_p, many_theta, many_phi = (np.tile(x, times) for x in (p, theta, phi))
    sine = np.sin(many_theta)
    direction = np.stack([sine * np.cos(many_phi), sine * np.sin(many_phi), np.cos(many_theta)], axis=1)
    parameters = Belle2Pxd(delta_rays_from=500)
    energy, pixels = true_deposits(parameters, species, many_p * 1e3, direction, SQUARE, rng)
    rows = []
    for low, high in MOMENTA:
        chosen, mine = (p > low) & (p < high), (many_p > low) & (many_p < high)
        if chosen.sum() < 400:
            continue
        upright = (energy * np.cos(many_theta))[mine], (total * np.cos(theta))[chosen]
        rows.append(peak_row(f"{low} to {high} GeV/c: peak, FWHM (keV)", *upright, rng))
        rows.append(row(f"{low} to {high} GeV/c: ln energy", *(np.log(e) for e in upright)))
        kept = pixels[(pixels > FINEST) & mine[:, None]], pixel[(pixel > FINEST) & chosen[event]]
        rows.append(row(f"{low} to {high} GeV/c: pixel (keV)", *kept))
    counts = (pixels > FINEST).sum(axis=1).astype(float), np.bincount(event, pixel > FINEST, n)
    for low, high in np.radians(ANGLES):
        within = [count[(a >= low) & (a < high)] for count, a in zip(counts, (many_theta, theta), strict=True)]
        rows.append(row(f"{np.degrees(low):.0f} to {np.degrees(high):.0f} degrees: pixels", *within))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", type=int, default=1, choices=(0, 1))
    parser.add_argument("--times", type=int, default=4)
    options = parser.parse_args()
    report: dict[str, list[Row]] = {}
    for name, species in SPECIES.items():
        path = options.folder / f"{name}.npz"
        report[name] = in_both(lambda half, p=path, s=species: rows_of(p, s, options.times, half), options.half)
        print(f"\n**{name}**\n")
        print_table(report[name])
    print(f"\nAll: {summary([r for rows in report.values() for r in rows])}")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
