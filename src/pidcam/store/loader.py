"""Batches from a store: the order is a function of (seed, epoch), the state is a cursor."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch

from pidcam.batch import Batch
from pidcam.errors import DataError
from pidcam.schema import ClassSelection
from pidcam.store.assemble import Assembler
from pidcam.store.assemble import batch_from_events as batch_from_events
from pidcam.store.buffers import Buffers
from pidcam.store.shuffle import key_bits, permutation
from pidcam.store.store import Store

Change = Callable[[Batch, torch.Generator], Batch]


class Loader:
    """Iterates one epoch of batches, from the cursor on, each event of the selected classes exactly once.

    splits: one split or several; selection: classes to keep, merged and numbered as the task wants them (others are
    dropped; without a selection every event comes with its stored label); shuffle: order drawn from (seed, epoch), else
    stored order; limit: only the first events of the selection; sparse: images to leave as hits; change: applied to
    every batch on the device, with a generator that depends on (seed, epoch, batch) alone; threads: batches made ahead
    at the same time.

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
        threads: int = 1,
    ):
        self.store, self.schema = store, store.schema
        self.splits = (splits,) if isinstance(splits, str) else tuple(splits)
        self.batch_size, self.shuffle, self.seed, self.device = batch_size, shuffle, seed, torch.device(device)
        self.change, self.threads = change, threads
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
        images = len(self.schema.images)
        buffers = Buffers(spare=images * (threads + 2))  # being made, waiting, with the caller
        for name in sparse:
            self.schema.image(name)
        self._assembler = Assembler(shards, self.schema, sparse=sparse, buffers=buffers)

    @property
    def events(self) -> int:
        """Number of events in an epoch."""
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
        epoch, order = self.epoch, self.order(self.epoch)
        todo = iter(range(self.cursor, len(self)))
        ahead: deque[tuple[int, Future[Batch]]] = deque()
        with ThreadPoolExecutor(self.threads) as pool:

            def send() -> None:
                for number in todo:
                    ahead.append((number, pool.submit(self._load, order, number)))
                    return

            try:
                for _ in range(self.threads):
                    send()
                while ahead:
                    number, future = ahead.popleft()
                    batch = future.result()
                    send()
                    batch = batch.to(self.device)
                    if self.change is not None:
                        batch = self.change(batch, _generator(self.seed, epoch, number))
                    self.cursor = number + 1
                    yield batch
                    del batch, future  # so that its memory can be used again
            finally:
                for _, future in ahead:
                    future.cancel()
        self.cursor = 0

    def _load(self, order: np.ndarray, number: int) -> Batch:
        events = order[number * self.batch_size : (number + 1) * self.batch_size]
        return self._assembler.batch(events, self._label[events].astype(np.int64))


def _generator(*key: int) -> torch.Generator:
    return torch.Generator().manual_seed(key_bits("change", *key) >> 65)
