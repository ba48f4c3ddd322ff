"""Layers on grids of one, two or three axes: (n, channels, *shape) whatever the number of axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from pidcam.models.blocks import compressed

Made = Callable[..., nn.Module]
CONVOLUTIONS: dict[int, Made] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
CONVOLVED: dict[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
POOLS: dict[int, Made] = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
AXES = tuple(CONVOLUTIONS)


def convolution(axes: int, channels: int, out: int, kernel: int, **options: Any) -> nn.Module:
    """A convolution that keeps the grid, or halves it where `stride` is 2 (rounding up)."""
    return PADDED[axes](channels, out, kernel, padding=kernel // 2, **options)


class PadsShortAxes(_ConvNd):
    """The zeros around an axis that is shorter than the kernel are laid out in memory, not left to the engine.

    The numbers are the same, but the oneDNN 3.12 of PyTorch 2.13 takes the gradient of the weights from memory beside
    such images (`jit_bf16:avx512_core_bf16`): in bfloat16 on CPUs that have it in hardware, where in 3-D the first axis
    is shorter than the kernel, or where with a step of two the last one is a single cell. What lies there differs from
    run to run: the gradients are wrong without a word, infinite at times, and kernels of seven overwrite memory.
    """

    def forward(self, input: Tensor) -> Tensor:
        padding = [int(p) for p in self.padding]
        laid = [p if n < k else 0 for n, k, p in zip(input.shape[2:], self.kernel_size, padding, strict=True)]
        rest = [p - own for p, own in zip(padding, laid, strict=True)]
        x = F.pad(input, [own for own in reversed(laid) for _ in range(2)]) if any(laid) else input
        return CONVOLVED[len(laid)](x, self.weight, self.bias, self.stride, rest, self.dilation, self.groups)


class PaddedConv1d(PadsShortAxes, nn.Conv1d):
    """See `PadsShortAxes`."""


class PaddedConv2d(PadsShortAxes, nn.Conv2d):
    """See `PadsShortAxes`."""


class PaddedConv3d(PadsShortAxes, nn.Conv3d):
    """See `PadsShortAxes`."""


PADDED: dict[int, Made] = {1: PaddedConv1d, 2: PaddedConv2d, 3: PaddedConv3d}


def pool(shape: Sequence[int]) -> tuple[nn.Module, tuple[int, ...]]:
    """Max-pooling by two, with the shape that comes out; an axis that is down to one cell is pooled no further."""
    kernel = tuple(min(2, size) for size in shape)
    return POOLS[len(shape)](kernel), tuple(size // k for size, k in zip(shape, kernel, strict=True))


class BatchNorm(_BatchNorm):
    """Batch normalisation on any number of axes; a single value has no spread to learn from, and is left to evaluation
    mode."""

    def _check_input_dim(self, input: Tensor) -> None:
        return

    def forward(self, input: Tensor) -> Tensor:
        if self.training and input.numel() <= input.shape[1]:
            return F.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(input)


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each cell."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.movedim(1, -1)).movedim(-1, 1)


def group_norm(channels: int) -> nn.GroupNorm:
    """Groups of eight channels, or one group where eight do not divide them: the same in training and evaluation."""
    return nn.GroupNorm(max(1, channels // 8) if channels % 8 == 0 else 1, channels)


class Compressed(nn.Module):
    """`blocks.compressed` as a layer."""

    def __init__(self, scale: float | None):
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return compressed(x, self.scale)


class ChannelsLast(nn.Module):
    """Lays an image out channel by channel per cell, which convolutions on CPUs and GPUs prefer."""

    def forward(self, x: Tensor) -> Tensor:
        formats = {4: torch.channels_last, 5: torch.channels_last_3d}
        return x.contiguous(memory_format=formats.get(x.dim(), torch.contiguous_format))


class FlattenChannelsLast(nn.Module):
    """(n, channels, *shape) -> (n, cells * channels), in the order of Keras."""

    def forward(self, x: Tensor) -> Tensor:
        return x.movedim(1, -1).flatten(1)


class MeanAndMax(nn.Module):
    """(n, channels, *shape) -> (n, 2 * channels): mean and maximum of every channel."""

    def forward(self, x: Tensor) -> Tensor:
        cells = x.flatten(2)
        return torch.cat([cells.mean(dim=2), cells.amax(dim=2)], dim=1)


def strides(shape: Sequence[int], most: int) -> tuple[int, ...]:
    """By how much each axis is made coarser so that it has at most `most` cells: 1 where it has no more."""
    return tuple(math.ceil(size / most) for size in shape)


class Patches(nn.Module):
    """A convolution whose steps are as long as its kernel: no cell is lost, the last patch is filled up with zeros."""

    def __init__(self, channels: int, out: int, stride: Sequence[int]):
        super().__init__()
        self.stride = tuple(stride)
        self.convolution = CONVOLUTIONS[len(stride)](channels, out, self.stride, stride=self.stride)

    def forward(self, x: Tensor) -> Tensor:
        rest = [-size % step for size, step in zip(x.shape[2:], self.stride, strict=True)]
        padding = [p for pair in zip(repeat(0), reversed(rest), strict=False) for p in pair]
        y: Tensor = self.convolution(F.pad(x, padding) if any(rest) else x)
        return y


def stem(
    shape: tuple[int, ...], out: int, most: int, compress: float | None
) -> tuple[list[nn.Module], tuple[int, ...]]:
    """First layers from (channels, *grid) to `out` channels, with the grid that comes out, of at most `most` cells an
    axis: a 3x3 convolution where no axis is longer, because every cell counts, else patches."""
    channels, *grid = shape
    step = strides(grid, most)
    channels *= 1 if compress is None else 2
    first = Patches(channels, out, step) if max(step) > 1 else convolution(len(grid), channels, out, 3, bias=False)
    return [Compressed(compress), ChannelsLast(), first], halved(grid, step)


def halved(grid: Sequence[int], step: Sequence[int] | int = 2) -> tuple[int, ...]:
    """The grid after steps of `step` cells along each axis."""
    each = (step,) * len(grid) if isinstance(step, int) else step
    return tuple(-(-size // k) for size, k in zip(grid, each, strict=True))
