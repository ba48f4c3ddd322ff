"""Several processes that train one model together, as `torchrun` starts them, on one machine or on many.

Alone, every function here is the identity: the training loop reads the same for one process and for a hundred.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist

from pidcam.errors import PidcamError, Stopped

Thing = TypeVar("Thing")

PATIENCE = timedelta(minutes=30)
"""How long ranks wait for each other before they give up."""

LOST = ("Connection closed by peer", "Connection reset by peer")
"""What gloo says when a peer is gone."""

FAILED = "failed"


class Ranks:
    """This process among those that train together; `first` writes and speaks. `board` is where they met, on which one
    that ends in an error leaves a word."""

    def __init__(self, rank: int = 0, ranks: int = 1, board: dist.Store | None = None):
        self.rank, self.ranks, self._board = rank, ranks, board

    @property
    def first(self) -> bool:
        return self.rank == 0

    @property
    def several(self) -> bool:
        return self.ranks > 1

    def gather(self, thing: Thing) -> list[Thing]:
        """What every rank has, in the order of ranks, on every rank."""
        if not self.several:
            return [thing]
        things: list[Thing] = [thing] * self.ranks
        dist.all_gather_object(things, thing)
        return things

    def share(self, thing: Thing) -> Thing:
        """What the first rank has."""
        if not self.several:
            return thing
        box = [thing]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def total(self, *numbers: float) -> list[float]:
        """The sums of numbers over all ranks."""
        if not self.several:
            return list(numbers)
        tensor = torch.tensor(numbers, dtype=torch.float64)
        dist.all_reduce(tensor)
        sums: list[float] = tensor.tolist()
        return sums

    def share_state(self, module: torch.nn.Module) -> None:
        """Everybody gets the running statistics of the first rank (each has seen other events)."""
        if self.several:
            for buffer in module.buffers():
                dist.broadcast(buffer, src=0)

    def tell_failure(self, error: BaseException) -> None:
        """Let those know who wait for something else than a word of this rank. The first failure counts."""
        if self._board is not None and not isinstance(error, Stopped):
            with suppress(RuntimeError):  # who kept the board is gone
                self._board.compare_set(FAILED, "", str(error) or repr(error))

    def require_others(self) -> None:
        """`PidcamError` if a rank told of its failure."""
        if self._board is not None and self._board.check([FAILED]):
            raise PidcamError(f"another rank ended: {self._board.get(FAILED).decode()}")

    @contextmanager
    def first_alone(self) -> Iterator[bool]:
        """True on the first rank, whose error in the block is raised on every rank."""
        error: BaseException | None = None
        try:
            yield self.first
        except Exception as caught:
            error = caught
        told = self.share(error if error is None or isinstance(error, PidcamError) else PidcamError(repr(error)))
        if error is not None:
            raise error
        if told is not None:
            raise told


@contextmanager
def joined() -> Iterator[Ranks]:
    """Join the other processes that `torchrun` (or the environment: RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT) named.

    Tensors on the CPU travel with gloo, on GPUs with nccl; every process of a machine takes the GPU of its LOCAL_RANK.
    """
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    if ranks == 1 or dist.is_initialized():
        yield Ranks(dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else Ranks()
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    board, rank, ranks = next(iter(dist.rendezvous("env://", timeout=PATIENCE)))
    store = dist.PrefixStore("group", board)
    dist.init_process_group(backend, store=store, rank=rank, world_size=ranks, timeout=PATIENCE)
    together = Ranks(rank, ranks, board)
    try:
        yield together
    except BaseException as error:
        together.tell_failure(error)
        if isinstance(error, dist.DistError) or any(words in str(error) for words in LOST):
            raise PidcamError("another rank ended; what it said tells why") from error
        raise
    finally:
        dist.destroy_process_group()
