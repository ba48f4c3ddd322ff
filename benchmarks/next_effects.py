"""How much each physical effect costs the separation of one electron from two: Renner et al., arXiv:1609.06202.

    python benchmarks/next_effects.py [--events 4000] [--settings NAME ...]

For every setting `--events` tracks of either species are simulated, and one fixed classifier is trained on the even
events and judged on the odd ones: LightGBM with 200 trees of 15 leaves on the shapes of `track_shape.py` (NEXT's graph
of voxels, its two ends with blobs of 12 mm in 2 mm voxels and of 18 mm in coarse ones). Prints accuracies beside the
published ones, the steps, and the background accepted at the published signal efficiencies; the last line
is JSON.
"""

from __future__ import annotations

import argparse
import json
import time

import lightgbm
import numpy as np

from pidcam.simulators.base import simulators
from track_shape import NAMES, shapes

BLOCK = 5000
FINE, COARSE = (2.0, 2.0, 2.0), (10.0, 10.0, 5.0)

SETTINGS: dict[str, tuple[float, dict[str, object]]] = {
    "no secondaries, no fluctuations": (98.3, {"secondaries": False, "fluctuations": False}),
    "no secondaries": (94.6, {"secondaries": False}),
    "no energy fluctuations": (93.0, {"fluctuations": False}),
    "no bremsstrahlung": (92.4, {"bremsstrahlung": False}),
    "all physics": (92.1, {}),
    "10 x 10 x 5 mm": (84.5, {"voxel": COARSE}),
}
"""Published accuracy in percent, and what differs from all physics at 2 x 2 x 2 mm."""

TWICE = {"half the scattering": {"scattering": 0.5}, "double scattering": {"scattering": 2.0}}

STEPS = (
    ("no secondaries, no fluctuations", "no secondaries"),
    ("no secondaries, no fluctuations", "no energy fluctuations"),
    ("no secondaries", "all physics"),
    ("no secondaries", "no energy fluctuations"),
    ("all physics", "10 x 10 x 5 mm"),
    ("half the scattering", "double scattering"),
)
"""Pairs whose accuracies are published to fall by a percent or more from the first to the second."""

EFFICIENCY = {"all physics": (86.2, 4.7), "10 x 10 x 5 mm": (76.6, 9.4)}
"""Published efficiency of signal and background in percent."""


def sample(events: int, **parameters: object) -> tuple[np.ndarray, np.ndarray]:
    simulator = simulators["next-tpc"]
    given = simulator.parameters(**{"voxel": FINE, **parameters})
    blob, tables = 12.0 if given.voxel == FINE else 18.0, []
    for number, species in enumerate(simulator.species):
        for start in range(0, events, BLOCK):
            rng = np.random.default_rng([number, start])
            track = simulator.events(given, species, min(BLOCK, events - start), rng).images["track"]
            tables.append(shapes(track.place, track.value[:, 0], track.offsets, np.array(given.voxel), blob))
    return np.concatenate(tables), np.repeat([0, 1], events)


def judged(table: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores and truth of the odd events. The total energy is left out: it is cut on before."""
    columns = [i for i, name in enumerate(NAMES) if name != "energy"]
    even = np.arange(len(truth)) % 2 == 0
    model = lightgbm.LGBMClassifier(
        n_estimators=200, num_leaves=15, learning_rate=0.05, n_jobs=1, verbose=-1, random_state=1
    )
    model.fit(table[even][:, columns], truth[even])
    return model.predict_proba(table[~even][:, columns])[:, 1], truth[~even]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    settings = {name: chosen for name, (_, chosen) in SETTINGS.items()} | TWICE
    parser.add_argument("--events", type=int, default=4000)
    parser.add_argument("--settings", nargs="+", choices=settings, default=list(settings))
    options = parser.parse_args()
    accuracy: dict[str, tuple[float, float]] = {}
    accepted: dict[str, tuple[float, float]] = {}
    print("| | accuracy % | published % | s |\n|---|---|---|---|")
    for name in options.settings:
        begin = time.perf_counter()
        score, truth = judged(*sample(options.events, **settings[name]))
        right = float(((score > 0.5) == truth).mean())
        accuracy[name] = (100 * right, 100 * float(np.sqrt(right * (1 - right) / len(truth))))
        published = f"{SETTINGS[name][0]:.1f}" if name in SETTINGS else "-"
        value, error = accuracy[name]
        print(f"| {name} | {value:.2f} +- {error:.2f} | {published} | {time.perf_counter() - begin:.0f} |", flush=True)
        if name in EFFICIENCY:
            cut = np.quantile(score[truth == 1], 1 - EFFICIENCY[name][0] / 100)
            passed = float((score[truth == 0] > cut).mean())
            accepted[name] = (100 * passed, 100 * float(np.sqrt(passed * (1 - passed) / (truth == 0).sum())))
    steps = {}
    for first, second in (step for step in STEPS if accuracy.keys() >= set(step)):
        step = accuracy[first][0] - accuracy[second][0]
        error = float(np.hypot(accuracy[first][1], accuracy[second][1]))
        steps[f"{first} -> {second}"] = {"step": step, "error": error, "sigma": step / error}
        print(f"{first} -> {second}: {step:.2f} +- {error:.2f} points, {step / error:.1f} sigma")
    for name, (value, error) in accepted.items():
        signal, background = EFFICIENCY[name]
        print(f"{name}: at {signal} % of the signal {value:.1f} +- {error:.1f} % of the background ({background} %)")
    print(json.dumps({"accuracy": accuracy, "steps": steps, "background_accepted": accepted}))


if __name__ == "__main__":
    main()
