"""Synthetic events for benchmarks/loader.py: as sparse as those of the detectors they stand for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np

from pidcam.detectors.base import Detector
from pidcam.formats.layout import ImageSource, LabelSource, Layout
from pidcam.schema import Channel, EventSchema, Image, ParticleClass


@dataclass(frozen=True)
class Shape:
    """`events` images of `channels` values on `grid`, each with about `hits` cells hit."""

    name: str
    grid: tuple[int, ...]
    channels: int
    hits: int
    events: int
    batch: int = 512

    def with_events(self, events: int) -> Shape:
        return replace(self, events=events)

    def detector(self) -> Detector:
        channels = tuple(Channel(name=f"c{k}") for k in range(self.channels))
        image = Image(name="image", shape=self.grid, channels=channels, storage="cells")
        classes = (ParticleClass(name="photon"), ParticleClass(name="electron"))
        return Detector(
            name=self.name,
            title=self.name,
            schema=EventSchema(name=self.name, images=(image,), classes=classes, content_identifies=True),
            layout=Layout(
                format="hdf5",
                images={"image": ImageSource(key="X", order="channel-last")},
                label=LabelSource(key="y", values={0: "photon", 1: "electron"}),
            ),
        )


CMS = Shape("cms-ecal", (32, 32), 2, 50, 200_000)
SHAPES = (
    Shape("cms-jets", (125, 125), 3, 600, 6_000, 64),
    Shape("clic-lcd", (25, 25, 25), 1, 400, 20_000, 128),
    Shape("lariat", (240, 4096), 2, 10_000, 160, 4),
)


def write_raw(shape: Shape, work: Path) -> tuple[Path, np.ndarray]:
    """The events as gzip HDF5, channels last, in chunks of 100 (or 50 MB), and as a dense array, channels first."""
    cells, rng = int(np.prod(shape.grid)), np.random.default_rng(0)
    dense = np.zeros((shape.events, shape.channels, cells), np.float32)
    centre = np.array(shape.grid) / 2
    for event in range(shape.events):
        # a shower: more hits than wanted around the centre, of which those that differ are kept
        where = rng.normal(centre, centre / 4, (2 * shape.hits, len(shape.grid)))
        where = np.clip(where, 0, np.array(shape.grid) - 1).astype(np.int64)
        cell = np.unique(np.ravel_multi_index(tuple(where.T), shape.grid))
        cell = rng.permutation(cell)[: rng.poisson(shape.hits)]
        dense[event][:, cell] = rng.exponential(1, (shape.channels, len(cell)))
    dense = dense.reshape(shape.events, shape.channels, *shape.grid)
    path = work / f"{shape.name}-{shape.events}.h5"
    if not path.exists():
        write_hdf5(path, dense, max(1, min(100, (50 << 20) // dense[0].nbytes)))
    return path, dense


def write_hdf5(path: Path, dense: np.ndarray, chunk: int) -> None:
    part = path.with_suffix(".part")
    event = (*dense.shape[2:], dense.shape[1])
    with h5py.File(part, "w") as file:
        data = file.create_dataset(
            "X", (len(dense), *event), "f4", chunks=(min(chunk, len(dense)), *event), compression="gzip"
        )
        for row in range(0, len(dense), 1000):
            data[row : row + 1000] = np.moveaxis(dense[row : row + 1000], 1, -1)
        file["y"] = np.arange(len(dense), dtype=np.float32) % 2
    part.rename(path)
