"""Which number format trains faster here: measured on the machine at hand, never assumed."""

from __future__ import annotations

import copy
import ctypes
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch

from pidcam.batch import Batch

WORTH = 1.15


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 where it is safe, or nothing."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


def probe_precision(
    module: torch.nn.Module, batch: Batch, loss: Callable[[dict[str, torch.Tensor], Batch], torch.Tensor]
) -> dict[str, float]:
    """Seconds of a forward and backward pass by precision: median of three after one to warm up, on a copy."""
    seconds = {}
    for precision in ("fp32", "bf16"):
        trial = copy.deepcopy(module).train()
        times = []
        for _ in range(4):
            start = time.perf_counter()
            with autocast(precision, batch.device):
                outputs = trial(batch)
            loss({k: v.float() for k, v in outputs.items()}, batch).mean().backward()
            if batch.device.type == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - start)
        seconds[precision] = statistics.median(times[1:])
    return seconds


def choose_precision(seconds: dict[str, float]) -> str:
    """bf16 where it is clearly faster."""
    return "bf16" if seconds["fp32"] > WORTH * seconds["bf16"] else "fp32"


def keep_freed_memory() -> None:
    """Ask glibc to keep large blocks for reuse: returning them to the kernel after every layer costs page faults."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):  # musl
        return
    m_trim_threshold, m_mmap_max, never = -1, -4, 2**31 - 1
    libc.mallopt(m_trim_threshold, never)
    libc.mallopt(m_mmap_max, 0)
