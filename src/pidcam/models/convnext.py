"""ConvNeXt on small images of one, two or three axes (Z. Liu et al., arXiv:2201.03545)."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn

from pidcam.errors import ConfigError
from pidcam.models.base import Inputs, register_model
from pidcam.models.blocks import EMBEDDED, Compress, Fraction, Joined, Positive, Widths, dropped
from pidcam.models.grids import AXES, ChannelNorm, MeanAndMax, Patches, convolution, stem

RECIPE: dict[str, Any] = {
    "transforms": [{"name": "scale", "by": "rms"}],
    "training": {
        "epochs": 16,
        "batch_size": 128,
        "optimiser": {"name": "adamw", "lr": 2e-3, "weight_decay": 5e-2},
        "schedule": {"name": "cosine", "warmup": 0.15},
    },
}

MOST = {1: 512, 2: 20, 3: 10}
"""Cells along an axis that the first stage sees at most, by the number of axes."""


class Block(nn.Module):
    """x + scale * pointwise(gelu(pointwise(norm(depthwise(x))))), the inner width four times the outer."""

    def __init__(self, axes: int, width: int, kernel: int):
        super().__init__()
        self.layers = nn.Sequential(
            convolution(axes, width, width, kernel, groups=width),
            ChannelNorm(width),
            convolution(axes, width, 4 * width, 1),
            nn.GELU(),
            convolution(axes, 4 * width, width, 1),
        )
        self.scale = nn.Parameter(torch.full((width, *[1] * axes), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scale * self.layers(x)


@register_model("convnext", images=1, axes=AXES, recipe=RECIPE)
def convnext(
    inputs: Inputs,
    outputs: dict[str, int],
    *,
    widths: Widths = (32, 64),
    blocks: Positive = 2,
    kernel: Annotated[int, Field(ge=3, le=11)] | None = None,
    dropout: Fraction = 0.2,
    compress: Compress = 0.1,
    most_cells: Positive | None = None,
) -> nn.Module:
    """ConvNeXt-like: stages of `blocks` depthwise blocks, with layer normalisation and a small stem.

    `kernel`: of the depthwise convolutions, odd (default: 5, or 3 for 3 axes); `most_cells`: longer axes are made
    coarser by the stem (default: 512, 20 or 10 cells for 1, 2 or 3 axes). `compress` as in `resnet`.
    """

    if kernel is not None and kernel % 2 == 0:
        raise ConfigError(f"must be odd, not {kernel}", where="model.kernel")

    def trunk(shape: tuple[int, ...]) -> tuple[nn.Module, int]:
        axes = len(shape) - 1
        layers, _ = stem(shape, widths[0], most_cells or MOST[axes], compress)
        layers.append(ChannelNorm(widths[0]))
        for stage, width in enumerate(widths):
            if stage:
                layers += [ChannelNorm(widths[stage - 1]), Patches(widths[stage - 1], width, (2,) * axes)]
            layers += [Block(axes, width, kernel or (3 if axes == 3 else 5)) for _ in range(blocks)]
        return nn.Sequential(*layers, MeanAndMax(), nn.LayerNorm(2 * widths[-1])), 2 * widths[-1]

    return Joined(inputs, outputs, trunk, dropped(dropout), features=EMBEDDED)
