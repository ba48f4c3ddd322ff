"""What networks share: one trunk per image, embeddings and features joined, one linear head per output."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from pidcam.batch import Batch
from pidcam.models.base import Inputs

Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[int, Field(ge=1)]
Widths = tuple[Positive, ...]
Activation = Literal["relu", "swish", "sigmoid", "gelu"]
Compress = Annotated[float, Field(gt=0)] | None

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "swish": nn.SiLU,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
}

Trunk = Callable[[tuple[int, ...]], tuple[nn.Module, int]]
"""(channels, *shape) -> (network from the image to an embedding, width of the embedding)."""
Layers = Callable[[int], tuple[nn.Module, int]]
"""Width that comes in -> (network, width that comes out)."""


def flattened(shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    """The trunk of a dense network: every value of the image."""
    return nn.Flatten(), math.prod(shape)


def dropped(fraction: float) -> Layers:
    """Nothing between trunk and heads but dropout."""
    return lambda width: (nn.Dropout(fraction), width)


def layered(widths: Sequence[int], dropout: float = 0.0) -> Layers:
    """`dense_layers` of `widths`, with the same dropout after each."""
    return lambda width: dense_layers(width, widths, [dropout] * len(widths))


EMBEDDED = layered((64, 32))
"""What features go through in networks that have no dense layers behind their trunks."""


class FeatureNorm(nn.Module):
    """Scales every feature (n, k) to zero mean and unit spread of the training events, whatever its unit.

    Mean and variance are those of all training events seen so far, in training as in evaluation: both modes do the
    same (T. Chan et al., 1979, for the update).
    """

    seen: Tensor
    mean: Tensor
    variance: Tensor

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("variance", torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        if self.training and len(x):
            self._update(x.detach().double())
        spread = self.variance.sqrt()
        return (x - self.mean) / torch.where(spread > 0, spread, 1)

    def _update(self, x: Tensor) -> None:
        new, total = len(x), self.seen.double() + len(x)
        mean, variance = x.mean(dim=0), x.var(dim=0, correction=0)
        step = mean - self.mean
        variance = (self.variance * self.seen + variance * new + step**2 * self.seen * new / total) / total
        self.mean.copy_(self.mean + step * new / total)
        self.variance.copy_(variance)
        self.seen.copy_(total)


class Heads(nn.Module):
    """(n, width) -> {output name: (n, its width)}, one linear layer each."""

    def __init__(self, width: int, outputs: dict[str, int]):
        super().__init__()
        self.names = tuple(outputs)
        self.linear = nn.ModuleList(nn.Linear(width, k) for k in outputs.values())

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {name: linear(x) for name, linear in zip(self.names, self.linear, strict=True)}


class Joined(nn.Module):
    """The network of any schema: a trunk per image, layers for the features, a body after all are concatenated.

    `features`: layers that the scaled features go through first (default: none); `hits`: trunks take `SparseImage`;
    `shared`: images of one shape go through the same trunk.
    """

    def __init__(
        self,
        inputs: Inputs,
        outputs: dict[str, int],
        trunk: Trunk,
        body: Layers,
        *,
        features: Layers = lambda width: (nn.Identity(), width),
        hits: bool = False,
        shared: bool = False,
    ):
        super().__init__()
        self.images, self.features, self.hits = tuple(inputs.images), inputs.features, hits
        shapes = list(inputs.images.values())
        kinds = list(dict.fromkeys(shapes)) if shared else shapes
        self.trunk_of = tuple(kinds.index(shape) for shape in shapes) if shared else tuple(range(len(shapes)))
        built = [trunk(shape) for shape in kinds]
        self.trunks = nn.ModuleList(network for network, _ in built)
        width = sum(built[k][1] for k in self.trunk_of)
        self.norm: nn.Module | None = None
        if self.features:
            layers, embedded = features(len(self.features))
            self.norm = nn.Sequential(FeatureNorm(len(self.features)), layers)
            width += embedded
        self.body, width = body(width)
        self.heads = Heads(width, outputs)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        picture = batch.hits if self.hits else batch.dense
        parts = [self.trunks[k](picture(name)) for name, k in zip(self.images, self.trunk_of, strict=True)]
        if self.norm is not None:
            parts.append(self.norm(batch.stack_features(self.features)).to(parts[0].dtype if parts else None))
        return self.heads(self.body(torch.cat(parts, dim=1)))


def compressed(x: Tensor, scale: float | None) -> Tensor:
    """(n, channels, ...) -> (n, 2 * channels, ...): every channel x, and asinh(x / scale) beside it; None: x alone.

    Showers have cells of 1 and of 1/1000 of the largest; the logarithm shows the small ones, the linear copy keeps the
    energy. Odd, and zero stays zero.
    """
    return x if scale is None else torch.cat([x, torch.asinh(x / scale)], dim=1)


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
