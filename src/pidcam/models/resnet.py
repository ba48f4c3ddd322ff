"""Residual networks for small two-dimensional images: a 3x3 stem of stride one, because every cell counts."""

from __future__ import annotations

from typing import Annotated, Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from pidcam.models.base import Inputs, register_model
from pidcam.models.blocks import ChannelsLast, Fraction, Joined, Widths

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


class WithCompressed(nn.Module):
    """(n, channels, ...) -> (n, 2 * channels, ...): every channel x, and asinh(x / scale) beside it.

    Showers have cells of 1 and of 1/1000 of the largest; the logarithm shows the small ones, the linear copy keeps the
    energy. Odd, and zero stays zero.
    """

    def __init__(self, scale: float):
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, torch.asinh(x / self.scale)], dim=1)


class Residual(nn.Module):
    """x + conv(relu(norm(conv(x)))), then ReLU (He et al., arXiv:1512.03385); halves the grid where `stride` is 2."""

    def __init__(self, channels: int, out: int, stride: int):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(),
            nn.Conv2d(out, out, 3, padding=1, bias=False),
            nn.BatchNorm2d(out),
        )
        same = stride == 1 and channels == out
        self.shortcut = nn.Identity() if same else _shortcut(channels, out, stride)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.layers(x) + self.shortcut(x))


def _shortcut(channels: int, out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out, 1, stride=stride, bias=False),
        nn.BatchNorm2d(out),
    )


class MeanAndMax(nn.Module):
    """(n, channels, height, width) -> (n, 2 * channels): mean and maximum of every channel."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1)


@register_model("resnet", images=1, axes=2, recipe=RECIPE)
def resnet(
    inputs: Inputs,
    outputs: dict[str, int],
    *,
    widths: Widths = (16, 32, 64),
    blocks: Annotated[int, Field(ge=1)] = 1,
    dropout: Fraction = 0.2,
    compress: Annotated[float, Field(gt=0)] | None = 0.1,
) -> nn.Module:
    """A residual network with one stage per width, each after the first at half the grid.

    `compress`: asinh(x / compress) is seen beside each channel x, for inputs scaled to about one; None: x alone.
    """

    def trunk(shape: tuple[int, ...]) -> tuple[nn.Module, int]:
        channels = shape[0] if compress is None else 2 * shape[0]
        layers: list[nn.Module] = [
            *([] if compress is None else [WithCompressed(compress)]),
            ChannelsLast(),
            nn.Conv2d(channels, widths[0], 3, padding=1, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        ]
        channels = widths[0]
        for stage, width in enumerate(widths):
            for block in range(blocks):
                layers.append(Residual(channels, width, 2 if stage and not block else 1))
                channels = width
        return nn.Sequential(*layers, MeanAndMax()), 2 * channels

    network = Joined(inputs, outputs, trunk, lambda width: (nn.Dropout(dropout), width))
    network.apply(_initialise)
    return network


def _initialise(module: nn.Module) -> None:
    """He et al., arXiv:1502.01852, and every block starts as its shortcut (Goyal et al., arXiv:1706.02677)."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    if isinstance(module, Residual):
        nn.init.zeros_(module.layers[-1].weight)  # type: ignore[arg-type]
