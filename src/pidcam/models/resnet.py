"""Residual networks on images of one, two or three axes: a stem that keeps every cell of a small image."""

from __future__ import annotations

from typing import Any, Literal

import torch.nn.functional as F
from torch import Tensor, nn

from pidcam.models.base import Inputs, register_model
from pidcam.models.blocks import EMBEDDED, Compress, Fraction, Joined, Positive, Widths, dropped, layered
from pidcam.models.grids import AXES, BatchNorm, Made, MeanAndMax, convolution, group_norm, stem

RECIPE: dict[str, Any] = {
    "transforms": [{"name": "scale", "by": "rms"}],
    "training": {
        "epochs": 16,
        "batch_size": 128,
        "optimiser": {"name": "adamw", "lr": 4e-3, "weight_decay": 5e-2},
        "schedule": {"name": "cosine", "warmup": 0.15},
        "early_stopping": None,
    },
}

NORMS: dict[str, Made] = {"batch": BatchNorm, "group": group_norm}
MOST = {1: 1024, 2: 64, 3: 16}
"""Cells along an axis that the first stage sees at most, by the number of axes."""


class Every(nn.Module):
    """Every `step`-th cell along each axis.

    Before a 1x1 convolution it is the same as a step of the convolution, whose gradient for four channels crashes in
    the oneDNN of PyTorch 2.13.
    """

    def __init__(self, step: int):
        super().__init__()
        self.step = step

    def forward(self, x: Tensor) -> Tensor:
        return x[(slice(None), slice(None), *[slice(None, None, self.step)] * (x.dim() - 2))]


class Residual(nn.Module):
    """x + conv(relu(norm(conv(x)))), then ReLU (He et al., arXiv:1512.03385); halves the grid where `stride` is 2."""

    def __init__(self, axes: int, channels: int, out: int, stride: int, norm: str):
        super().__init__()
        normed = NORMS[norm]
        self.layers = nn.Sequential(
            convolution(axes, channels, out, 3, stride=stride, bias=False),
            normed(out),
            nn.ReLU(),
            convolution(axes, out, out, 3, bias=False),
            normed(out),
        )
        same = stride == 1 and channels == out
        self.shortcut = (
            nn.Identity()
            if same
            else nn.Sequential(Every(stride), convolution(axes, channels, out, 1, bias=False), normed(out))
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.layers(x) + self.shortcut(x))


@register_model("resnet", images=1, axes=AXES, recipe=RECIPE)
def resnet(
    inputs: Inputs,
    outputs: dict[str, int],
    *,
    widths: Widths = (16, 32, 64),
    blocks: Positive = 1,
    dense: Widths = (),
    dropout: Fraction = 0.2,
    compress: Compress = 0.1,
    most_cells: Positive | None = None,
    norm: Literal["batch", "group"] = "batch",
) -> nn.Module:
    """A residual network with one stage per width, each after the first at half the grid.

    `dense`: layers behind images and features together, which many events make use of.
    `compress`: asinh(x / compress) is seen beside each channel x, for inputs scaled to about one; None: x alone.
    `most_cells`: longer axes are made coarser by the first layer (default: 1024, 64 or 16 cells for 1, 2 or 3 axes).
    """

    def trunk(shape: tuple[int, ...]) -> tuple[nn.Module, int]:
        axes = len(shape) - 1
        layers, _ = stem(shape, widths[0], most_cells or MOST[axes], compress)
        layers += [NORMS[norm](widths[0]), nn.ReLU()]
        channels = widths[0]
        for stage, width in enumerate(widths):
            for block in range(blocks):
                layers.append(Residual(axes, channels, width, 2 if stage and not block else 1, norm))
                channels = width
        return nn.Sequential(*layers, MeanAndMax()), 2 * channels

    body = layered(dense, dropout) if dense else dropped(dropout)
    network = Joined(inputs, outputs, trunk, body, features=EMBEDDED)
    network.apply(_initialise)
    return network


def _initialise(module: nn.Module) -> None:
    """He et al., arXiv:1502.01852, and every block starts as its shortcut (Goyal et al., arXiv:1706.02677)."""
    if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    if isinstance(module, Residual):
        nn.init.zeros_(module.layers[-1].weight)  # type: ignore[arg-type]
