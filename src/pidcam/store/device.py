"""A whole split kept on a device: batches are gathered there, and nothing crosses from the host but event numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from pidcam.batch import Batch, SparseImage
from pidcam.events import Cells, Dense, EventBatch, Images, Points, Ragged
from pidcam.schema import EventSchema, Image
from pidcam.store.assemble import check_hits, damaged_hits, no_hits
from pidcam.store.scatter import densified


class DeviceEvents:
    """Makes batches of any events of `shards`, as `Assembler` does; `sparse` names the images to leave as hits."""

    def __init__(
        self, shards: Sequence[EventBatch], schema: EventSchema, device: torch.device, *, sparse: Collection[str] = ()
    ):
        self._device, self._sparse = device, frozenset(sparse)

        def column(parts: list[np.ndarray], dtype: type) -> Tensor:
            return _moved(parts, dtype, device)

        self._images = {i.name: _DeviceImage([s.images[i.name] for s in shards], i, device) for i in schema.images}
        self._features = {c.name: column([s.features[c.name] for s in shards], np.float32) for c in schema.features}
        self._targets = {c.name: column([s.targets[c.name] for s in shards], np.float32) for c in schema.targets}
        self._weight = column([s.weight for s in shards], np.float32)
        self._source = [column([getattr(s, name) for s in shards], np.int64) for name in ("file", "row")]

    def batches(self, events: np.ndarray, label: np.ndarray, sizes: Sequence[int]) -> Iterator[Batch]:
        """Batches of `sizes`, which add up to n, of `events` (n,) by number; `label` (n,) int64 is theirs."""
        edges = np.concatenate([[0], np.cumsum(sizes)])
        where, labels = (torch.from_numpy(a).to(self._device) for a in (events, label))
        for first, last in pairwise(edges):
            mine = where[first:last]
            yield Batch(
                images={name: self._image(name, mine, events[first:last]) for name in self._images},
                features={name: values[mine] for name, values in self._features.items()},
                targets={name: values[mine] for name, values in self._targets.items()},
                label=labels[first:last],
                weight=self._weight[mine],
                event=torch.stack([values[mine] for values in self._source], dim=1),
            )

    def _image(self, name: str, where: Tensor, events: np.ndarray) -> Tensor | SparseImage:
        table = self._images[name]
        return table.sparse(where, events) if name in self._sparse else table.dense(where, events)


class _DeviceImage:
    def __init__(self, parts: Sequence[Images], image: Image, device: torch.device):
        self.image, self.kind = image, type(parts[0])
        if self.kind is Dense:
            self._values = _values([p.values for p in parts], device)  # type: ignore[union-attr]
            return
        ragged = [p for p in parts if isinstance(p, Ragged)]
        for part in ragged:
            check_hits(part, image)
            if self.kind is Cells and len(part.place) and part.place.max() >= image.cells:
                raise damaged_hits(image)
        counts = np.concatenate([p.hits() for p in ragged])
        self._offsets = np.concatenate([[0], np.cumsum(counts)])
        self._first = torch.from_numpy(self._offsets).to(device)
        self._value = _values([p.value for p in ragged], device)
        place = [p.place for p in ragged]
        # signed integers of the same width: devices can index little with unsigned ones
        signed = {2: np.int16, 4: np.int32}.get(place[0].dtype.itemsize, np.int64)
        self._place = _moved(place, np.float32 if self.kind is Points else signed, device)

    def dense(self, where: Tensor, events: np.ndarray) -> Tensor:
        return self._values[where].float() if self.kind is Dense else densified(self._hits(where, events), self.image)

    def sparse(self, where: Tensor, events: np.ndarray) -> SparseImage:
        if self.kind is Dense:
            raise no_hits(self.image)
        hits = self._hits(where, events)
        if self.kind is Points:
            return hits
        place = torch.stack(torch.unravel_index(hits.place[:, 0], self.image.shape), dim=1)
        return replace(hits, place=place)

    def _hits(self, where: Tensor, events: np.ndarray) -> SparseImage:
        """Hits of the events end to end; cells are flat (hits, 1)."""
        total = int((self._offsets[events + 1] - self._offsets[events]).sum())
        first, count = self._first[where], self._first[where + 1] - self._first[where]
        offsets = torch.cat([count.new_zeros(1), count.cumsum(0)])
        shift = torch.repeat_interleave(first - offsets[:-1], count, output_size=total)
        index = shift + torch.arange(total, device=where.device)
        place = self._place[index]
        if self.kind is Cells:
            bits = 8 * self._place.element_size()
            place = place.to(torch.int64)[:, None]
            if bits < 64:
                place &= (1 << bits) - 1
        image = self.image
        return SparseImage(offsets, place, self._value[index].float(), image.shape, image.low, image.pitch)


def _values(parts: Sequence[np.ndarray], device: torch.device) -> Tensor:
    """Values of hits or cells, in two bytes where they are kept so."""
    return _moved(parts, np.float16 if all(p.dtype == np.float16 for p in parts) else np.float32, device)


def _moved(parts: Sequence[np.ndarray], dtype: type, device: torch.device) -> Tensor:
    """The parts end to end on the device, one after the other: the host holds a copy of one of them at most."""
    kind = torch.from_numpy(np.empty(0, dtype)).dtype
    out = torch.empty((sum(map(len, parts)), *parts[0].shape[1:]), dtype=kind, device=device)
    start = 0
    for part in parts:
        out[start : start + len(part)] = torch.from_numpy(np.array(part).astype(dtype, copy=False))
        start += len(part)
    return out
