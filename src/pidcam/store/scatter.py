"""Hits that are tensors put into dense images: compiled loops on a CPU, one scatter on any other device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pidcam.batch import SparseImage, flat_cells
from pidcam.schema import Image
from pidcam.store import kernels


def densified(hits: SparseImage, image: Image) -> Tensor:
    """(n, channels, *shape) float32 of hits at cells, (hits, axes) or flat (hits, 1), or at coordinates of `image`."""
    if hits.place.is_floating_point():
        return voxels(hits, image.low, image.pitch, image.shape)
    return _from_cells(hits)


def _cells(hits: SparseImage) -> Tensor:
    """(hits,) int64 C-order cell numbers in the event."""
    place = hits.place.to(torch.int64)
    if place.shape[1] == 1:
        return place[:, 0]
    return flat_cells(torch.zeros_like(place[:, 0]), place, hits.shape)


def _from_cells(hits: SparseImage) -> Tensor:
    """Dense images of hits at cells, none twice in an event."""
    out = hits.value.new_zeros(len(hits.offsets) - 1, hits.value.shape[1], *hits.shape)
    out.view(-1).scatter_(0, _index(hits, _cells(hits), out).reshape(-1), hits.value.reshape(-1))
    return out


def voxels(hits: SparseImage, low: Sequence[float], pitch: Sequence[float], shape: Sequence[int]) -> Tensor:
    """Dense images of points: values in one voxel add up, points outside the grid are left out."""
    n, channels = len(hits.offsets) - 1, hits.value.shape[1]
    if hits.place.device.type == "cpu":
        tensor = torch.empty(n, channels, *shape)
        place = np.ascontiguousarray(hits.place.numpy(), np.float32)
        value = np.ascontiguousarray(hits.value.detach().numpy(), np.float32)
        offsets = hits.offsets.numpy()
        grid = tuple(map(float, low)), tuple(map(float, pitch)), tuple(map(int, shape))
        flat = tensor.numpy().reshape(n, channels, -1) if n else np.empty((0, channels, 1), np.float32)
        addresses = (np.array([a.ctypes.data], np.int64) for a in (place, value))
        shard = np.zeros(n, np.int64)
        hits_of = (shard, offsets[:-1], offsets[1:], (0,) * channels, np.empty(0, np.float32))
        kernels.scatter_points(*addresses, *hits_of, *grid, kernels.scratch_for(flat, True), True, flat)
        return tensor
    cell, inside = voxel_of(hits.place, low, pitch, shape)
    out = hits.value.new_zeros(n, channels, *shape)
    weight = torch.where(inside[:, None], hits.value, 0)  # no hit is left out: counting them would wait for the device
    out.view(-1).index_add_(0, _index(hits, cell, out).reshape(-1), weight.reshape(-1))
    return out


def voxel_of(
    place: Tensor, low: Sequence[float], pitch: Sequence[float], shape: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Flat voxel number (hits,) of coordinates (hits, axes), 0 where they are outside, and whether they are inside."""

    def row(values: Sequence[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float64, device=place.device)

    index = (place - row(low)) / row(pitch)
    inside = ((index >= 0) & (index < row(shape))).all(dim=1)
    index = torch.where(inside[:, None], index, 0).to(torch.int64)
    return flat_cells(torch.zeros_like(index[:, 0]), index, tuple(shape)), inside


def _index(hits: SparseImage, cell: Tensor, out: Tensor) -> Tensor:
    """(hits, channels) where each value goes in `out`, flat."""
    channels, cells = out.shape[1], out[0].numel() // out.shape[1] if len(out) else 1
    first = hits.event * (channels * cells) + cell
    return first[:, None] + torch.arange(channels, device=cell.device) * cells
