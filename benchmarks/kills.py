"""Kill a training at random moments, again and again, and compare its end with one that nobody touched, bit for bit.

python benchmarks/kills.py [--kills 20] [--epochs 5] [--seed 0] [--signals KILL TERM USR1 INT] [--files ...]

Every round starts `pidcam train --resume` (the first one `pidcam train`) and sends a signal after a random time;
SIGKILL leaves what the last checkpoint says. Dropout, batch normalisation, averaged weights, plateau, early stopping,
mixup, augmentation and k best are all on. The last line is one JSON object: kills, the steps they hit, and whether
weights, history and checkpoints are the same.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pidcam
from pidcam.config import dump_yaml, merge
from pidcam.errors import EXIT_STOPPED
from pidcam.runs import RunDirectory

CONFIG: dict[str, Any] = {
    "model": {"name": "resnet", "widths": [8]},
    "transforms": [{"name": "scale"}, {"name": "flip", "axes": ["eta"]}],
    "training": {
        "batch_size": 64,
        "precision": "fp32",
        "threads": 1,
        "limit": 320,
        "ema": 0.95,
        "mixup": 0.2,
        "keep": 3,
        "checkpoint_seconds": 0.5,
        "schedule": {"name": "plateau", "patience": 1, "min_delta": 0.01},
        "early_stopping": {"patience": 50},
        "monitor": "auc",
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--signals", nargs="+", default=["KILL", "TERM", "USR1", "INT"])
    parser.add_argument("--files", nargs="+", default=sorted(Path("examples/data").glob("Single*.hdf5")))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        print(json.dumps(study(options, Path(temporary))))


def study(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    store = pidcam.prepare("cms-ecal", options.files, work / "store", seed=7).path
    config = work / "config.yaml"
    config.write_text(dump_yaml(merge(CONFIG, {"training": {"epochs": options.epochs}})))
    straight, killed = work / "straight", work / "killed"
    begin = [str(store), "--config", str(config), "--out"]
    start = time.monotonic()
    assert call([*begin, str(straight)]).wait() == 0
    whole = time.monotonic() - start
    print(f"uninterrupted: {whole:.1f} s", flush=True)

    chance, hits, finished = random.Random(options.seed), [], False
    while len(hits) < options.kills and not finished:
        again = (killed / "run.json").exists()
        process = call(["--resume", str(killed)] if again else [*begin, str(killed)])
        name = chance.choice(options.signals)
        moment = wait_to_kill(process, killed, chance, whole / 3)
        process.send_signal(getattr(signal, f"SIG{name}"))
        code = process.wait()
        finished = code == 0
        last = RunDirectory(killed).load_checkpoint("last") if killed.exists() else None
        at = {"signal": name, "after_s": round(moment, 2), "exit": code, "step": last[1]["step"] if last else 0}
        assert finished or code in (EXIT_STOPPED, -signal.SIGKILL, 130, -getattr(signal, f"SIG{name}")), at
        print(json.dumps(at), flush=True)
        hits.append(at)
    again = (killed / "run.json").exists()
    assert call(["--resume", str(killed)] if again else [*begin, str(killed)]).wait() == 0
    same = {part: content(straight, part) == content(killed, part) for part in ("weights", "history", "checkpoints")}
    return {"kills": len(hits), "steps_hit": sorted({hit["step"] for hit in hits}), "identical": same}


def call(arguments: list[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pidcam", "train", *arguments, "--quiet"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})


def wait_to_kill(process: subprocess.Popen[bytes], run: Path, chance: random.Random, longest: float) -> float:
    """Wait until something is learned in this attempt, then a random time, unless the process ends before."""
    start, last = time.monotonic(), run / "checkpoints" / "last.safetensors"
    before = last.stat().st_mtime if last.exists() else 0.0
    if chance.random() < 0.1:  # now and then while it still imports or opens the store
        time.sleep(chance.uniform(0, longest / 4))
        return time.monotonic() - start
    while process.poll() is None and (last.stat().st_mtime if last.exists() else 0.0) == before:
        time.sleep(0.05)
    end = time.monotonic() + chance.uniform(0, longest / 8)
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    return time.monotonic() - start


def content(run: Path, part: str) -> Any:
    """What must not differ: bytes of weights and checkpoints, history without its times."""
    if part == "weights":
        return (run / "model" / "weights.safetensors").read_bytes()
    if part == "history":
        times = ("seconds", "samples_per_second")
        return [{k: v for k, v in row.items() if k not in times} for row in RunDirectory(run).history]
    found = {}
    for path in sorted((run / "checkpoints").iterdir()):
        loaded = RunDirectory(run).load_checkpoint(path.stem)
        assert loaded is not None
        tensors, state = loaded
        state = {k: v for k, v in state.items() if k != "seconds"}
        found[path.name] = ({k: v.tobytes() for k, v in tensors.items()}, state)
    return found


if __name__ == "__main__":
    main()
