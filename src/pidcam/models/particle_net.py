"""ParticleNet: a graph network on hits (H. Qu, L. Gouskos, arXiv:1902.08570; Y. Wang et al., arXiv:1801.07829)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pidcam.batch import SparseImage
from pidcam.models.base import Inputs, register_model
from pidcam.models.blocks import Compress, Fraction, Joined, Positive, Widths, layered
from pidcam.models.points import PointFeatures, Points

RECIPE: dict[str, Any] = {
    "transforms": [{"name": "scale", "by": "rms"}],
    "training": {
        "epochs": 20,
        "batch_size": 128,
        "optimiser": {"name": "adamw", "lr": 2e-3, "weight_decay": 1e-2},
        "schedule": {"name": "cosine", "warmup": 0.15},
    },
}


def nearest(place: Tensor, valid: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """(n, points, k) index of the nearest other points, and whether there is one; place (n, points, dimensions).

    Of equally distant points the earlier one is taken: on a grid that is the rule, and scores shall not depend on it.
    """
    with torch.no_grad():
        distance = (place.float().unsqueeze(2) - place.float().unsqueeze(1)).square().sum(dim=3)
        itself = torch.eye(distance.shape[1], dtype=torch.bool, device=distance.device)
        distance, index = distance.masked_fill(itself | ~valid.unsqueeze(1), torch.inf).sort(dim=2, stable=True)
        return index[..., :k], distance[..., :k] < torch.inf


class EdgeConv(nn.Module):
    """x_i -> relu(shortcut(x_i) + mean over neighbours j of h(x_i, x_j - x_i)), h being two dense layers."""

    def __init__(self, width: int, out: int):
        super().__init__()
        # the first layer is linear in x_i and x_j: made once for each point, not for each pair
        self.own, self.other = nn.Linear(width, out), nn.Linear(width, out, bias=False)
        self.layers = nn.Sequential(nn.LayerNorm(out), nn.ReLU(), nn.Linear(out, out), nn.LayerNorm(out), nn.ReLU())
        self.shortcut = nn.Linear(width, out)

    def forward(self, x: Tensor, neighbours: Tensor, exists: Tensor) -> Tensor:
        """x (n, points, width); neighbours, exists (n, points, k)."""
        n, points, k = neighbours.shape
        other = self.other(x)
        index = neighbours.reshape(n, points * k, 1).expand(-1, -1, other.shape[2])
        edges = self.own(x).unsqueeze(2) - other.unsqueeze(2) + other.gather(1, index).view(n, points, k, -1)
        edges = self.layers(edges) * exists.unsqueeze(3)
        mean = edges.sum(dim=2) / exists.sum(dim=2, keepdim=True).clamp(min=1)
        return F.relu(self.shortcut(x) + mean)


class Graph(nn.Module):
    """Hits of one image -> (n, width): edge convolutions among the `k` nearest; `dynamic`: nearest in what the layer
    before has made of them."""

    def __init__(
        self, shape: tuple[int, ...], widths: tuple[int, ...], k: int, dynamic: bool, most: int, compress: float | None
    ):
        super().__init__()
        self.points, self.k, self.dynamic = PointFeatures(shape, most, compress), k, dynamic
        inside = (self.points.width, *widths[:-1])
        self.layers = nn.ModuleList(EdgeConv(a, b) for a, b in zip(inside, widths, strict=True))
        self.width = 2 * widths[-1] + self.points.totals

    def forward(self, hits: SparseImage) -> Tensor:
        points: Points = self.points(hits)
        x, graph = points.features, nearest(points.place, points.valid, self.k)
        for number, layer in enumerate(self.layers):
            if number and self.dynamic:
                graph = nearest(x, points.valid, self.k)
            x = layer(x, *graph)
        x = x * points.valid.unsqueeze(2)  # not negative: an event without hits has mean and maximum zero
        mean = x.sum(dim=1) / points.valid.sum(dim=1, keepdim=True).clamp(min=1)
        return torch.cat([mean, x.amax(dim=1), points.totals.to(x.dtype)], dim=1)


@register_model("particle-net", images=1, hits=True, recipe=RECIPE)
def particle_net(
    inputs: Inputs,
    outputs: dict[str, int],
    *,
    widths: Widths = (32, 64),
    neighbours: Positive = 8,
    dynamic: bool = False,
    points: Positive = 64,
    dense: Widths = (64,),
    dropout: Fraction = 0.1,
    compress: Compress = 0.1,
) -> nn.Module:
    """ParticleNet, edge convolutions on the graph of nearest hits, straight from the store.

    `points`: the hits with the largest first channel are taken, so many at most; number and sums are of all hits.
    `dynamic`: after the first layer neighbours are the nearest in its features, as published; by default they stay the
    nearest in the detector, which costs less, and no rounding can exchange them.
    """

    def trunk(shape: tuple[int, ...]) -> tuple[nn.Module, int]:
        network = Graph(shape, widths, neighbours, dynamic, points, compress)
        return network, network.width

    return Joined(inputs, outputs, trunk, layered(dense, dropout), hits=True)
