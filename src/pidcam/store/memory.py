"""How much memory there is, and having mapped bytes read before they are needed."""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

import torch

Keep = Literal["auto", "mapped", "ram", "device"]

WINDOW = 256 << 20
"""Bytes of a store that are shuffled among each other, if it holds more."""

POPULATE_READ = 22
"""Linux 5.14's MADV_POPULATE_READ, which Python does not name; an older one refuses it, and pages are mapped later."""

_CGROUP = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def available_memory() -> int:
    """Bytes that this process may still take: of the machine, and of the container it runs in; 0 where unknown."""
    found = []
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        (line,) = (text for text in meminfo.read_text().splitlines() if text.startswith("MemAvailable"))
        found.append(int(line.split()[1]) << 10)
    for limit, used in _CGROUP:
        try:
            found.append(max(0, int(Path(limit).read_text()) - int(Path(used).read_text())))
        except (OSError, ValueError):  # no such control, or "max"
            continue
    return min(found, default=0)


def place_to_keep(keep: Keep, size: int, device: torch.device, ranks: int) -> Literal["mapped", "ram", "device"]:
    """Where `size` bytes of events are best kept. It never changes what the batches hold nor their order.

    Auto: on a GPU if they fill at most a quarter of what is free there; in memory of this process if all ranks' copies
    fill at most a quarter of what is free; else in the mapped files, of which the system keeps what it can.
    """
    if keep != "auto":
        return keep
    if device.type == "cuda" and size <= torch.cuda.mem_get_info(device)[0] // 4:
        return "device"
    return "ram" if size * ranks <= available_memory() // 4 else "mapped"


Span = tuple[int, int]
"""Address and size of mapped bytes."""


class ReadAhead:
    """A thread that has mapped bytes read, and their pages mapped, before a loader needs them; one epoch long."""

    def __enter__(self) -> Self:
        self._thread = ThreadPoolExecutor(1)
        return self

    def __exit__(self, *raised: object) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def ask(self, spans: Callable[[], Iterable[Span]]) -> None:
        """Read what `spans` will say when its turn comes; what it refers to lives as long."""
        self._thread.submit(lambda: read(list(spans())))


def read(spans: Sequence[Span]) -> None:
    """Have the system read these bytes, all at once, and map their pages as they come; where it cannot, nothing."""
    advise = _madvise()
    if advise is None:
        return
    for advice in (mmap.MADV_WILLNEED, POPULATE_READ):
        for address, size in spans:
            start = address - address % mmap.PAGESIZE
            if size > 0:
                advise(ctypes.c_void_p(start), ctypes.c_size_t(address + size - start), advice)


@cache
def _madvise() -> Callable[..., Any] | None:
    return getattr(ctypes.CDLL(None), "madvise", None) if sys.platform == "linux" else None
