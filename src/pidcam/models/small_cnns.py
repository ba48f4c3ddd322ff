"""Small convolutional networks of published studies, on images of any number of axes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from torch import nn

from pidcam.config import merge
from pidcam.models.base import Inputs, register_model
from pidcam.models.blocks import Compress, Fraction, Joined, Positive, Widths, layered
from pidcam.models.cnn import trunk_of
from pidcam.models.grids import AXES, Compressed, MeanAndMax, Patches, convolution, group_norm, halved, stem, strides
from pidcam.models.mlp import RECIPE


def _smaller_batches(size: int) -> dict[str, Any]:
    return merge(RECIPE, {"training": {"batch_size": size}})


@register_model("pxd-cnn", images=1, axes=2, recipe=RECIPE)
def pxd_cnn(
    inputs: Inputs,
    outputs: dict[str, int],
    *,
    widths: Widths = (32, 64),
    dense: Widths = (128,),
    dropout: Fraction = 0.3,
    compress: Compress = 0.1,
) -> nn.Module:
    """A convolutional network for pixel windows: two 3x3 convolutions, one pooling, a dense layer.

    What the Belle II studies of 9 x 9 windows used; sizes are pidcam's.
    """

    def trunk(shape: tuple[int, ...]) -> tuple[nn.Module, int]:
        first, grid, channels = _coarse(shape, 24, compress)
        return trunk_of((channels, *grid), (widths,), first=first)

    return Joined(inputs, outputs, trunk, layered(dense, dropout))


@register_model("one-filter-cnn", images=1, axes=AXES, recipe=RECIPE)
def one_filter_cnn(inputs: Inputs, outputs: dict[str, int], *, compress: Compress = 0.1) -> nn.Module:
    """One 3x3 convolution with one filter, pooled by two, and the output: the least a convolution can be."""

    def trunk(shape: tuple[int, ...]) -> tuple[nn.Module, int]:
        return trunk_of((2 * shape[0] if compress else shape[0], *shape[1:]), ((1,),), first=[Compressed(compress)])

    return Joined(inputs, outputs, trunk, lambda width: (nn.Identity(), width))


@register_model("cnn-3d", images=1, axes=3, recipe=_smaller_batches(128))
def cnn_3d(
    inputs: Inputs,
    outputs: dict[str, int],
    *,
    widths: Widths = (8, 16, 32),
    dense: Widths = (128,),
    dropout: Fraction = 0.2,
    compress: Compress = 0.1,
    most_cells: Positive = 25,
) -> nn.Module:
    """A convolutional network on volumes, one trunk for each (LCD: ECAL and HCAL), merged before the dense layers.

    3x3x3 convolutions and pooling by two for each of `widths`; axes of more than `most_cells` are made coarser first.
    """

    def trunk(shape: tuple[int, ...]) -> tuple[nn.Module, int]:
        first, grid, channels = _coarse(shape, most_cells, compress)
        return trunk_of((channels, *grid), [(width,) for width in widths], first=first)

    return Joined(inputs, outputs, trunk, layered(dense, dropout))


def _coarse(shape: tuple[int, ...], most: int, compress: float | None) -> tuple[list[nn.Module], tuple[int, ...], int]:
    """(first layers, grid, channels) with at most `most` cells along an axis; patches where there are more."""
    channels, *grid = shape
    step = strides(grid, most)
    channels *= 1 if compress is None else 2
    layers: list[nn.Module] = [Compressed(compress)]
    if max(step) > 1:
        layers.append(Patches(channels, 8 * channels, step))
        channels *= 8
    return layers, halved(grid, step), channels


class Separable(nn.Module):
    """Depthwise 3x3, pointwise, group normalisation, ReLU (F. Chollet, arXiv:1610.02357); halves the grid."""

    def __init__(self, axes: int, channels: int, out: int):
        super().__init__()
        self.layers = nn.Sequential(
            convolution(axes, channels, channels, 3, stride=2, groups=channels, bias=False),
            convolution(axes, channels, out, 1, bias=False),
            group_norm(out),
            nn.ReLU(),
        )

    def forward(self, x):  # type: ignore[no-untyped-def]
        return self.layers(x)


@register_model("two-branch", images=1, axes=AXES, needs_features=True, recipe=_smaller_batches(128))
def two_branch(
    inputs: Inputs,
    outputs: dict[str, int],
    *,
    widths: Widths = (16, 32, 64, 128),
    features: Widths = (32, 32),
    dense: Widths = (64,),
    dropout: Fraction = 0.2,
    compress: Compress = 0.1,
    most_cells: Positive = 64,
) -> nn.Module:
    """Two branches, depthwise-separable convolutions on images and dense layers on features, joined before the output.

    The quark/gluon network on jet images beside pt and m0. Its normalisations are the same in training and in
    evaluation, and its inputs are scaled.
    """

    def trunk(shape: tuple[int, ...]) -> tuple[nn.Module, int]:
        layers, grid = stem(shape, widths[0], most_cells, compress)
        layers += [group_norm(widths[0]), nn.ReLU()]
        for channels, out in pairwise(widths):
            layers.append(Separable(len(grid), channels, out))
        return nn.Sequential(*layers, MeanAndMax()), 2 * widths[-1]

    return Joined(
        inputs,
        outputs,
        trunk,
        layered(dense, dropout),
        features=layered(features),
    )
