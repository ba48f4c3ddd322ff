"""An inception network that looks at every view with the same eyes: two wire planes of a liquid-argon TPC."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pidcam.errors import ConfigError
from pidcam.models.base import Inputs, register_model
from pidcam.models.blocks import Compress, Fraction, Joined, Positive, Widths, layered
from pidcam.models.grids import BatchNorm, MeanAndMax, convolution, pool, stem

RECIPE: dict[str, Any] = {
    "transforms": [{"name": "scale", "by": "rms"}],
    "training": {
        "epochs": 20,
        "batch_size": 64,
        "optimiser": {"name": "adamw", "lr": 2e-3, "weight_decay": 5e-2},
        "schedule": {"name": "cosine", "warmup": 0.15},
    },
}


class Inception(nn.Module):
    """1x1, 3x3, 5x5 (as two 3x3) and pooled branches side by side (C. Szegedy et al., arXiv:1409.4842, 1512.00567).

    `out` channels, a quarter from each branch.
    """

    def __init__(self, channels: int, out: int):
        super().__init__()
        quarter = out // 4

        def unit(inside: int, kernel: int) -> list[nn.Module]:
            return [convolution(2, inside, quarter, kernel, bias=False), BatchNorm(quarter), nn.ReLU()]

        self.branches = nn.ModuleList(
            nn.Sequential(*layers)
            for layers in (
                unit(channels, 1),
                [*unit(channels, 1), *unit(quarter, 3)],
                [*unit(channels, 1), *unit(quarter, 3), *unit(quarter, 3)],
                [nn.MaxPool2d(3, stride=1, padding=1), *unit(channels, 1)],
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class EachView(nn.Module):
    """(n, views, height, width) -> (n, views * width of the embedding): the same network for every channel."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        embedded: Tensor = self.network(x.flatten(0, 1).unsqueeze(1))
        return embedded.view(len(x), -1)


@register_model("inception", images=1, axes=2, views=2, recipe=RECIPE)
def inception(
    inputs: Inputs,
    outputs: dict[str, int],
    *,
    widths: Widths = (32, 64, 96),
    dense: Widths = (64,),
    dropout: Fraction = 0.3,
    compress: Compress = 0.1,
    most_cells: Positive = 64,
) -> nn.Module:
    """Inception-like and siamese: one network sees each view (channel, or image of the same shape), then they meet.

    `widths`: channels after each inception block, multiples of four; axes of more than `most_cells` are made coarser
    by the first layer.
    """
    if any(width % 4 for width in widths):
        raise ConfigError("each must be a multiple of 4", where="model.widths")

    def trunk(shape: tuple[int, ...]) -> tuple[nn.Module, int]:
        views = shape[0]
        layers, grid = stem((1, *shape[1:]), widths[0], most_cells, compress)
        layers += [BatchNorm(widths[0]), nn.ReLU()]
        for stage, width in enumerate(widths):
            layers.append(Inception(widths[max(stage - 1, 0)], width))
            pooling, grid = pool(grid)
            layers += [pooling] if stage < len(widths) - 1 else []
        return EachView(nn.Sequential(*layers, MeanAndMax())), 2 * widths[-1] * views

    return Joined(inputs, outputs, trunk, layered(dense, dropout), shared=True)
