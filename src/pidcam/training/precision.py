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
HOPELESS = 5.0
PROBED = 512
"""Most events of a batch that is timed."""
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Lower precision where it is safe, or nothing."""
    return nullcontext() if precision == "fp32" else torch.autocast(device.type, TYPES[precision])


def candidates(device: torch.device) -> tuple[str, ...]:
    """What may be faster than fp32 on a device."""
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return ("fp32", "fp16")
    if device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return ("fp32",)  # emulated, it takes twenty times as long: not worth a minute of probing
    return ("fp32", "bf16")


def probe_precision(
    module: torch.nn.Module, batch: Batch, loss: Callable[[dict[str, torch.Tensor], Batch], torch.Tensor]
) -> dict[str, float]:
    """Seconds of a forward and backward pass by precision: median of three after one to warm up, on a copy.

    One that is hopeless from the beginning gets no second try.
    """
    seconds: dict[str, float] = {}
    batch = batch.rows(0, PROBED)
    for precision in candidates(batch.device):
        trial = copy.deepcopy(module).train()

        def once(trial: torch.nn.Module = trial, precision: str = precision) -> None:
            with autocast(precision, batch.device):
                outputs = trial(batch)
            loss({k: v.float() for k, v in outputs.items()}, batch).mean().backward()
            if batch.device.type == "cuda":
                torch.cuda.synchronize()

        seconds[precision] = statistics.median(timed(once, seconds.get("fp32")))
    return seconds


def timed(call: Callable[[], object], fp32: float | None) -> list[float]:
    """Seconds of three calls after one to warm up; of that one alone where it is hopeless beside `fp32` seconds."""
    times: list[float] = []
    for _ in range(4):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
        if fp32 is not None and times[0] > HOPELESS * fp32:
            return times
    return times[1:]


def choose_precision(seconds: dict[str, float]) -> str:
    """The lower precision where it is clearly faster."""
    fastest = min(seconds, key=lambda name: seconds[name])
    return fastest if seconds["fp32"] > WORTH * seconds[fastest] else "fp32"


def keep_freed_memory() -> None:
    """Ask glibc to keep large blocks for reuse: returning them to the kernel after every layer costs page faults."""
    if LIBC is not None and hasattr(LIBC, "mallopt"):  # musl has it not
        m_trim_threshold, m_mmap_max, never = -1, -4, 2**31 - 1
        LIBC.mallopt(m_trim_threshold, never)
        LIBC.mallopt(m_mmap_max, 0)


def return_freed_memory() -> None:
    """What was kept goes back to the kernel: for who comes after a training in the same process."""
    if LIBC is not None and hasattr(LIBC, "malloc_trim"):
        LIBC.malloc_trim(0)
