"""Hits of an image as points: the strongest hits of each event side by side, with what a network needs of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pidcam.batch import SparseImage
from pidcam.models.blocks import compressed


@dataclass(frozen=True)
class Points:
    """features (n, points, width), place (n, points, axes) from -1 to 1 along each axis, valid (n, points): there is a
    point; totals (n, width): logarithm of the number of hits, asinh of the sum of each channel, of all hits."""

    features: Tensor
    place: Tensor
    valid: Tensor
    totals: Tensor


class PointFeatures(nn.Module):
    """`SparseImage` -> `Points`: the `most` hits of largest first channel, in that order; features are the channels,
    compressed as `blocks.compressed` does, and the place."""

    def __init__(self, shape: tuple[int, ...], most: int, compress: float | None):
        super().__init__()
        channels, *self.grid = shape
        self.most, self.compress = most, compress
        self.width = channels * (1 if compress is None else 2) + len(self.grid)
        self.totals = 1 + channels

    def forward(self, hits: SparseImage) -> Points:
        n, event, count = len(hits.offsets) - 1, hits.event, hits.offsets.diff()
        order = torch.argsort(hits.value[:, 0].abs(), descending=True, stable=True)
        order = order[torch.argsort(event[order], stable=True)]
        rank = torch.arange(len(order), device=order.device) - hits.offsets[event]  # hits of an event stay together
        kept = rank < self.most
        where = (event[kept], rank[kept])
        size = torch.tensor(self.grid, device=order.device)
        place = (2 * hits.place[order[kept]] + 1 - size) / size
        value = compressed(hits.value[order[kept]], self.compress)
        longest = min(self.most, max(int(count.max()), 1)) if n else 1

        def padded(x: Tensor) -> Tensor:
            return x.new_zeros(n, longest, *x.shape[1:]).index_put(where, x)

        total = torch.zeros(n, hits.value.shape[1], device=order.device).index_add(0, event, hits.value.float())
        return Points(
            features=padded(torch.cat([value, place.to(value.dtype)], dim=1)),
            place=padded(place.to(value.dtype)),
            valid=padded(torch.ones_like(where[0], dtype=torch.bool)),
            totals=torch.cat([torch.log1p(count.float())[:, None], torch.asinh(total)], dim=1),
        )
