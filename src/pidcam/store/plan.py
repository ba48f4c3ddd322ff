"""Between the two passes of prepare: decide for every raw event where it goes, or why it is dropped."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xxhash

from pidcam.errors import DataError
from pidcam.schema import EventSchema, Spec
from pidcam.store.manifest import Accounting, Source
from pidcam.store.scan import Scan, State
from pidcam.store.split import OUTSIDE, Split


class PrepareOptions(Spec):
    """What `prepare` may be told.

    split: `official` or fractions; keep_empty: keep events without a hit; keep_duplicates: keep repeated content, always
    in the split of its first occurrence; drop_bad: drop and count events with NaN, infinite or forbidden values instead of
    stopping; limit: at most this many events per class; shard_events: events per file of the store.
    """

    split: str = "0.8/0.1/0.1"
    seed: int = 0
    keep_empty: bool = False
    keep_duplicates: bool = False
    drop_bad: bool = False
    allow_one_class: bool = False
    limit: int | None = None
    shard_events: int = 65536


class Plan:
    """Where every raw event goes. Events are numbered through all pieces in canonical order."""

    def __init__(self, scans: Sequence[Scan], schema: EventSchema, split: Split, options: PrepareOptions):
        self.classes, self.split, self.options = schema.class_names, split, options
        self.label = np.concatenate([s.label for s in scans])
        self.state = np.concatenate([s.state for s in scans])
        rows = [len(s.label) for s in scans]
        self.piece = np.repeat(np.arange(len(scans)), rows)
        written = self.state != State.bad
        # position of a written event in its piece
        before = np.concatenate([[0], np.cumsum([np.count_nonzero(s.state != State.bad) for s in scans])])
        self.position = np.cumsum(written) - 1 - before[self.piece]

        self.reason = np.full(len(self.label), "", dtype="<U16")
        self.reason[~written] = "bad values"
        if not options.keep_empty:
            self.reason[self.state == State.empty] = "empty"
        first = self._first_occurrence(np.concatenate([s.content for s in scans]), written, schema)
        repeated = first != np.arange(len(first))
        if not options.keep_duplicates:
            self.reason[repeated & (self.reason == "")] = "duplicate"

        good = self.reason == ""
        target = split.assign(self.label, good & ~repeated, options.seed, self.classes)
        target = np.where(good & repeated, target[first], target)
        self.reason[good & (target == OUTSIDE)] = "outside split"
        if options.limit is not None:
            target = self._limit(target, options.limit)
            self.reason[good & (target == OUTSIDE) & (self.reason == "")] = "limit"
        self.target = target

    def _first_occurrence(self, content: np.ndarray, written: np.ndarray, schema: EventSchema) -> np.ndarray:
        """(n,) number of the first event with the same content; itself where content does not identify or is empty."""
        first = np.arange(len(self.label))
        if not schema.content_identifies:
            return first
        numbers = np.flatnonzero(written)
        content, numbers = (a[self.state[numbers] == State.good] for a in (content, numbers))
        order = np.lexsort((numbers, content[:, 0], content[:, 1]))
        same = np.concatenate([[False], (content[order][1:] == content[order][:-1]).all(1)]) if len(order) else []
        leader = np.maximum.accumulate(np.where(same, 0, np.arange(len(order)))) if len(order) else []
        if len(order):
            first[numbers[order]] = numbers[order][leader]
        return first

    def _limit(self, target: np.ndarray, limit: int) -> np.ndarray:
        """Keep `limit` events of each class, in proportion to the splits, chosen by the seed."""
        target = target.copy()
        for number in range(len(self.classes)):
            mine = self.label == number
            total = np.count_nonzero(mine & (target != OUTSIDE))
            for index in range(len(self.split.names)):
                events = np.flatnonzero(mine & (target == index))
                keep = round(len(events) * min(1.0, limit / max(total, 1)))
                key = [self.options.seed, 1000 + number * 100 + index]
                order = np.random.Generator(np.random.Philox(key=key)).permutation(len(events))
                target[events[order[keep:]]] = OUTSIDE
        return target

    def require_classes(self, allow_one: bool) -> None:
        present = [c for i, c in enumerate(self.classes) if np.any((self.label == i) & (self.target != OUTSIDE))]
        if not present:
            raise DataError("no event is left to prepare", fix="look at the raw files with: pidcam inspect FILES...")
        if len(present) == 1 and len(self.classes) > 1 and not allow_one:
            raise DataError(
                f"the files hold only class '{present[0]}', and learning needs at least two",
                fix="give the files of the other classes too, or pass --allow-one-class",
            )

    def shards(self, name: str) -> list[np.ndarray]:
        """Events of a split in their final, globally shuffled order, cut into shards."""
        index = self.split.names.index(name)
        events = np.flatnonzero(self.target == index)
        order = np.random.Generator(np.random.Philox(key=[self.options.seed, 10_000 + index])).permutation(len(events))
        count = max(1, -(-len(events) // self.options.shard_events))
        return np.array_split(events[order], count)

    def locate(self, events: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.piece[events], self.position[events]

    def accounting(self) -> Accounting:
        def count(mask: np.ndarray) -> dict[str, int]:
            return {c: int(np.count_nonzero(mask & (self.label == i))) for i, c in enumerate(self.classes)}

        reasons = [r for r in np.unique(self.reason) if r]
        return Accounting(
            read=count(np.ones(len(self.label), bool)),
            kept={name: count(self.target == i) for i, name in enumerate(self.split.names)},
            dropped={str(r): count(self.reason == r) for r in reasons},
        )

    def fingerprint(self, sources: Sequence[Source]) -> str:
        """xxh3-128 over the sources and the split of every raw event: equal if and only if the split is."""
        digest = xxhash.xxh3_128(repr([(s.name, s.rows, s.fingerprint) for s in sources]).encode())
        digest.update(self.target.astype(np.int8))
        return digest.hexdigest()
