"""How real is `cms-ecal`? pidcam's events against detailed simulation of the same particles.

    python benchmarks/realism_cms_ecal.py REFERENCE_FOLDER [--half 1] [--times 16] [--transfer 40000] [--resnet]

REFERENCE_FOLDER holds the sample as simulated (`electron.npz`, `photon.npz`: energy (N, 32, 32) GeV, eta, pdg), and is
the folder beside which the digitised sample lies (`../cms_ecal_geant4/Single*.hdf5`). Tables are of the odd events
(--half 0: even) and `--times` as many simulated ones at the same angles; the rest is of all. A row agrees within the
larger of 5 % and two standard errors. Prints tables in Markdown; the AUC of boosted trees, and with --resnet of
pidcam's ResNet (half an hour on one core), that tell pidcam's images from Geant4's, with the floor of Geant4 against
itself; and how an electron/photon model trained on pidcam's images scores on Geant4's. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import h5py
import numpy as np

from pidcam.simulators import cms_ecal as ecal
from realism_table import Row, in_both, print_table, row
from told_apart import Apart, by_network, features, fit, judged, tree_scores

SPECIES = ("photon", "electron")
PLACE = np.arange(32) - 16


def reference(folder: Path, species: str, rows: slice = slice(None)) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(deposits GeV (n, 32, 32), eta (n,), hits (n, 2, 32, 32)) of one species."""
    with np.load(folder / f"{species}.npz") as sample:
        energy, eta = sample["energy"][rows], sample["eta"][rows]
    (path,) = (folder.parent / "cms_ecal_geant4").glob(f"Single{species.title()}*.hdf5")
    with h5py.File(path) as file:
        return energy, eta, np.moveaxis(file["X"][rows], -1, 1)


def simulated(species: str, eta: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(deposits, hits) of as many events at the same angles."""
    rng = np.random.default_rng(seed)
    charge = rng.choice([-1.0, 1.0], len(eta)) if species == "electron" else np.zeros(len(eta))
    parameters = ecal.CmsEcal()
    deposits = ecal.true_energies(parameters, charge, np.full(len(eta), 50.0), eta, rng)
    return deposits, ecal.digitise(deposits, ecal.digitiser_of(parameters), rng)


def figures(image: np.ndarray, eta: np.ndarray) -> dict[str, np.ndarray]:
    """The distributions that carry the identification, one value per event, of energies (n, 32, 32) GeV."""
    total = image.sum((1, 2))

    def square(k: int) -> np.ndarray:
        return image[:, 16 - k : 17 + k, 16 - k : 17 + k].sum((1, 2))

    def rms(axis: int) -> np.ndarray:
        share = image.sum(axis) / total[:, None]
        mean = (share * PLACE).sum(1)
        return np.sqrt(np.maximum((share * PLACE**2).sum(1) - mean**2, 0))

    return {
        "energy / true": total / (50 * np.cosh(eta)),
        "E1 / E": square(0) / total,
        "E9 / E": square(1) / total,
        "E25 / E": square(2) / total,
        "column rms": rms(1),
        "row rms": rms(2),
        **{f"energy share in ring {k}": (square(k) - square(k - 1)) / total for k in (1, 2, 3)},
        "crystals hit": (image != 0).sum((1, 2)).astype(float),
    }


def rows_of(folder: Path, species: str, times: int, half: int) -> list[Row]:
    _, eta, hits = reference(folder, species, slice(half, None, 2))
    many = np.tile(eta, times)
    ours = simulated(species, many, 5 + SPECIES.index(species))[1]
    theirs, mine = (figures(h[:, 0] * ecal.UNIT, e) for h, e in ((hits, eta), (ours, many)))
    return [row(name, mine[name], theirs[name]) for name in theirs]


def apart(folder: Path, species: str, resnet: bool, half: int) -> dict[str, Apart]:
    """pidcam's from Geant4's, of these one half alone, and Geant4's from itself, by trees and network."""
    _, eta, theirs = reference(folder, species)
    samples = {"": (theirs, simulated(species, eta, 77)[1]), "floor, ": (theirs[::2], theirs[1::2])}
    found = {}
    for name, pair in samples.items():
        truth, scores = tree_scores(*pair)
        found[f"{name}trees"] = judged(truth, scores)
        if not name:
            quoted = np.tile(np.arange(len(theirs)) % 2 == half, 2)
            found["half quoted, trees"] = judged(truth[quoted], scores[quoted])
        if resnet:
            with tempfile.TemporaryDirectory() as work:
                found[f"{name}resnet"] = by_network(*pair, Path(work) / species)
    return found


def transfer(folder: Path, events: int) -> dict[str, Apart]:
    """Electrons against photons, trained on pidcam's: on its own test events, as many again, and on all of Geant4's."""
    ours, theirs = [], []
    for label, species in enumerate(SPECIES):
        _, eta, hits = reference(folder, species)
        theirs.append(features(hits))
        angles = np.random.default_rng(label).choice(eta, 2 * events)
        ours.append(np.concatenate([features(simulated(species, a, s)[1]) for s, a in enumerate(np.split(angles, 10))]))
    model = fit(np.concatenate([x[::2] for x in ours]), np.repeat([0, 1], events), 400)

    def scored(samples: list[np.ndarray]) -> Apart:
        truth = np.repeat([False, True], [len(x) for x in samples])
        return judged(truth, model.predict(np.concatenate(samples)))

    return {"own": scored([x[1::2] for x in ours]), "geant4": scored(theirs)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--half", type=int, default=1, choices=(0, 1))
    parser.add_argument("--times", type=int, default=16)
    parser.add_argument("--transfer", type=int, default=40_000, help="pidcam's training events of each species")
    parser.add_argument("--resnet", action="store_true", help="a network tells apart, too")
    options = parser.parse_args()
    result: dict[str, object] = {}
    for species in SPECIES:
        rows = in_both(lambda half, s=species: rows_of(options.reference, s, options.times, half), options.half)
        print(f"\n**{species}**\n")
        print_table(rows)
        told = apart(options.reference, species, options.resnet, options.half)
        print("\ntold apart from Geant4: " + ", ".join(f"{name} {auc}" for name, auc in told.items()), flush=True)
        result[species] = {"rows": rows, "apart": told}
    moved = transfer(options.reference, options.transfer)
    result["transfer"] = moved
    print(f"\nelectron or photon, trained on pidcam's: on its own {moved['own']}, on Geant4's {moved['geant4']}")
    itself = judged(*tree_scores(*(reference(options.reference, species)[2] for species in SPECIES), trees=200))
    print(f"trained on Geant4's themselves, 5-fold: {itself}")
    print(json.dumps(result | {"geant4 trained on itself": itself}))


if __name__ == "__main__":
    main()
