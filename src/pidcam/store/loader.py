"""Batches from a store: the order is a function of (seed, epoch), the state is a cursor."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pidcam.batch import Batch, SparseImage
from pidcam.errors import ConfigError, DataError
from pidcam.events import Ragged
from pidcam.recall import Recall
from pidcam.schema import ClassSelection
from pidcam.store.assemble import Assembler, Column, in_memory
from pidcam.store.assemble import batch_from_events as batch_from_events
from pidcam.store.device import DeviceEvents
from pidcam.store.memory import WINDOW, Keep, ReadAhead, place_to_keep
from pidcam.store.order import Balance, Balanced, Order, Shuffled, Stored, fractions_of
from pidcam.store.scatter import densified
from pidcam.store.shuffle import key_bits
from pidcam.store.store import Splits, Store

Change = Callable[[Batch, torch.Generator], Batch]
Part = tuple[np.ndarray, bool]
"""Events of one batch, and whether they are more than padding."""

STRIDE = 16
"""Batches whose scalars are picked in one go."""
STRIDE_BYTES = 16 << 20
"""Dense bytes that a thread makes in one go: passing small batches one by one would cost more than making them."""


class Loader:
    """Iterates one epoch of batches, from the cursor on, each event of the selected classes exactly once.

    splits: one split or several; selection: classes to keep, merged and numbered as the task wants them (others are
    dropped; without a selection, or one without classes, all events come); shuffle: order drawn from (seed, epoch),
    else stored order; limit: only the first events of the selection; sparse: images to leave as hits; change: applied
    to every batch on the device, with a generator that depends on (seed, epoch, batch) alone; threads: how many make
    batches ahead (none: a batch is made when it is asked for; default: one for a GPU, none on a CPU, where a thread
    would take from the model what it gives to the loader).

    balance: the fraction of every class, `{electron: 0.5, photon: 0.5}` or `equal`, in an epoch of as many events as
    without; rare classes then come several times an epoch, and over the epochs all events of a class equally often.

    keep: where the events are while they are loaded: `mapped` files, this process's `ram`, the `device`, or what fits
    (`auto`, see `place_to_keep`). It changes no batch. window: a store (these splits of it) of more bytes is read in
    windows of that many: its blocks in random order, the events of a window shuffled. The order depends on the store
    and on `window`, never on the machine.

    recall: features that transforms compute of an event are kept for the next epoch: for a `change` that gives its
    transforms the events as they are in the store.

    rank, ranks: this process and how many share the epoch (`torch.distributed`). `batch_size` is that of all ranks
    together: a step is one batch of the one order, and each rank gets its part of it, so that ranks see disjoint
    events, all take `len(loader)` steps, and order and cursor mean the same for any number of ranks. Parts differ by at
    most one event. A last batch with fewer events than ranks gives those that have none a copy of weight zero
    (`Batch.padding`). Without `change`, the parts of all ranks are bit for bit the batch of one.

    Set `epoch` before iterating; `cursor` is the number of batches of this epoch already handed out, so that setting
    both resumes exactly. The memory of a batch is used again once nobody refers to it.
    """

    def __init__(
        self,
        store: Splits,
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
        threads: int | None = None,
        balance: Balance | None = None,
        keep: Keep = "auto",
        window: int = WINDOW,
        recall: bool = False,
        rank: int = 0,
        ranks: int = 1,
    ):
        if not 0 <= rank < ranks <= batch_size:
            raise ConfigError(f"rank {rank} of {ranks} cannot share batches of {batch_size} events", where="loader")
        self.rank, self.ranks = rank, ranks
        self.store, self.schema = store, store.schema
        self.splits = (splits,) if isinstance(splits, str) else tuple(splits)
        self.batch_size, self.shuffle, self.seed, self.device = batch_size, shuffle, seed, torch.device(device)
        self.change, self._sparse = change, tuple(sparse)
        self._options: dict[str, Any] = {k: v for k, v in locals().items() if k not in ("self", "store", "splits")}
        self.epoch = self.cursor = 0
        self._shards = [shard for split in self.splits for shard in store.shards(split)]
        label = np.concatenate([np.empty(0, np.int16), *(s.label for s in self._shards)])
        table = selection.table(self.schema) if selection else np.arange(len(self.schema.classes))
        # events without truth have label -1, which indexes the appended last entry
        self._label = np.append(table, -1).astype(np.int16)[label]
        self._label_column = Column([self._label], np.int16)
        names = selection.names if selection else self.schema.class_names
        named = bool(balance or (selection and selection.groups))
        chosen = np.flatnonzero(self._label >= 0) if named else np.arange(len(label))
        self._events = chosen[:limit].astype(np.uint32)
        if not len(self._events):
            wanted = f" of classes {', '.join(names)}" if selection else ""
            raise DataError(f"split {'+'.join(self.splits)} holds no events{wanted}", where=store.path)
        self._fractions = fractions_of(balance, names, self.labels, shuffle=shuffle) if balance else {}
        self._names = names
        self._last_order: tuple[int, Order] | None = None
        self._recall = Recall(len(label)) if recall else None
        for name in sparse:
            self.schema.image(name)
        self.bytes = sum(map(store.bytes, self.splits))
        # a pass in stored order is made once: nothing is gained by copying what it reads
        self.keep = place_to_keep(keep, self.bytes, self.device, ranks) if shuffle or keep != "auto" else "mapped"
        self.threads = int(not is_host(self.device) and self.keep != "device") if threads is None else threads
        self._window = max(1, window * len(label) // max(self.bytes, 1))
        dense = [image for image in self.schema.images if image.name not in sparse]
        # hits are fewer bytes than images: they become dense where they are used
        self._flat = () if is_host(self.device) else tuple(i.name for i in dense if self._has_hits(i.name))
        size = batch_size // ranks * sum(4 * math.prod(image.dense_shape) for image in dense)
        self._stride = max(1, min(STRIDE, STRIDE_BYTES // max(size, 1))) if self.threads else STRIDE

    @cached_property
    def _assembler(self) -> Assembler | DeviceEvents:
        shards, schema, sparse = self._shards, self.schema, self._sparse
        if self.keep == "device":
            return DeviceEvents(shards, schema, self.device, sparse=sparse)
        if self.keep == "ram":
            shards = [in_memory(shards, schema)]
        # with the caller and the next one, or being made and waiting
        spare = 2 + (self.threads + 1) * self._stride * bool(self.threads)
        return Assembler(shards, schema, sparse=sparse, flat=self._flat, spare=spare)

    def _has_hits(self, name: str) -> bool:
        return all(isinstance(shard.images[name], Ragged) for shard in self._shards)

    @property
    def events(self) -> int:
        """Number of events in an epoch, of all ranks."""
        return len(self._events)

    @property
    def labels(self) -> np.ndarray:
        """(events,) int64 labels of the selected events, in stored order."""
        return self._label[self._events].astype(np.int64)

    def __len__(self) -> int:
        """Number of batches in an epoch; the last one may be smaller, none is lost."""
        return -(-len(self._events) // self.batch_size)

    @property
    def sizes(self) -> list[int]:
        """Number of events in each batch of an epoch, of all ranks."""
        return batch_sizes(self.events, self.batch_size)

    @property
    def at_the_end(self) -> bool:
        """Whether the last batch of the epoch was handed out."""
        return self.cursor == len(self)

    def order(self, epoch: int) -> Order:
        """Which event, by number, comes at which place of `epoch`."""
        if self._last_order is None or self._last_order[0] != epoch:
            self._last_order = epoch, self._new_order(epoch)
        return self._last_order[1]

    def _new_order(self, epoch: int) -> Order:
        if self._fractions:
            mine = {name: self._events[self.labels == self._names.index(name)] for name in self._fractions}
            return Balanced(mine, self._fractions, len(self._events), self._window, self.seed, epoch)
        if not self.shuffle:
            return Stored(self._events, self._window)
        return Shuffled(self._events, self._window, "epoch", self.seed, epoch)

    def __iter__(self) -> Iterator[Batch]:
        epoch, number = self.epoch, self.cursor
        _ = self._assembler  # here, and not by two threads at once
        with ReadAhead() as reader:
            work = self._plan(self.order(epoch), number, reader=reader)
            for batches in self._ahead(work) if self.threads else map(self._load, work):
                for batch in batches:
                    if self.change is not None:
                        batch = self.change(batch, self._generator(epoch, number))
                    number += 1
                    self.cursor = number
                    yield batch
        self.cursor = 0

    def __getitem__(self, number: int) -> Batch:
        """Batch `number` of the epoch, so that `torch.utils.data.DataLoader(loader, batch_size=None)` takes it too."""
        if not -len(self) <= number < len(self):
            raise IndexError(f"batch {number} of {len(self)}")
        number %= len(self)
        (batch,) = self._load(next(self._plan(self.order(self.epoch), number, stride=1)))
        return batch if self.change is None else self.change(batch, self._generator(self.epoch, number))

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to another process, it is opened again there."""
        return _opened, (self.store.path, self.store.fold, self.splits, self._options, self.epoch, self.cursor)

    def _plan(
        self, order: Order, start: int, stride: int | None = None, reader: ReadAhead | None = None
    ) -> Iterator[list[Part]]:
        """What this rank loads in one go, again and again, from batch `start` on; `reader` reads mapped files ahead."""
        stride, size = stride or self._stride, self.batch_size
        asked = start * size
        for first in range(start, len(self), stride):
            numbers = range(first, min(first + stride, len(self)))
            near = asked < len(order) and numbers[-1] * size >= asked - self._window
            if near and reader and self.keep == "mapped" and isinstance(self._assembler, Assembler):
                until = min(numbers[-1] * size + self._window, len(order))
                ranges, asked = order.ranges(asked, until)
                reader.ask(partial(self._assembler.spans, ranges.tolist()))
            whole = order.between(first * size, (numbers[-1] + 1) * size)
            yield [self._part(whole[i * size : (i + 1) * size]) for i in range(len(numbers))]

    def _part(self, whole: np.ndarray) -> Part:
        """The events of a batch that belong to this rank; False if there are none, then one for padding."""
        part = whole[self.rank * len(whole) // self.ranks : (self.rank + 1) * len(whole) // self.ranks]
        return (part, True) if len(part) else (whole[:1], False)

    def _load(self, parts: list[Part]) -> Iterator[Batch]:
        events = np.concatenate([part for part, _ in parts])
        label = self._label_column.pick(np.zeros(len(events), np.int64), events).astype(np.int64)
        batches = self._assembler.batches(events, label, [len(part) for part, _ in parts])
        for batch, (part, real) in zip(batches, parts, strict=True):
            batch = self._on_device(batch if real else _as_padding(batch))
            yield replace(batch, recalled=self._recall.of(part)) if self._recall and self.change else batch

    def _on_device(self, batch: Batch) -> Batch:
        if self.keep == "device" or (batch.device == self.device and not self._flat):
            return batch
        batch = batch.to(self.device)
        dense = {
            name: densified(image, self.schema.image(name))
            for name, image in batch.images.items()
            if name in self._flat and isinstance(image, SparseImage)
        }
        return replace(batch, images={**batch.images, **dense})

    def _ahead(self, work: Iterator[list[Part]]) -> Iterator[Iterator[Batch]]:
        """What `_load` gives for each piece of work, made by threads before it is asked for."""
        ahead: deque[Future[list[Batch]]] = deque()
        with ThreadPoolExecutor(self.threads) as pool:
            try:
                while True:
                    for parts in islice(work, self.threads + 1 - len(ahead)):
                        ahead.append(pool.submit(lambda parts=parts: list(self._load(parts))))  # type: ignore[misc]
                    if not ahead:
                        return
                    batches = ahead.popleft().result()
                    batches.reverse()
                    yield (batches.pop() for _ in range(len(batches)))  # nothing here holds what was handed out
            finally:
                for future in ahead:
                    future.cancel()

    def _generator(self, epoch: int, number: int) -> torch.Generator:
        """Ranks draw differently: otherwise events at the same place of their parts would be changed alike."""
        return _generator(self.seed, epoch, number, *([self.rank, self.ranks] if self.ranks > 1 else []))


def batch_sizes(events: int, batch: int) -> list[int]:
    """So many events in batches: the last one may be smaller, none is lost."""
    full, rest = divmod(events, batch)
    return [batch] * full + [rest] * bool(rest)


def _as_padding(batch: Batch) -> Batch:
    return replace(batch, weight=torch.zeros_like(batch.weight), event=torch.full_like(batch.event, -1))


def _generator(*key: int) -> torch.Generator:
    return torch.Generator().manual_seed(key_bits("change", *key) >> 65)


def is_host(device: torch.device) -> bool:
    return device.type == "cpu"


def _opened(
    path: Path, fold: int | None, splits: tuple[str, ...], options: dict[str, Any], epoch: int, cursor: int
) -> Loader:
    loader = Loader(Store(path, fold=fold), splits, **options)
    loader.epoch, loader.cursor = epoch, cursor
    return loader
