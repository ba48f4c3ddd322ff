"""Simulated tracks in xenon beside a full simulation: means and widths of what tells one electron from two.

    python benchmarks/realism_next_tpc.py FOLDER [--half 1] [--times 8] [--seed 1]

FOLDER holds `electron.npz` and `bb0nu.npz` with `x`, `y`, `z` mm (centres of 1 mm voxels), `energy` MeV and `offsets`,
in xenon of 0.0874 g/cm^3 and a cube of 128 cm, without radiation of electrons below 1 MeV and without fluorescence,
which are switched off here too; and the `kinetic` energies, MeV, and directions with which its electrons set out. Each
decay is simulated several times, with the energies and the angle that it has there; the last table holds these against
the law by which decays are drawn. The constants were tuned on the first half of the events (half 0); half 1 is quoted.
A row agrees within the larger of 5 % and two standard errors. Prints tables in Markdown, then JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from pidcam.simulation.double_beta import draw_neutrinoless
from pidcam.simulation.electron_tables import electron_table
from pidcam.simulators import next_tpc
from pidcam.simulators.base import simulators
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


def primaries(folder: Path, species: str) -> tuple[np.ndarray, np.ndarray]:
    """Of all events of the reference: kinetic energies (events, 2) MeV, cosines (events,) between two electrons."""
    file = np.load(folder / f"{species}.npz")
    first, second = np.moveaxis(file["direction"].astype(float), 1, 0)
    return file["kinetic"].astype(float), (first * second).sum(axis=1)


def simulated(
    species: str, kinetic: np.ndarray, cosine: np.ndarray, seed: int, table: Any = electron_table
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Voxels of as many events: place (voxels, 3) mm, energy (voxels,) MeV, offsets; decays are the given ones, `table`
    makes the table of electrons."""
    simulator, rng = simulators["next-tpc"], np.random.default_rng(seed)
    (chosen,) = (s for s in simulator.species if s.name == species)
    parameters = simulator.parameters(pressure=14.797, half_size=640, radiates_from=1.0, fluorescence=False)
    uncached = next_tpc._tables.__wrapped__
    with patch.multiple(
        next_tpc, electron_table=table, _tables=uncached, draw_neutrinoless=lambda *_: (kinetic, cosine)
    ):
        track = simulator.events(parameters, chosen, len(kinetic), rng).images["track"]
    return track.place, track.value[:, 0], track.offsets


def uneven(kinetic: np.ndarray, cosine: np.ndarray) -> dict[str, tuple[float, float]]:
    """Of decays: shares and the mean of the cosine, each with its standard error."""
    of = {
        "an electron below 0.2 MeV": kinetic.min(axis=1) < 0.2,
        "cosine above 0.7": cosine > 0.7,
        "mean cosine": cosine,
    }
    return {name: (float(x.mean()), float(x.std() / len(x) ** 0.5)) for name, x in of.items()}


def against_the_law(folder: Path, seed: int) -> list[dict[str, tuple[float, float]]]:
    """What decays are drawn like, and those of either half of the reference."""
    law = draw_neutrinoless(np.random.default_rng(seed), 1_000_000, next_tpc.Q)
    halves = zip(*(np.split(x, 2) for x in primaries(folder, "bb0nu")), strict=True)
    return [uneven(*decays) for decays in (law, *halves)]


def rows_of(mine: np.ndarray, theirs: np.ndarray) -> list[Row]:
    rows = [row(SHOWN[n], *(t[:, NAMES.index(n)] for t in (mine, theirs))) for n in SHOWN]
    contained = [t[:, NAMES.index("energy")] > 2.457 for t in (mine, theirs)]
    return [row("all energy contained", *contained), *rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", type=int, default=1, choices=(0, 1))
    parser.add_argument("--times", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    report: dict[str, dict[str, Any]] = {}
    for species in (s.name for s in simulators["next-tpc"].species):
        kinetic, cosine = primaries(options.folder, species)
        many = np.tile(kinetic, (options.times, 1)), np.tile(cosine, options.times)
        ours = shapes(*simulated(species, *many, options.seed), PITCH, BLOB)
        halves = ours.reshape(options.times, len(kinetic), -1)
        mine = [h.reshape(-1, len(NAMES)) for h in np.split(halves, 2, axis=1)]
        theirs = [reference(options.folder, species, half) for half in (0, 1)]
        rows = in_both(lambda half, mine=mine, theirs=theirs: rows_of(mine[half], theirs[half]), options.half)
        print(f"\n**{species}**: {len(mine[options.half])} simulated, {len(theirs[options.half])} of the reference\n")
        print_table(rows)
        blob = NAMES.index("smaller_blob")
        medians = [float(np.median(t[options.half][:, blob])) for t in (mine, theirs)]
        print(f"median of the smaller end: {medians[0]:.3f} MeV, reference {medians[1]:.3f} MeV")
        report[species] = {"rows": rows, "median_smaller_blob": medians}
    print(f"\nAll: {summary([r for of in report.values() for r in of['rows']])}")
    decays = against_the_law(options.folder, options.seed)
    print("\n| decays | the law | first half | second half |\n|---|---|---|---|")
    for name in decays[0]:
        print(f"| {name} | " + " | ".join("{:.4f} ± {:.4f}".format(*c[name]) for c in decays) + " |")
    print(json.dumps(report | {"decays": decays}))


if __name__ == "__main__":
    main()
