"""How large a model is on a detector: parameters, and floating-point operations of one event."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from pidcam.batch import Batch, SparseImage
from pidcam.models.base import ModelEntry
from pidcam.schema import EventSchema

HITS = 200
"""Hits of an image that the operations of models on hits are counted for (fewer where it has fewer cells)."""


@dataclass(frozen=True)
class Size:
    """Number of weights, and operations of one event going forward (a multiplication and an addition are two)."""

    parameters: int
    flops: int


def parameters(entry: ModelEntry, schema: EventSchema, outputs: dict[str, int]) -> int | None:
    """Number of weights, counted without making them; None for trees, which grow."""
    module = _weightless(entry, schema, outputs)
    return None if module is None else sum(p.numel() for p in module.parameters())


def _weightless(entry: ModelEntry, schema: EventSchema, outputs: dict[str, int]) -> torch.nn.Module | None:
    with torch.device("meta"):
        module = entry(schema, outputs)
    return module if isinstance(module, torch.nn.Module) else None


def size(entry: ModelEntry, schema: EventSchema, outputs: dict[str, int]) -> Size | None:
    """Counted without making weights or images where the model allows it; None for trees, which grow."""
    module = _weightless(entry, schema, outputs)
    if module is None:
        return None
    device = "meta"
    if entry.hits:  # which hits are neighbours depends on where they are: they have to be there
        module, device = entry(schema, outputs), "cpu"
    counter = _Counter()
    with torch.no_grad(), counter:
        module.eval()(an_event(schema, hits=entry.hits, device=device))
    return Size(sum(p.numel() for p in module.parameters()), counter.flops)


class _Counter(TorchDispatchMode):
    """Adds up what convolutions and matrix products take, by PyTorch's own formulas (the rest is small beside them)."""

    flops = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.flops += int(formula(*args, **(kwargs or {}), out_val=out))
        return out


def an_event(schema: EventSchema, *, hits: bool = False, device: str = "cpu", n: int = 1) -> Batch:
    """A batch of n events that has the form of the schema's, every image with `HITS` hits at random."""
    generator = torch.Generator().manual_seed(0)

    def picture(shape: tuple[int, ...], channels: int) -> torch.Tensor | SparseImage:
        if not hits:
            return torch.zeros(n, channels, *shape, device=device)
        cells, count = math.prod(shape), min(HITS, math.prod(shape))
        drawn = [torch.randperm(cells, generator=generator)[:count].sort().values for _ in range(n)]
        place = torch.stack(torch.unravel_index(torch.cat(drawn), shape), dim=1)
        value = torch.rand(n * count, channels, generator=generator)
        return SparseImage(count * torch.arange(n + 1), place, value, shape)

    empty = torch.zeros(n, device=device)
    return Batch(
        images={i.name: picture(i.shape, len(i.channels)) for i in schema.images},
        features={f.name: empty for f in schema.features},
        targets={},
        label=empty.long(),
        weight=torch.ones(n, device=device),
        event=torch.zeros(n, 2, dtype=torch.int64, device=device),
    )
