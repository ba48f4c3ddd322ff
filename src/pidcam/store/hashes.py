"""Hashes of events: what is the same event, and what changed."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise

import numpy as np
import xxhash

from pidcam.events import Cells, Dense, EventBatch, Images
from pidcam.sparse import as_bytes, copy_runs
from pidcam.store.shuffle import mixed

Part = tuple[np.ndarray, np.ndarray]
"""Bytes of all events end to end, and (n+1,) where each event begins."""


def hashes(events: EventBatch) -> tuple[np.ndarray, np.ndarray]:
    """(n, 2) uint64 xxh3-128 of images and features of every event, (n,) uint64 of these and the targets.

    Equal events have equal hashes.
    """
    n = len(events)
    parts = [part for images in events.images.values() for part in _parts_of(images)]
    data, edges = _interleaved([*parts, _rows_of(events.features, n)], n)
    view, at = data.data, edges.tolist()
    digests = b"".join([xxhash.xxh3_128_digest(view[a:b]) for a, b in pairwise(at)])
    content = np.frombuffer(digests, np.uint64).reshape(n, 2).copy()
    identity = mixed(content[:, 0]) ^ content[:, 1]
    for target in events.targets.values():
        identity = mixed(identity ^ np.ascontiguousarray(target, np.float64).view(np.uint64))
    return content, identity


def _interleaved(parts: list[Part], n: int) -> tuple[np.ndarray, np.ndarray]:
    """All parts of event after event, and (n+1,) where each event begins."""
    sizes = [np.diff(edges) for _, edges in parts]
    edges = np.concatenate([[0], np.cumsum(np.sum(sizes, axis=0))]).astype(np.int64)
    data = np.empty(edges[-1], np.uint8)
    at = edges[:-1].copy()
    for (source, begin), size in zip(parts, sizes, strict=True):
        copy_runs(source, begin[:-1], begin, data, at)
        at += size
    return data, edges


def _parts_of(images: Images) -> list[Part]:
    if isinstance(images, Dense):  # an event is the same however it is stored
        images = Cells.from_dense(images)
    elif isinstance(images, Cells):
        # column by column: along rows of a few channels it takes ten times as long
        seen = reduce(np.logical_or, images.value.T, np.zeros(len(images.value), bool))
        images = images if seen.all() else images.keep(seen)
    hits = images.hits()  # with the number of hits, no two events of several images can run into each other
    ragged = [(as_bytes(a), images.offsets * (a.nbytes // max(len(a), 1))) for a in (images.place, images.value)]
    return [_even(hits.astype(np.int64), len(hits)), *ragged]


def _rows_of(columns: dict[str, np.ndarray], n: int) -> Part:
    return _even(np.stack([np.asarray(v, np.float64) for v in columns.values()], 1) if columns else np.empty(0), n)


def _even(array: np.ndarray, n: int) -> Part:
    return as_bytes(array), np.arange(n + 1, dtype=np.int64) * (array.nbytes // max(n, 1))
