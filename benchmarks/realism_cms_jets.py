"""Simulated quark and gluon jets beside published values: no full simulation of them is at hand.

    python benchmarks/realism_cms_jets.py [--jets 1500]

Prints a table in Markdown, each value with its statistical error and the range that was published, then JSON. Shares,
multiplicities and shapes are of particles in jets of 80 to 170 GeV without pile-up; images and AUC are the simulator's.
"""

from __future__ import annotations

import argparse
import json
from typing import NamedTuple

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import cross_val_predict

from pidcam.analysis import delong
from pidcam.detectors.base import detectors
from pidcam.events import Cells
from pidcam.features import ImageHits, image_features
from pidcam.simulation.generator import Particles, generate
from pidcam.simulation.jet_finding import Jets, find_jets, match, wrapped
from pidcam.simulation.two_calorimeters import hadrons
from pidcam.simulators import cms_jets as simulator
from pidcam.simulators.base import simulators
from pidcam.simulators.cms_jets_detector import CALORIMETERS, see

SCHEMA = detectors["cms-jets"]().schema
CHS = "CMS, JINST 12 (2017) P10003"
ATLAS = "ATLAS, Eur. Phys. J. C 76 (2016) 322"
QGL = "CMS, PAS JME-13-002"
BEAM = "CMS, Eur. Phys. J. C 60 (2009) 359"
JER = "CMS, JINST 6 (2011) P11002"


class Row(NamedTuple):
    """A value with its error, and the range in which published ones lie."""

    quantity: str
    value: float
    error: float
    low: float
    high: float
    source: str

    @property
    def agrees(self) -> bool:
        return self.low - 2 * self.error <= self.value <= self.high + 2 * self.error


def mean(values: np.ndarray) -> tuple[float, float]:
    return float(values.mean()), float(values.std() / len(values) ** 0.5)


def over(above: tuple[float, float], below: tuple[float, float]) -> tuple[float, float]:
    ratio = above[0] / below[0]
    return ratio, abs(ratio) * float(np.hypot(above[1] / above[0], below[1] / below[0]))


def particle_jets(species: str, n: int) -> tuple[Particles, Jets, dict[str, np.ndarray]]:
    """Jets of the generated particles, and of each its constituents' sums, by a cone about the axis."""
    parameters, (chosen,) = simulator.CmsJets(pile_up=0), simulators["cms-jets"].choose([species])
    left, hard = generate(simulator.settings(parameters, chosen), n, 1, central=2.0)
    jets = find_jets(left.offsets, left.px, left.py, left.pz, left.energy, 0.5, 80.0)
    near = match(jets, hard.offsets, hard.eta, hard.phi, 0.4)
    jets = jets.take((jets.rank < 2) & (np.abs(jets.eta) < 1.8) & (near >= 0) & (jets.pt < 170))
    found: dict[str, list[float]] = {
        name: [] for name in ("charged", "photon", "neutral", "multiplicity", "ptd", "width")
    }
    pt, eta, phi, kind, charged = left.pt, left.eta, left.phi, np.abs(left.pdg), left.charge != 0
    for j in range(len(jets.pt)):
        mine = slice(left.offsets[jets.event[j]], left.offsets[jets.event[j] + 1])
        away = np.hypot(eta[mine] - jets.eta[j], wrapped(phi[mine] - jets.phi[j]))
        inside = np.flatnonzero(away < 0.5) + mine.start
        share = pt[inside] / pt[inside].sum()
        found["charged"].append(share[charged[inside]].sum())
        found["photon"].append(share[kind[inside] == 22].sum())
        found["neutral"].append(share[~charged[inside] & (kind[inside] != 22)].sum())
        found["multiplicity"].append((charged[inside] & (pt[inside] > 0.5)).sum())
        found["ptd"].append(np.sqrt((share**2).sum()))
        found["width"].append((share * away[away < 0.5]).sum())
    return left, jets, {name: np.array(values) for name, values in found.items()}


def resolution(left: Particles, jets: Jets) -> tuple[tuple[float, float], tuple[float, float]]:
    """Mean and r.m.s. of reconstructed over generated pT of jets of 80 to 120 GeV, without pile-up."""
    flow = see(left, simulator.CmsJets().detector, np.random.default_rng(2)).particles
    seen = find_jets(flow.offsets, flow.px, flow.py, flow.pz, flow.energy, 0.5, 20.0)
    order = np.searchsorted(seen.event, np.arange(len(left.offsets)))
    of = match(jets, order, seen.eta, seen.phi, 0.25)
    chosen = (of >= 0) & (jets.pt < 120)
    ratio = seen.pt[of[chosen]] / jets.pt[chosen]
    ratio = ratio[np.abs(ratio - np.median(ratio)) < 0.4]
    ratio = ratio + simulator.CmsJets().confusion * np.random.default_rng(5).standard_normal(len(ratio))
    middle = mean(ratio)
    width = float(ratio.std() / ratio.mean())
    return middle, (width, width / (2 * len(ratio)) ** 0.5)


def test_beam(rows: list[Row]) -> None:
    """110 %/sqrt(E) + 9 % of crystals and towers together, uncorrected."""
    for energy in (10.0, 30.0, 100.0):
        total = sum(hadrons(np.full(20_000, energy), np.ones(20_000, bool), CALORIMETERS, np.random.default_rng(3)))
        width, published = float(total.std() / total.mean()), float(np.hypot(1.1 / energy**0.5, 0.09))
        rows.append(Row(f"resolution, pions of {energy:g} GeV", width, 0, 0.85 * published, 1.15 * published, BEAM))


def shower_shapes(hits: Cells) -> np.ndarray:
    """Features of every layer by itself."""
    image, matrices = SCHEMA.images[0], []
    for number in range(len(image.channels)):
        own = hits.keep(hits.value[:, number] > 0)
        event = np.repeat(np.arange(len(own)), own.hits())
        place = np.array(np.unravel_index(own.place.astype(np.int64), image.shape))
        layer = ImageHits(len(own), image.shape, event, place, own.value[:, number : number + 1])
        matrices.append(image_features({"jet": layer})[1])
    return np.concatenate(matrices, 1)


def images(n: int, rows: list[Row]) -> dict[str, float]:
    """AUC of trees, 5-fold; returns the share of cells that are filled, by layer."""
    batches = [
        simulators["cms-jets"].events(simulator.CmsJets(), species, n, np.random.default_rng(4))
        for species in simulators["cms-jets"].species
    ]
    numbers = np.concatenate([np.stack([b.features["pt"], b.features["m0"]], 1) for b in batches])
    hits = Cells.concat([b.images["jet"] for b in batches])  # type: ignore[misc]
    shapes, gluon = shower_shapes(hits), np.repeat([False, True], n)
    for name, matrix, low, high, source in (
        ("pt and m0", numbers, 0.70, 0.74, "official sample"),
        ("images", shapes, 0.76, 0.81, "networks, official sample"),
        ("images, pt and m0", np.concatenate([numbers, shapes], 1), 0.77, 0.815, "networks, official sample"),
    ):
        trees = HistGradientBoostingClassifier(max_iter=150, learning_rate=0.05, random_state=1)
        score = cross_val_predict(trees, matrix, gluon, cv=5, method="predict_proba")[:, 1]
        result = delong(gluon, score)
        rows.append(Row(f"AUC of trees on {name}", float(result.auc), float(result.error), low, high, source))
    image = SCHEMA.images[0]
    filled = (hits.value > 0).sum(0) / (2 * n * image.cells)
    return {channel.name: round(float(f), 5) for channel, f in zip(image.channels, filled, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jets", type=int, default=1500, help="of each species")
    options = parser.parse_args()
    rows: list[Row] = []
    of: dict[str, dict[str, np.ndarray]] = {}
    for species in ("quark", "gluon"):
        left, jets, of[species] = particle_jets(species, options.jets)
        for name, low, high in (("charged", 0.58, 0.67), ("photon", 0.22, 0.30), ("neutral", 0.08, 0.15)):
            rows.append(Row(f"{species}: pT share, {name}", *mean(of[species][name]), low, high, CHS))
        centre, width = resolution(left, jets)
        rows.append(Row(f"{species}: pT seen / pT", *centre, 0.85, 1.0, JER))
        rows.append(Row(f"{species}: resolution of pT", *width, 0.08, 0.13, JER))
    quark, gluon = of["quark"], of["gluon"]
    for name, low, high, source in (
        ("multiplicity", 1.4, 1.7, ATLAS), ("width", 1.2, 1.5, QGL), ("ptd", 0.70, 0.85, QGL)
    ):  # fmt: skip
        rows.append(Row(f"{name}, gluon / quark", *over(mean(gluon[name]), mean(quark[name])), low, high, source))
    test_beam(rows)
    filled = images(options.jets, rows)
    print("| quantity | pidcam | published | agrees | source |\n|---|---|---|---|---|")
    for row in rows:
        error = f" ± {row.error:.2g}" if row.error else ""
        words = "yes" if row.agrees else "**no**"
        print(f"| {row.quantity} | {row.value:.3g}{error} | {row.low:.3g} to {row.high:.3g} | {words} | {row.source} |")
    told = [{**row._asdict(), "agrees": row.agrees} for row in rows]
    agreeing = sum(row.agrees for row in rows)
    print(json.dumps({"detector": "cms-jets", "agree": agreeing, "of": len(rows), "filled": filled, "rows": told}))


if __name__ == "__main__":
    main()
