"""Between the two passes of prepare: decide for every raw event where it goes, or why it is dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum

import numpy as np
import xxhash

from pidcam.errors import DataError
from pidcam.schema import EventSchema
from pidcam.store.groups import joined
from pidcam.store.manifest import Accounting, ClassWeight, Source
from pidcam.store.options import PrepareOptions
from pidcam.store.scan import Scan, State, is_kept, split_keys, stored_order
from pidcam.store.shuffle import permutation
from pidcam.store.split import OUTSIDE, Split
from pidcam.store.weights import Spectrum, effective, reweight

NO_CLASS = "(no class)"
"""What accounting calls events without truth."""

SHARD_BYTES = 32 << 20

FILE = "file"
"""What events may be grouped by beside columns."""


class Reason(IntEnum):
    """Why an event is in no split."""

    none = 0
    bad_values = 1
    selection = 2
    empty = 3
    duplicate = 4
    outside_split = 5
    limit = 6
    mix = 7


class Plan:
    """Where every raw event goes. Events are numbered through all pieces in canonical order.

    Everything kept for the whole sample is one small number per event: memory is about 100 bytes an event at the peak.
    """

    def __init__(
        self,
        scans: Sequence[Scan],
        schema: EventSchema,
        split: Split,
        options: PrepareOptions,
        sources: Sequence[Source],
        whole: str | None = None,
    ):
        """`whole` is the file or column by which events stay together, where it is known: it must be if the options
        ask for it."""
        self.scans, self.split, self.options = scans, split, options
        self.starts = np.concatenate([[0], np.cumsum([len(s.label) for s in scans])])
        self.label = np.concatenate([s.label for s in scans])
        self.names = dict(enumerate(schema.class_names))
        if (self.label < 0).any():
            self.names[-1] = NO_CLASS
        state = np.concatenate([s.state for s in scans])
        self.reason = np.zeros(len(state), np.int8)
        self.reason[state == State.bad] = Reason.bad_values
        self.reason[state == State.rejected] = Reason.selection
        if not options.keep_empty:
            self.reason[state == State.empty] = Reason.empty
        follower, leader = self._repeated(state) if schema.content_identifies else (np.empty(0, np.int64),) * 2
        if not options.keep_duplicates:
            self.reason[follower] = Reason.duplicate

        good = self.reason == Reason.none
        follows = np.zeros(len(good), bool)
        follows[follower] = True
        group = None if whole is None or split.method == "hash" else self._groups(whole, follower, leader)
        apart = np.repeat([sources[s.rows[0]].test for s in scans], np.diff(self.starts))
        keys = None
        if split.method == "hash":
            identifies = schema.content_identifies
            keys = np.concatenate(
                [
                    split_keys(s, sources[s.rows[0]].fingerprint, content_identifies=identifies, whole=whole)
                    for s in scans
                ]
            )
        self.target = split.assign(self.label, good & ~follows, options.seed, self.names, group, apart, keys)
        if options.keep_duplicates:
            self.target[follower] = self.target[leader]
        self.reason[good & (self.target == OUTSIDE)] = Reason.outside_split
        if options.limit is not None:
            for sample in (~apart, apart):  # a test sample of its own is cut by itself
                self._keep(dict.fromkeys(self.names, options.limit), Reason.limit, sample)
        if options.mix:
            self._keep(self._mixed(options.mix), Reason.mix, np.ones(len(apart), bool))
        self.weight = self._weights()

    def _repeated(self, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(numbers of events with content seen before, number of its first occurrence); empty events repeat nothing."""
        numbers = np.flatnonzero(state == State.good)
        kept = [s.content[s.state[is_kept(s.state)] == State.good] for s in self.scans]
        # half of the hash finds the few events that may repeat another, and is half as much to sort
        half = np.concatenate([content[:, 0] for content in kept])
        order = np.argsort(half, kind="stable")
        half = half[order]
        equal = half[1:] == half[:-1]
        near = np.zeros(len(order), bool)
        near[1:] |= equal
        near[:-1] |= equal
        order, half = order[near], half[near]
        other = np.concatenate([content[:, 1] for content in kept])[order]
        again = np.lexsort((half, other))  # stable: equal content stays in canonical order
        numbers, half, other = numbers[order[again]], half[again], other[again]
        same = np.zeros(len(numbers), bool)
        same[1:] = (half[1:] == half[:-1]) & (other[1:] == other[:-1])
        leader = np.maximum.accumulate(np.where(same, 0, np.arange(len(same))))
        return numbers[same], numbers[leader[same]]

    def _groups(self, name: str, follower: np.ndarray, leader: np.ndarray) -> np.ndarray | None:
        """(n,) number of what may not be torn apart; kept repetitions of one event join their groups. None where the
        column is known of no event."""
        if name == FILE:
            group = np.repeat([s.rows[0] for s in self.scans], np.diff(self.starts))
        else:
            values = np.concatenate([s.columns[name] for s in self.scans])
            unknown = np.isnan(values)
            left = (self.reason != Reason.bad_values) & (self.reason != Reason.selection)
            if self.options.split_by is None and unknown[left].all():
                return None
            if self.options.split_by is not None and unknown[left].any():
                fix = "leave such events out, or split by file"
                raise DataError(f"'{name}' is missing in some events, which then belong to no group", fix=fix)
            group = np.unique(values, return_inverse=True)[1]
            group[unknown] = len(values) + np.flatnonzero(unknown)  # each by itself
        return joined(group, follower, leader) if self.options.keep_duplicates and len(follower) else group

    def _keep(self, numbers: Mapping[int, int], reason: Reason, sample: np.ndarray) -> None:
        """Keep at most so many events of each class of `sample`, a mask, in proportion to the splits, by the seed."""
        for number, most in numbers.items():
            name = self.names[number]
            mine = sample & (self.label == number)
            groups = [np.flatnonzero(mine & (self.target == k)) for k in range(len(self.split.names))]
            edges = np.concatenate([[0], np.cumsum([len(g) for g in groups])])
            if edges[-1] <= most:
                continue
            keep = np.diff(np.round(edges * (most / edges[-1])).astype(int))
            for split, events, n in zip(self.split.names, groups, keep, strict=True):
                beyond = events[permutation(len(events), reason.name, self.options.seed, name, split)[n:]]
                self.target[beyond] = OUTSIDE
                self.reason[beyond] = reason

    def _mixed(self, mix: Mapping[str, float]) -> dict[int, int]:
        """How many events of each class there may be for these proportions, as many as possible."""
        count = {n: int(np.count_nonzero((self.label == n) & (self.target != OUTSIDE))) for n in self.names}
        for number, name in self.names.items():
            if count[number] and name not in mix:
                fix = f"give its share: {name}=1, or {name}=0 to leave it out"
                raise DataError(
                    f"nothing is said about class '{name}', which has {count[number]} events", where="--mix", fix=fix
                )
            if not count[number] and mix.get(name):
                fix = "give files that hold it, or leave it out of the mix"
                raise DataError(f"there are no events of class '{name}'", where="--mix", fix=fix)
        share = {n: mix.get(name, 0.0) for n, name in self.names.items()}
        whole = min((count[n] / share[n] for n in share if share[n]), default=0.0)
        return {n: int(share[n] * whole + 1e-9) for n in share}

    def _weights(self) -> np.ndarray | None:
        """(n,) float32 weights where they are changed; they are fitted to the splits that train."""
        options = self.options
        if not options.reweight and not options.class_weight:
            return None
        weight = np.concatenate([s.weight for s in self.scans])
        used = np.flatnonzero(self.target != OUTSIDE)
        made = weight[used].astype(np.float64)
        if options.reweight:
            spectra = [Spectrum.of(text) for text in options.reweight]
            columns = {s.column: np.concatenate([k.columns[s.column] for k in self.scans])[used] for s in spectra}
            training = [self.split.names.index(name) for name in self.split.training]
            numbers = {name: number for number, name in self.names.items()}
            reference = None if options.reference is None else numbers[options.reference]
            fitted = np.isin(self.target[used], training)
            made = reweight(self.label[used], columns, made, fitted, spectra, reference, self.names)
        for number, name in self.names.items():
            made[self.label[used] == number] *= options.class_weight.get(name, 1.0)
        weight[used] = made
        return weight

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

    def shards(self, name: str) -> list[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
        """(piece, position in the piece), int32 and ascending, of the events of every shard of a split; and the weights
        of these events where they are changed.

        Every event goes to a random shard. Since the events of a piece lie in random order already, a shard may take
        a run of them, so that gathering it reads every piece in one stroke, however large the sample is.
        """
        places = [self._places(k, self.split.names.index(name)) for k in range(len(self.scans))]
        piece = np.repeat(np.arange(len(places), dtype=np.int32), [len(p) for p, _ in places])
        position = np.concatenate([p for p, _ in places])
        weight = None if self.weight is None else self.weight[np.concatenate([event for _, event in places])]
        count = max(1, -(-len(piece) // self._shard_events()))
        drawn = permutation(len(piece), "shards", self.options.seed, name) % count + piece * np.int64(count)
        drawn.sort()
        drawn %= count
        inside = np.argsort(drawn, kind="stable")  # in canonical order within each shard
        mine = np.split(inside, np.cumsum(np.bincount(drawn, minlength=count))[:-1])
        return [(piece[m], position[m], None if weight is None else weight[m]) for m in mine]

    def _places(self, number: int, split: int) -> tuple[np.ndarray, np.ndarray]:
        """Of the events of one split in a piece: their ascending positions there, and their numbers."""
        written = np.flatnonzero(is_kept(self.scans[number].state))
        events = self.starts[number] + written[stored_order(len(written), self.options.seed, number)]
        position = np.flatnonzero(self.target[events] == split).astype(np.int32)
        return position, events[position]

    def _shard_events(self) -> int:
        if self.options.shard_events:
            return self.options.shard_events
        written = sum(int(np.count_nonzero(is_kept(s.state))) for s in self.scans)
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

    def weights(self) -> dict[str, dict[str, ClassWeight]]:
        """{split: {class: what the weights add up to}}, where they are changed."""
        if self.weight is None:
            return {}
        result: dict[str, dict[str, ClassWeight]] = {}
        for k, split in enumerate(self.split.names):
            of = {name: self.weight[(self.label == i) & (self.target == k)] for i, name in self.names.items()}
            result[split] = {
                name: ClassWeight(events=len(w), total=float(w.sum(dtype=np.float64)), effective=effective(w))
                for name, w in of.items()
            }
        return result

    def fingerprint(self) -> str:
        """xxh3-128 of content, truth, split and changed weight of every raw event: equal if and only if the same events
        split alike.

        It does not depend on how the raw files are chunked, compressed or cut into several.
        """
        digest = xxhash.xxh3_128(repr((self.split.names, self.names)).encode())
        for scan in self.scans:
            digest.update(scan.identity.data)
        for each in (self.label, self.target, self.weight):
            if each is not None:
                digest.update(each.data)
        return digest.hexdigest()
