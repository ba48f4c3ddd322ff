"""Memory for batches, used again once nobody holds the batch: a new page costs more than the events put on it."""

from __future__ import annotations

import math
import weakref

import numpy as np
import torch

HUGE_PAGE = 2 << 20


class Buffers:
    """Keeps at most `spare` unused blocks. A tensor that is still referred to, by whatever view, is never reused."""

    def __init__(self, spare: int):
        self._spare = spare
        self._free: list[np.ndarray] = []
        self._lent: dict[int, tuple[weakref.ref[np.ndarray], np.ndarray]] = {}

    def take(self, shape: tuple[int, ...]) -> tuple[torch.Tensor, np.ndarray]:
        """A float32 tensor with anything in it, distinct from all others alive, and its memory as an array."""
        size = math.prod(shape)
        block = self._block(size)
        # the tensor's storage owns `lent`, and numpy arrays made from the tensor own the storage
        lent = np.ndarray(shape, np.float32, block)
        if self._spare:
            # not `weakref.finalize`, which takes as long as all the rest here
            watch = weakref.ref(lent, self._give_back)
            self._lent[id(watch)] = watch, block
        return torch.from_numpy(lent), block[:size]

    def _block(self, size: int) -> np.ndarray:
        while self._free:
            block = self._free.pop()
            if len(block) >= size:
                return block
        return _new(size)

    def _give_back(self, watch: weakref.ref[np.ndarray]) -> None:
        _, block = self._lent.pop(id(watch))
        if len(self._free) < self._spare:
            self._free.append(block)


def _new(size: int) -> np.ndarray:
    """`size` floats; many begin on the edge of a huge page, so that the system can use such pages throughout."""
    extra = HUGE_PAGE // 4 if 4 * size >= 2 * HUGE_PAGE else 0
    memory = np.empty(size + extra, np.float32)
    start = -memory.ctypes.data % HUGE_PAGE // 4 if extra else 0
    return memory[start : start + size]
