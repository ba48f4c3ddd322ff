"""How real is `cms-ecal`? pidcam's events against detailed simulation of the same particles.

    python benchmarks/realism_cms_ecal.py REFERENCE_FOLDER [--half 1] [--transfer 20000]

REFERENCE_FOLDER holds the sample as simulated (`electron.npz`, `photon.npz`: energy (N, 32, 32) GeV, eta, pdg), and is
the folder beside which the digitised sample lies (`../cms_ecal_geant4/Single*.hdf5`). The table is of the
odd events (--half 0: even), the rest of all. Prints the table of docs/simulation.md, the AUC of boosted
trees that tell pidcam's images from Geant4's (5-fold) with the floor of Geant4 against itself, and how an
electron/photon model trained on pidcam's images scores on Geant4's. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import h5py
import lightgbm
import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from pidcam.features import image_features
from pidcam.simulators import cms_ecal as ecal

SPECIES = ("photon", "electron")
TREES = {
    "objective": "binary", "num_leaves": 15, "learning_rate": 0.04, "min_data_in_leaf": 40, "feature_fraction": 0.4,
    "bagging_fraction": 0.7, "bagging_freq": 1, "lambda_l2": 5, "verbose": -1, "num_threads": 1, "seed": 1,
}  # fmt: skip
PLACE = np.arange(32) - 16
ITS_OWN = 2
"""Standard errors within which a figure agrees, where that is more than 5 per cent."""


def reference(folder: Path, species: str, rows: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(deposits GeV, eta, digitised energies GeV) of one species."""
    with np.load(folder / f"{species}.npz") as sample:
        energy, eta = sample["energy"][rows], sample["eta"][rows]
    (path,) = (folder.parent / "cms_ecal_geant4").glob(f"Single{species.title()}*.hdf5")
    with h5py.File(path) as file:
        return energy, eta, file["X"][rows, :, :, 0] * ecal.UNIT


def simulated(species: str, eta: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(deposits, digitised energies) of as many events at the same angles."""
    rng = np.random.default_rng(seed)
    charge = rng.choice([-1.0, 1.0], len(eta)) if species == "electron" else np.zeros(len(eta))
    parameters = ecal.CmsEcal()
    deposits = ecal.true_energies(parameters, charge, np.full(len(eta), 50.0), eta, rng)
    return deposits, ecal.digitise(deposits, ecal.digitiser_of(parameters), rng)[:, 0] * ecal.UNIT


def figures(image: np.ndarray, eta: np.ndarray) -> dict[str, np.ndarray]:
    """The distributions that carry the identification, one value per event."""
    total = image.sum((1, 2))

    def square(k: int) -> np.ndarray:
        return image[:, 16 - k : 17 + k, 16 - k : 17 + k].sum((1, 2))

    def rms(axis: int) -> np.ndarray:
        share = image.sum(axis) / total[:, None]
        mean = (share * PLACE).sum(1)
        return np.sqrt(np.maximum((share * PLACE**2).sum(1) - mean**2, 0))

    rings = {
        f"energy share in ring {k}": (square(k) - square(k - 1)) / total for k in (1, 2, 3)
    }  # fmt: skip
    return {
        "energy / true": total / (50 * np.cosh(eta)),
        "E1 / E": square(0) / total,
        "E9 / E": square(1) / total,
        "E25 / E": square(2) / total,
        "column rms": rms(1),
        "row rms": rms(2),
        **rings,
        "crystals hit": (image != 0).sum((1, 2)).astype(float),
    }


def features(image: np.ndarray) -> np.ndarray:
    return image_features({"e": image[:, None].astype(np.float32)}, {"e": ("energy",)}, {"e": ("eta", "phi")})[1]


def told_apart(one: np.ndarray, other: np.ndarray, trees: int = 300) -> float:
    """AUC of boosted trees, 5-fold."""
    x, y = np.concatenate([one, other]), np.repeat([0, 1], [len(one), len(other)])
    scores = np.zeros(len(y))
    for train, test in StratifiedKFold(5, shuffle=True, random_state=1).split(x, y):
        scores[test] = fit(x[train], y[train], trees).predict(x[test])
    return float(roc_auc_score(y, scores))


def fit(x: np.ndarray, y: np.ndarray, trees: int) -> lightgbm.Booster:
    return lightgbm.train(TREES, lightgbm.Dataset(x, y), trees)


def row(name: str, theirs: np.ndarray, ours: np.ndarray) -> tuple[str, bool]:
    """A line of the table, and whether mean and width agree within the larger of 5 % and two standard errors."""
    cells, inside = [], True
    for of in (np.mean, np.std):
        a, b = float(of(theirs)), float(of(ours))
        error = np.std(theirs) * np.sqrt(2 / len(theirs)) / (1 if of is np.mean else np.sqrt(2))
        good = abs(a - b) <= max(0.05 * abs(a), ITS_OWN * error)
        inside &= good
        cells += [f"{a:.4g}", f"{b:.4g}{'' if good else ' (!)'}"]
    return f"| {name} | " + " | ".join(cells) + " |", inside


def transfer(folder: Path, events: int) -> dict[str, float]:
    """AUC of electrons against photons, trained on pidcam's: on its own test events, and on all of Geant4's."""
    x, y, g, h = [], [], [], []
    for label, species in enumerate(SPECIES):
        _, eta, image = reference(folder, species, slice(None))
        g.append(features(image))
        h += [label] * len(image)
        x.append(features(simulated(species, np.random.default_rng(label).choice(eta, events), 10 + label)[1]))
        y += [label] * events
    ours, label = np.concatenate(x), np.array(y)
    test = np.arange(len(label)) % 5 == 0
    model = fit(ours[~test], label[~test], 400)
    own = float(roc_auc_score(label[test], model.predict(ours[test])))
    theirs = float(roc_auc_score(h, model.predict(np.concatenate(g))))
    return {"own": own, "geant4": theirs, "error": float(np.sqrt(own * (1 - own) / min(len(h), test.sum())))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reference", type=Path)
    parser.add_argument("--half", type=int, default=1, choices=(0, 1))
    parser.add_argument("--transfer", type=int, default=20_000, help="pidcam's events of each species")
    arguments = parser.parse_args()
    result: dict[str, object] = {}
    for number, species in enumerate(SPECIES):
        deposits, eta, image = reference(arguments.reference, species, slice(arguments.half, None, 2))
        our_deposits, ours = simulated(species, eta, 5 + number)
        print(f"\n{species}, {len(eta)} events\n")
        print("| quantity | mean, Geant4 | pidcam | width, Geant4 | pidcam |\n| --- | --- | --- | --- | --- |")
        outside = []
        for kind, a, b in (("", image, ours), (" (deposits)", deposits, our_deposits)):
            theirs, mine = figures(a, eta), figures(b, eta)
            for name in theirs:
                if kind and "hit" in name:
                    continue
                line, inside = row(name + kind, theirs[name], mine[name])
                print(line)
                outside += [] if inside else [name + kind]
        whole = features(reference(arguments.reference, species, slice(None))[2])
        eta = reference(arguments.reference, species, slice(None))[1]
        apart = told_apart(whole, features(simulated(species, eta, 77)[1]))
        floor = told_apart(whole[::2], whole[1::2])
        print(f"\ntold apart from Geant4: AUC {apart:.3f} (Geant4 from Geant4: {floor:.3f})", flush=True)
        result[species] = {"auc": apart, "floor": floor, "outside": outside}
    result["transfer"] = transfer(arguments.reference, arguments.transfer)
    theirs = [features(reference(arguments.reference, species, slice(None))[2]) for species in SPECIES]
    result["geant4 trained on itself"] = told_apart(*theirs, trees=200)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
