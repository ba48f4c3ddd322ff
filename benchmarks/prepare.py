"""How fast and in how much memory raw files become a store, beside a plain h5py loop over the same files.

python benchmarks/prepare.py [--events 400000] [--copies 1] [--workers 2] [--chunk 100] [--limit-mb 1024] [--rounds 3]

Events like those of cms-ecal (32 x 32 crystals, energy and time, about 50 hits; 8 kB dense each) are written as gzipped
HDF5 in the official layout, one file per class, in a stream. The h5py loop reads slices of 1000 events of every data
set and does nothing with them; it and pidcam take turns. `--limit-mb` is a hard limit on the anonymous memory that any
process of prepare may have (RLIMIT_DATA): beyond it prepare would fail. Peaks of RssAnon are sampled every 20 ms. The
last line is one JSON object; `ratio` is the speed of prepare over that of the loop, `cpu_ratio` the CPU time of the
loop over that of prepare in all its processes (with their start): what one core gains, also on a busy machine.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import shutil
import statistics
import threading
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from study import print_study

SLICE = 1000
BLOCK = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--copies", type=int, default=1, help="how often the same events come")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--chunk", type=int, default=100, help="events per chunk of the raw files")
    parser.add_argument("--limit-mb", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each, of which the median is told")
    print_study(parser, study)


def study(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    files = write_raw(options.events, options.chunk, work, options.copies)
    events, how = options.events * options.copies, {"keep_duplicates": options.copies > 1}
    loop, cpu, prepared = [], [], []
    for _ in range(options.rounds):
        began = time.process_time()
        loop.append(plain_loop(files))
        cpu.append(time.process_time() - began)
        prepared.append(in_child(files, work / "store", options.workers, options.limit_mb, how))
    seconds = {"h5py_loop": statistics.median(loop), "prepare": statistics.median(p["seconds"] for p in prepared)}
    cpu_loop, cpu_prepare = statistics.median(cpu), statistics.median(p["cpu"] for p in prepared)
    return {
        "events": events,
        "dense_gb": round(events * 8192 / 1e9, 2),
        "raw_mb": round(sum(f.stat().st_size for f in files) / 1e6, 1),
        "store_mb": prepared[0]["store_mb"],
        "chunk": options.chunk,
        "workers": options.workers,
        "limit_mb": options.limit_mb,
        "seconds": {name: round(s, 2) for name, s in seconds.items()},
        "events_per_second": {name: round(events / s) for name, s in seconds.items()},
        "ratio": round(seconds["h5py_loop"] / seconds["prepare"], 2),
        "cpu_seconds": {"h5py_loop": round(cpu_loop, 2), "prepare": round(cpu_prepare, 2)},
        "cpu_ratio": round(cpu_loop / cpu_prepare, 2),
        "peak_rss_anon_mb": {
            name: max(p["peak_mb"][name] for p in prepared) for name in ("parent", "largest_worker", "all")
        },
        "passes_seconds": prepared[-1]["passes"],
    }


def write_raw(events: int, chunk: int, work: Path, copies: int = 1) -> list[Path]:
    """Two files of one class each, written block by block, then their chunks copied as they are."""
    files = []
    for label, name in enumerate(("SinglePhotonPt50_IMGCROPS.hdf5", "SingleElectronPt50_IMGCROPS.hdf5")):
        path, n = work / name, events // 2
        files.append(path)
        if path.exists():
            continue
        rng = np.random.default_rng(label)
        with h5py.File(path.with_suffix(".part"), "w") as file:
            data = file.create_dataset(
                "X", (n * copies, 32, 32, 2), "f4", chunks=(chunk, 32, 32, 2), compression="gzip", compression_opts=4
            )
            file["y"] = np.full(n * copies, label, "f4")
            for start in range(0, n, BLOCK):
                size = min(BLOCK, n - start)
                values = np.zeros((size, 1024, 2), np.float32)
                event = np.repeat(np.arange(size), 50)
                cell = np.clip(rng.normal(528, 150, len(event)), 0, 1023).astype(int)
                values[event, cell, 0] = rng.exponential(0.02, len(event))
                values[event, cell, 1] = rng.normal(0, 0.5, len(event))
                data[start : start + size] = values.reshape(size, 32, 32, 2)
            for start in range(n, n * copies, chunk):
                data.id.write_direct_chunk((start, 0, 0, 0), data.id.read_direct_chunk((start % n, 0, 0, 0))[1])
        path.with_suffix(".part").rename(path)
    return files


def plain_loop(files: list[Path]) -> float:
    """Seconds to read every data set once in slices."""
    begin = time.perf_counter()
    for path in files:
        with h5py.File(path, "r") as file:
            for start in range(0, len(file["y"]), SLICE):
                for key in ("X", "y"):
                    file[key][start : start + SLICE]
    return time.perf_counter() - begin


def in_child(files: list[Path], out: Path, workers: int, limit_mb: int, how: dict[str, Any]) -> dict[str, Any]:
    """prepare in a process of its own, so that what the benchmark holds does not count."""
    shutil.rmtree(out, ignore_errors=True)
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    child = context.Process(target=_prepare, args=(files, out, workers, limit_mb, how, theirs))
    child.start()
    sampler = Sampler(child.pid or 0)
    sampler.start()
    theirs.close()
    told: dict[str, Any] = mine.recv()
    child.join()
    sampler.done.set()
    sampler.join()
    size = sum(f.stat().st_size for f in out.glob("*.arrow"))
    return {**told, "peak_mb": sampler.peak, "store_mb": round(size / 1e6, 1)}


def _prepare(files: list[Path], out: Path, workers: int, limit_mb: int, how: dict[str, Any], pipe: Any) -> None:
    from pidcam.store import prepare as module
    from pidcam.verbs.prepare import prepare

    resource.setrlimit(resource.RLIMIT_DATA, (limit_mb << 20, limit_mb << 20))
    passes: dict[str, float] = {}
    run_jobs = module.run_jobs

    def timed(*arguments: Any, description: str, **more: Any) -> Any:
        start = time.perf_counter()
        result = run_jobs(*arguments, description=description, **more)
        passes[description] = round(time.perf_counter() - start, 2)
        return result

    module.run_jobs = timed
    begin = time.perf_counter()
    store = prepare("cms-ecal", files, out, workers=workers, split="0.8/0.1/0.1", **how)
    seconds = time.perf_counter() - begin
    accounting = store.manifest.accounting
    assert sum(accounting.read.values()) == sum(sum(k.values()) for k in accounting.kept.values())
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(u.ru_utime + u.ru_stime for u in used)
    pipe.send({"seconds": seconds, "passes": passes, "cpu": cpu})


class Sampler(threading.Thread):
    """Watches the anonymous resident memory of a process and its children; `peak` in MB."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.pid, self.done = pid, threading.Event()
        self.peak = {"parent": 0.0, "largest_worker": 0.0, "all": 0.0}

    def run(self) -> None:
        while not self.done.wait(0.02):
            parent = rss_anon(self.pid)
            workers = [rss_anon(pid) for pid in children(self.pid)]
            seen = {"parent": parent, "largest_worker": max(workers, default=0), "all": parent + sum(workers)}
            for name, value in seen.items():
                self.peak[name] = max(self.peak[name], round(value, 1))


def children(pid: int) -> list[int]:
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            found += [int(c) for c in Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
    except OSError:  # it ended
        return found
    return found


def rss_anon(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon")), 0.0)


if __name__ == "__main__":
    main()
