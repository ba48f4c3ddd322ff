"""Parts that networks share: one trunk per image, embeddings and features joined, one linear head per output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from pidcam.batch import Batch
from pidcam.models.base import Inputs

Fraction = Annotated[float, Field(ge=0, lt=1)]
Widths = tuple[Annotated[int, Field(ge=1)], ...]
Activation = Literal["relu", "swish", "sigmoid", "gelu"]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "swish": nn.SiLU,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
}


class FeatureNorm(nn.BatchNorm1d):
    """Scales every feature (n, k) to zero mean and unit spread of the training events, whatever its unit."""

    def __init__(self, width: int):
        super().__init__(width, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.training and len(x) < 2:  # one event has no spread to learn from
            return F.batch_norm(x, self.running_mean, self.running_var, training=False, eps=self.eps)
        return super().forward(x)


class Heads(nn.Module):
    """(n, width) -> {output name: (n, its width)}, one linear layer each."""

    def __init__(self, width: int, outputs: dict[str, int]):
        super().__init__()
        self.names = tuple(outputs)
        self.linear = nn.ModuleList(nn.Linear(width, k) for k in outputs.values())

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {name: linear(x) for name, linear in zip(self.names, self.linear, strict=True)}


class Joined(nn.Module):
    """The network of any schema: `trunk(shape)` gives (network, embedding width) for each image, `body(width)` the
    layers after the embeddings and the features are concatenated, (network, width before the heads)."""

    def __init__(
        self,
        inputs: Inputs,
        outputs: dict[str, int],
        trunk: Callable[[tuple[int, ...]], tuple[nn.Module, int]],
        body: Callable[[int], tuple[nn.Module, int]],
    ):
        super().__init__()
        self.images, self.features = tuple(inputs.images), inputs.features
        trunks = [trunk(shape) for shape in inputs.images.values()]
        self.trunks = nn.ModuleList(network for network, _ in trunks)
        self.norm = FeatureNorm(len(self.features)) if self.features else None
        self.body, width = body(sum(width for _, width in trunks) + len(self.features))
        self.heads = Heads(width, outputs)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        parts = [trunk(batch.dense(name)) for name, trunk in zip(self.images, self.trunks, strict=True)]
        if self.norm is not None:
            parts.append(self.norm(batch.stack_features(self.features)).to(parts[0].dtype if parts else None))
        return self.heads(self.body(torch.cat(parts, dim=1)))


class ChannelsLast(nn.Module):
    """Lays (n, channels, height, width) out channel by channel per cell, which convolutions on CPUs and GPUs prefer."""

    def forward(self, x: Tensor) -> Tensor:
        return x.contiguous(memory_format=torch.channels_last)


class FlattenChannelsLast(nn.Module):
    """(n, channels, height, width) -> (n, height * width * channels), in the order of Keras."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


def dense_layers(
    width: int, widths: Sequence[int], dropout: Sequence[float], activation: str = "relu"
) -> tuple[nn.Sequential, int]:
    """Linear, activation, dropout for each of `widths`, from an input of `width`; with the width that comes out."""
    layers: list[nn.Module] = []
    for out, p in zip(widths, dropout, strict=True):
        layers += [nn.Linear(width, out), ACTIVATIONS[activation]()]
        layers += [nn.Dropout(p)] if p else []
        width = out
    return nn.Sequential(*layers), width
