"""Parallel pieces of work on any `concurrent.futures.Executor`.

The contract: a piece is idempotent, writes its output atomically, and finds out by itself that it is already done; the
caller writes its manifest last. So a killed job is simply called again. Results come back in the order of the pieces,
whatever the number of workers.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, TypeVar

from pidcam import process
from pidcam.errors import InputError, MissingExtraError, PidcamError
from pidcam.progress import Progress, progress, set_quiet

Piece = TypeVar("Piece")
Result = TypeVar("Result")


def available_cores() -> int:
    """Cores this process may use (a cluster may grant fewer than the machine has)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_threads() -> int:
    """Threads that a network computes with unless told: what `OMP_NUM_THREADS` says, as on shared machines, else one
    for each core available. More threads than cores are free wait for each other most of the time."""
    said = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(said) if said.isdigit() and int(said) else available_cores()


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
    stays open. The first error cancels what has not started and is raised as it was; `PidcamError` if a worker is
    killed from outside.
    """
    workers = min(workers or available_cores(), len(pieces))
    with progress(description, sum(map(size, pieces))) as bar:
        if executor is None and workers <= 1:
            results = []
            for piece in pieces:
                results.append(function(piece))
                bar.advance(size(piece))
            return results
        with nullcontext(executor) if executor is not None else worker_pool(workers) as pool:
            try:
                return _collect(pool, function, pieces, bar, size)
            except BrokenProcessPool as error:
                what = f"{description}: a worker process was killed, perhaps because memory ran out"
                raise PidcamError(f"{what}; call the same again to go on, with fewer workers") from error


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """Processes for several `run_jobs` after each other; they end with the `with` block, and with this process."""
    # spawn: a forked child would inherit open HDF5 files and the thread pools of numerical libraries
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare_worker)


@contextmanager
def in_background(function: Callable[..., Result], *arguments: Any) -> Iterator[Future[Result]]:
    """`function(*arguments)` in a process of its own, which ends with the block, done or not."""
    before = set(multiprocessing.active_children())
    with worker_pool(1) as pool:
        with _interrupts_later(), _script_left_alone(function):
            future = pool.submit(function, *arguments)
        try:
            yield future
        finally:
            if not future.done():
                for process in set(multiprocessing.active_children()) - before:
                    process.terminate()


@contextmanager
def cluster(address: str | None) -> Iterator[Executor | None]:
    """The workers of a Dask cluster whose scheduler is at `address` (tcp://host:port), as an executor; None without.

    They must see the files under the same paths. Raises `MissingExtraError` without Dask, `InputError` if nobody
    answers, there are no workers, or they have another pidcam.
    """
    if address is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingExtraError("a Dask cluster", "cluster") from error
    try:
        client = Client(address, timeout=CLUSTER_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        fix = "start one with: dask scheduler, and on every machine: dask worker ADDRESS"
        raise InputError("no Dask scheduler answers here", where=address, fix=fix) from error
    with client:
        try:
            versions = client.run(_version)
        except Exception as error:  # whatever unpickling meets where pidcam is not installed
            raise InputError("its workers cannot import pidcam", where=address, fix=INSTALL) from error
        if not versions:
            raise InputError("the cluster has no workers", where=address, fix="start some with: dask worker ADDRESS")
        if other := {v for v in versions.values() if v != _version()}:
            what = f"its workers have pidcam {', '.join(sorted(other))}, this is {_version()}"
            raise InputError(what, where=address, fix=INSTALL)
        yield client.get_executor(pure=False)


CLUSTER_SECONDS = 10
INSTALL = "install the same pidcam in the environment of the workers"


def _version() -> str:
    import pidcam

    return pidcam.__version__


def _collect(
    pool: Executor,
    function: Callable[[Piece], Result],
    pieces: Sequence[Piece],
    bar: Progress,
    size: Callable[[Piece], float],
) -> list[Result]:
    with _interrupts_later(), _script_left_alone(function):
        futures: dict[Future[Result], int] = {pool.submit(function, piece): i for i, piece in enumerate(pieces)}
    done: dict[int, Result] = {}
    try:
        for future in as_completed(futures):
            number = futures.pop(future)
            done[number] = future.result()
            bar.advance(size(pieces[number]))
    except BaseException:
        for future in futures:
            future.cancel()
        raise
    return [done[i] for i in range(len(pieces))]


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Workers are born here, and inherit that Ctrl-C is not for them; for the parent, which cancels them, it waits."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # would unblock the signal when it starts with the first worker
    pressed: list[int] = []
    # the handler is for other threads, of numerical libraries, which may get the signal although we block it
    before = signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)
        if pressed:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def _script_left_alone(function: Callable[..., object]) -> Iterator[None]:
    """Workers do not run the script that called us again, which they would if it has no `if __name__ == "__main__"`."""
    main = sys.modules["__main__"]
    path = getattr(main, "__file__", None)
    named = path is None or getattr(main, "__spec__", None) is not None
    if named or function.__module__ == "__main__" or _is_guarded(Path(str(path))):
        yield
        return
    del main.__file__
    try:
        yield
    finally:
        main.__file__ = path


def _is_guarded(script: Path) -> bool:
    try:
        return "__name__" in script.read_text(encoding="utf-8", errors="replace")
    except OSError:  # read from a pipe
        return False


def _prepare_worker() -> None:
    process.own = True
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_quiet(True)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever, or go on writing beside a second attempt."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
