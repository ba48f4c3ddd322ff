"""The layers of a network in the order they run, found by sending a batch through it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from pidcam.batch import Batch
from pidcam.reports.style import TIMES

_DETAILS = {"kernel_size": "", "stride": "stride ", "groups": "groups ", "p": "p = ", "num_heads": "heads "}
_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_PLAIN = {"stride": 1, "groups": 1}


def layer_table(module: nn.Module, batch: Batch) -> list[dict[str, Any]]:
    """One row per layer call: `name` (dotted path), `type`, `detail`, `output_shape` (without events), `parameters`,
    and the `block` (dotted path, None outside of any) and `block_type` it belongs to.

    The module is run once on `batch` (a few events are enough) in evaluation mode and left as it was. A layer called
    again has 0 parameters in its later rows, so that the column adds up to the whole module.
    """
    rows: list[dict[str, Any]] = []
    counted: set[int] = set()
    every = dict(module.named_modules())

    def record(name: str, layer: nn.Module, own: Iterable[nn.Parameter], output: Any) -> None:
        fresh = {id(p): p.numel() for p in own if id(p) not in counted}
        counted.update(fresh)
        block = _block(name, every)
        rows.append(
            {
                "name": name,
                "type": type(layer).__name__ if name else "weights of its own",
                "detail": _detail(layer),
                "output_shape": _shape(output),
                "parameters": sum(fresh.values()),
                "block": block,
                "block_type": type(every[block]).__name__ if block else None,
            }
        )

    def watch(name: str, layer: nn.Module) -> RemovableHandle:
        own = list(layer.parameters(recurse=_is_layer(layer)))
        return layer.register_forward_hook(lambda _, __, output: record(name, layer, own, output))

    handles = [
        watch(name, layer)
        for name, layer in every.items()
        if _is_layer(layer) or any(True for _ in layer.parameters(recurse=False))
    ]
    training = {layer: layer.training for layer in every.values()}
    try:
        module.eval()
        # with gradients on, transformers take the plain path through their layers, where hooks see them
        with torch.enable_grad():
            output = module(batch)
    finally:
        for handle in handles:
            handle.remove()
        for layer, mode in training.items():
            layer.training = mode
    left = [p for p in module.parameters() if id(p) not in counted]
    if left:  # weights that some layer uses without being called
        record("", module, left, output)
    return rows


def _is_layer(module: nn.Module) -> bool:
    """Attention uses the weights of its projection without calling it, so it counts whole."""
    return isinstance(module, nn.MultiheadAttention) or not any(True for _ in module.children())


def _block(name: str, every: dict[str, nn.Module]) -> str | None:
    """The block a layer belongs to: a class of somebody's own around it, preferably one in a numbered row of them."""
    parts = name.split(".")
    around = [".".join(parts[:i]) for i in range(1, len(parts))]
    blocks = [path for path in around if not isinstance(every[path], _CONTAINERS)]
    numbered = [path for path in blocks if path.rpartition(".")[2].isdigit()]
    return (numbered or blocks)[-1] if blocks else None


def _shape(output: Any) -> tuple[int, ...] | None:
    """Shape of the first tensor found, without the axis of events."""
    if isinstance(output, Tensor):
        return tuple(output.shape[1:])
    if isinstance(output, dict):
        output = list(output.values())
    if isinstance(output, list | tuple):
        return next((shape for shape in map(_shape, output) if shape is not None), None)
    return None


def _detail(layer: nn.Module) -> str:
    """`3x3, stride 2`: what tells two layers of one type apart beyond their output shape."""
    parts = []
    for key, text in _DETAILS.items():
        value = getattr(layer, key, None)
        if isinstance(value, tuple) and len(set(value)) == 1 and key != "kernel_size":
            value = value[0]
        if value is None or isinstance(value, Tensor) or value == _PLAIN.get(key):
            continue
        if key == "stride" and value in (getattr(layer, "kernel_size", None), _first(layer)):
            continue  # pooling without overlap is what a reader expects
        if key == "kernel_size" and not isinstance(value, tuple):
            value = (value,) * int((re.findall(r"[123](?=d$)", type(layer).__name__) or ["1"])[0])
        parts.append(text + (TIMES.join(map(str, value)) if isinstance(value, tuple) else f"{value}"))
    return ", ".join(parts)


def _first(layer: nn.Module) -> Any:
    kernel = getattr(layer, "kernel_size", None)
    return kernel[0] if isinstance(kernel, tuple) and len(set(kernel)) == 1 else kernel
