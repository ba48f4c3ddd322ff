"""A network so small that it only sees the summed charge."""

import torch
from torch import Tensor, nn

from pidcam.batch import Batch
from pidcam.models.base import Inputs, register_model


class Total(nn.Module):
    """Summed channels and features -> one linear layer per output."""

    def __init__(self, inputs: Inputs, outputs: dict[str, int], width: int):
        super().__init__()
        self.images, self.features = tuple(inputs.images), inputs.features
        columns = sum(shape[0] for shape in inputs.images.values()) + len(self.features)
        self.body = nn.Sequential(nn.Linear(columns, width), nn.ReLU())
        self.heads = nn.ModuleDict({name: nn.Linear(width, size) for name, size in outputs.items()})

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        sums = [batch.dense(name).flatten(2).sum(2) for name in self.images]
        hidden = self.body(torch.cat([*sums, batch.stack_features(self.features)], dim=1))
        return {name: head(hidden) for name, head in self.heads.items()}


@register_model("total", images=1, recipe={"transforms": [{"name": "scale"}], "training": {"epochs": 2}})
def total(inputs: Inputs, outputs: dict[str, int], *, width: int = 16) -> nn.Module:
    """A small network on the summed charge."""
    return Total(inputs, outputs, width)
