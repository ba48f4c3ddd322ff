"""Profiles of simulated events beside a full simulation, drawn: showers, tracks, ends of tracks, losses.

    python benchmarks/profiles.py FOLDER --out profiles.png

FOLDER holds the reference samples that `realism_*.py` read, as `cms_ecal_geant4_raw`, `cms_ecal_geant4`,
`clic_lcd_geant4`, `lar_geant4`, `next_tpc_geant4` and `belle2_pxd_geant4`; drawn is what they quote of them. Points
are the reference with standard errors, bands are pidcam's; below every picture is pidcam's over the reference.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import LogFormatter

import realism_belle2_pxd as pxd
import realism_clic_lcd as clic
import realism_cms_ecal as ecal
import realism_lariat as lariat
import realism_next_tpc as next_tpc
from pidcam.reports.style import colour, label_axes, marker, new_figure, style
from pidcam.simulators.base import simulators
from pidcam.simulators.cms_ecal import UNIT
from realism_table import of_peak

Pair = tuple[np.ndarray, np.ndarray]
"""Values and standard errors, (bins,)."""


class Curve(NamedTuple):
    label: str
    x: np.ndarray
    mine: Pair
    theirs: Pair


class Panel(NamedTuple):
    title: str
    x: str
    y: str
    curves: list[Curve]
    logarithmic: bool = True


def mean(values: np.ndarray) -> Pair:
    """Over events of (events, bins)."""
    return values.mean(axis=0), values.std(axis=0) / len(values) ** 0.5


def density(values: np.ndarray, edges: np.ndarray) -> Pair:
    """Of one value per event."""
    counts = np.histogram(values, edges)[0]
    scale = len(values) * np.diff(edges)
    return counts / scale, np.sqrt(np.maximum(counts, 1)) / scale


def in_rings(plane: np.ndarray, rings: int) -> np.ndarray:
    """(n, rings) of the energy of (n, side, side): its shares in square rings about the middle cell."""
    side = plane.shape[1]
    ring = np.maximum(*np.abs(np.indices((side, side)) - side // 2))
    share = plane / plane.sum((1, 2), keepdims=True)
    return np.stack([share[:, ring == k].sum(1) for k in range(rings)], 1)


def in_crystals(folder: Path, times: int) -> Iterator[Panel]:
    """Rings of crystals about the highest one, and columns, along which the field bends."""
    rings, columns = [], []
    for species in ecal.SPECIES:
        _, eta, hits = ecal.reference(folder / "cms_ecal_geant4_raw", species, slice(1, None, 2))
        both = ecal.simulated(species, np.tile(eta, times), 3)[1], hits
        images = [hits[:, 0].astype(float) * UNIT for hits in both]
        rings.append(Curve(species, np.arange(7.0), *(mean(in_rings(image, 7)) for image in images)))
        shares = [image.sum(1)[:, 4:29] / image.sum((1, 2))[:, None] for image in images]
        columns.append(Curve(species, np.arange(-12.0, 13), *(mean(share) for share in shares)))
    yield Panel("cms-ecal: radial", "ring of crystals", "share of the energy", rings)
    yield Panel("cms-ecal: along phi", "crystals from the highest", "share of the energy", columns)


def in_layers(folder: Path, times: int) -> Iterator[Panel]:
    """Depth and radius in the ECAL, depth in the HCAL."""
    depth, radius, deep = [], [], []
    for name, species in clic.SPECIES.items():
        with np.load(folder / "clic_lcd_geant4" / f"{name}.npz") as file:
            keys = "ecal", "hcal", "beam_energy", "impact"
            front, back, energy, impact = (file[key][1::2].astype(float) for key in keys)
        samples: list[list[np.ndarray]] = [[], [], []]
        for seed in range(times):
            made = clic.simulate(species, energy, impact, seed)
            for kept, values in zip(samples, _of_layers(*made, energy), strict=True):
                kept.append(values)
        pairs = [
            (mean(np.concatenate(mine)), mean(theirs))
            for mine, theirs in zip(samples, _of_layers(front, back, energy), strict=True)
        ]
        depth.append(Curve(name, np.arange(25.0), *pairs[0]))
        if name in ("e-", "gamma", "pi0"):
            radius.append(Curve(name, np.arange(13) * 5.1, *pairs[1]))
        else:
            deep.append(Curve(name, np.arange(60.0), *pairs[2]))
    yield Panel("clic-lcd: depth in the ECAL", "layer", "energy / beam energy", depth)
    yield Panel("clic-lcd: radius in the ECAL", "distance from the axis [mm]", "share of the energy", radius)
    yield Panel("clic-lcd: depth in the HCAL", "layer", "energy / beam energy", deep)


def _of_layers(front: np.ndarray, back: np.ndarray, energy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per event: layers of the ECAL (weighted), rings of cells about its axis, layers of the HCAL."""
    layers, deep = front.sum((1, 2)) * clic.WEIGHT, back.sum((1, 2))
    return layers / energy[:, None], in_rings(front.sum(3), 13), deep / energy[:, None]


def in_argon(folder: Path, times: int) -> Iterator[Panel]:
    """dE/dx over the way that is left to tracks that stop; depth of showers."""
    tracks, showers = [], []
    left, depth = np.arange(0, 25.5, 1.5), np.arange(0, 165, 15.0)
    for name, pdg in lariat.SPECIES.items():
        half = None if name in lariat.UNTUNED else 1
        theirs = lariat.reference(folder / "lar_geant4" / f"{name}.npz", half)
        mine = lariat.simulated(pdg, np.tile(theirs.kinetic.astype(float), times), np.random.default_rng(4))
        if name in ("e-", "gamma"):
            values = [_along(s, s.place[:, 2] / 10, depth) for s in (mine, theirs)]
            showers.append(Curve(name, (depth[1:] + depth[:-1]) / 2, *(mean(v) for v in values)))
        elif name != "pi-":  # nuclei that capture it add their own
            values = [_along(s, _left(s), left)[_stopped(s, left[-1])] for s in (mine, theirs)]
            tracks.append(Curve(name, (left[1:] + left[:-1]) / 2, *(mean(v) for v in values)))
    yield Panel("lariat: stopping tracks", "way left [cm]", "dE/dx [MeV/cm]", tracks)
    yield Panel("lariat: showers, 50 to 500 MeV", "depth [cm]", "dE/dz [MeV/cm]", showers)


def _along(sample: lariat.Sample, place: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """MeV/cm of every event in bins of `place` (voxels,) cm."""
    n, bins = len(sample.kinetic), len(edges) - 1
    at = np.searchsorted(edges, place, side="right") - 1
    inside = (at >= 0) & (at < bins)
    number = (lariat.of_event(sample) * bins + at)[inside]
    return np.bincount(number, sample.energy[inside], n * bins).reshape(n, bins) / np.diff(edges)


def _left(sample: lariat.Sample) -> np.ndarray:
    """cm before the end, along the straight line to it, of voxels within 5 cm of it; -1 of others."""
    end = sample.end[lariat.of_event(sample)]
    distance = np.linalg.norm(end, axis=1)
    way = (sample.place * end).sum(1) / distance
    off = np.sqrt(np.maximum((sample.place**2).sum(1) - way**2, 0))
    return np.where(off < 50, (distance - way) / 10, -1.0)


def _stopped(sample: lariat.Sample, longest: float) -> np.ndarray:
    """Those that stop after more than `longest` cm, and not so much more that scattering leads them off that line."""
    distance = np.linalg.norm(sample.end, axis=1) / 10
    return (sample.how == lariat.STOPPED) & (distance > longest) & (distance < 3 * longest)


def in_xenon(folder: Path, times: int) -> Iterator[Panel]:
    """The less energetic of the two ends of a track."""
    edges, column, curves = np.linspace(0, 1.2, 25), next_tpc.NAMES.index("smaller_blob"), []
    for species in (s.name for s in simulators["next-tpc"].species):
        theirs = next_tpc.reference(folder / "next_tpc_geant4", species, 1)
        primaries = next_tpc.primaries(folder / "next_tpc_geant4", species)
        kinetic, cosine = (np.concatenate([x[len(x) // 2 :]] * times) for x in primaries)
        mine = next_tpc.shapes(*next_tpc.simulated(species, kinetic, cosine, 1), next_tpc.PITCH, next_tpc.BLOB)
        pairs = [density(t[:, column], edges) for t in (mine, theirs)]
        curves.append(Curve(species, (edges[1:] + edges[:-1]) / 2, *pairs))
    yield Panel("next-tpc: smaller end of a track", "energy within 12 mm [MeV]", "tracks / MeV", curves, False)


def in_silicon(folder: Path, times: int) -> Iterator[Panel]:
    """The most probable loss by momentum."""
    edges, curves = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1, 1.4, 2]), []
    rng = np.random.default_rng(1)
    for name, species in pxd.SPECIES.items():
        file = np.load(folder / "belle2_pxd_geant4" / f"{name}.npz")
        p, theta, total = (file[k].astype(float) for k in ("momentum", "theta", "total_kev"))
        bins = edges[2:] if species in ("proton", "deuteron") else edges
        many_p, many_theta = np.tile(p, times), np.tile(theta, times)
        energy = pxd.deposited(species, many_p * 1e3, many_theta, 0 * many_theta, rng)[0] * np.cos(many_theta)
        pairs = [_peaks(q, e, bins, rng) for q, e in ((many_p, energy), (p, total * np.cos(theta)))]
        curves.append(Curve(name, np.sqrt(bins[1:] * bins[:-1]), *pairs))
    yield Panel("belle2-pxd: 75 µm of silicon", "momentum [GeV/c]", "most probable loss [keV]", curves)


def _peaks(momentum: np.ndarray, energy: np.ndarray, edges: np.ndarray, rng: np.random.Generator) -> Pair:
    at = np.digitize(momentum, edges) - 1
    peaks = [of_peak(energy[at == k], rng)[0] for k in range(len(edges) - 1)]
    return np.array([v for v, _ in peaks]), np.array([e for _, e in peaks])


PANELS: tuple[tuple[Callable[[Path, int], Iterator[Panel]], int], ...] = (
    (in_crystals, 8),
    (in_layers, 8),
    (in_argon, 4),
    (in_xenon, 4),
    (in_silicon, 8),
)
"""What draws, and how many events are simulated for each of the reference."""


def draw(panel: Panel, axes: np.ndarray) -> None:
    """Picture and ratio of one panel."""
    above, below = axes
    for number, curve in enumerate(panel.curves):
        (value, error), (seen, spread) = curve.mine, curve.theirs
        look = {"fmt": marker(number), "color": colour(number), "markersize": 3.5, "linewidth": 0, "elinewidth": 1}
        above.fill_between(curve.x, value - error, value + error, color=colour(number), alpha=0.35, linewidth=0)
        above.plot(curve.x, value, color=colour(number), linewidth=1)
        above.errorbar(curve.x, seen, spread, label=curve.label, **look)
        good = (seen > 0) & (value > 0) & (spread < 0.3 * seen)
        ratio = value[good] / seen[good]
        bar = ratio * np.hypot(error[good] / value[good], spread[good] / seen[good])
        below.errorbar(curve.x[good], ratio, bar, **look)
    below.axhspan(0.95, 1.05, color="0.9", linewidth=0)
    below.axhline(1, color="0.5", linewidth=0.8)
    below.set_ylim(0.7, 1.3)
    label_axes(above, "", panel.y, panel.title)
    label_axes(below, panel.x, "pidcam / Geant4")
    if panel.logarithmic:
        above.set_yscale("log")
        lowest, highest = above.get_ylim()
        if highest < 100 * lowest:  # powers of ten alone would be one or two
            above.yaxis.set_major_formatter(LogFormatter())
            above.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(3, 1)))
    above.legend(frameon=False, ncols=1 + (len(panel.curves) > 3))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    panels = [panel for source, times in PANELS for panel in source(options.folder, times)]
    with style():
        figure = new_figure(13, 14)
        for part, panel in zip(figure.subfigures(3, 3).flat, panels, strict=True):
            draw(panel, part.subplots(2, 1, sharex=True, height_ratios=(3, 1.2)))
        figure.savefig(options.out, dpi=110)


if __name__ == "__main__":
    main()
