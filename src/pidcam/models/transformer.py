"""Transformers: on patches of an image (ViT), and on the hits themselves."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pidcam.batch import SparseImage
from pidcam.errors import ConfigError
from pidcam.models.base import Inputs, register_model
from pidcam.models.blocks import EMBEDDED, Compress, Fraction, Joined, Positive, dropped
from pidcam.models.grids import AXES, Compressed, Patches, halved, strides
from pidcam.models.points import PointFeatures, Points

RECIPE: dict[str, Any] = {
    "transforms": [{"name": "scale", "by": "rms"}],
    "training": {
        "epochs": 20,
        "batch_size": 128,
        "optimiser": {"name": "adamw", "lr": 1e-3, "weight_decay": 5e-2},
        "schedule": {"name": "cosine", "warmup": 0.15},
        "clip": 1.0,
    },
}

MOST = {1: 32, 2: 8, 3: 4}
"""Patches along an axis at most, by the number of axes."""


class Block(nn.Module):
    """Attention and a dense layer, each after a layer normalisation and added to what comes in (R. Xiong et al.,
    arXiv:2002.04745)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm, self.qkv, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.dense = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """x (n, tokens, width); mask (n, 1, 1, tokens) is True where a token may be looked at."""
        n, tokens, width = x.shape
        q, k, v = self.qkv(self.norm(x)).view(n, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.out(attended.transpose(1, 2).reshape(n, tokens, width))
        y: Tensor = x + self.dense(x)
        return y


class Encoder(nn.Module):
    """(n, tokens, width) -> (n, width): blocks, then the mean over all tokens and one of its own, which is there even
    where an event has none."""

    def __init__(self, width: int, depth: int, heads: int):
        super().__init__()
        if width % heads:
            raise ConfigError(f"must be a multiple of model.heads ({heads}), not {width}", where="model.width")
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """valid (n, tokens): which tokens there are, for events of different length."""
        x = torch.cat([self.token.expand(len(x), -1, -1).to(x.dtype), x], dim=1)
        there = torch.ones_like(x[..., 0], dtype=torch.bool) if valid is None else F.pad(valid, (1, 0), value=True)
        for block in self.blocks:
            x = block(x, None if valid is None else there[:, None, None])
        weight = (there / there.sum(dim=1, keepdim=True)).to(x.dtype)
        y: Tensor = self.norm(torch.einsum("ntw,nt->nw", x, weight))
        return y


class Tokens(nn.Module):
    """(n, channels, *shape) -> (n, patches, width), with a learned place for each patch."""

    def __init__(self, shape: tuple[int, ...], width: int, most: int, compress: float | None):
        super().__init__()
        channels, *grid = shape
        step = strides(grid, most)
        self.layers = nn.Sequential(
            Compressed(compress), Patches(channels * (1 if compress is None else 2), width, step)
        )
        self.place = nn.Parameter(0.02 * torch.randn(1, math.prod(halved(grid, step)), width))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).flatten(2).transpose(1, 2) + self.place


@register_model("vit", images=1, axes=AXES, recipe=RECIPE)
def vit(
    inputs: Inputs,
    outputs: dict[str, int],
    *,
    width: Positive = 64,
    depth: Positive = 4,
    heads: Positive = 4,
    dropout: Fraction = 0.1,
    compress: Compress = 0.1,
    patches: Positive | None = None,
) -> nn.Module:
    """A vision transformer with small patches (A. Dosovitskiy et al., arXiv:2010.11929).

    `patches`: how many along an axis at most (default: 32, 8 or 4 for 1, 2 or 3 axes). `compress` as in `resnet`.
    """

    def trunk(shape: tuple[int, ...]) -> tuple[nn.Module, int]:
        tokens = Tokens(shape, width, patches or MOST[len(shape) - 1], compress)
        return nn.Sequential(tokens, Encoder(width, depth, heads)), width

    return Joined(inputs, outputs, trunk, dropped(dropout), features=EMBEDDED)


class HitEncoder(nn.Module):
    """Hits of one image -> (n, width + its totals): every hit is a token."""

    def __init__(self, shape: tuple[int, ...], width: int, depth: int, heads: int, most: int, compress: float | None):
        super().__init__()
        self.points = PointFeatures(shape, most, compress)
        self.embed = nn.Sequential(nn.Linear(self.points.width, width), nn.GELU(), nn.Linear(width, width))
        self.encoder = Encoder(width, depth, heads)
        self.width = width + self.points.totals

    def forward(self, hits: SparseImage) -> Tensor:
        points: Points = self.points(hits)
        encoded = self.encoder(self.embed(points.features), points.valid)
        return torch.cat([encoded, points.totals.to(encoded.dtype)], dim=1)


@register_model("point-transformer", images=1, hits=True, recipe=RECIPE)
def point_transformer(
    inputs: Inputs,
    outputs: dict[str, int],
    *,
    width: Positive = 64,
    depth: Positive = 3,
    heads: Positive = 4,
    points: Positive = 96,
    dropout: Fraction = 0.1,
    compress: Compress = 0.1,
) -> nn.Module:
    """A transformer on hits, straight from the store: every hit is a token with its values and its place.

    `points`: the hits with the largest first channel are taken, so many at most; number and sums are of all hits.
    """

    def trunk(shape: tuple[int, ...]) -> tuple[nn.Module, int]:
        network = HitEncoder(shape, width, depth, heads, points, compress)
        return network, network.width

    return Joined(inputs, outputs, trunk, dropped(dropout), features=EMBEDDED, hits=True)
