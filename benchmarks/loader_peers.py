"""Other loaders for benchmarks/loader.py, each in its best setting on few cores, dense as each of them keeps images."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from loader_data import write_hdf5

NAMES = ("h5py_dataloader", "h5py_dataloader_chunk1", "webdataset", "weaver")
WORKERS = 2
FEWER = 20_000
"""Events given to the peers: they are slow, and their speed does not depend on how many there are."""


def rates(raw: Path, dense: np.ndarray, batch: int, work: Path) -> dict[str, dict[str, Any]]:
    """Events per second of every peer that is installed."""
    found = {}
    for name in NAMES:
        try:
            batches = globals()[f"_{name}"](raw, dense[:FEWER], batch, work)
        except ImportError as error:
            print(f"{name}: not installed ({error})", flush=True)
            continue
        found[name] = _timed(name, batches)
    return found


def _timed(name: str, batches: Callable[[], Iterable[Any]], seconds: float = 15.0) -> dict[str, Any]:
    """Whole passes are counted, from the second batch on (workers take time to start), until the time is over."""
    slices: list[float] = []
    begin = time.perf_counter()
    while len(slices) < 3 or time.perf_counter() - begin < seconds:
        start, events = 0.0, 0
        for number, given in enumerate(batches()):
            if number == 0:
                start = time.perf_counter()
                continue
            events += len(given)
            if time.perf_counter() - start > seconds:
                break
        slices.append(events / (time.perf_counter() - start))
        if time.perf_counter() - begin > 3 * seconds:
            break
    low, median, high = np.percentile(slices, [25, 50, 75])
    print(f"{name:24} {median:12,.0f} events/s   quartiles {low:12,.0f} {high:12,.0f}", flush=True)
    return {"median": round(median), "quartiles": [round(low), round(high)], "workers": WORKERS}


class _Hdf5(Dataset):
    """One event at a time from an HDF5 file that every worker opens by itself."""

    def __init__(self, path: Path):
        self.path, self.file = path, None
        with h5py.File(path) as file:
            self.events = len(file["X"])

    def __len__(self) -> int:
        return self.events

    def __getitem__(self, row: int) -> tuple[np.ndarray, np.float32]:
        if self.file is None:
            self.file = h5py.File(self.path)
        return self.file["X"][row], self.file["y"][row]


def _images(loader: Iterable[Sequence[Any]]) -> Iterable[Any]:
    return (batch[0] for batch in loader)


def _h5py_dataloader(raw: Path, dense: np.ndarray, batch: int, work: Path) -> Callable[[], Iterable[Any]]:
    data = _Hdf5(raw)
    return lambda: _images(DataLoader(data, batch_size=batch, shuffle=True, num_workers=WORKERS))


def _h5py_dataloader_chunk1(raw: Path, dense: np.ndarray, batch: int, work: Path) -> Callable[[], Iterable[Any]]:
    path = work / "chunk1.h5"
    if not path.exists():
        write_hdf5(path, dense, 1)
    data = _Hdf5(path)
    return lambda: _images(DataLoader(data, batch_size=batch, shuffle=True, num_workers=WORKERS))


def _webdataset(raw: Path, dense: np.ndarray, batch: int, work: Path) -> Callable[[], Iterable[Any]]:
    """Tar files of .npy images; batches are made in the workers, shuffled through a buffer of 5000 events."""
    import webdataset

    folder = work / "tar"
    if not folder.exists():
        part = work / "tar.part"
        part.mkdir(exist_ok=True)
        for number, rows in enumerate(np.array_split(np.arange(len(dense)), 8)):
            with tarfile.open(part / f"{number:02d}.tar", "w") as tar:
                for row in rows:
                    buffer = io.BytesIO()
                    np.save(buffer, dense[row])
                    for name, content in (("npy", buffer.getvalue()), ("cls", str(row % 2).encode())):
                        info = tarfile.TarInfo(f"{row:07d}.{name}")
                        info.size = len(content)
                        tar.addfile(info, io.BytesIO(content))
        part.rename(folder)
    shards = sorted(str(path) for path in folder.glob("*.tar"))

    def batches() -> Iterable[Any]:
        data = webdataset.WebDataset(shards, shardshuffle=True, seed=1).shuffle(5000).decode().to_tuple("npy", "cls")
        return _images(webdataset.WebLoader(data.batched(batch), batch_size=None, num_workers=WORKERS))

    return batches


def _weaver(raw: Path, dense: np.ndarray, batch: int, work: Path) -> Callable[[], Iterable[Any]]:
    """Parquet files of fixed-size lists, kept in memory by the workers."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import yaml
    from weaver.utils.dataset import SimpleIterDataset

    folder = work / "weaver"
    folder.mkdir(exist_ok=True)
    files = [str(folder / f"{number}.parquet") for number in range(2 * WORKERS)]
    for number, rows in enumerate(np.array_split(np.arange(len(dense)), len(files))):
        flat = pa.FixedSizeListArray.from_arrays(pa.array(dense[rows].reshape(-1)), dense[0].size)
        label = rows % 2
        table = pa.table({"image": flat, "is_photon": label == 0, "is_electron": label == 1})
        pq.write_table(table, files[number], row_group_size=1000)
    config = {
        "preprocess": {"method": "manual"},
        "inputs": {"image": {"length": None, "vars": [["image", None]]}},
        "labels": {"type": "simple", "value": ["is_photon", "is_electron"]},
    }
    (folder / "data.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")

    def batches() -> Iterable[Any]:
        data = SimpleIterDataset(
            {"events": files}, str(folder / "data.yaml"), for_training=True, fetch_by_files=True, fetch_step=1
        )
        loader = DataLoader(data, batch_size=batch, num_workers=WORKERS, drop_last=True)
        return (torch.as_tensor(inputs["image"]) for inputs, *_ in loader)

    return batches
