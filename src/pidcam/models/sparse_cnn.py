"""Convolutions on hits alone: the dense volume is never made (B. Graham, L. van der Maaten, arXiv:1706.01307).

A submanifold convolution has an output where there is a hit and nowhere else. Neighbours are found by searching sorted
cell numbers; gathered side by side they meet the weights in one matrix product, forwards and backwards, on any device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pidcam.batch import SparseImage, flat_cells
from pidcam.models.base import Inputs, register_model
from pidcam.models.blocks import EMBEDDED, Compress, Fraction, Joined, Positive, Widths, compressed, dropped
from pidcam.models.grids import halved, strides

RECIPE: dict[str, Any] = {
    "transforms": [{"name": "scale", "by": "rms"}],
    "training": {
        "epochs": 16,
        "batch_size": 64,
        "optimiser": {"name": "adamw", "lr": 2e-3, "weight_decay": 5e-2},
        "schedule": {"name": "cosine", "warmup": 0.15},
    },
}

MOST = {1: 4096, 2: 256, 3: 64}
"""Cells along an axis that the first stage sees at most, by the number of axes."""


@dataclass(frozen=True)
class Sites:
    """Occupied cells of n events, ascending: event (sites,), place (sites, axes), what is known of each (sites,
    channels), and the grid."""

    n: int
    event: Tensor
    place: Tensor
    value: Tensor
    shape: tuple[int, ...]


def neighbours(sites: Sites) -> Tensor:
    """(sites, 3^axes) number of the site at each step of -1, 0, 1 along every axis; `len(sites)` where there is none.

    The step at position k and that at position 3^axes - 1 - k are opposite.
    """
    shape = tuple(size + 2 for size in sites.shape)  # a margin, so that a step over the border finds nothing
    keys = flat_cells(sites.event, sites.place + 1, shape)
    steps = torch.tensor(list(product((-1, 0, 1), repeat=len(shape))), device=keys.device)
    strides = torch.tensor([math.prod(shape[axis + 1 :]) for axis in range(len(shape))], device=keys.device)
    wanted = keys[:, None] + (steps * strides).sum(dim=1)
    found = torch.searchsorted(keys, wanted)
    there = keys[found.clamp(max=len(keys) - 1)] == wanted
    return torch.where(there, found, len(keys))


class _Gathered(torch.autograd.Function):
    """rows x (sites, channels), index (sites, k), weight (k * channels, out) -> (sites, out).

    Neighbourhood is mutual, so the gradient of x is the same operation with the steps reversed: nothing is scattered,
    and the result is the same every time.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, index: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, index, weight)
        return _gather(x, index) @ weight.to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, index, weight = ctx.saved_tensors
        gradient = gradients[0].to(x.dtype)
        k, channels, out = index.shape[1], x.shape[1], weight.shape[1]
        back = weight.to(x.dtype).view(k, channels, out).flip(0).transpose(1, 2).reshape(k * out, channels)
        by_weight = _gather(x, index).t() @ gradient
        return _gather(gradient, index) @ back, None, by_weight.to(weight.dtype)


def _gather(x: Tensor, index: Tensor) -> Tensor:
    """(sites, k * channels) rows of x side by side, zeros where there is no neighbour."""
    return F.pad(x, (0, 0, 0, 1))[index].flatten(1)


class Submanifold(nn.Module):
    """A 3x3(x3) convolution on occupied cells."""

    def __init__(self, axes: int, channels: int, out: int):
        super().__init__()
        weight = torch.randn(3**axes * channels, out)
        self.weight = nn.Parameter(weight * math.sqrt(2 / (3 * channels)))  # a track has about three hits in reach

    def forward(self, x: Tensor, index: Tensor) -> Tensor:
        y: Tensor = _Gathered.apply(x, index, self.weight)
        return y


class Residual(nn.Module):
    """x + conv(relu(norm(conv(relu(norm(x)))))) on occupied cells."""

    def __init__(self, axes: int, width: int):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.convolutions = nn.ModuleList(Submanifold(axes, width, width) for _ in range(2))

    def forward(self, x: Tensor, index: Tensor) -> Tensor:
        y = x
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            y = convolution(F.relu(norm(y)), index)
        return x + y


class Coarser(nn.Module):
    """Patches of `step` cells along each axis become one, with weights for each cell of the patch."""

    def __init__(self, channels: int, out: int, step: Sequence[int]):
        super().__init__()
        self.step = tuple(step)
        self.linear = nn.Linear(math.prod(step) * channels, out)

    def forward(self, sites: Sites) -> Sites:
        step = torch.tensor(self.step, device=sites.place.device)
        shape = halved(sites.shape, self.step)
        parent = sites.place // step
        inside = flat_cells(torch.zeros_like(sites.event), sites.place % step, self.step)
        cells, which = torch.unique(flat_cells(sites.event, parent, shape), return_inverse=True)
        side_by_side = sites.value.new_zeros(len(cells), math.prod(self.step), sites.value.shape[1])
        side_by_side = side_by_side.index_put((which, inside), sites.value)
        event, *place = torch.unravel_index(cells, (max(sites.n, 1), *shape))
        return Sites(sites.n, event, torch.stack(place, dim=1), self.linear(side_by_side.flatten(1)), shape)


class SparseTrunk(nn.Module):
    """Hits of one image -> (n, width): a stage per width, each after the first at half the grid."""

    def __init__(
        self, shape: tuple[int, ...], widths: tuple[int, ...], blocks: int, most: int | None, compress: float | None
    ):
        super().__init__()
        channels, *grid = shape
        axes, self.compress = len(grid), compress
        inside = (channels if compress is None else 2 * channels, *widths)
        steps = [strides(grid, most or MOST[axes]), *[(2,) * axes] * (len(widths) - 1)]
        self.coarser = nn.ModuleList(Coarser(a, b, s) for a, b, s in zip(inside, widths, steps, strict=False))
        self.stages = nn.ModuleList(nn.ModuleList(Residual(axes, w) for _ in range(blocks)) for w in widths)
        self.norm = nn.LayerNorm(widths[-1])
        self.width = 2 * widths[-1] + 1

    def forward(self, hits: SparseImage) -> Tensor:
        n = len(hits.offsets) - 1
        sites = Sites(n, hits.event, hits.place, compressed(hits.value, self.compress), hits.shape)
        for coarser, stage in zip(self.coarser, self.stages, strict=True):
            sites = coarser(sites)
            index, x = neighbours(sites), sites.value
            for block in stage:  # type: ignore[attr-defined]
                x = block(x, index)
            sites = replace(sites, value=x)
        x = F.relu(self.norm(sites.value)).float()
        count = torch.bincount(sites.event, minlength=n).to(x.dtype)[:, None]
        mean = x.new_zeros(n, x.shape[1]).index_add(0, sites.event, x) / count.clamp(min=1)
        where = sites.event[:, None].expand_as(x)
        largest = x.new_zeros(n, x.shape[1]).scatter_reduce(0, where, x, "amax")  # not negative: empty events have zero
        return torch.cat([mean, largest, torch.log1p(count)], dim=1)


@register_model("sparse-cnn", images=1, axes=(1, 2, 3), hits=True, recipe=RECIPE)
def sparse_cnn(
    inputs: Inputs,
    outputs: dict[str, int],
    *,
    widths: Widths = (16, 32, 64),
    blocks: Positive = 1,
    dropout: Fraction = 0.2,
    compress: Compress = 0.1,
    most_cells: Positive | None = None,
) -> nn.Module:
    """A residual network on hits alone, for large grids that are almost empty: the dense volume is never made.

    `most_cells`: longer axes are made coarser by the first layer, with weights for each cell of a patch (default: 4096,
    256 or 64 cells for 1, 2 or 3 axes). `compress` as in `resnet`.
    """

    def trunk(shape: tuple[int, ...]) -> tuple[nn.Module, int]:
        network = SparseTrunk(shape, widths, blocks, most_cells, compress)
        return network, network.width

    return Joined(inputs, outputs, trunk, dropped(dropout), features=EMBEDDED, hits=True)
