"""Stopping politely: the first signal asks for a checkpoint after the current batch, the second stops at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """True once somebody asked to stop; `reason` says who."""

    reason: str | None = None

    def __bool__(self) -> bool:
        return self.reason is not None


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Catch SIGINT, SIGTERM and SIGUSR1 (SLURM's warning) while inside. Only the main thread can; elsewhere a no-op."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if request and number == signal.SIGINT:
            raise KeyboardInterrupt
        request.reason = signal.Signals(number).name

    names = [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1]
    before = {number: signal.signal(number, handle) for number in names}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
