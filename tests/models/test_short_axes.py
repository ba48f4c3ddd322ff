"""Convolutions over axes shorter than their kernel: the same numbers in every precision, whatever lies in memory."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pidcam.models.grids import CONVOLUTIONS, convolution

FORMATS = {1: torch.contiguous_format, 2: torch.channels_last, 3: torch.channels_last_3d}
SHAPES = [
    ((2, 2, 4), 3, 1),  # the last stage of a resnet on 5 x 5 x 60 cells
    ((2, 5, 5), 3, 1),
    ((3, 3, 3), 5, 1),
    ((4, 4, 4), 5, 2),
    ((4, 1), 3, 2),
    ((5, 1), 5, 2),
    ((1,), 3, 2),
]


def litter(value: float) -> None:
    """Leave `value` in the memory that is handed out next."""
    blocks = [torch.full((2**power,), value) for power in range(8, 22, 2) for _ in range(4)]
    del blocks


def results(layer: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """Output, and gradients of the input and of the weights."""
    x = x.detach().clone().contiguous(memory_format=FORMATS[x.dim() - 2]).requires_grad_()
    layer.zero_grad()
    y = layer(x)
    y.backward(torch.linspace(-1, 1, y.numel()).reshape(y.shape).to(y.dtype))
    return [y.detach().float(), x.grad.float(), layer.weight.grad.float().clone()]


@pytest.mark.parametrize(("shape", "kernel", "stride"), SHAPES)
def test_gradients_in_bfloat16_are_those_in_fp32(shape, kernel, stride):
    torch.manual_seed(0)
    layer = convolution(len(shape), 16, 32, kernel, stride=stride, bias=False)
    x = torch.randn(32, 16, *shape)
    exact = results(layer, x)
    for left in (float("nan"), 1e30, 1.0):
        litter(left)
        with torch.autocast("cpu", torch.bfloat16):
            found = results(layer, x)
        for name, a, b in zip(("output", "of the input", "of the weights"), found, exact, strict=True):
            assert float((a - b).abs().max()) < 0.03 * float(b.abs().max()), f"{name}, {left} left in memory"


@pytest.mark.parametrize(("shape", "kernel", "stride"), [*SHAPES, ((6, 7, 8), 3, 2), ((9, 9), 3, 1), ((12,), 5, 2)])
def test_the_layer_is_torchs_own_in_fp32(shape, kernel, stride):
    torch.manual_seed(0)
    layer = convolution(len(shape), 3, 4, kernel, stride=stride)
    plain = CONVOLUTIONS[len(shape)](3, 4, kernel, padding=kernel // 2, stride=stride)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(5, 3, *shape)
    for a, b in zip(results(layer, x), results(plain, x), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
