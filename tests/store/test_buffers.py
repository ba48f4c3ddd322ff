"""Memory that is used again once nobody holds it."""

from __future__ import annotations

import numpy as np

from pidcam.store.buffers import Buffers


def test_what_is_held_is_never_given_again() -> None:
    buffers = Buffers(spare=4)
    held = [buffers.take((3, 4))[0] for _ in range(6)]
    assert len({t.data_ptr() for t in held}) == 6
    for number, tensor in enumerate(held):
        tensor.fill_(number)
    assert [t[1, 2].item() for t in held] == [0, 1, 2, 3, 4, 5]


def test_what_is_let_go_is_given_again() -> None:
    buffers = Buffers(spare=4)
    tensor, _ = buffers.take((3, 4))
    place = tensor.data_ptr()
    view: object = tensor[1:, 2]
    del tensor
    assert buffers.take((3, 4))[0].data_ptr() != place, "a view still holds it"
    array = view.numpy()  # type: ignore[attr-defined]
    del view
    other, _ = buffers.take((3, 4))
    assert other.data_ptr() != place, "an array still holds it"
    del array
    assert place in {t.data_ptr() for t in [buffers.take((3, 4))[0] for _ in range(3)]}


def test_a_smaller_tensor_fits_into_a_larger_block() -> None:
    buffers = Buffers(spare=4)
    tensor, _ = buffers.take((8, 2))
    place = tensor.data_ptr()
    del tensor
    tensor, memory = buffers.take((3, 5))
    assert tensor.data_ptr() == place
    assert tensor.shape == (3, 5)
    assert memory.shape == (15,)
    assert np.shares_memory(memory, tensor.numpy())


def test_no_more_than_the_spare_blocks_are_kept() -> None:
    buffers = Buffers(spare=2)
    held = [buffers.take((3,))[0] for _ in range(10)]
    del held
    assert len(buffers._free) == 2
    none = Buffers(spare=0)
    none.take((3,))
    assert not none._free


def test_batches_outlive_the_buffers() -> None:
    buffers = Buffers(spare=2)
    tensor, _ = buffers.take((3,))
    tensor.fill_(1)
    del buffers
    assert tensor.sum() == 3


def test_the_memory_is_ours_to_write() -> None:
    tensor, _ = Buffers(spare=1).take((2, 3))
    tensor.numpy()[:] = np.arange(6).reshape(2, 3)
    assert tensor.sum() == 15
