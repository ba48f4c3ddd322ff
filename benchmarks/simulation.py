"""Events per second and core of every simulator, writing the files included, beside detailed simulation.

    python benchmarks/simulation.py [--seconds 20] [DETECTOR ...]

One process and one thread each; compiled code is warm. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import pidcam
from pidcam.progress import set_quiet
from pidcam.simulators.base import Simulator, simulators

CASES: dict[str, tuple[str, dict[str, object]]] = {
    "clic-lcd": ("clic-lcd", {"energy": [10, 100]}),
    "lariat, noise in every sample": ("lariat", {"suppression": False}),
}
"""Detector and parameters of the published rates, where they are not the defaults."""

GEANT4 = {"cms-ecal": "2 to 4"}
"""Events per second and core of Geant4 11.4 with the same particles, where it was measured."""


def measure(simulator: Simulator, parameters: dict[str, object], seconds: float) -> tuple[int, float]:
    """(events of all species, seconds of processor time) of a simulation that takes about `seconds`."""
    given = [f"{name}={json.dumps(value)}" for name, value in parameters.items()]
    n, spent = max(simulator.block // 20, 1), 0.0
    _simulate(simulator, given, n)
    while True:
        spent = _simulate(simulator, given, n)
        if spent > seconds / 2:
            break
        n = max(int(n * min(seconds / max(spent, 1e-3), 8)), n + 1)
    return n * len(simulator.choose(None)), spent


def _simulate(simulator: Simulator, given: list[str], n: int) -> float:
    """Seconds of processor time for n events of each species."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        pidcam.simulate(simulator.detector, n, Path(folder) / "raw", seed=n, workers=1, set=given)
        return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("detectors", nargs="*", help="default: all")
    parser.add_argument("--seconds", type=float, default=20.0, help="processor time for each")
    arguments = parser.parse_args()
    set_quiet(True)
    os.environ["OMP_NUM_THREADS"] = "1"
    rates = {}
    cases = {name: (name, {}) for name in simulators} | {k: v for k, v in CASES.items() if v[0] in simulators}
    for case, (name, parameters) in cases.items():
        simulator = simulators[name]
        if arguments.detectors and name not in arguments.detectors:
            continue
        if any(find_spec(module) is None for module in simulator.modules):
            print(f"{name}: needs pip install 'pidcam[{simulator.extra}]'")
            continue
        events, seconds = measure(simulator, parameters, arguments.seconds)
        rates[case] = round(events / seconds, 1)
        beside = f" (Geant4: {GEANT4[name]})" if name in GEANT4 else ""
        print(f"{case}: {rates[case]:,.1f} events/s per core, {events:,} events in {seconds:.1f} s{beside}", flush=True)
    print(json.dumps({"events_per_second_per_core": rates}))


if __name__ == "__main__":
    main()
