"""Simulated tracks in xenon beside a full simulation: means and widths of what tells one electron from two.

    python benchmarks/realism_next_tpc.py FOLDER [--half 1] [--events 10000]

FOLDER holds `electron.npz` and `bb0nu.npz` with `x`, `y`, `z` mm (centres of 1 mm voxels), `energy` MeV and `offsets`,
in xenon of 0.0874 g/cm^3 and a cube of 128 cm, without radiation of electrons below 1 MeV and without fluorescence,
which are switched off here too. The constants were tuned on the first half of the events (half 0); half 1 is quoted. A
row agrees within the larger of 5 % and two standard errors. Prints tables in Markdown, then JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from pidcam.simulators.base import Species, simulators
from realism_table import Row, in_both, print_table, row, summary
from track_shape import NAMES, shapes

SHOWN = {
    "energy": "energy (MeV)",
    "voxels": "voxels",
    "voxel_energy": "mean energy of a voxel (MeV)",
    "voxel_spread": "spread of the energies of voxels (MeV)",
    "largest_voxel": "largest voxel (MeV)",
    "parts": "separate parts",
    "share_of_main": "share of the largest part",
    "length": "length of the track (mm)",
    "straightness": "distance of its ends over length",
    "extent": "extent from its centre (mm)",
    "rms": "r.m.s. radius (mm)",
    "elongation": "second over first axis",
    "larger_blob": "energy of the larger end (MeV)",
    "smaller_blob": "energy of the smaller end (MeV)",
}
PITCH, BLOB = np.ones(3), 12.0


def reference(folder: Path, species: str, half: int) -> np.ndarray:
    """(events, shapes)."""
    file = np.load(folder / f"{species}.npz")
    offsets = file["offsets"]
    n = (len(offsets) - 1) // 2
    cut = offsets[n * half : n * (half + 1) + 1]
    span = slice(cut[0], cut[-1])
    place = np.stack([file[axis][span] for axis in "xyz"], axis=1)
    return shapes(place, file["energy"][span], cut - cut[0], PITCH, BLOB)


def simulated(species: Species, events: int) -> np.ndarray:
    """(events, shapes)."""
    simulator = simulators["next-tpc"]
    parameters = simulator.parameters(pressure=14.797, half_size=640, radiates_from=1.0, fluorescence=False)
    track = simulator.events(parameters, species, events, np.random.default_rng(1)).images["track"]
    return shapes(track.place, track.value[:, 0], track.offsets, PITCH, BLOB)


def rows_of(mine: np.ndarray, theirs: np.ndarray) -> list[Row]:
    rows = [row(SHOWN[n], *(t[:, NAMES.index(n)] for t in (mine, theirs))) for n in SHOWN]
    contained = [t[:, NAMES.index("energy")] > 2.457 for t in (mine, theirs)]
    return [row("all energy contained", *contained), *rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", type=int, default=1, choices=(0, 1))
    parser.add_argument("--events", type=int, default=10_000)
    options = parser.parse_args()
    report: dict[str, dict[str, Any]] = {}
    for species in simulators["next-tpc"].species:
        mine = simulated(species, options.events)
        theirs = [reference(options.folder, species.name, half) for half in (0, 1)]
        rows = in_both(lambda half, mine=mine, theirs=theirs: rows_of(mine, theirs[half]), options.half)
        print(f"\n**{species.name}**: {len(mine)} simulated, {len(theirs[options.half])} of the reference\n")
        print_table(rows)
        blob = NAMES.index("smaller_blob")
        medians = [float(np.median(t[:, blob])) for t in (mine, theirs[options.half])]
        print(f"median of the smaller end: {medians[0]:.3f} MeV, reference {medians[1]:.3f} MeV")
        report[species.name] = {"rows": rows, "median_smaller_blob": medians}
    print(f"\nAll: {summary([r for of in report.values() for r in of['rows']])}")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
