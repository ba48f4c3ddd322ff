"""Importance and attributions of models whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toys import judged, schema, task

from pidcam.batch import Batch
from pidcam.evaluation.importance import importance, parts_of, rings, shuffled
from pidcam.evaluation.saliency import integrated_gradients
from pidcam.schema import Column, EventSchema


def batch(n=60, seed=0, features=()):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(n, 2, 5, 5, generator=generator)
    values = {name: torch.rand(n, generator=generator) for name in features}
    zeros = torch.zeros(n, dtype=torch.int64)
    return Batch({"ecal": images}, values, {}, zeros, torch.ones(n), torch.zeros(n, 2, dtype=torch.int64))


def test_rings_cover_every_cell_once():
    mean = np.zeros((7, 9))
    mean[2, 3] = 1
    found = dict(rings(mean))
    assert list(found) == ["centre", "1 cell from the centre", "2 cells from the centre", "3-4 cells from the centre",
                           "5-8 cells from the centre"]  # fmt: skip
    assert np.array_equal(sum(mask.astype(int) for mask in found.values()), np.ones((7, 9)))
    assert np.argwhere(found["centre"]).tolist() == [[2, 3]]
    assert found["1 cell from the centre"].sum() == 8
    assert found["2 cells from the centre"].sum() == 5 * 5 - 9  # touches the edge and does not cross it
    assert sum(mask.sum() for _, mask in rings(np.random.default_rng(0).random((3, 4, 5)))) == 60


def test_parts_are_features_channels_and_rings():
    toy = EventSchema(name="toy", images=schema().images, features=(Column(name="pt"),))
    parts = parts_of(toy, {"ecal": np.eye(5)[::-1]})
    assert [(p.kind, p.name) for p in parts][:3] == [("feature", "pt"), ("channel", "energy"), ("channel", "time")]
    assert {p.kind for p in parts[3:]} == {"region"}


@pytest.mark.parametrize("number", range(5))
def test_shuffling_touches_its_part_and_nothing_else(number):
    toy = EventSchema(name="toy", images=schema().images, features=(Column(name="pt"),))
    part = parts_of(toy, {"ecal": np.eye(5)})[number]
    before = batch(features=("pt",))
    after = shuffled(part)(before, 0)
    images, changed = before.images["ecal"], after.images["ecal"]
    touched = torch.zeros_like(images, dtype=torch.bool)
    if part.kind == "channel":
        touched[:, ("energy", "time").index(part.name)] = True
    elif part.kind == "region":
        touched[:, :, torch.from_numpy(dict(rings(np.eye(5)))[part.name])] = True
    assert torch.equal(changed[~touched], images[~touched])
    # shuffled among events: every cell keeps its distribution
    assert torch.equal(changed.sort(dim=0).values, images.sort(dim=0).values)
    assert torch.equal(after.features["pt"].sort().values, before.features["pt"].sort().values)
    same = torch.equal(after.features["pt"], before.features["pt"])
    assert same == (part.kind != "feature")
    assert torch.equal(changed, images) == (part.kind == "feature")


def test_importance_is_the_paired_loss_largest_first(heard):
    of = judged()
    nominal = of.splits["test"]
    rng = np.random.default_rng(0)
    order = {"energy": rng.permutation(600), "time": np.arange(600)}

    def rescore(part):
        mixed = {name: values[order.get(part.name, np.arange(600))] for name, values in nominal.columns.items()}
        return replace(nominal, columns=mixed)

    parts = parts_of(schema(), {"ecal": np.eye(5)})[:2][::-1]
    section = importance(of, nominal, parts, rescore, heard)
    assert [row["name"] for row in section["permutation"]] == ["energy", "time"]
    loss = section["permutation"][0]["loss"]["auc"]
    assert loss.auc_a == pytest.approx(task().metrics(nominal)["auc"])
    assert loss.difference == pytest.approx(loss.auc_a - loss.auc_b)
    assert loss.auc_b == pytest.approx(0.5, abs=0.06)
    assert section["permutation"][1]["loss"]["auc"].difference == 0
    assert section["n"] == 600


def test_a_linear_model_is_attributed_exactly():
    weight = torch.randn(2, 5, 5, generator=torch.Generator().manual_seed(1))
    events = batch(3)
    found = integrated_gradients(lambda b: (b.dense("ecal") * weight).sum(dim=(1, 2, 3)) + 0.7, events, steps=3)
    assert found.images["ecal"] == pytest.approx((events.images["ecal"] * weight).numpy(), abs=1e-6)
    assert found.empty == pytest.approx(0.7)
    assert found.gap == pytest.approx(0, abs=1e-5)


def test_attributions_of_a_square_add_up_to_its_change():
    events = batch(4)
    found = integrated_gradients(lambda b: (b.dense("ecal") ** 2).sum(dim=(1, 2, 3)), events, steps=8)
    assert found.images["ecal"] == pytest.approx((events.images["ecal"] ** 2).numpy(), rel=1e-4)  # midpoints: exact
    assert found.output - found.empty == pytest.approx(found.images["ecal"].sum(axis=(1, 2, 3)), rel=1e-4)


def test_an_incomplete_attribution_is_measured():
    events = batch(2)
    found = integrated_gradients(
        lambda b: 1.0 * (b.dense("ecal") > 0.5).sum(dim=(1, 2, 3)) + 0 * b.dense("ecal").sum(dim=(1, 2, 3)), events
    )
    assert found.gap == pytest.approx(1)


def test_the_events_that_are_explained_stay_without_gradients():
    events = batch(2)
    integrated_gradients(lambda b: b.dense("ecal").sum(dim=(1, 2, 3)), events)
    assert not events.images["ecal"].requires_grad
