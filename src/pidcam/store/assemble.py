"""Batches from events that lie in many mapped shards: every column and every image by one compiled call."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pidcam.batch import Batch, SparseImage
from pidcam.errors import DataError
from pidcam.events import Cells, Dense, EventBatch, Images, Points, Ragged
from pidcam.schema import EventSchema, Image
from pidcam.store import kernels
from pidcam.store.buffers import Buffers


class Column:
    """One scalar column of many shards."""

    def __init__(self, parts: Sequence[np.ndarray], dtype: type):
        self._parts: list[np.ndarray] = [np.ascontiguousarray(p, dtype) for p in parts]  # kept: addresses point there
        self._address = _addresses(self._parts)
        self._like: np.ndarray = np.empty(0, dtype)

    def pick(self, shard: np.ndarray, row: np.ndarray, out: np.ndarray) -> None:
        kernels.pick(self._address, shard, row, self._like, out)


class ImageTable:
    """One image of many shards, all stored alike: dense, as cells or as points."""

    def __init__(self, parts: Sequence[Images], image: Image):
        self.image, self.kind = image, type(parts[0])
        self._channels = len(image.channels)
        if any(type(p) is not self.kind for p in parts):
            raise TypeError(f"image '{image.name}' is stored in several ways")
        if self.kind is Dense:
            self._values = [np.ascontiguousarray(p.values, np.float32) for p in parts]  # type: ignore[union-attr]
            self._dense = _addresses(self._values)
            return
        ragged = [p for p in parts if isinstance(p, Ragged)]
        self._like = np.empty(0, np.float32 if self.kind is Points else ragged[0].place.dtype)
        self._offsets = [np.ascontiguousarray(p.offsets, np.int64) for p in ragged]
        self._place = [np.ascontiguousarray(p.place, self._like.dtype) for p in ragged]
        self._value = [np.ascontiguousarray(p.value, np.float32) for p in ragged]
        self._hits = np.array([len(v) for v in self._value])
        self._addresses = tuple(_addresses(a) for a in (self._offsets, self._place, self._value))
        self._grid = (np.array(image.low, np.float64), np.array(image.pitch, np.float64), np.array(image.shape))

    def dense(self, shard: np.ndarray, row: np.ndarray, out: np.ndarray) -> None:
        """Fill `out` (n, channels, *shape) float32, which may hold anything before."""
        if self.kind is Dense:
            kernels.pick_dense(self._dense, shard, row, out.reshape(len(out), math.prod(out.shape[1:])))
            return
        first, last = self._ranges(shard, row)
        _, place, value = self._addresses
        flat = out.reshape(len(out), self._channels, self.image.cells)
        if self.kind is Points:
            kernels.scatter_points(place, value, shard, first, last, *self._grid, flat)
        elif not kernels.scatter_cells(place, value, shard, first, last, self._like, flat):
            raise self._damaged()

    def sparse(self, shard: np.ndarray, row: np.ndarray) -> SparseImage:
        """Hits end to end: cell indices or coordinates (hits, axes) with their values."""
        if self.kind is Dense:
            name = self.image.name
            raise DataError(f"image '{name}' is stored dense and has no hits", fix="prepare it with storage: cells")
        first, last = self._ranges(shard, row)
        offsets = np.concatenate([[0], np.cumsum(last - first)])
        _, place, value = self._addresses
        axes = len(self.image.shape)
        where = np.empty((offsets[-1], axes if self.kind is Points else 1), self._like.dtype)
        kernels.copy_hits(place, shard, first, last, self._like, where)
        values = np.empty((offsets[-1], self._channels), np.float32)
        kernels.copy_hits(value, shard, first, last, np.empty(0, np.float32), values)
        if self.kind is Cells:
            if len(where) and where.max() >= self.image.cells:
                raise self._damaged()
            where = np.stack(np.unravel_index(where[:, 0], self.image.shape), axis=1)
        return SparseImage(
            torch.from_numpy(offsets), torch.from_numpy(where), torch.from_numpy(values), self.image.shape
        )

    def _ranges(self, shard: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        first, last = np.empty(len(row), np.int64), np.empty(len(row), np.int64)
        if not kernels.hit_ranges(self._addresses[0], self._hits, shard, row, first, last):
            raise self._damaged()
        return first, last

    def _damaged(self) -> DataError:
        return DataError(f"the hits of image '{self.image.name}' are damaged", fix="prepare the store again")


@dataclass(frozen=True)
class _Where:
    """Events by shard and row, (n,) each."""

    shard: np.ndarray
    row: np.ndarray


class Assembler:
    """Makes batches of any events of `shards`, which are numbered end to end.

    `sparse` names the images to leave as hits. Memory of dense images comes from `buffers`.
    """

    def __init__(
        self,
        shards: Sequence[EventBatch],
        schema: EventSchema,
        *,
        sparse: Collection[str] = (),
        buffers: Buffers | None = None,
    ):
        self._sparse, self._buffers = frozenset(sparse), buffers or Buffers(0)
        self._edges = np.concatenate([[0], np.cumsum([len(s) for s in shards])]).astype(np.int64)
        self._images = {i.name: ImageTable([s.images[i.name] for s in shards], i) for i in schema.images}

        self._features = {c.name: Column([s.features[c.name] for s in shards], np.float32) for c in schema.features}
        self._targets = {c.name: Column([s.targets[c.name] for s in shards], np.float32) for c in schema.targets}
        self._weight = Column([s.weight for s in shards], np.float32)
        self._source = (Column([s.file for s in shards], np.int32), Column([s.row for s in shards], np.int64))

    def batch(self, events: np.ndarray, label: np.ndarray) -> Batch:
        """`events` (n,) by number; `label` (n,) int64 is theirs."""
        shard = np.searchsorted(self._edges, events, side="right") - 1
        where = _Where(shard, events - self._edges[shard])
        source = np.empty((len(events), 2), np.int64)
        for number, column in enumerate(self._source):
            column.pick(where.shard, where.row, source[:, number])
        return Batch(
            images={name: self._image(name, where) for name in self._images},
            features={name: _picked(column, where) for name, column in self._features.items()},
            targets={name: _picked(column, where) for name, column in self._targets.items()},
            label=torch.from_numpy(label),
            weight=_picked(self._weight, where),
            event=torch.from_numpy(source),
        )

    def _image(self, name: str, where: _Where) -> torch.Tensor | SparseImage:
        table = self._images[name]
        if name in self._sparse:
            return table.sparse(where.shard, where.row)
        out = self._buffers.take((len(where.row), *table.image.dense_shape))
        table.dense(where.shard, where.row, out.numpy())
        return out


def _picked(column: Column, where: _Where) -> torch.Tensor:
    out = np.empty(len(where.row), np.float32)
    column.pick(where.shard, where.row, out)
    return torch.from_numpy(out)


def _addresses(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([a.ctypes.data for a in arrays], np.uintp)


def batch_from_events(events: EventBatch, schema: EventSchema) -> Batch:
    """A host batch as a model's `Batch` on the CPU, dense."""
    return Assembler([events], schema).batch(np.arange(len(events)), events.label.astype(np.int64))
