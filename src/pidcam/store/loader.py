"""Batches from a store: the order is a function of (seed, epoch), the state is a cursor."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import islice

import numpy as np
import torch

from pidcam.batch import Batch
from pidcam.errors import ConfigError, DataError
from pidcam.schema import ClassSelection
from pidcam.store.assemble import Assembler
from pidcam.store.assemble import batch_from_events as batch_from_events
from pidcam.store.shuffle import key_bits, permutation
from pidcam.store.store import Store

Change = Callable[[Batch, torch.Generator], Batch]

STRIDE = 16
"""Batches whose scalars are picked in one go."""
STRIDE_BYTES = 16 << 20
"""Dense bytes that a thread makes in one go: passing small batches one by one would cost more than making them."""


class Loader:
    """Iterates one epoch of batches, from the cursor on, each event of the selected classes exactly once.

    splits: one split or several; selection: classes to keep, merged and numbered as the task wants them (others are
    dropped; without a selection every event comes with its stored label); shuffle: order drawn from (seed, epoch), else
    stored order; limit: only the first events of the selection; sparse: images to leave as hits; change: applied to
    every batch on the device, with a generator that depends on (seed, epoch, batch) alone; threads: how many make
    batches ahead (none: a batch is made when it is asked for; default: one for a GPU, none on a CPU, where a thread
    would take from the model what it gives to the loader).

    rank, ranks: this process and how many share the epoch (`torch.distributed`). `batch_size` is that of all ranks
    together: a step is one batch of the one order, and each rank gets its part of it, so that ranks see disjoint
    events, all take `len(loader)` steps, and order and cursor mean the same for any number of ranks. Parts differ by at
    most one event. A last batch with fewer events than ranks gives those that have none a copy of weight zero
    (`Batch.padding`). Without `change`, the parts of all ranks are bit for bit the batch of one.

    Set `epoch` before iterating; `cursor` is the number of batches of this epoch already handed out, so that setting
    both resumes exactly. The store stays mapped; the memory of a batch is used again once nobody refers to it.
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
        threads: int | None = None,
        rank: int = 0,
        ranks: int = 1,
    ):
        if not 0 <= rank < ranks <= batch_size:
            raise ConfigError(f"rank {rank} of {ranks} cannot share batches of {batch_size} events", where="loader")
        self.rank, self.ranks = rank, ranks
        self.store, self.schema = store, store.schema
        self.splits = (splits,) if isinstance(splits, str) else tuple(splits)
        self.batch_size, self.shuffle, self.seed, self.device = batch_size, shuffle, seed, torch.device(device)
        self.change = change
        self.threads = (self.device.type != "cpu") if threads is None else threads
        self.epoch = self.cursor = 0
        shards = [shard for split in self.splits for shard in store.shards(split)]
        label = np.concatenate([np.empty(0, np.int16), *(s.label for s in shards)])
        table = selection.table(self.schema) if selection else np.arange(len(self.schema.classes))
        # events without truth have label -1, which indexes the appended last entry
        self._label = np.append(table, -1).astype(np.int16)[label]
        chosen = np.flatnonzero(self._label >= 0) if selection else np.arange(len(label))
        self._events = chosen[:limit]
        if not len(self._events):
            wanted = f" of classes {', '.join(selection.names)}" if selection else ""
            raise DataError(f"split {'+'.join(self.splits)} holds no events{wanted}", where=store.path)
        for name in sparse:
            self.schema.image(name)
        dense = [image for image in self.schema.images if image.name not in sparse]
        size = batch_size // ranks * sum(4 * math.prod(image.dense_shape) for image in dense)
        self._stride = max(1, min(STRIDE, STRIDE_BYTES // max(size, 1))) if self.threads else STRIDE
        # with the caller and the next one, or being made and waiting
        spare = 2 + (self.threads + 1) * self._stride * bool(self.threads)
        self._assembler = Assembler(shards, self.schema, sparse=sparse, spare=spare)

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

    def order(self, epoch: int) -> np.ndarray:
        """(events,) order of the events in `epoch`."""
        if not self.shuffle:
            return self._events
        return self._events[permutation(len(self._events), "epoch", self.seed, epoch)]

    def __iter__(self) -> Iterator[Batch]:
        epoch, number = self.epoch, self.cursor
        load = partial(self._load, self.order(epoch))
        starts = range(number, len(self), self._stride)
        for batches in self._ahead(load, starts) if self.threads else map(load, starts):
            for batch in batches:
                if self._changes:
                    batch = self._finished(batch, epoch, number)
                number += 1
                self.cursor = number
                yield batch
        self.cursor = 0

    def _load(self, order: np.ndarray, start: int) -> Iterator[Batch]:
        parts = [self._part(order, number) for number in range(start, min(start + self._stride, len(self)))]
        events = np.concatenate([part for part, _ in parts])
        label = self._label[events].astype(np.int64)
        batches = self._assembler.batches(events, label, [len(part) for part, _ in parts])
        for batch, (_, real) in zip(batches, parts, strict=True):
            yield batch if real else _as_padding(batch)

    def _part(self, order: np.ndarray, number: int) -> tuple[np.ndarray, bool]:
        """The events of batch `number` that belong to this rank; False if there are none, then one for padding."""
        whole = order[number * self.batch_size : (number + 1) * self.batch_size]
        part = whole[self.rank * len(whole) // self.ranks : (self.rank + 1) * len(whole) // self.ranks]
        return (part, True) if len(part) else (whole[:1], False)

    def _ahead(self, load: Callable[[int], Iterator[Batch]], starts: Iterable[int]) -> Iterator[Iterator[Batch]]:
        """What `load` gives for every start, made by threads before it is asked for."""
        todo = iter(starts)
        ahead: deque[Future[list[Batch]]] = deque()
        with ThreadPoolExecutor(self.threads) as pool:
            try:
                while True:
                    for start in islice(todo, self.threads + 1 - len(ahead)):
                        ahead.append(pool.submit(lambda start=start: list(load(start))))  # type: ignore[misc]
                    if not ahead:
                        return
                    batches = ahead.popleft().result()
                    batches.reverse()
                    yield (batches.pop() for _ in range(len(batches)))  # nothing here holds what was handed out
            finally:
                for future in ahead:
                    future.cancel()

    @property
    def _changes(self) -> bool:
        return self.change is not None or self.device.type != "cpu"

    def _finished(self, batch: Batch, epoch: int, number: int) -> Batch:
        batch = batch.to(self.device)
        return batch if self.change is None else self.change(batch, self._generator(epoch, number))

    def _generator(self, epoch: int, number: int) -> torch.Generator:
        """Ranks draw differently: otherwise events at the same place of their parts would be changed alike."""
        return _generator(self.seed, epoch, number, *([self.rank, self.ranks] if self.ranks > 1 else []))


def _as_padding(batch: Batch) -> Batch:
    return replace(batch, weight=torch.zeros_like(batch.weight), event=torch.full_like(batch.event, -1))


def _generator(*key: int) -> torch.Generator:
    return torch.Generator().manual_seed(key_bits("change", *key) >> 65)
