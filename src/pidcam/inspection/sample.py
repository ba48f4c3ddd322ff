"""A fair sample of the events of each class, for pictures: of the whole input, however long, in bounded memory."""

from __future__ import annotations

import numpy as np

from pidcam.events import EventBatch, Ragged

EVENTS = 5000
BYTES = 64 << 20


class SampleOf:
    """Every event draws a random number; of each class those with the smallest are kept, at most EVENTS and BYTES."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[np.ndarray, EventBatch]] = {}
        self._random = np.random.default_rng(0)

    def add(self, batch: EventBatch) -> None:
        """Events whose images are cells or points."""
        draw = self._random.random(len(batch))
        for label in np.unique(batch.label):
            limit = np.inf
            if label in self._kept and len(self._kept[label][0]) == EVENTS:
                limit = self._kept[label][0].max()
            mine = np.flatnonzero((batch.label == label) & (draw < limit))
            if not len(mine):
                continue
            draws, events = draw[mine], batch.take(mine)
            if label in self._kept:
                draws = np.concatenate([self._kept[label][0], draws])
                events = EventBatch.concat([self._kept[label][1], events])
            best = np.argsort(draws)[:EVENTS]
            size = np.cumsum(_bytes(events)[best])
            best = best[: max(int(np.searchsorted(size, BYTES)), 1)]
            self._kept[int(label)] = draws[best], events.take(best)

    def result(self) -> EventBatch | None:
        """The sample in the order of the input; None if there is nothing."""
        if not self._kept:
            return None
        events = EventBatch.concat([events for _, events in self._kept.values()])
        return events.take(np.lexsort((events.row, events.file)))


def _bytes(events: EventBatch) -> np.ndarray:
    """(n,) size of the hits of each event."""
    size = np.zeros(len(events))
    for images in events.images.values():
        if isinstance(images, Ragged) and len(images.place):
            size += images.hits() * (images.place[0].nbytes + images.value[0].nbytes)
    return size
