"""What a model sees: one batch of events as tensors on one device."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True)
class SparseImage:
    """Hits of one image of a batch, for models that never make the dense volume.

    Event i owns hits `[offsets[i]:offsets[i+1]]`; `place` (hits, axes) are cell indices or coordinates, `value`
    (hits, channels); `shape` is the grid.
    """

    offsets: Tensor
    place: Tensor
    value: Tensor
    shape: tuple[int, ...]

    def to(self, device: torch.device | str) -> SparseImage:
        return SparseImage(self.offsets.to(device), self.place.to(device), self.value.to(device), self.shape)


@dataclass(frozen=True)
class Batch:
    """Named inputs and truth of n events.

    images: name -> (n, channels, *shape) float32, or `SparseImage`; features, targets: name -> (n,) float32;
    label: (n,) int64, index into the task's classes, -1 where unknown; weight: (n,) float32; event: (n, 2) int64, the
    (file, row) every event came from, (-1, -1) for `padding`.
    """

    images: dict[str, Tensor | SparseImage]
    features: dict[str, Tensor]
    targets: dict[str, Tensor]
    label: Tensor
    weight: Tensor
    event: Tensor

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

        return Batch(**{f.name: move(getattr(self, f.name)) for f in fields(self)})

    def dense(self, name: str) -> Tensor:
        """The image `name` as (n, channels, *shape)."""
        image = self.images[name]
        if isinstance(image, SparseImage):
            raise TypeError(f"image '{name}' was loaded as hits; load it with sparse=False")
        return image

    def stack_features(self, names: Iterable[str]) -> Tensor:
        """(n, len(names)) float32 matrix of the named features."""
        columns = [self.features[name] for name in names]
        return torch.stack(columns, dim=1) if columns else torch.empty(len(self), 0, device=self.device)
