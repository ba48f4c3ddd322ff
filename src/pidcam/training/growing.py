"""What a training takes while its store is still being made: the first epoch from pieces, the others from the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

import torch

from pidcam.batch import Batch
from pidcam.store.first_pass import FirstPass
from pidcam.store.loader import Loader


class Growing:
    """The training split. `first` makes epoch 0, `later` opens the finished store (and waits for it); `forget` is
    called when the first epoch will not be asked for again."""

    def __init__(
        self,
        first: Callable[[], FirstPass],
        later: Callable[[], Loader],
        forget: Callable[[], None],
        device: torch.device,
    ):
        self._make_first, self._make_later, self._forget, self.device = first, later, forget, device
        self._epoch = 0

    @cached_property
    def _first(self) -> FirstPass:
        return self._make_first()

    @cached_property
    def _later(self) -> Loader:
        self._forget()
        return self._make_later()

    @property
    def _now(self) -> FirstPass | Loader:
        return self._later if self._epoch else self._first

    @property
    def epoch(self) -> int:
        return self._epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch = epoch
        self._now.epoch = epoch

    @property
    def cursor(self) -> int:
        return self._now.cursor

    @cursor.setter
    def cursor(self, cursor: int) -> None:
        self._now.cursor = cursor

    def __iter__(self) -> Iterator[Batch]:
        return iter(self._now)

    def __len__(self) -> int:
        return len(self._now)

    @property
    def events(self) -> int:
        return self._now.events

    @property
    def sizes(self) -> list[int]:
        return self._now.sizes

    @property
    def at_the_end(self) -> bool:
        return self._now.at_the_end


class Later:
    """Batches of a loader that is opened when they are asked for."""

    def __init__(self, make: Callable[[], Loader]):
        self._make = make

    @cached_property
    def _loader(self) -> Loader:
        return self._make()

    def __iter__(self) -> Iterator[Batch]:
        return iter(self._loader)


Train = Loader | Growing
Valid = Loader | Later
