"""The first epoch on a store that is still being made: batches come from the pieces that `prepare` has read so far."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pidcam.batch import Batch
from pidcam.errors import ConfigError
from pidcam.events import EventBatch
from pidcam.schema import ClassSelection, EventSchema
from pidcam.store.gather import moments
from pidcam.store.loader import Loader, batch_sizes
from pidcam.store.manifest import Manifest, statistics
from pidcam.store.prepare import Preparation, in_turns
from pidcam.store.scan import Piece, Scan, State, is_kept, piece_path, scan, split_keys, stored_order
from pidcam.store.shards import read_shard
from pidcam.store.split import HASH

PIECES = 8
"""Fewest pieces whose events are shuffled among each other, if there are so many ..."""
BYTES = 64 << 20
"""... and the fewest bytes they take in the store."""

TRAIN = "train"
LATER = ("limit", "mix", "reweight", "class_weight", "split_by")
"""Options of prepare that are decided when all events are known."""

Window = list[tuple[Piece, Scan]]


def require_known_early(preparation: Preparation) -> None:
    """`ConfigError` unless it is known of every event by itself whether it is trained on."""
    for name in LATER:
        if getattr(preparation.options, name):
            fix = "leave it out, or call first: pidcam prepare"
            raise ConfigError("needs all events before the first is trained on", where=f"prepare.{name}", fix=fix)
    if preparation.split.method != "hash":
        what = f"the split '{preparation.options.split}' is known when all events are"
        raise ConfigError(what, where="prepare.split", fix=f"for example {HASH}0.8/0.1/0.1")


class FirstPass:
    """Batches of the training split, in windows of pieces: pieces come with every file in proportion, the events of a
    window are shuffled. The order is a function of raw files, options and seed, never of how fast they are read.

    It does what a `Loader` does; `options` are those of one. `ready(piece)` waits until somebody has read a piece, or
    returns at once if nobody will: then it is read here. A window's last batch may be smaller. That an event repeats an
    earlier one is known when all are read; a repetition goes into the same split, so none of another is trained on.
    `len` and `events` are estimates from the number of raw rows until the pass is over.
    """

    def __init__(self, preparation: Preparation, ready: Callable[[Piece], None], **options: Any):
        require_known_early(preparation)
        self._preparation, self._ready, self._options = preparation, ready, options
        self._batch: int = options.get("batch_size", 512)
        pieces, apart = preparation.pieces, {i for i, source in enumerate(preparation.sources) if source.test}
        order = in_turns(pieces, preparation.options.seed)
        self._pieces = [pieces[k] for k in order if pieces[k].file not in apart]
        split = preparation.split
        self._expected = split.fractions[split.names.index(TRAIN)] * sum(piece.rows for piece in self._pieces)
        self._sizes: list[int] = []
        self._whole = False
        self.epoch = self.cursor = 0

    @property
    def events(self) -> int:
        if self._whole:
            return sum(self._sizes)
        return max(1, math.ceil(self._expected))

    @property
    def sizes(self) -> list[int]:
        """Number of events in each batch so far."""
        return self._sizes

    def __len__(self) -> int:
        return max(1, math.ceil(self._expected / self._batch))

    @property
    def at_the_end(self) -> bool:
        return self._whole and self.cursor == len(self._sizes)

    def __iter__(self) -> Iterator[Batch]:
        skip, self._sizes, self._whole = self.cursor, [], False
        for number, window in enumerate(self._windows()):
            chosen = [(piece, self._chosen(piece, found)) for piece, found in window]
            sizes = batch_sizes(sum(len(rows) for _, rows in chosen), self._batch)
            self._sizes += sizes
            self._whole = window[-1][0] is self._pieces[-1]
            if skip >= len(sizes):
                skip -= len(sizes)
                continue
            loader = self._loader(number, chosen)
            loader.cursor, skip = skip, 0
            for batch in loader:
                self.cursor += 1
                yield batch
        self.cursor = 0

    @cached_property
    def first_events(self) -> EventBatch:
        """The training events of the first window."""
        window = next(self._windows())
        return self._events([(piece, self._training(piece, found)) for piece, found in window])

    def look(self) -> Manifest:
        """The manifest as far as the first window tells it: statistics and classes of its training events."""
        events, schema = self.first_events, self._preparation.schema
        count = np.bincount(events.label[events.label >= 0], minlength=len(schema.classes)).tolist()
        accounting = {"read": {}, "kept": {TRAIN: dict(zip(schema.class_names, count, strict=True))}, "dropped": {}}
        found = statistics([moments(events, schema)])
        return self._preparation.manifest(shards={}, accounting=accounting, statistics=found, fingerprint="")

    def _windows(self) -> Iterator[Window]:
        window: Window = []
        for number, piece in enumerate(self._pieces, start=1):
            self._ready(piece)
            window.append((piece, scan(piece)))
            left = len(self._pieces) - number
            if left >= PIECES <= len(window) and sum(found.bytes for _, found in window) >= BYTES:
                yield window
                window = []
        if window:
            yield window

    def _training(self, piece: Piece, found: Scan) -> np.ndarray:
        """Ascending places in a piece of the events of the training split."""
        preparation = self._preparation
        split, options = preparation.split, preparation.options
        identifies = preparation.schema.content_identifies
        source = preparation.sources[piece.file]
        keys = split_keys(found, source.fingerprint, content_identifies=identifies, whole=preparation.whole)
        mine = split.drawn(keys, options.seed) == split.names.index(TRAIN)
        mine &= is_kept(found.state) if options.keep_empty else found.state == State.good
        return np.flatnonzero(mine[_lying(piece, found)])

    def _chosen(self, piece: Piece, found: Scan) -> np.ndarray:
        """Those of the classes that are selected."""
        places, selection = self._training(piece, found), self._options.get("selection")
        if not isinstance(selection, ClassSelection):
            return places
        table = np.append(selection.table(self._preparation.schema), -1)
        return places[table[found.label[_lying(piece, found)[places]]] >= 0]

    def _events(self, chosen: list[tuple[Piece, np.ndarray]]) -> EventBatch:
        schema = self._preparation.schema
        parts = [read_shard(piece_path(p.work, p.number), schema).take(rows) for p, rows in chosen]
        return EventBatch.concat(parts)

    def _loader(self, number: int, chosen: list[tuple[Piece, np.ndarray]]) -> Loader:
        events = self._events(chosen)
        made = _InMemory(self._preparation.out, self._preparation.schema, events)
        loader = Loader(made, TRAIN, shuffle=True, keep="mapped", window=1 << 62, **self._options)
        loader.epoch = -1 - number  # an order that no other window and no epoch has
        return loader


def _lying(piece: Piece, found: Scan) -> np.ndarray:
    """Raw rows, from the first of the piece on, in the order in which they lie in it."""
    written = np.flatnonzero(is_kept(found.state))
    return written[stored_order(len(written), piece.seed, piece.number)]


class _InMemory:
    """Events as the one split that a loader takes."""

    fold: int | None = None

    def __init__(self, path: Path, schema: EventSchema, events: EventBatch):
        self.path, self.schema, self._all = path, schema, events

    def shards(self, split: str) -> list[EventBatch]:
        return [self._all]

    def bytes(self, split: str) -> int:
        return len(self._all)  # they are in memory, all in one window
