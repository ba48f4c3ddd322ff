"""How fast the reference CNN trains and predicts: pidcam beside Keras running the notebook's own model, in turn.

python benchmarks/training.py [--rounds 5] [--events 2048] [--threads 2] [--keras PYTHON] [--work FOLDER]

Batches of 512 events like those of cms-ecal; pidcam trains through its loader and its engine with the precision that
its probe chooses here, and predicts in fp32 (stored scores, the same to 1e-6 at any batch size) and with `--fast`.
Keras fits and predicts arrays in memory. Slices alternate; ratios are of medians, of events per second, and of events
per second of processor time, for machines that others use too. TensorFlow is a peer, no dependency: without --keras a
virtual environment is made in the work folder and filled by pip. The last line is one JSON object with `ratios`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from loader_data import CMS, write_raw
from pidcam.batch import Batch
from pidcam.jobs import available_cores
from pidcam.runs import RunDirectory
from pidcam.store.plan import PrepareOptions
from pidcam.store.prepare import prepare_store
from pidcam.store.store import Store
from pidcam.training.config import resolve
from pidcam.training.fast import quicken
from pidcam.training.loop import find_precision
from pidcam.training.precision import keep_freed_memory
from pidcam.training.run import Run
from pidcam.training.state import FitState
from pidcam.training.step import Stepper
from pidcam.transforms.base import Chain
from study import print_study

BATCH = 512
Measure = Callable[[], dict[str, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="slices of every contestant")
    parser.add_argument("--events", type=int, default=4 * BATCH, help="in a slice")
    parser.add_argument("--threads", type=int, default=min(2, available_cores()))
    parser.add_argument("--keras", type=Path, help="Python of an environment with tensorflow")
    print_study(parser, study)


def study(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    shape = CMS.with_events(options.events)
    raw, dense = write_raw(shape, work)
    store_path = work / f"store-{options.events}"
    if not store_path.exists():
        prepare_store(shape.detector(), [raw], store_path, PrepareOptions(split="0.999/0.001", keep_duplicates=True))
    ours = Ours(Store(store_path), work / "run", options.threads)
    images = work / "images.npy"
    np.save(images, np.moveaxis(dense, 1, -1))
    with keras(options.keras or make_environment(work / "keras"), images, options.threads) as (ask, versions):
        contestants: dict[str, Measure] = {
            "train": ours.train,
            "keras train": lambda: ask("train"),
            "infer": ours.infer,
            "infer fast": ours.infer_fast,
            "keras infer": lambda: ask("infer"),
        }
        taken: dict[str, list[dict[str, float]]] = {name: [] for name in contestants}
        for number in range(options.rounds + 1):
            for name, measure in contestants.items():
                done = measure()
                if number:  # the first round only warms up
                    taken[name].append(done)
    rates = {
        kind: {n: statistics.median(s["events"] / s[kind] for s in each) for n, each in taken.items()}
        for kind in ("wall", "cpu")
    }
    for name in contestants:
        print(f"{name:12} {rates['wall'][name]:8.0f} events/s, {rates['cpu'][name]:8.0f} per second of a core")
    result: dict[str, Any] = {"threads": options.threads, "batch": BATCH, "cores": available_cores(), **versions}
    result |= {"load": os.getloadavg()[0], "torch": torch.__version__, "precision": ours.precision}
    result |= {"events_per_second": {k: round(v, 1) for k, v in rates["wall"].items()}}
    result["ratios"] = ratios(rates["wall"])
    result["ratios_of_cpu_time"] = ratios(rates["cpu"])
    return result | {"fast": ours.fast, "largest_shift_with_batch_size": ours.batch_size_shift()}


def ratios(rates: dict[str, float]) -> dict[str, float]:
    pairs = {"train_vs_keras": "train", "infer_vs_keras": "infer", "infer_fast_vs_keras": "infer fast"}
    return {name: round(rates[us] / rates[f"keras {us.split()[0]}"], 3) for name, us in pairs.items()}


class Ours:
    """The reference CNN in pidcam's engine, slice by slice."""

    def __init__(self, store: Store, out: Path, threads: int):
        given = {"model": {"name": "reference-cnn"}, "training": {"batch_size": BATCH, "threads": threads}}
        config = resolve(str(store.path), given, {})
        self.run = Run(RunDirectory(out), config, store.schema, Chain([], store.schema, {}))
        self.run.directory.create()
        self.loader = self.run.loader(store, "train", training=True)
        self.state = FitState(self.run.model, self.run.task, self.run.directory, config.training, 1_000_000)  # type: ignore[arg-type]
        self.precision = find_precision(self.state, self.loader)
        self.state.set_precision(self.precision)
        self.step = Stepper(self.state)
        self.batches = [clone(batch) for batch in self.run.loader(store, "train")]
        self.fast = quicken(self.run.model, self.run.task, self.batches)  # type: ignore[arg-type]

    @property
    def module(self) -> torch.nn.Module:
        return self.state.network.module

    def train(self) -> dict[str, float]:
        self.module.train()
        self.loader.epoch += 1
        return timed(lambda: [self.step(batch) for batch in self.loader], self.loader.events)

    def infer(self) -> dict[str, float]:
        return self._infer("fp32")

    def infer_fast(self) -> dict[str, float]:
        return self._infer(str(self.fast["precision"]))

    def _infer(self, precision: str) -> dict[str, float]:
        network = self.state.network
        network.scoring = precision
        done = timed(lambda: [network.predict(b) for b in self.batches], sum(map(len, self.batches)))
        network.scoring = "fp32"
        return done

    def batch_size_shift(self) -> float:
        """Largest difference of a probability between batches of 1, 7 and 512 events."""
        batch = self.batches[0].rows(0, 64)

        def scores(size: int) -> np.ndarray:
            parts = [self.state.network.predict(batch.rows(i, min(i + size, 64)))["logit"] for i in range(0, 64, size)]
            return 1 / (1 + np.exp(-np.concatenate(parts).astype(np.float64)))

        whole = self.state.network.predict(self.batches[0])["logit"][:64].astype(np.float64)
        reference = 1 / (1 + np.exp(-whole))
        return float(max(abs(scores(size) - reference).max() for size in (1, 7)))


def clone(batch: Batch) -> Batch:
    """A batch of its own: the loader uses its memory again."""
    images = {name: torch.clone(batch.dense(name)) for name in batch.images}
    return Batch(images, batch.features, batch.targets, batch.label.clone(), batch.weight.clone(), batch.event.clone())


def timed(work: Callable[[], object], events: int) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "events": events}


def make_environment(folder: Path) -> Path:
    """A virtual environment with TensorFlow, for which pip needs a package index."""
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"making {folder} with TensorFlow", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "tensorflow-cpu"], check=True)
    return python


@contextmanager
def keras(
    python: Path, images: Path, threads: int
) -> Iterator[tuple[Callable[[str], dict[str, float]], dict[str, Any]]]:
    """Gives a function that measures one slice in the other process, and the versions there."""
    script = Path(__file__).with_name("training_keras.py")
    command = [str(python), str(script), str(images), str(threads)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"OMP_NUM_THREADS": str(threads)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def answer() -> dict[str, Any]:
            line = stdout.readline()
            if not line:
                raise RuntimeError(f"{' '.join(command)} ended")
            content: dict[str, Any] = json.loads(line)
            return content

        def ask(what: str) -> dict[str, float]:
            print(what, file=stdin, flush=True)
            return answer()

        yield ask, answer()
        stdin.close()


if __name__ == "__main__":
    main()
