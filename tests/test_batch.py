"""A batch gives every image dense or as hits, whichever way it was loaded."""

import pytest
import torch

from pidcam.batch import Batch, SparseImage


@pytest.fixture
def dense() -> torch.Tensor:
    """(5, 2, 4, 3), one event empty, one hit with a zero in its first channel."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(5, 2, 4, 3, generator=generator) * (torch.rand(5, 1, 4, 3, generator=generator) < 0.3)
    x[2] = 0
    x[0, :, 1, 1] = torch.tensor([0.0, 2.0])
    return x


def batch(image: torch.Tensor | SparseImage) -> Batch:
    n = torch.zeros(5)
    return Batch({"ecal": image}, {}, {}, n.long(), n + 1, torch.zeros(5, 2, dtype=torch.int64))


def same(a: SparseImage, b: SparseImage) -> bool:
    return a.shape == b.shape and all(torch.equal(getattr(a, k), getattr(b, k)) for k in ("offsets", "place", "value"))


def test_hits_of_a_dense_image_make_the_same_dense_image(dense):
    hits = batch(dense).hits("ecal")
    assert hits.offsets[3] == hits.offsets[2], "the empty event"
    assert torch.equal(batch(hits).dense("ecal"), dense)
    assert same(batch(hits).hits("ecal"), hits)


def test_points_in_one_cell_add_up_and_those_outside_are_left_out(dense):
    offsets = torch.tensor([0, 3, 3, 5])
    place = torch.tensor([[0.6, 9.0], [0.4, 9.5], [1.0, 0.0], [-0.1, 3.0], [1.9, 0.0]])
    points = SparseImage(offsets, place, torch.arange(1.0, 6)[:, None], (2, 5), low=(0.0, 0.0), pitch=(1.0, 2.0))
    cells = points.on_grid()
    assert cells.place.tolist() == [[0, 4], [1, 0], [1, 0]]
    assert cells.value[:, 0].tolist() == [3, 3, 5]
    assert cells.offsets.tolist() == [0, 2, 2, 3]
    assert points.dense()[0, 0, 0, 4] == 3
    assert same(SparseImage.of(points.dense()), cells)


def test_no_hits_at_all_are_an_empty_image():
    nothing = SparseImage(
        torch.zeros(4, dtype=torch.int64), torch.zeros(0, 2), torch.zeros(0, 1), (2, 5), (0, 0), (1, 1)
    )
    assert not nothing.dense().any()
    assert nothing.dense().shape == (3, 1, 2, 5)
    assert len(nothing.on_grid().place) == 0


def test_gradients_reach_the_dense_image_through_its_hits(dense):
    dense.requires_grad_()
    (batch(dense).hits("ecal").value ** 2).sum().backward()
    assert torch.equal(dense.grad, 2 * dense.detach())


def test_coordinates_without_a_grid_are_no_cells():
    with pytest.raises(ValueError, match="corner and the pitch"):
        SparseImage(torch.tensor([0, 1]), torch.zeros(1, 2), torch.zeros(1, 1), (2, 5)).on_grid()
