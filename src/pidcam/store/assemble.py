"""Batches from events that lie in many mapped shards: every column and every image by one compiled call."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np
import torch

from pidcam.batch import Batch, SparseImage
from pidcam.errors import DataError
from pidcam.events import Cells, Dense, EventBatch, Images, Points, Ragged
from pidcam.schema import EventSchema, Image
from pidcam.store import kernels
from pidcam.store.buffers import Buffers
from pidcam.store.memory import Span
from pidcam.store.quickest import Quickest

Where = tuple[np.ndarray, ...]
"""Shard of events, and their rows (dense images) or where their hits begin and end in it; (n,) int64 each."""


class Column:
    """One scalar column of many shards."""

    def __init__(self, parts: Sequence[np.ndarray], dtype: type):
        self._parts: list[np.ndarray] = [np.ascontiguousarray(p, dtype) for p in parts]  # kept: addresses point there
        self._address = _addresses(self._parts)
        self._like: np.ndarray = np.empty(0, dtype)
        (first, *more) = self._parts
        self._alike = not more and len(first) > 0 and bool((first == first[0]).all())  # as weights mostly are

    def spans(self, shard: int, first: int, last: int) -> Iterator[Span]:
        """Where rows [first, last) of a shard lie."""
        yield _span(self._address, self._parts[shard], shard, first, last)

    def pick(self, shard: np.ndarray, row: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """(n,) values of the events, into `out` where it is given."""
        out = np.empty(len(row), self._like.dtype) if out is None else out
        if self._alike:
            out[:] = self._parts[0][0]
            return out
        kernels.pick(self._address, shard, row, self._like, out)
        return out


class ImageTable:
    """One image of many shards, all stored alike: dense, as cells or as points."""

    def __init__(self, parts: Sequence[Images], image: Image):
        self.image, self.kind = image, type(parts[0])
        self._channels, self._cells = len(image.channels), image.cells
        if any(type(p) is not self.kind for p in parts):
            raise TypeError(f"image '{image.name}' is stored in several ways")
        if self.kind is Dense:
            self._values, self._bits = _bits([p.values for p in parts])  # type: ignore[union-attr]
            self._dense = _addresses(self._values)
            return
        ragged = [p for p in parts if isinstance(p, Ragged)]
        self._like = np.empty(0, np.float32 if self.kind is Points else ragged[0].place.dtype)
        self._offsets = [np.ascontiguousarray(p.offsets, np.int64) for p in ragged]
        self._place = [np.ascontiguousarray(p.place, self._like.dtype) for p in ragged]
        self._value, self._bits = _bits([p.value for p in ragged])
        self._hits = np.array([len(v) for v in self._value])
        self._addresses: tuple[np.ndarray, ...] = tuple(
            _addresses(a) for a in (self._offsets, self._place, self._value)
        )
        self._each_channel = (0,) * self._channels
        self._past_caches = Quickest((True, False))

    def locate(self, shard: np.ndarray, row: np.ndarray) -> Where:
        """Where events lie in their shards; `DataError` if a shard tells nonsense."""
        if self.kind is Dense:
            return shard, row
        first, last = np.empty(len(row), np.int64), np.empty(len(row), np.int64)
        if not kernels.hit_ranges(self._addresses[0], self._hits, shard, row, first, last):
            raise damaged_hits(self.image)
        return shard, first, last

    def dense(self, where: Where, out: np.ndarray) -> None:
        """Fill `out` (n channels cells,) float32, which may hold anything before, with n dense images."""
        flat = out.reshape(len(where[0]), self._channels, self._cells)
        if self.kind is Dense:
            shard, row = where
            kernels.pick_dense(self._dense, shard, row, self._bits, flat)
            return
        shard, first, last = where
        _, place, value = self._addresses
        hits = (place, value, shard, first, last, self._each_channel, self._bits)
        with self._past_caches.chosen(flat.nbytes) as past:
            into = (kernels.scratch_for(flat, past), past, flat)
            if self.kind is Points:
                grid = self.image
                kernels.scatter_points(*hits, grid.low, grid.pitch, grid.shape, *into)
            elif not kernels.scatter_cells(*hits, self._like, *into):
                raise damaged_hits(self.image)

    def sparse(self, where: Where, *, flat: bool = False) -> SparseImage:
        """Hits end to end: cell indices or coordinates (hits, axes), or flat cell numbers (hits, 1); their values."""
        image = self.image
        if self.kind is Dense:
            raise no_hits(image)
        shard, first, last = where
        offsets = np.concatenate([[0], np.cumsum(last - first)])
        _, place_at, value_at = self._addresses
        place = np.empty((offsets[-1], len(image.shape) if self.kind is Points else 1), self._like.dtype)
        value = np.empty((offsets[-1], self._channels), np.float32)
        kernels.copy_hits(place_at, shard, first, last, self._like, place)
        kernels.copy_values(value_at, shard, first, last, self._bits, value)
        if self.kind is Cells:
            if len(place) and place.max() >= self._cells:
                raise damaged_hits(image)
            if not flat:
                place = np.stack(np.unravel_index(place[:, 0], image.shape), axis=1)
        hits = (torch.from_numpy(offsets), torch.from_numpy(place), torch.from_numpy(value))
        return SparseImage(*hits, image.shape, image.low, image.pitch)

    def spans(self, shard: int, first: int, last: int) -> Iterator[Span]:
        """Where rows [first, last) of a shard lie."""
        if self.kind is Dense:
            yield _span(self._dense, self._values[shard], shard, first, last)
            return
        offsets, hits = self._offsets[shard], int(self._hits[shard])
        at, place_at, value_at = self._addresses
        yield _span(at, offsets, shard, first, last + 1)
        low, high = (min(max(int(offsets[k]), 0), hits) for k in (first, last))
        yield _span(place_at, self._place[shard], shard, low, high)
        yield _span(value_at, self._value[shard], shard, low, high)


class Assembler:
    """Makes batches of any events of `shards`, which are numbered end to end.

    `sparse` names the images to leave as hits, `flat` those to leave as hits at flat cell numbers, for a device to make
    dense; `spare` is how many unused blocks of memory to keep for each image.
    """

    def __init__(
        self,
        shards: Sequence[EventBatch],
        schema: EventSchema,
        *,
        sparse: Collection[str] = (),
        flat: Collection[str] = (),
        spare: int = 0,
    ):
        self._sparse, self._flat = frozenset(sparse), frozenset(flat)
        self._buffers = {i.name: Buffers(spare) for i in schema.images}
        self._edges = np.concatenate([[0], np.cumsum([len(s) for s in shards])]).astype(np.int64)
        self._images = {i.name: ImageTable([s.images[i.name] for s in shards], i) for i in schema.images}
        self._features = {c.name: Column([s.features[c.name] for s in shards], np.float32) for c in schema.features}
        known = [c.name for c in schema.targets if all(c.name in s.targets for s in shards)]  # new images have none
        self._targets = {name: Column([s.targets[name] for s in shards], np.float32) for name in known}
        self._weight = Column([s.weight for s in shards], np.float32)
        self._source = (Column([s.file for s in shards], np.int32), Column([s.row for s in shards], np.int64))

    def batches(self, events: np.ndarray, label: np.ndarray, sizes: Sequence[int]) -> Iterator[Batch]:
        """Batches of `sizes`, which add up to n, of `events` (n,) by number; `label` (n,) int64 is theirs.

        Scalars are picked for all of them at once, images when their batch is asked for.
        """
        shard, row = np.empty(len(events), np.int64), np.empty(len(events), np.int64)
        kernels.find(self._edges, events, shard, row)

        def cut(values: np.ndarray) -> Sequence[torch.Tensor]:
            return torch.from_numpy(values).split(list(sizes))

        features = {name: cut(column.pick(shard, row)) for name, column in self._features.items()}
        targets = {name: cut(column.pick(shard, row)) for name, column in self._targets.items()}
        source = np.empty((len(events), 2), np.int64)
        for number, column in enumerate(self._source):
            column.pick(shard, row, source[:, number])
        labels, weights, sources = cut(label), cut(self._weight.pick(shard, row)), cut(source)
        images = {name: table.locate(shard, row) for name, table in self._images.items()}
        edges = np.concatenate([[0], np.cumsum(sizes)])
        for i in range(len(labels)):
            mine = slice(edges[i], edges[i + 1])
            yield Batch(
                images={name: self._image(name, where, mine) for name, where in images.items()},
                features={name: column[i] for name, column in features.items()},
                targets={name: column[i] for name, column in targets.items()},
                label=labels[i],
                weight=weights[i],
                event=sources[i],
            )

    def spans(self, ranges: Iterable[tuple[int, int]]) -> Iterator[Span]:
        """Where events [first, last) of every range, by number, lie in memory or mapped files."""
        tables: list[ImageTable | Column] = [
            *self._images.values(),
            *self._features.values(),
            *self._targets.values(),
            self._weight,
            *self._source,
        ]
        for first, last in _joined(ranges):
            low, high = np.searchsorted(self._edges, [first, last - 1], side="right") - 1
            for shard in range(low, high + 1):
                start, stop = self._edges[shard : shard + 2].tolist()
                for table in tables:
                    yield from table.spans(shard, max(first - start, 0), min(last, stop) - start)

    def _image(self, name: str, where: Where, mine: slice) -> torch.Tensor | SparseImage:
        table, where = self._images[name], tuple(w[mine] for w in where)
        if name in self._sparse or name in self._flat:
            return table.sparse(where, flat=name in self._flat)
        tensor, memory = self._buffers[name].take((len(where[0]), *table.image.dense_shape))
        table.dense(where, memory)
        return tensor


def in_memory(shards: Sequence[EventBatch], schema: EventSchema) -> EventBatch:
    """A copy of the shards, one after the other, in memory of this process."""
    for image in schema.images:
        for shard in shards:
            check_hits(shard.images[image.name], image)
    return EventBatch.concat(shards)


def check_hits(images: Images, image: Image) -> None:
    """`DataError` if events of a shard tell nonsense about where their hits are."""
    if isinstance(images, Ragged):
        edges = images.offsets
        if edges[0] != 0 or edges[-1] != len(images.value) or (np.diff(edges) < 0).any():
            raise damaged_hits(image)


def damaged_hits(image: Image) -> DataError:
    return DataError(f"the hits of image '{image.name}' are damaged", fix="prepare the store again")


def no_hits(image: Image) -> DataError:
    return DataError(f"image '{image.name}' is stored dense and has no hits", fix="prepare it with storage: cells")


def _joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Those that touch as one, in ascending order."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return found


def _span(address: np.ndarray, array: np.ndarray, shard: int, first: int, last: int) -> Span:
    row = array.strides[0]
    return int(address[shard]) + first * row, (last - first) * row


def _bits(parts: Sequence[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
    """Values as kernels take them, float32 or float16 as it lies in memory, and an empty array of their type."""
    if all(p.dtype == np.float16 for p in parts):
        return [np.ascontiguousarray(p).view(np.uint16) for p in parts], np.empty(0, np.uint16)
    return [np.ascontiguousarray(p, np.float32) for p in parts], np.empty(0, np.float32)


def _addresses(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([a.ctypes.data for a in arrays], np.int64)


def batch_from_events(events: EventBatch, schema: EventSchema, *, hits: bool | Collection[str] = False) -> Batch:
    """A host batch as a model's `Batch` on the CPU, dense; those of `hits` (names, or all) that are hits stay hits."""
    label = events.label.astype(np.int64)
    wanted = events.images if hits is True else hits or ()
    sparse = [name for name in wanted if isinstance(events.images[name], Ragged)]
    assembler = Assembler([events], schema, sparse=sparse)
    (batch,) = assembler.batches(np.arange(len(events)), label, [len(events)])
    return batch
