"""Simulated particles in liquid argon beside a full simulation: tracks, losses, showers, and how tracks end.

    python benchmarks/realism_lariat.py FOLDER [--half 1] [--times 16] [--seed 1]

FOLDER holds `e-.npz`, `mu-.npz`, ... of single particles along z: voxels `x`, `y`, `z` mm (centres, 3 mm) and `energy`
MeV with `offsets`, `kinetic_energy` MeV, and `end`, `end_kinetic`, `end_process` of the particle; argon of 1.396 g/cm^3
in a box of 3 x 3 x 3.9 m, without radiation of electrons below 1 MeV, which is switched off here too. Every reference
particle is simulated `--times` times. Of hadrons, constants were tuned on the first half of the events (half 0) and
half 1 is quoted; of electrons, photons and muons, for which nothing was tuned, all events. A row agrees within the
larger of 5 % and two standard errors. What hadrons deposit after they react is not compared: the reference absorbs
neutrons at their first inelastic collision. What negative pions and muons that stop set free from nuclei is held
against what LArIAT measured instead. Prints tables in Markdown, then JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from pidcam.simulation.argon_chamber import true_deposits
from pidcam.simulation.constants import AVOGADRO
from pidcam.simulation.decays import mass_of, short_lived
from pidcam.simulation.electron_transport import Volume, new_heap
from pidcam.simulation.heavy_tracks import DECAYED, REACTED, STOPPED
from pidcam.simulation.ionisation import bethe_bloch
from pidcam.simulation.kinematics import moving
from pidcam.simulation.matter import LIQUID_ARGON
from pidcam.simulation.matter_transport import propagate
from pidcam.simulation.nuclear_cross_sections import BARN, reaction
from pidcam.simulation.particles import PDG
from pidcam.simulation.voxels import new_voxel_table
from pidcam.simulators.lariat import BORN, LONGEST, Lariat, argon_tables, chamber
from realism_table import Row, in_both, moments, peak_row, print_table, row, summary

SPECIES = {"e-": 11, "gamma": 22, "mu-": 13, "pi-": -211, "pi+": 211, "proton": 2212, "kaon+": 321}
UNTUNED = ("e-", "gamma", "mu-")
VOXEL, LOW, HIGH = 3.0, (-1501.5, -1501.5, -601.5), (1501.5, 1501.5, 3301.5)
OF_DENSITY = 86.504  # K, of 1.396 g/cm^3
AXIS = np.array([0.0, 0.0, 1.0])
ISOLATED, NEAR = 15.0, 300.0  # mm off the track, and from its end
LARIAT_BLIPS = 1.86 / 0.74, 1.86 / 0.74 * float(np.hypot(0.17 / 1.86, 0.19 / 0.74))
"""Isolated deposits per negative pion that stops over those per negative muon, and the error: arXiv:2408.05133."""


class Sample(NamedTuple):
    """Voxels of events: `place` (voxels, 3) mm, `energy` MeV, `offsets`; of the particle `kinetic` MeV, where it ended
    `end` (n, 3) and `left`, its kinetic energy there; `how` (n,) as in `heavy_tracks`."""

    place: np.ndarray
    energy: np.ndarray
    offsets: np.ndarray
    kinetic: np.ndarray
    end: np.ndarray
    left: np.ndarray
    how: np.ndarray


def reference(path: Path, half: int | None) -> Sample:
    """One half of the events, or all."""
    file = np.load(path)
    n = len(file["kinetic_energy"])
    first, last = (0, n) if half is None else (n // 2 * half, n // 2 * (half + 1))
    events, offsets = slice(first, last), file["offsets"][first : last + 1]
    span = slice(offsets[0], offsets[-1])
    place = np.stack([file[axis][span] for axis in "xyz"], axis=1)
    process, left = file["end_process"][events], file["end_kinetic"][events]
    in_flight = (process == "Decay") & (left > 0.5)
    how = np.where(np.char.find(process, "Inelastic") >= 0, REACTED, np.where(in_flight, DECAYED, STOPPED))
    end = file["end"][events]
    return Sample(place, file["energy"][span], offsets - offsets[0], file["kinetic_energy"][events], end, left, how)


def simulated(
    pdg: int, kinetic: np.ndarray, rng: np.random.Generator, *, elastic: float = 1.0, reactions: float = 1.0
) -> Sample:
    """`elastic`, `reactions`: factors of how often nuclei bend the tracks of hadrons, and react with them."""
    parameters = Lariat(temperature=OF_DENSITY)
    tables, drift = argon_tables(parameters, radiates_from=1.0), chamber(parameters).drift
    heavy = tables.heavy._replace(
        reactions=tables.heavy.reactions * reactions, elastic=tables.heavy.elastic * elastic / reactions
    )
    tables = tables._replace(heavy=heavy)
    volume, heap = Volume(LOW, HIGH, LONGEST, BORN, 0.0), new_heap(1 << 14, 1 << 20)
    voxels = new_voxel_table(), new_voxel_table()
    index, values = np.empty((1 << 16, 3), np.int64), np.empty((1 << 16, 2))
    places, energies, ends = [], [], []
    for t in kinetic:
        heap.used[:] = 0
        products = short_lived(rng, [(pdg, moving(mass_of(pdg), t, AXIS))])
        ends.append(propagate(rng, tables, volume, heap, products, (0.0, 0.0, 0.0)))
        count = true_deposits(heap, volume, drift, VOXEL, *voxels, index, values)
        places.append((index[:count] + 0.5) * VOXEL + LOW)
        energies.append(values[:count, 1].copy())
    offsets = np.concatenate([[0], np.cumsum([len(e) for e in energies])])
    end, left, how = (np.array([getattr(e, name) for e in ends]) for name in ("end", "kinetic", "how"))
    return Sample(np.concatenate(places), np.concatenate(energies), offsets, kinetic, end, left, how)


def sums(sample: Sample, values: np.ndarray) -> np.ndarray:
    """(n,) of values of voxels."""
    return np.add.reduceat(values, sample.offsets[:-1])


def of_event(sample: Sample) -> np.ndarray:
    return np.repeat(np.arange(len(sample.kinetic)), np.diff(sample.offsets))


def slices(sample: Sample, events: np.ndarray, deepest: float, radius: float = 15.0, whole: bool = False) -> np.ndarray:
    """MeV in slices of one voxel along z up to `deepest` mm, near the axis, of chosen events in which the particle got
    farther (or `whole`: of all)."""
    event = of_event(sample)
    near = (np.hypot(*sample.place[:, :2].T) < radius) & (sample.place[:, 2] > 4) & (sample.place[:, 2] < deepest)
    kept = near & (events & (whole | (sample.end[:, 2] > deepest + 10)))[event]
    number = event * 10000 + (sample.place[:, 2] / VOXEL).astype(int)
    energy = np.bincount(number[kept], sample.energy[kept])
    return energy[energy > 0]


def shower(sample: Sample) -> dict[str, np.ndarray]:
    total = sums(sample, sample.energy)
    x, y, z = sample.place.T
    depth = sums(sample, sample.energy * z) / total
    radius = np.hypot(x, y)
    distance = np.where(sample.energy > 0.3, np.linalg.norm(sample.place, axis=1), 1e4)
    first = np.minimum.reduceat(distance, sample.offsets[:-1])
    event = of_event(sample)
    return {
        "voxels": np.diff(sample.offsets).astype(float),
        "voxels above 0.3 MeV": sums(sample, (sample.energy > 0.3).astype(float)),
        "mean depth (mm)": depth,
        "spread in depth (mm)": np.sqrt(sums(sample, sample.energy * (z - depth[event]) ** 2) / total),
        "mean radius (mm)": sums(sample, sample.energy * radius) / total,
        "within 30 mm of the axis": sums(sample, sample.energy * (radius < 30)) / total,
        "within 90 mm of the axis": sums(sample, sample.energy * (radius < 90)) / total,
        "effective number of voxels": total**2 / sums(sample, sample.energy**2),
        "first voxel above 0.3 MeV (mm)": first,
    }


def track(sample: Sample, chosen: np.ndarray) -> dict[str, np.ndarray]:
    """Of chosen events: all particles that stopped."""
    end = sample.end[chosen]
    distance = np.linalg.norm(end, axis=1)
    return {
        "distance of the end from the start (mm)": distance,
        "that over what the energy gives on average": distance / _range(sample.kinetic[chosen]),
        "off the axis, over the distance": np.hypot(end[:, 0], end[:, 1]) / distance,
    }


def _range(kinetic: np.ndarray) -> np.ndarray:
    return kinetic**1.3


def half_way(sample: Sample) -> np.ndarray:
    """Voxels nearer to the start than half of the distance of the end, and within 10 cm of the axis."""
    near = np.linalg.norm(sample.place, axis=1) < np.linalg.norm(sample.end, axis=1)[of_event(sample)] / 2
    return sums(sample, (near & (np.hypot(*sample.place[:, :2].T) < 100)).astype(float))


def isolated(sample: Sample, threshold: float) -> np.ndarray:
    """Of every particle that stops: groups of touching voxels above `threshold` MeV near its end, off its track."""
    counts = []
    for i in np.flatnonzero(sample.how == STOPPED):
        span, end = slice(sample.offsets[i], sample.offsets[i + 1]), sample.end[i]
        place, energy = sample.place[span] - end, sample.energy[span]
        close = np.linalg.norm(place, axis=1) < NEAR
        place, energy = place[close], energy[close]
        pairs = cKDTree(place).query_pairs(1.05 * VOXEL, p=np.inf, output_type="ndarray")
        graph = coo_matrix((np.ones(len(pairs)), tuple(pairs.T)), (len(place), len(place)))
        groups, label = connected_components(graph, directed=False)
        way = end / np.linalg.norm(end)
        off, least = place - np.outer(np.minimum(place @ way, 0), way), np.full(groups, np.inf)
        np.minimum.at(least, label, np.linalg.norm(off, axis=1))
        counts.append(((np.bincount(label, energy, groups) > threshold) & (least > ISOLATED)).sum())
    return np.array(counts, float)


def blips(pions: Sample, muons: Sample, threshold: float) -> tuple[float, float]:
    """Isolated deposits of a pion that stops over those of a muon, with the error."""
    (a, da), (b, db) = (moments(isolated(sample, threshold))[0] for sample in (pions, muons))
    return a / b, a / b * float(np.hypot(da / a, db / b))


def print_blips(pions: tuple[Sample, Sample], muons: tuple[Sample, Sample]) -> None:
    """Of samples, each simulated and of the reference."""
    print("\n| isolated deposits, pi- over mu- that stop | pidcam | full simulation | LArIAT |\n|---|---|---|---|")
    for threshold in (0.3, 0.5):
        both = [blips(*samples, threshold) for samples in zip(pions, muons, strict=True)]
        values = [f"{ratio:.2f} ± {error:.2f}" for ratio, error in (*both, LARIAT_BLIPS)]
        print(f"| of more than {threshold} MeV within 30 cm | " + " | ".join(values) + " |")


def expected_reactions(pdg: int, sample: Sample) -> float:
    """On the ways of particles as long as they are, while their energy falls as Bethe and Bloch have it."""
    energy = np.arange(0.25, 500, 0.5)
    passed = ((energy < sample.kinetic[:, None]) & (energy > sample.left[:, None])).sum(axis=0)
    way = 0.5 / bethe_bloch(energy, mass_of(pdg), LIQUID_ARGON)  # g/cm^2
    return float((passed * way * reaction(PDG[pdg], energy)).sum() * BARN * AVOGADRO / LIQUID_ARGON.a)


def print_reactions(folder: Path) -> None:
    print("\n| reactions in flight in the reference, of expected | half 0 | half 1 |\n|---|---|---|")
    for name in ("pi-", "pi+", "proton", "kaon+"):
        halves = [reference(folder / f"{name}.npz", half) for half in (0, 1)]
        counts = [f"{(s.how == REACTED).sum()} of {expected_reactions(SPECIES[name], s):.0f}" for s in halves]
        print(f"| {name} | " + " | ".join(counts) + " |")


def rows_of(name: str, mine: Sample, theirs: Sample, rng: np.random.Generator) -> list[Row]:
    both, rows = (mine, theirs), []

    def add(title: str, values: Callable[[Sample], np.ndarray]) -> None:
        rows.append(row(title, *(values(s) for s in both)))

    def add_peak(title: str, values: Callable[[Sample], np.ndarray]) -> None:
        rows.append(peak_row(f"{title}: peak, FWHM of 3 mm (MeV)", *(values(s) for s in both), rng))

    def between(s: Sample, low: float, high: float) -> np.ndarray:
        return (s.kinetic >= low) & (s.kinetic < high)

    if name in ("e-", "gamma"):
        a, b = (shower(s) for s in both)
        rows = [row(key, a[key], b[key]) for key in a]
        add("energy in the box over its own", lambda s: sums(s, s.energy) / s.kinetic)
        if name == "e-":
            add_peak("first 2.5 cm", lambda s: slices(s, between(s, 0, 1e4), 25, whole=True))
        return rows
    a, b = (track(s, s.how == STOPPED) for s in both)
    rows = [row(key, a[key], b[key]) for key in a]
    if name in ("mu-", "pi-", "pi+"):
        add_peak("above 250 MeV, first 20 cm", lambda s: slices(s, between(s, 250, 1e4), 200))
        add("the same, ln energy", lambda s: np.log(slices(s, between(s, 250, 1e4), 200)))
    else:
        for low, high in ((100, 250), (300, 500)):
            add_peak(f"{low} to {high} MeV, first 3 cm", lambda s, a=low, b=high: slices(s, between(s, a, b), 30))
    if name != "mu-":
        for low, high in ((50, 200), (200, 350), (350, 500)):
            title = f"reacts in flight, {low} to {high} MeV"
            add(title, lambda s, a=low, b=high: (s.how == REACTED)[between(s, a, b)])
    if name in ("pi-", "pi+", "kaon+"):
        add("decays in flight", lambda s: s.how == DECAYED)
    if name in ("mu-", "pi+", "kaon+"):
        add("voxels of those that stop", lambda s: np.diff(s.offsets)[s.how == STOPPED])
    add("voxels in the first half of its way", half_way)
    if name in ("pi+", "kaon+"):  # no nucleus is in it
        title = "energy in the box of those that stop, less their own (MeV)"
        add(title, lambda s: (sums(s, s.energy) - s.kinetic)[s.how == STOPPED])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", type=int, default=1, choices=(0, 1))
    parser.add_argument("--times", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    report: dict[str, list[Row]] = {}
    made: dict[tuple[str, int | None], tuple[Sample, Sample]] = {}
    for name, pdg in SPECIES.items():

        def rows(half: int | None, name: str = name, pdg: int = pdg) -> list[Row]:
            rng, theirs = np.random.default_rng(options.seed), reference(options.folder / f"{name}.npz", half)
            mine = simulated(pdg, np.tile(theirs.kinetic.astype(float), options.times), rng)
            made[name, half] = mine, theirs
            return rows_of(name, mine, theirs, rng)

        print(f"\n**{name}**\n")
        report[name] = rows(None) if name in UNTUNED else in_both(rows, options.half)
        print_table(report[name])
    print_blips(made["pi-", options.half], made["mu-", None])
    print_reactions(options.folder)
    print(f"\nAll: {summary([r for rows in report.values() for r in rows])}")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
