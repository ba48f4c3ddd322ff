"""Between the two passes of prepare: decide for every raw event where it goes, or why it is dropped."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Annotated

import numpy as np
import xxhash
from pydantic import Field

from pidcam.errors import DataError
from pidcam.schema import EventSchema, Spec
from pidcam.store.groups import joined
from pidcam.store.manifest import Accounting
from pidcam.store.scan import Scan, State, stored_order
from pidcam.store.shuffle import permutation
from pidcam.store.split import OUTSIDE, Split

NO_CLASS = "(no class)"
"""What accounting calls events without truth."""

SHARD_BYTES = 32 << 20

FILE = "file"
"""What events may be grouped by beside columns."""

Positive = Annotated[int, Field(ge=1)]


class PrepareOptions(Spec):
    """What `prepare` may be told.

    split: `official`, fractions or `folds:K`; split_by: events of one `file`, or with the same value of a feature or
    target such as the run number, stay in one split; keep_empty: keep events without a hit; keep_duplicates: keep
    repeated content, always in the split of its first occurrence; drop_bad: drop and count events with NaN, infinite or
    forbidden values instead of stopping; limit: at most this many events per class, in the proportions of the splits;
    shard_events: events per file of the store (default: about 32 MiB each).
    """

    split: str = "0.8/0.1/0.1"
    split_by: str | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    keep_empty: bool = False
    keep_duplicates: bool = False
    drop_bad: bool = False
    allow_one_class: bool = False
    limit: Positive | None = None
    shard_events: Positive | None = None


class Reason(IntEnum):
    """Why an event is in no split."""

    none = 0
    bad_values = 1
    empty = 2
    duplicate = 3
    outside_split = 4
    limit = 5


class Plan:
    """Where every raw event goes. Events are numbered through all pieces in canonical order.

    Everything kept for the whole sample is one small number per event: memory is about 60 bytes an event at the peak.
    """

    def __init__(self, scans: Sequence[Scan], schema: EventSchema, split: Split, options: PrepareOptions):
        self.scans, self.split, self.options = scans, split, options
        self.starts = np.concatenate([[0], np.cumsum([len(s.label) for s in scans])])
        self.label = np.concatenate([s.label for s in scans])
        self.names = dict(enumerate(schema.class_names))
        if (self.label < 0).any():
            self.names[-1] = NO_CLASS
        state = np.concatenate([s.state for s in scans])
        self.reason = np.zeros(len(state), np.int8)
        self.reason[state == State.bad] = Reason.bad_values
        if not options.keep_empty:
            self.reason[state == State.empty] = Reason.empty
        follower, leader = self._repeated(state) if schema.content_identifies else (np.empty(0, np.int64),) * 2
        if not options.keep_duplicates:
            self.reason[follower] = Reason.duplicate

        good = self.reason == Reason.none
        follows = np.zeros(len(good), bool)
        follows[follower] = True
        group = None if options.split_by is None else self._groups(options.split_by, follower, leader)
        self.target = split.assign(self.label, good & ~follows, options.seed, self.names, group)
        if options.keep_duplicates:
            self.target[follower] = self.target[leader]
        self.reason[good & (self.target == OUTSIDE)] = Reason.outside_split
        if options.limit is not None:
            self._limit(options.limit)

    def _repeated(self, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(numbers of events with content seen before, number of its first occurrence); empty events repeat nothing."""
        numbers = np.flatnonzero(state == State.good)
        content = np.concatenate([s.content[s.state[s.state != State.bad] == State.good] for s in self.scans])
        order = np.lexsort((content[:, 0], content[:, 1]))  # stable: equal content stays in canonical order
        content, numbers = content[order], numbers[order]
        same = np.zeros(len(numbers), bool)
        same[1:] = (content[1:] == content[:-1]).all(axis=1)
        leader = np.maximum.accumulate(np.where(same, 0, np.arange(len(same))))
        return numbers[same], numbers[leader[same]]

    def _groups(self, name: str, follower: np.ndarray, leader: np.ndarray) -> np.ndarray:
        """(n,) number of what may not be torn apart; kept repetitions of one event join their groups."""
        if name == FILE:
            group = np.repeat([s.rows[0] for s in self.scans], np.diff(self.starts))
        else:
            values = np.concatenate([s.columns[name] for s in self.scans])
            good = self.reason != Reason.bad_values
            if np.isnan(values[good]).any():
                fix = "leave such events out, or split by file"
                raise DataError(f"'{name}' is missing in some events, which then belong to no group", fix=fix)
            group = np.unique(values, return_inverse=True)[1]
        return joined(group, follower, leader) if self.options.keep_duplicates and len(follower) else group

    def _limit(self, limit: int) -> None:
        """Keep `limit` events of each class, in proportion to the splits, chosen by the seed."""
        for number, name in self.names.items():
            groups = [np.flatnonzero((self.label == number) & (self.target == k)) for k in range(len(self.split.names))]
            edges = np.concatenate([[0], np.cumsum([len(g) for g in groups])])
            if edges[-1] <= limit:
                continue
            keep = np.diff(np.round(edges * (limit / edges[-1])).astype(int))
            for split, events, n in zip(self.split.names, groups, keep, strict=True):
                beyond = events[permutation(len(events), "limit", self.options.seed, name, split)[n:]]
                self.target[beyond] = OUTSIDE
                self.reason[beyond] = Reason.limit

    def require_classes(self) -> None:
        """Raise `DataError` if nothing is left, or only one class of several (unless that is allowed)."""
        present = [name for i, name in self.names.items() if np.any((self.label == i) & (self.target != OUTSIDE))]
        if not present:
            raise DataError("no event is left to prepare", fix="look at the raw files with: pidcam inspect FILES...")
        if len(present) == 1 and len(self.names) > 1 and not self.options.allow_one_class:
            raise DataError(
                f"the files hold only class '{present[0]}', and learning needs at least two",
                fix="give the files of the other classes too, or pass --allow-one-class",
            )

    def shards(self, name: str) -> list[tuple[np.ndarray, np.ndarray]]:
        """(piece, position in the piece), int32 and ascending, of the events of every shard of a split.

        Every event goes to a random shard. Since the events of a piece lie in random order already, a shard may take
        a run of them, so that gathering it reads every piece in one stroke, however large the sample is.
        """
        places = [self._places(k, self.split.names.index(name)) for k in range(len(self.scans))]
        counts = [len(p) for p in places]
        piece = np.repeat(np.arange(len(places), dtype=np.int32), counts)
        position = np.concatenate(places)
        count = max(1, -(-len(piece) // self._shard_events()))
        drawn = np.sort(permutation(len(piece), "shards", self.options.seed, name) % count + piece * np.int64(count))
        shard = drawn % count
        return [(piece[shard == k], position[shard == k]) for k in range(count)]

    def _places(self, number: int, split: int) -> np.ndarray:
        """Ascending positions in a piece of its events of one split."""
        scan = self.scans[number]
        written = np.flatnonzero(scan.state != State.bad)
        stored = written[stored_order(len(written), self.options.seed, number)]
        return np.flatnonzero(self.target[self.starts[number] + stored] == split).astype(np.int32)

    def _shard_events(self) -> int:
        if self.options.shard_events:
            return self.options.shard_events
        written = sum(int(np.count_nonzero(s.state != State.bad)) for s in self.scans)
        return max(1, SHARD_BYTES * written // max(1, sum(s.bytes for s in self.scans)))

    def accounting(self) -> Accounting:
        def count(mask: np.ndarray) -> dict[str, int]:
            return {name: int(np.count_nonzero(mask & (self.label == i))) for i, name in self.names.items()}

        return Accounting(
            read=count(np.ones(len(self.label), bool)),
            kept={name: count(self.target == i) for i, name in enumerate(self.split.names)},
            dropped={
                r.name.replace("_", " "): count(self.reason == r) for r in Reason if r and np.any(self.reason == r)
            },
        )

    def fingerprint(self) -> str:
        """xxh3-128 of content, truth and split of every raw event: equal if and only if the same events split alike.

        It does not depend on how the raw files are chunked, compressed or cut into several.
        """
        digest = xxhash.xxh3_128(repr((self.split.names, self.names)).encode())
        for scan in self.scans:
            digest.update(scan.identity.data)
        for each in (self.label, self.target):
            digest.update(each.data)
        return digest.hexdigest()
