"""For benchmarks/loader.py: the loader at its limits. Stores that are on disk only, memory over epochs and over
many files, and a device that must not wait."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from loader_data import CMS, Shape, write_raw
from pidcam.store.loader import Loader
from pidcam.store.plan import PrepareOptions
from pidcam.store.prepare import prepare_store
from pidcam.store.store import Store


def streaming(shape: Shape, raw: Path, work: Path, in_memory: float, rounds: int = 5) -> dict[str, float]:
    """Events per second of a shuffled pass over an open store that is on disk only, of eight times the events, through
    windows of an eighth of it; and how many the disk gives in one stroke. Medians of passes in turn, each with the page
    cache dropped.
    """
    store = eightfold(shape, raw, work)
    paths = [store.path / shard.file for split in store.manifest.shards.values() for shard in split]
    events = sum(store.manifest.events(split) for split in store.splits)
    size = sum(path.stat().st_size for path in paths)

    def rate(work: Callable[[], Any]) -> float:
        os.sync()
        for path in paths:
            with open(path, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        start = time.perf_counter()
        work()
        return events / (time.perf_counter() - start)

    def opened() -> Loader:
        again = Store(store.path)
        return Loader(again, again.splits, batch_size=shape.batch, keep="mapped", window=size // 8, shuffle=True)

    def stream(loader: Loader) -> None:
        for _ in loader:
            pass

    disk, cold = [], []
    for _ in range(rounds):
        disk.append(rate(lambda: [path.read_bytes() for path in paths]))
        cold.append(rate(partial(stream, opened())))
    found = {"cold": _median(cold), "disk_limit": _median(disk)}
    told = found | {"of_in_memory": found["cold"] / in_memory, "of_disk": found["cold"] / found["disk_limit"]}
    print(
        f"{'pidcam, cold, windows':24} {found['cold']:12,.0f} events/s   disk alone {found['disk_limit']:12,.0f}",
        flush=True,
    )
    return {name: round(value, 3) for name, value in told.items()}


def eightfold(shape: Shape, raw: Path, work: Path) -> Store:
    """A store of the same file eight times."""
    copies = [work / f"{raw.stem}-{number}{raw.suffix}" for number in range(8)]
    for copy in copies:
        if not copy.exists():
            os.link(raw, copy)
    return prepare_store(
        shape.detector(), copies, work / "store-eightfold", PrepareOptions(keep_empty=True, keep_duplicates=True)
    )


def anonymous_memory(store: Store, batch: int, keep: Any = "ram", epochs: int = 10) -> list[float]:
    """RssAnon of this process after each epoch, in MB; empty where the system does not tell it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return []
    loader, found = Loader(store, store.splits, batch_size=batch, shuffle=True, keep=keep), []
    for loader.epoch in range(epochs):
        for _ in loader:
            pass
        line = next(text for text in status.read_text().splitlines() if text.startswith("RssAnon"))
        found.append(round(int(line.split()[1]) / 1024, 1))
    return found


def many_files(work: Path, files: int) -> dict[str, Any]:
    """RssAnon over ten epochs of a store of so many files, mapped."""
    shape = CMS.with_events(2 * files)
    raw, _ = write_raw(shape, work)
    store = prepare_store(
        shape.detector(), [raw], work / f"store-{files}", PrepareOptions(keep_empty=True, shard_events=2)
    )
    shards = sum(len(of) for of in store.manifest.shards.values())
    return {"files": shards, "rss_anon_mb": anonymous_memory(store, shape.batch, "mapped")}


def on_device(store: Store, shape: Shape, device: torch.device, steps: int = 100) -> dict[str, Any]:
    """Events per second that arrive dense on a device, from the host and kept there, and the share of a training step
    of a small convolutional network that it waits for them (what the loop spends on asking for the next batch)."""

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    channels = store.schema.images[0].dense_shape[0]
    network = torch.nn.Sequential(
        torch.nn.Conv2d(channels, 64, 3), torch.nn.ReLU(), torch.nn.Conv2d(64, 64, 3), torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(1024, 2),
    ).to(device)  # fmt: skip
    optimiser = torch.optim.SGD(network.parameters(), 1e-3)
    found: dict[str, Any] = {"device": str(device)}
    for name, keep in (("from host", "ram"), ("kept there", "device")):
        loader = Loader(store, store.splits, batch_size=shape.batch, shuffle=True, device=device, keep=keep)  # type: ignore[arg-type]
        batches = iter(loader)
        next(batches)
        wait()
        start, events = time.perf_counter(), 0
        for _ in range(steps):
            events += len(next(batches))
        wait()
        rate = events / (time.perf_counter() - start)
        waited, begin = 0.0, time.perf_counter()
        for _ in range(steps):
            asked = time.perf_counter()
            batch = next(batches)
            waited += time.perf_counter() - asked
            loss = torch.nn.functional.cross_entropy(network(batch.dense("image")), batch.label)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            wait()
        share = waited / (time.perf_counter() - begin)
        found[name] = {"events_per_second": round(rate), "waiting": round(share, 4)}
        print(
            f"{f'pidcam, {device}, {name}':24} {rate:12,.0f} events/s   waiting {100 * share:.1f} % of a step",
            flush=True,
        )
    return found


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
