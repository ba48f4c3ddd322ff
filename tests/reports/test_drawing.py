"""The drawing of a model: every layer and parameter counted once, repeated blocks drawn once, the model left alone."""

import pytest
import torch
from torch import nn

from pidcam import reports
from pidcam.batch import Batch
from pidcam.errors import DataError
from pidcam.reports.drawing import boxes_of, merge_repeats
from pidcam.reports.layers import layer_table


class Block(nn.Module):
    def __init__(self, width, out):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(width, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU(), nn.Conv2d(out, out, 3, padding=1)
        )
        self.shortcut = nn.Conv2d(width, out, 1) if width != out else nn.Identity()

    def forward(self, x):
        return self.layers(x) + self.shortcut(x)


class Network(nn.Module):
    """A stem, four blocks, attention (which uses its projection without calling it), a weight of its own, a head."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3, stride=2, padding=1)
        self.blocks = nn.Sequential(Block(4, 4), Block(4, 4), Block(4, 4), Block(4, 8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.drop = nn.Dropout(0.5)
        self.scale = nn.Parameter(torch.ones(3))
        self.head = nn.Linear(8, 1)

    def forward(self, batch):
        x = self.blocks(self.stem(batch.images["ecal"])).flatten(2).transpose(1, 2)
        x = self.attention(x, x, x, need_weights=False)[0].mean(dim=1)
        return {"logit": self.head(self.drop(x)) * self.scale.sum()}


@pytest.fixture
def image_batch():
    n = 2
    empty = torch.zeros(n, dtype=torch.long)
    return Batch({"ecal": torch.randn(n, 2, 8, 8)}, {}, {}, empty, torch.ones(n), torch.zeros(n, 2, dtype=torch.long))


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Network()


def test_layer_table_counts_every_parameter_once(network, image_batch):
    rows = layer_table(network, image_batch)
    assert sum(row["parameters"] for row in rows) == sum(p.numel() for p in network.parameters())
    stem = rows[0]
    assert stem["name"] == "stem"
    assert stem["type"] == "Conv2d"
    assert stem["output_shape"] == (4, 4, 4)
    assert stem["detail"] == "3\N{MULTIPLICATION SIGN}3, stride 2"
    assert stem["parameters"] == 2 * 4 * 9 + 4
    attention = next(row for row in rows if row["type"] == "MultiheadAttention")
    assert attention["parameters"] == sum(p.numel() for p in network.attention.parameters())


def test_a_layer_called_twice_is_counted_once(image_batch):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Conv2d(2, 2, 1)

        def forward(self, batch):
            return {"x": self.layer(self.layer(batch.images["ecal"]))}

    assert [row["parameters"] for row in layer_table(Twice(), image_batch)] == [6, 0]


def test_the_model_is_left_as_it_was(network, image_batch):
    network.train()
    network.blocks[0].eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    modes = [m.training for m in network.modules()]
    layer_table(network, image_batch)
    assert [m.training for m in network.modules()] == modes
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert not any(m._forward_hooks for m in network.modules())


def test_repeated_blocks_are_drawn_once(network, image_batch):
    boxes = merge_repeats(boxes_of(layer_table(network, image_batch)))
    blocks = [box for box in boxes if box.title == "Block"]
    assert [box.times for box in blocks] == [3, 1]
    assert blocks[1].lines[-1].startswith("shortcut: Conv2d")
    assert sum(box.parameters * box.times for box in boxes) == sum(p.numel() for p in network.parameters())


def test_the_drawing_says_shapes_and_parameters(network, image_batch):
    rows = layer_table(network, image_batch)
    figure = reports.structure(rows, title="toy", inputs={"ecal": (2, 8, 8)})
    found = [text.get_text() for axes in figure.axes for text in axes.texts]
    times = "\N{MULTIPLICATION SIGN}"
    assert f"2 {times} 8 {times} 8" in found
    assert f"3 {times} Block" in found
    assert figure.axes[0].get_title(loc="left").startswith("toy: ")
    with pytest.raises(DataError, match="no layers"):
        reports.structure([])


def test_a_model_without_layers_is_described():
    figure = reports.description("boosted trees", {"trees": 3000, "objective": "binary"})
    assert {"boosted trees", "trees: 3,000", "objective: binary"} <= {t.get_text() for t in figure.axes[0].texts}
