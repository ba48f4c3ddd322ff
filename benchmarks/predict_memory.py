"""Predict ten million events and watch the memory of the process: it must not grow with their number.

python benchmarks/predict_memory.py [--events 10000000] [--out .parquet|.h5|.root] writes clusters of the Belle II pixel
detector as text (six numbers each), trains a small network on a few thousand of them, and scores all in a process of
its own. The peak is the largest resident memory that the operating system saw of that process; `at_rest` is the same
for a tenth of the events. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import pidcam

CHILD = """
import json, resource, sys, time
import pidcam
start = time.perf_counter()
done = pidcam.predict(sys.argv[1], sys.argv[2], sys.argv[3])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"events": done.events, "peak_MiB": round(peak), "seconds": round(time.perf_counter() - start, 1)}))
"""
LIMIT_MIB = 1024
BLOCK = 100_000


def write_clusters(path: Path, events: int, seed: int) -> Path:
    """`events` clusters as the official text files have them: one line each, charges in ADU and sizes in pixels."""
    rng = np.random.default_rng(seed)
    block = np.column_stack([rng.integers(1, 500, (BLOCK, 3)), rng.integers(1, 10, (BLOCK, 3))])
    text = "\n".join(" ".join(map(str, row)) for row in block) + "\n"
    lines = text.splitlines(keepends=True)
    with open(path, "w", encoding="ascii") as file:
        for _ in range(events // BLOCK):
            file.write(text)
        file.writelines(lines[: events % BLOCK])
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--out", default=".parquet", help="suffix of the table: .parquet, .h5 or .root")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), options.events, options.out)
    print(json.dumps(result))
    sys.exit(result["peak_MiB"] >= LIMIT_MIB)


def measure(work: Path, events: int, suffix: str) -> dict[str, object]:
    training = [write_clusters(work / f"Beam_{name}_cluster_sim.txt", 2000, i) for i, name in enumerate(("BG", "pi"))]
    store = pidcam.prepare("belle2-pxd-clusters", training, work / "store")
    classes = "task.classes=[beam background, pion]"
    run = pidcam.train(store.path, work / "run", model="mlp", set=[classes, "training.epochs=1", "model.widths=[32]"])
    found = {}
    for name, n in (("at_rest", events // 10), ("all", events)):
        raw = write_clusters(work / "Beam_T_cluster_sim.txt", n, 7)
        start = time.perf_counter()
        command = [sys.executable, "-c", CHILD, str(run.path), str(raw), str(work / f"{name}{suffix}")]
        out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        found[name] = json.loads(out.splitlines()[-1])
        one = found[name]
        print(f"{one['events']:,} events: {one['peak_MiB']} MiB at the peak, {time.perf_counter() - start:.0f} s")
    everything = found["all"]
    return {
        "benchmark": "predict_memory",
        "table": suffix,
        "events": everything["events"],
        "peak_MiB": everything["peak_MiB"],
        "peak_MiB_of_a_tenth": found["at_rest"]["peak_MiB"],
        "events_per_second": round(everything["events"] / everything["seconds"]),
    }


if __name__ == "__main__":
    main()
