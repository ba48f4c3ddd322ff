"""Batches from a store: the order is a function of (seed, epoch), the state is a cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from pidcam.batch import Batch, SparseImage
from pidcam.errors import DataError
from pidcam.events import Dense, EventBatch, Ragged
from pidcam.schema import ClassSelection, EventSchema, Image
from pidcam.store.kernels import densify
from pidcam.store.store import Store

Change = Callable[[Batch, torch.Generator], Batch]


class Loader:
    """Iterates one epoch of batches, from the cursor on, each event of the selected classes exactly once.

    splits: one split or several; selection: classes to keep, merged and numbered as the task wants them (others are
    dropped; without a selection every event comes with its stored label); shuffle: order drawn from (seed, epoch), else
    stored order; limit: only the first events of the selection; sparse: images to leave as hits; change: applied to
    every batch on the device, with a generator that depends on (seed, epoch, batch) alone.

    Set `epoch` before iterating; `cursor` is the number of batches of this epoch already handed out, so that setting
    both resumes exactly. Memory: the store stays mapped, one batch is prepared ahead in a thread.
    """

    def __init__(
        self,
        store: Store,
        splits: str | Sequence[str],
        *,
        selection: ClassSelection | None = None,
        batch_size: int = 512,
        shuffle: bool = False,
        seed: int = 0,
        limit: int | None = None,
        sparse: Sequence[str] = (),
        change: Change | None = None,
        device: torch.device | str = "cpu",
    ):
        self.store, self.schema = store, store.schema
        self.splits = (splits,) if isinstance(splits, str) else tuple(splits)
        self.batch_size, self.shuffle, self.seed, self.device = batch_size, shuffle, seed, torch.device(device)
        self.sparse, self.change = frozenset(sparse), change
        self.epoch = self.cursor = 0
        self._shards: list[EventBatch] = [shard for split in self.splits for shard in store.shards(split)]
        self._edges = np.concatenate([[0], np.cumsum([len(s) for s in self._shards])]).astype(np.int64)
        label = np.concatenate([s.label for s in self._shards] or [np.empty(0, np.int16)])
        table = selection.table(self.schema) if selection else np.arange(len(self.schema.classes))
        # events without truth have label -1, which indexes the appended last entry
        self._label = np.append(table, -1)[label]
        chosen = np.flatnonzero(self._label >= 0) if selection else np.arange(len(label))
        self._events = chosen[:limit]
        if not len(self._events):
            wanted = f" of classes {', '.join(selection.names)}" if selection else ""
            raise DataError(f"split {'+'.join(self.splits)} holds no events{wanted}", where=store.path)

    @property
    def events(self) -> int:
        """Number of events in an epoch."""
        return len(self._events)

    @property
    def labels(self) -> np.ndarray:
        """(events,) int64 labels of the selected events, in stored order."""
        labels: np.ndarray = self._label[self._events]
        return labels

    def __len__(self) -> int:
        """Number of batches in an epoch; the last one may be smaller, none is lost."""
        return -(-len(self._events) // self.batch_size)

    def order(self, epoch: int) -> np.ndarray:
        """(events,) order of the events in `epoch`."""
        if not self.shuffle:
            return self._events
        key = [self.seed, epoch]
        return self._events[np.random.Generator(np.random.Philox(key=key)).permutation(len(self._events))]

    def __iter__(self) -> Iterator[Batch]:
        order = self.order(self.epoch)
        todo = range(self.cursor, len(self))
        with ThreadPoolExecutor(1) as pool:
            ahead = pool.submit(self._load, order, self.cursor) if todo else None
            for number in todo:
                assert ahead is not None
                batch = ahead.result()
                ahead = pool.submit(self._load, order, number + 1) if number + 1 < len(self) else None
                batch = batch.to(self.device)
                if self.change is not None:
                    batch = self.change(batch, _generator(self.seed, self.epoch, number))
                self.cursor = number + 1
                yield batch
        self.cursor = 0

    def _load(self, order: np.ndarray, number: int) -> Batch:
        events = order[number * self.batch_size : (number + 1) * self.batch_size]
        which = np.searchsorted(self._edges, events, side="right") - 1
        places = [
            (self._shards[k], events[which == k] - self._edges[k], np.flatnonzero(which == k)) for k in np.unique(which)
        ]
        n = len(events)

        def column(get: Callable[[EventBatch], np.ndarray], dtype: type) -> torch.Tensor:
            out = np.empty(n, dtype)
            for shard, rows, slots in places:
                out[slots] = get(shard)[rows]
            return torch.from_numpy(out)

        images = {i.name: self._image(i, places, n) for i in self.schema.images}
        features = {c.name: column(lambda s, c=c: s.features[c.name], np.float32) for c in self.schema.features}  # type: ignore[misc]
        targets = {c.name: column(lambda s, c=c: s.targets[c.name], np.float32) for c in self.schema.targets}  # type: ignore[misc]
        event = torch.stack([column(lambda s: s.file, np.int64), column(lambda s: s.row, np.int64)], 1)
        label = torch.from_numpy(self._label[events])
        return Batch(images, features, targets, label, column(lambda s: s.weight, np.float32), event)

    def _image(self, image: Image, places: list, n: int) -> torch.Tensor | SparseImage:  # type: ignore[type-arg]
        if image.name in self.sparse:
            return _hits(image, [(s.images[image.name], rows, slots) for s, rows, slots in places])
        out = np.zeros((n, len(image.channels), image.cells), np.float32)
        for shard, rows, slots in places:
            densify(shard.images[image.name], image, rows, slots, out)
        return torch.from_numpy(out.reshape(n, *image.dense_shape))


def _hits(image: Image, places: list) -> SparseImage:  # type: ignore[type-arg]
    parts = [images.take(rows) for images, rows, _ in places]
    if any(isinstance(p, Dense) for p in parts):
        raise DataError(f"image '{image.name}' is stored dense and has no hits", fix="prepare it with storage: cells")
    hits: Ragged = type(parts[0]).concat(parts).take(np.argsort(np.concatenate([slots for *_, slots in places])))
    place = hits.place if hits.place.ndim == 2 else np.stack(np.unravel_index(hits.place, image.shape), 1)
    return SparseImage(
        torch.from_numpy(hits.offsets), torch.from_numpy(place), torch.from_numpy(hits.value), image.shape
    )


def batch_from_events(batch: EventBatch, schema: EventSchema) -> Batch:
    """A host batch as a model's `Batch` on the CPU, dense."""
    n, images = len(batch), {}
    every = np.arange(n)
    for image in schema.images:
        out = np.zeros((n, len(image.channels), image.cells), np.float32)
        densify(batch.images[image.name], image, every, every, out)
        images[image.name] = torch.from_numpy(out.reshape(n, *image.dense_shape))

    def tensors(columns: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
        return {k: torch.from_numpy(np.asarray(v, np.float32)) for k, v in columns.items()}

    event = torch.from_numpy(np.stack([batch.file.astype(np.int64), batch.row.astype(np.int64)], 1))
    label = torch.from_numpy(batch.label.astype(np.int64))
    weight = torch.from_numpy(batch.weight.astype(np.float32))
    return Batch(dict(images), tensors(batch.features), tensors(batch.targets), label, weight, event)


def _generator(*key: int) -> torch.Generator:
    seed = int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)
    return torch.Generator().manual_seed(seed)
