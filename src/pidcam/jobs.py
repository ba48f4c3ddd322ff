"""Parallel pieces of work on any `concurrent.futures.Executor`.

The contract: a piece is idempotent, writes its output atomically, and finds out by itself that it is already done; the
caller writes its manifest last. So a killed job is simply called again. Results come back in the order of the pieces,
whatever the number of workers.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from typing import TypeVar

from pidcam.progress import progress, set_quiet

Piece = TypeVar("Piece")
Result = TypeVar("Result")


def available_cores() -> int:
    """Cores this process may use (a cluster may grant fewer than the machine has)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_jobs(
    function: Callable[[Piece], Result],
    pieces: Sequence[Piece],
    *,
    description: str,
    workers: int | None = None,
    executor: Executor | None = None,
    size: Callable[[Piece], float] = lambda piece: 1,
) -> list[Result]:
    """`[function(p) for p in pieces]`, in parallel, with progress weighted by `size(piece)`.

    `workers` processes on this machine (default: the cores available; 1 runs here), or a given `executor`, which
    stays open. The first error cancels what has not started and is raised as it was.
    """
    workers = min(workers or available_cores(), len(pieces))
    with progress(description, sum(map(size, pieces))) as bar:
        if executor is not None:
            return _collect(executor, function, pieces, bar, size)
        if workers <= 1:
            results = []
            for piece in pieces:
                results.append(function(piece))
                bar.advance(size(piece))
            return results
        # spawn: a forked child would inherit open HDF5 files and the thread pools of numerical libraries
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare_worker) as pool:
            return _collect(pool, function, pieces, bar, size)


def _collect(pool, function, pieces, bar, size):  # type: ignore[no-untyped-def]
    futures = {pool.submit(function, piece): i for i, piece in enumerate(pieces)}
    results = [None] * len(pieces)
    try:
        for future in as_completed(futures):
            results[futures[future]] = future.result()
            bar.advance(size(pieces[futures[future]]))
    except BaseException:
        for future in futures:
            future.cancel()
        raise
    return results


def _prepare_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which cancels us
    set_quiet(True)
