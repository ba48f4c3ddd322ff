"""A store that `prepare` makes in a process beside this one, while its pieces are read here."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Protocol

from pidcam.claim import WORK
from pidcam.jobs import available_cores, in_background
from pidcam.store.prepare import STORE, Preparation
from pidcam.store.scan import Piece, piece_path
from pidcam.store.store import Store

PAUSE = 0.05
"""Seconds between two looks whether something is there."""


class Ranks(Protocol):
    """Processes that wait for one store, which the first makes."""

    @property
    def first(self) -> bool: ...

    def tell_failure(self, error: BaseException) -> None:
        """Let those who wait know that the store will not be finished."""

    def require_others(self) -> None:
        """Raises if there is nothing to wait for."""


class Making:
    """The store at `path`, perhaps unfinished. Raw files are looked at when `preparation` is first asked for, and work
    on the store begins when something is waited for: with `workers` processes (default: half of the cores), which end
    with the `making` block. Of several ranks the first does it, the others wait for the same files.
    """

    def __init__(
        self, path: Path, look: Callable[[], Preparation], stack: ExitStack, ranks: Ranks, *, workers: int | None
    ):
        self.path, self._look, self._stack, self._ranks = path, look, stack, ranks
        self._workers = workers or max(1, available_cores() // 2)
        self._begun = False

    @property
    def finished(self) -> bool:
        return STORE.is_finished(self.path)

    @cached_property
    def preparation(self) -> Preparation:
        return self._look()

    def ready(self, piece: Piece) -> None:
        """Wait until a piece was read, or nobody will read it."""
        summary = piece_path(piece.work, piece.number).with_suffix(".npz")
        self._wait(summary.exists)
        if not summary.exists():
            piece.work.mkdir(exist_ok=True)

    def store(self) -> Store:
        """The finished store, waited for. Raises what `prepare` raised."""
        if not self.finished:
            self._wait(lambda: self.finished)
        return Store(self.path)

    def require_work(self) -> None:
        """Raises what `prepare` raised, if it did: what went wrong elsewhere then came of it."""
        if not self._begun or self.finished:
            return
        gave_up = not (self.path / WORK).exists()  # and took away what was read here
        if gave_up or (self._work is not None and self._work.done()):
            self._wait(lambda: False)

    def forget_pieces(self) -> None:
        """Remove what only the first pass needs."""
        if self._ranks.first and self.finished:
            shutil.rmtree(self.path / WORK, ignore_errors=True)

    @cached_property
    def _work(self) -> Future[None] | None:
        if not self._ranks.first or self.finished:
            return None
        work = self._stack.enter_context(in_background(_make, self.preparation, self._workers))
        # at once: this rank may be waiting for another, which waits for a file
        work.add_done_callback(self._tell)
        return work

    def _tell(self, work: Future[None]) -> None:
        if (error := work.exception()) is not None:
            self._ranks.tell_failure(error)

    def _wait(self, there: Callable[[], bool]) -> None:
        work, self._begun = self._work, True
        while not there():
            if work is not None and work.done():
                work.result()
            if self.finished or (work is not None and work.done()):
                return
            self._ranks.require_others()
            time.sleep(PAUSE)


@contextmanager
def making(
    path: Path, look: Callable[[], Preparation], ranks: Ranks, *, workers: int | None = None
) -> Iterator[Making]:
    """See `Making`."""
    with ExitStack() as stack:
        made = Making(path, look, stack, ranks, workers=workers)
        try:
            yield made
        except Exception as error:
            made.require_work()
            ranks.tell_failure(error)
            raise


def _make(preparation: Preparation, workers: int) -> None:
    preparation.run(workers=workers, keep_pieces=True)
