"""Dense networks on flattened images and features."""

from __future__ import annotations

from typing import Any

from torch import nn

from pidcam.models.base import Inputs, register_model
from pidcam.models.blocks import Activation, Fraction, Joined, Widths, dense_layers

RECIPE: dict[str, Any] = {
    "transforms": [{"name": "scale", "by": "rms"}],
    "training": {
        "epochs": 30,
        "batch_size": 256,
        "optimiser": {"name": "adamw", "lr": 1e-3, "weight_decay": 1e-2},
        "schedule": {"name": "cosine", "warmup": 0.1},
        "early_stopping": {"patience": 10},
    },
}


@register_model("mlp", recipe=RECIPE)
def mlp(
    inputs: Inputs,
    outputs: dict[str, int],
    *,
    widths: Widths = (256, 128),
    dropout: Fraction = 0.3,
    activation: Activation = "relu",
) -> nn.Module:
    """A dense network on every cell of every image and every feature."""
    return Joined(
        inputs,
        outputs,
        lambda shape: (nn.Flatten(), _cells(shape)),
        lambda width: dense_layers(width, widths, [dropout] * len(widths), activation),
    )


def _cells(shape: tuple[int, ...]) -> int:
    cells = 1
    for size in shape:
        cells *= size
    return cells
