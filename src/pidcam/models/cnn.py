"""Plain convolutional networks: the e/gamma challenge's reference network and the small one of its 2023 report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import nn

from pidcam.models.base import Inputs, register_model
from pidcam.models.blocks import Joined, dense_layers
from pidcam.models.grids import ChannelsLast, FlattenChannelsLast, convolution, pool

REFERENCE_RECIPE: dict[str, Any] = {
    "transforms": [],
    "training": {
        "epochs": 50,
        "batch_size": 512,
        "optimiser": {"name": "adam", "lr": 1e-3, "betas": [0.9, 0.999], "eps": 1e-7, "keras_epsilon": True},
        "schedule": {
            "name": "plateau",
            "factor": 0.5,
            "patience": 2,
            "min_delta": 1e-4,
            "cooldown": 1,
            "min_lr": 1e-10,
        },
        "early_stopping": {"patience": 4, "min_delta": 0.0},
    },
}


@register_model("reference-cnn", images=1, axes=2, recipe=REFERENCE_RECIPE)
def reference_cnn(inputs: Inputs, outputs: dict[str, int]) -> nn.Module:
    """The convolutional network of the e/gamma challenge's reference notebook, layer for layer.

    868,993 parameters on 2x32x32 images and one output. Weights start from a normal distribution of standard deviation
    0.05 cut at two of them, biases at zero (Keras's TruncatedNormal).
    """
    network = Joined(
        inputs,
        outputs,
        lambda shape: trunk_of(shape, ((32, 32), (64, 64), (128, 128))),
        lambda width: dense_layers(width, (256, 128, 128, 64), (0.4, 0.4, 0.25, 0.3)),
    )
    network.apply(_truncated_normal)
    return network


@register_model("small-cnn", images=1, axes=2, recipe=REFERENCE_RECIPE)
def small_cnn(inputs: Inputs, outputs: dict[str, int]) -> nn.Module:
    """The small convolutional network of the 2023 e/gamma report.

    Conv 32, 64 / pool / 64, 64, 64 / pool / dense 64, 64; 396,321 parameters on 2x32x32 images and one output. Weights
    start as in Keras by default (Glorot uniform, zero bias).
    """
    network = Joined(
        inputs,
        outputs,
        lambda shape: trunk_of(shape, ((32, 64), (64, 64, 64))),
        lambda width: dense_layers(width, (64, 64), (0.0, 0.0)),
    )
    network.apply(_glorot)
    return network


def trunk_of(
    shape: tuple[int, ...], stages: Sequence[Sequence[int]], *, first: Sequence[nn.Module] = ()
) -> tuple[nn.Module, int]:
    """3x3 convolutions with padding and ReLU, max-pooling by two after each stage, flattened; with the flat width."""
    channels, *grid = shape
    layers: list[nn.Module] = [*first, ChannelsLast()]
    for stage in stages:
        for out in stage:
            layers += [convolution(len(grid), channels, out, 3), nn.ReLU()]
            channels = out
        pooling, grid[:] = pool(grid)
        layers.append(pooling)
    return nn.Sequential(*layers, FlattenChannelsLast()), channels * math.prod(grid)


def _truncated_normal(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.05, a=-0.1, b=0.1)
        nn.init.zeros_(module.bias)  # type: ignore[arg-type]


def _glorot(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)  # type: ignore[arg-type]
