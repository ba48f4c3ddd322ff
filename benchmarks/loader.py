"""How fast batches come: pidcam's loader beside copies of dense arrays and beside other loaders, on the same events.

python benchmarks/loader.py [--events 200000] [--rounds 40] [--work FOLDER] [--shapes] [--files 10000] [--no-peers]

Events like those of cms-ecal (32 x 32 crystals, energy and time, about 50 hits), in random order, batches of 512, one
process. All contestants take turns in short slices; medians over the slices are printed with their quartiles. Peers
that are not installed are left out: pip install 'pidcam[benchmark]'. The last line is one JSON object: `ratios` are
speeds of pidcam over those of the others. `--shapes` adds jets, a calorimeter and wire planes to the table, `--files`
the memory over ten epochs of many files; where there is a GPU, its rows come by themselves.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

import loader_peers
from loader_data import CMS, SHAPES, Shape, write_raw
from loader_limits import anonymous_memory, many_files, on_device, streaming
from pidcam.jobs import available_cores
from pidcam.store.loader import Loader
from pidcam.store.memory import Keep
from pidcam.store.plan import PrepareOptions
from pidcam.store.prepare import prepare_store
from pidcam.store.store import Store
from study import print_study

Source = Callable[[], Iterator[int]]
"""One pass over the events, giving the number of events of every batch."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=40, help="slices of every contestant")
    parser.add_argument("--shapes", action="store_true", help="other detectors too")
    parser.add_argument("--files", type=int, default=0, help="also measure memory over a store of so many files")
    parser.add_argument("--no-peers", action="store_true", help="leave other loaders out: they take minutes")
    print_study(parser, study)


def study(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    shape = CMS.with_events(options.events)
    raw, dense = write_raw(shape, work)
    result: dict[str, Any] = {"machine": machine(), "prepare": prepare_and_time(shape, raw, work / "store")}
    store = Store(work / "store")
    rates = race(contestants(store, dense, shape), options.rounds)
    if not options.no_peers:
        rates |= loader_peers.rates(raw, dense, shape.batch, work)
    pidcam = rates["pidcam"]["median"]
    dense_gather = max(rates[name]["median"] for name in ("X[idx]", "np.take", "index_select 1", "index_select all"))
    others = {"memcpy": rates["memcpy"]["median"], "dense_gather": dense_gather}
    others |= {name: rates[name]["median"] for name in ("h5py_dataloader", "webdataset", "weaver") if name in rates}
    result |= {
        "events_per_second": rates,
        "bytes_per_event": bytes_per_event(store, raw),
        "streaming": streaming(shape, raw, work, pidcam),
        "rss_anon_mb": anonymous_memory(store, shape.batch),
    }
    del dense
    if torch.cuda.is_available():
        result["gpu"] = on_device(store, shape, torch.device("cuda"))
    if options.files:
        result["many_files"] = many_files(work, options.files)
    if options.shapes:
        result["shapes"] = {s.name: other_shape(s, options.rounds, work) for s in SHAPES}
    return result | {"ratios": {name: round(pidcam / rate, 3) for name, rate in others.items()}}


def machine() -> dict[str, Any]:
    return {
        "cores": available_cores(),
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "load": os.getloadavg()[0],
    }


# contestants


def contestants(store: Store, dense: np.ndarray, shape: Shape) -> dict[str, Source]:
    """Every contestant is used with its own best number of threads, which its name states; the others use one."""
    size, n = shape.batch, len(dense)
    buffer = np.empty((size, *dense.shape[1:]), np.float32)
    tensor, out = torch.from_numpy(dense), torch.from_numpy(buffer)
    rng = np.random.default_rng(1)

    def in_order() -> Iterator[int]:
        for start in range(0, n - size + 1, size):
            np.copyto(buffer, dense[start : start + size])
            yield size

    def gather(pick: Callable[[np.ndarray], Any]) -> Source:
        def batches() -> Iterator[int]:
            order = rng.permutation(n)
            for start in range(0, n - size + 1, size):
                pick(order[start : start + size])
                yield size

        return batches

    def index_select(threads: int) -> Source:
        def pick(rows: np.ndarray) -> None:
            torch.set_num_threads(threads)
            torch.index_select(tensor, 0, torch.from_numpy(rows), out=out)

        return gather(pick)

    def pidcam(threads: int, keep: Keep = "ram") -> Source:
        loader = Loader(store, store.splits, batch_size=size, shuffle=True, threads=threads, keep=keep)

        def batches() -> Iterator[int]:
            for batch in loader:
                yield len(batch)
            loader.epoch += 1

        return batches

    return {
        "memcpy": in_order,
        "X[idx]": gather(lambda rows: dense[rows]),
        "np.take": gather(lambda rows: np.take(dense, rows, axis=0, out=buffer, mode="clip")),
        "index_select 1": index_select(1),
        "pidcam": pidcam(0),
        "pidcam, mapped": pidcam(0, "mapped"),
        "pidcam, 1 thread": pidcam(1),
        "pidcam, 2 threads": pidcam(2),
        "index_select all": index_select(available_cores()),  # last: its threads go on spinning for a while
    }


def race(sources: dict[str, Source], rounds: int, batches: int = 60) -> dict[str, dict[str, float]]:
    """Events per second of every source: median and quartiles of slices of so many batches, taken in turns."""

    def forever(source: Source) -> Iterator[int]:
        while True:
            yield from source()

    running = {name: forever(source) for name, source in sources.items()}
    rates: dict[str, list[float]] = {name: [] for name in sources}
    for number in range(rounds + 1):
        time.sleep(0.05)
        for name, batch in running.items():
            for _ in range(4):  # what the one before left in the caches is not its fault
                next(batch)
            start = time.perf_counter()
            events = sum(next(batch) for _ in range(batches))
            if number:  # the first slice compiles
                rates[name].append(events / (time.perf_counter() - start))
    found = {}
    for name, values in rates.items():
        low, median, high = np.percentile(values, [25, 50, 75])
        found[name] = {"median": round(median), "quartiles": [round(low), round(high)]}
        print(f"{name:24} {median:12,.0f} events/s   quartiles {low:12,.0f} {high:12,.0f}", flush=True)
    return found


# other figures


def prepare_and_time(shape: Shape, raw: Path, out: Path) -> dict[str, float]:
    """Seconds of prepare, with all cores, and of a plain loop over the same file; nothing if the store is there."""
    if (out / "manifest.json").exists():
        return {}
    start = time.perf_counter()
    with h5py.File(raw) as file:
        for row in range(0, len(file["X"]), 1000):
            file["X"][row : row + 1000]
    plain = time.perf_counter() - start
    start = time.perf_counter()
    prepare_store(shape.detector(), [raw], out, PrepareOptions(keep_empty=True))
    seconds = time.perf_counter() - start
    print(f"prepare {seconds:.1f} s with {available_cores()} processes, plain h5py loop {plain:.1f} s", flush=True)
    return {"seconds": round(seconds, 2), "h5py_loop_seconds": round(plain, 2), "processes": available_cores()}


def bytes_per_event(store: Store, raw: Path) -> dict[str, float]:
    shards = [shard for split in store.manifest.shards.values() for shard in split]
    events = sum(shard.events for shard in shards)
    dense = 4 * sum(int(np.prod(image.dense_shape)) for image in store.schema.images)
    sizes = {"store": sum(shard.bytes for shard in shards), "gzip_hdf5": raw.stat().st_size, "dense": dense * events}
    return {name: round(size / events, 1) for name, size in sizes.items()}


def other_shape(shape: Shape, rounds: int, work: Path) -> dict[str, Any]:
    print(f"\n{shape.name}: {shape.events} events of {shape.grid}, batches of {shape.batch}", flush=True)
    raw, dense = write_raw(shape, work)
    told = prepare_and_time(shape, raw, work / f"store-{shape.name}")
    store = Store(work / f"store-{shape.name}")
    few = {name: source for name, source in contestants(store, dense, shape).items() if name != "X[idx]"}
    rates = race(few, max(3, rounds // 4), batches=max(2, min(60, shape.events // shape.batch // 4)))
    pidcam = rates["pidcam"]["median"]
    best = max(rates[name]["median"] for name in ("np.take", "index_select 1", "index_select all"))
    return {
        "events_per_second": rates,
        "ratios": {"memcpy": round(pidcam / rates["memcpy"]["median"], 3), "dense_gather": round(pidcam / best, 3)},
        "bytes_per_event": bytes_per_event(store, raw),
        "prepare": told,
    }


if __name__ == "__main__":
    main()
