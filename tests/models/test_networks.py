"""The published networks, layer for layer, and their initial weights."""

import pytest
import torch
from torch import nn

from pidcam.models.base import Inputs, models
from pidcam.models.blocks import FeatureNorm

ECAL = Inputs({"ecal": (2, 32, 32)})


def network(name, **options):
    return models[name].build(ECAL, {"logit": 1}, **options)


def parameters(model):
    return sum(p.numel() for p in model.parameters())


def test_the_reference_cnn_has_the_parameters_of_the_notebook():
    assert parameters(network("reference-cnn")) == 868_993


def test_the_reference_cnn_is_the_notebooks_layer_for_layer():
    model = network("reference-cnn")
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    dense = [m for m in model.modules() if isinstance(m, nn.Linear)]
    assert [c.out_channels for c in convolutions] == [32, 32, 64, 64, 128, 128]
    assert [(d.in_features, d.out_features) for d in dense] == [(2048, 256), (256, 128), (128, 128), (128, 64), (64, 1)]
    assert [m.p for m in model.modules() if isinstance(m, nn.Dropout)] == [0.4, 0.4, 0.25, 0.3]
    assert sum(isinstance(m, nn.MaxPool2d) for m in model.modules()) == 3


def test_its_weights_start_from_a_normal_cut_at_two_sigma():
    torch.manual_seed(0)
    for module in network("reference-cnn").modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            assert module.weight.abs().max() <= 0.1
            assert not module.bias.any()
            if module.weight.numel() > 10_000:
                # a unit normal cut at two sigma has standard deviation 0.8796
                assert module.weight.std().item() == pytest.approx(0.05 * 0.8796, rel=0.02)


def test_the_small_cnn_is_that_of_the_report():
    model = network("small-cnn")
    assert [m.out_channels for m in model.modules() if isinstance(m, nn.Conv2d)] == [32, 64, 64, 64, 64]
    dense = [m for m in model.modules() if isinstance(m, nn.Linear)]
    assert [(d.in_features, d.out_features) for d in dense] == [(4096, 64), (64, 64), (64, 1)]
    assert parameters(model) == 396_321


def test_dense_layers_see_the_image_in_the_order_of_keras():
    model = network("reference-cnn")
    flatten = model.trunks[0][-1]
    image = torch.arange(2 * 3 * 4).reshape(1, 2, 3, 4)
    assert torch.equal(flatten(image)[0], image[0].permute(1, 2, 0).flatten())


def test_the_resnet_keeps_every_cell_in_its_stem_and_halves_per_stage():
    model = network("resnet", widths=(4, 8, 16), blocks=1).eval()
    seen = []
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda module, inputs, output: seen.append(tuple(output.shape[1:])))
    model.trunks[0](torch.zeros(1, 2, 32, 32))
    assert seen[0] == (4, 32, 32)
    assert seen[-1] == (16, 8, 8)


@pytest.mark.parametrize("activation", ["relu", "swish", "sigmoid"])
def test_the_mlp_takes_its_widths_and_activation(activation):
    model = network("mlp", widths=(8, 4), activation=activation, dropout=0.0)
    assert parameters(model) == (2 * 32 * 32 + 1) * 8 + (8 + 1) * 4 + (4 + 1)
    kind = {"relu": nn.ReLU, "swish": nn.SiLU, "sigmoid": nn.Sigmoid}[activation]
    assert sum(isinstance(m, kind) for m in model.modules()) == 2


def test_features_are_scaled_whatever_their_unit():
    x = torch.randn(500, 2) * torch.tensor([1e4, 1e-3]) + torch.tensor([1e5, 0.0])
    y = FeatureNorm(2)(x)
    torch.testing.assert_close(y.mean(0), torch.zeros(2), atol=1e-2, rtol=0)
    torch.testing.assert_close(y[:, 0].std(), torch.tensor(1.0), atol=1e-2, rtol=0)
