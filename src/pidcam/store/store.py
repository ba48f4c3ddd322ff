"""A prepared store, opened: memory-mapped events by split."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pidcam.errors import DataError, InputError, UnknownNameError
from pidcam.events import EventBatch
from pidcam.schema import EventSchema
from pidcam.store.folds import of_fold
from pidcam.store.manifest import Manifest, read_manifest
from pidcam.store.shards import AGAIN, MISSING, file_checksum, read_shard

if TYPE_CHECKING:
    from pidcam.store.loader import Loader


class HasManifest(Protocol):
    """A store, or one that is being made."""

    @property
    def path(self) -> Path: ...

    @property
    def manifest(self) -> Manifest: ...

    @property
    def schema(self) -> EventSchema: ...

    def shards(self, split: str) -> list[EventBatch]: ...


class Splits(Protocol):
    """What a loader takes: a store, or part of one that is being made."""

    path: Path
    fold: int | None

    @property
    def schema(self) -> EventSchema: ...

    def shards(self, split: str) -> list[EventBatch]:
        """The events of a split."""

    def bytes(self, split: str) -> int:
        """Their size."""


class Store:
    """Opens the store at `path`; nothing but the manifest is read until events are asked for.

    Of a store that was split into folds, `fold` (from 0) picks the one to test on: `train`, `valid` and `test` are then
    made of whole folds.
    """

    def __init__(self, path: Path | str, *, fold: int | None = None):
        self.path, self.fold = Path(path), fold
        manifest = read_manifest(self.path)
        self.manifest: Manifest = manifest if fold is None else of_fold(manifest, fold)

    @property
    def schema(self) -> EventSchema:
        return self.manifest.event_schema

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(self.manifest.shards)

    @cached_property
    def _shards(self) -> dict[str, list[EventBatch]]:
        return {}

    def shards(self, split: str) -> list[EventBatch]:
        """The shards of a split as mapped event batches, in order; empty shards are left out."""
        if split in ("train", "valid", "test") and self.manifest.folds:
            what = f"is split into {len(self.splits)} folds and has no {split} split before one is chosen"
            raise InputError(what, where=self.path, fix="choose a fold from 0: pidcam.Store(path, fold=0)")
        if split not in self.manifest.shards:
            raise UnknownNameError("split", split, self.splits, where=self.path)
        if split not in self._shards:
            wanted = [s for s in self.manifest.shards[split] if s.events]
            self._shards[split] = [read_shard(self.path / s.file, self.schema) for s in wanted]
            for shard, batch in zip(wanted, self._shards[split], strict=True):
                if len(batch) != shard.events:
                    raise DataError(f"holds {len(batch)} events, expected {shard.events}", where=self.path / shard.file)
        return self._shards[split]

    def bytes(self, split: str) -> int:
        """Size of a split on disk."""
        return sum(shard.bytes for shard in self.manifest.shards[split])

    def events(self, split: str, rows: np.ndarray | slice | None = None) -> EventBatch:
        """Events of a split in stored order (already shuffled): all, or those at `rows`."""
        parts = self.shards(split)
        if not parts:
            return read_shard(self.path / self.manifest.shards[split][0].file, self.schema)
        if rows is None:
            return EventBatch.concat(parts)
        rows = np.arange(self.manifest.events(split))[rows]
        edges = np.concatenate([[0], np.cumsum([len(p) for p in parts])])
        which = np.searchsorted(edges, rows, side="right") - 1
        taken = [parts[k].take(rows[which == k] - edges[k]) for k in np.unique(which)]
        if not taken:
            return parts[0].take(rows)
        order = np.argsort(np.concatenate([np.flatnonzero(which == k) for k in np.unique(which)]))
        return EventBatch.concat(taken).take(order)

    def loader(self, splits: str | Sequence[str] = "train", **options: Any) -> Loader:
        """Batches of one split or several: `for batch in store.loader("train", batch_size=512, shuffle=True)`.

        Options are those of `Loader`.
        """
        from pidcam.store.loader import Loader  # it stands on this file, and needs torch

        return Loader(self, splits, **options)

    def to_numpy(self, split: str) -> dict[str, np.ndarray]:
        """A split as plain arrays: dense images (n, channels, *shape), features, targets, `label`, `weight`, `row`."""
        from torch import Tensor  # heavy, and nothing else here needs it

        from pidcam.store.assemble import batch_from_events

        events = self.events(split)
        images = batch_from_events(events, self.schema).images
        scalars = {name: getattr(events, name) for name in ("label", "weight", "file", "row")}
        dense = {name: image.numpy() for name, image in images.items() if isinstance(image, Tensor)}
        return dense | events.features | events.targets | scalars

    def verify(self) -> None:
        """Compare every shard with its checksum; `DataError` names the first that differs."""
        for shards in self.manifest.shards.values():
            for shard in shards:
                path = self.path / shard.file
                if not path.exists():
                    raise DataError(MISSING, where=path, fix=AGAIN)
                if file_checksum(path) != shard.checksum:
                    raise DataError("differs from its checksum", where=path, fix=AGAIN)
