"""Dense networks on flattened images and features."""

from __future__ import annotations

from typing import Any

from torch import nn

from pidcam.config import merge
from pidcam.models.base import Inputs, register_model
from pidcam.models.blocks import Activation, Fraction, Joined, Positive, Widths, dense_layers, flattened

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
        flattened,
        lambda width: dense_layers(width, widths, [dropout] * len(widths), activation),
    )


@register_model("pxd-mlp", recipe=merge(RECIPE, {"training": {"batch_size": 512}}))
def pxd_mlp(
    inputs: Inputs,
    outputs: dict[str, int],
    *,
    widths: Widths = (64, 64, 32),
    dropout: Fraction = 0.2,
    activation: Activation = "swish",
) -> nn.Module:
    """The dense network of the Belle II pixel studies: swish, a sigmoid layer before the output, dropout between.

    On the six numbers of a cluster, or the 81 pixels of a window. Published are the activations and the dropout; the
    widths are pidcam's.
    """

    def body(width: int) -> tuple[nn.Module, int]:
        layers, width = dense_layers(width, widths[:-1], [dropout] * (len(widths) - 1), activation)
        last, width = dense_layers(width, widths[-1:], [0.0], "sigmoid")
        return nn.Sequential(*layers, *last), width

    return Joined(inputs, outputs, flattened, body)


@register_model("lcd-dnn", images=1, recipe=RECIPE)
def lcd_dnn(
    inputs: Inputs,
    outputs: dict[str, int],
    *,
    width: Positive = 512,
    depth: Positive = 2,
    dropout: Fraction = 0.0,
    activation: Activation = "relu",
) -> nn.Module:
    """The dense network of the LCD study: every image flattened and merged, `depth` layers of `width`."""
    return Joined(
        inputs,
        outputs,
        flattened,
        lambda cells: dense_layers(cells, [width] * depth, [dropout] * depth, activation),
    )
