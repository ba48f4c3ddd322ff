"""What a model sees: one batch of events as tensors on one device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor

from pidcam.recall import Recalled


@dataclass(frozen=True)
class SparseImage:
    """Hits of one image of a batch, for models that never make the dense volume.

    Event i owns hits `[offsets[i]:offsets[i+1]]`; `place` (hits, axes) are cell indices (integers) or coordinates
    (floats), `value` (hits, channels); `shape` is the grid, `low` its corner and `pitch` its cells where there are
    coordinates.
    """

    offsets: Tensor
    place: Tensor
    value: Tensor
    shape: tuple[int, ...]
    low: tuple[float, ...] = ()
    pitch: tuple[float, ...] = ()

    @classmethod
    def of(cls, dense: Tensor) -> SparseImage:
        """The cells of (n, channels, *shape) with any non-zero channel, in C order."""
        index = torch.nonzero((dense != 0).any(dim=1))
        event, place = index[:, 0], index[:, 1:]
        value = dense.movedim(1, -1)[tuple(index.T)]
        return cls(_offsets(event, len(dense)), place, value, tuple(dense.shape[2:]))

    def to(self, device: torch.device | str) -> SparseImage:
        moved = {name: getattr(self, name).to(device) for name in ("offsets", "place", "value")}
        return replace(self, **moved)

    def rows(self, start: int, stop: int) -> SparseImage:
        """The hits of events `[start, stop)`."""
        offsets = self.offsets[start : stop + 1]
        hits = slice(int(offsets[0]), int(offsets[-1]))
        return replace(self, offsets=offsets - hits.start, place=self.place[hits], value=self.value[hits])

    def keep(self, hits: Tensor) -> SparseImage:
        """Only the hits where `hits` (hits,) is True; every event stays."""
        before = torch.cat([hits.new_zeros(1, dtype=torch.int64), hits.cumsum(0)])
        return replace(self, offsets=before[self.offsets.long()], place=self.place[hits], value=self.value[hits])

    @property
    def event(self) -> Tensor:
        """(hits,) int64 number of the event that each hit belongs to."""
        events = torch.arange(len(self.offsets) - 1, device=self.offsets.device)
        return torch.repeat_interleave(events, self.offsets.diff(), output_size=len(self.place))

    def on_grid(self) -> SparseImage:
        """The same as cells: what lies in one cell adds up, what lies outside the grid is left out."""
        if not self.place.is_floating_point():
            return replace(self, place=self.place.long())
        low, pitch, size = (torch.tensor(x, dtype=torch.float64, device=self.place.device) for x in self._grid)
        place = (self.place.double() - low) / pitch
        inside = ((place >= 0) & (place < size)).all(dim=1)
        flat = flat_cells(self.event[inside], place[inside].long(), self.shape)
        cells, which = torch.unique(flat, return_inverse=True)
        value = self.value.new_zeros(len(cells), self.value.shape[1]).index_add(0, which, self.value[inside])
        index = torch.stack(torch.unravel_index(cells, (len(self.offsets) - 1, *self.shape)), dim=1)
        return SparseImage(_offsets(index[:, 0], len(self.offsets) - 1), index[:, 1:], value, self.shape)

    @property
    def _grid(self) -> tuple[tuple[float, ...], ...]:
        if not (self.low and self.pitch):
            raise ValueError("hits at coordinates need the corner and the pitch of their grid")
        return self.low, self.pitch, self.shape

    def dense(self) -> Tensor:
        """(n, channels, *shape), zero where there is no hit."""
        cells = self.on_grid()
        out = cells.value.new_zeros(len(cells.offsets) - 1, *cells.shape, cells.value.shape[1])
        return out.index_put((cells.event, *cells.place.unbind(1)), cells.value).movedim(-1, 1).contiguous()


def flat_cells(event: Tensor, place: Tensor, shape: tuple[int, ...]) -> Tensor:
    """(hits,) int64 number of (event, *place) in C order of (n, *shape): it ascends where hits do."""
    flat = event
    for axis, size in enumerate(shape):
        flat = flat * size + place[:, axis]
    return flat


def _offsets(event: Tensor, n: int) -> Tensor:
    """Where the hits of each of `n` events begin and end, given the ascending event of each hit."""
    return torch.searchsorted(event.contiguous(), torch.arange(n + 1, device=event.device))


@dataclass(frozen=True)
class Batch:
    """Named inputs and truth of n events.

    images: name -> (n, channels, *shape) float32, or `SparseImage`; features, targets: name -> (n,) float32;
    label: (n,) int64, index into the task's classes, -1 where unknown; weight: (n,) float32; event: (n, 2) int64, the
    (file, row) every event came from, (-1, -1) for `padding`; made: name -> (n,) float32, features that transforms
    added: inputs of a model like the others, but nothing that is told of an event beside its scores; recalled: what was
    computed of these events in an earlier epoch, as long as they are as they were then.
    """

    images: dict[str, Tensor | SparseImage]
    features: dict[str, Tensor]
    targets: dict[str, Tensor]
    label: Tensor
    weight: Tensor
    event: Tensor
    made: dict[str, Tensor] = field(default_factory=dict)
    recalled: Recalled | None = None

    def __len__(self) -> int:
        return len(self.label)

    @property
    def device(self) -> torch.device:
        return self.label.device

    @property
    def padding(self) -> Tensor:
        """(n,) True for copies of weight zero, which only give a rank something to do: leave them out of tables."""
        return self.event[:, 0] < 0

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on `device`."""

        def move(x):  # type: ignore[no-untyped-def]
            return {k: v.to(device) for k, v in x.items()} if isinstance(x, dict) else x.to(device)

        return replace(self, **{name: move(value) for name, value in self._values()})

    def rows(self, start: int, stop: int) -> Batch:
        """Events `[start, stop)` of the batch, without a copy; nothing is recalled of them."""

        def cut(x):  # type: ignore[no-untyped-def]
            if isinstance(x, dict):
                return {k: cut(v) for k, v in x.items()}
            return x.rows(start, stop) if isinstance(x, SparseImage) else x[start:stop]

        return Batch(**{name: cut(value) for name, value in self._values()})

    def _values(self) -> Iterator[tuple[str, Any]]:
        return ((f.name, getattr(self, f.name)) for f in fields(self) if f.name != "recalled")

    def dense(self, name: str) -> Tensor:
        """The image `name` as (n, channels, *shape), also where it was loaded as hits."""
        image = self.images[name]
        return image.dense() if isinstance(image, SparseImage) else image

    def hits(self, name: str) -> SparseImage:
        """The image `name` as hits on its grid, cells of an event ascending, also where it was loaded dense."""
        image = self.images[name]
        return image.on_grid() if isinstance(image, SparseImage) else SparseImage.of(image)

    def stack_features(self, names: Iterable[str]) -> Tensor:
        """(n, len(names)) float32 matrix of the named features, those that were made included."""
        known = self.features | self.made
        columns = [known[name] for name in names]
        return torch.stack(columns, dim=1) if columns else torch.empty(len(self), 0, device=self.device)
