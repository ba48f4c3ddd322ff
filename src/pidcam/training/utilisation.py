"""How busy a device was: cores by the processor time of this process, NVIDIA GPUs by what nvidia-smi says."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import time

import torch

EVERY = 200
"""Milliseconds between two readings of a GPU."""


class Utilisation:
    """`begin()`, work, `end(seconds)`: the share of the device that was at work, from 0 to 1.

    Of a CPU it is processor time over time and threads, other threads of this process included. Of a GPU it is the mean
    of nvidia-smi's `utilization.gpu`, the share of time in which a kernel ran; None where there is no nvidia-smi.
    """

    def __init__(self, device: torch.device):
        self.device = device
        self._processor = 0.0
        self._reader: subprocess.Popen[str] | None = None

    def begin(self) -> None:
        self._processor = time.process_time()
        tool = shutil.which("nvidia-smi")
        if self.device.type == "cuda" and tool:
            gpu = f"--id=GPU-{torch.cuda.get_device_properties(self.device).uuid}"
            query = [tool, gpu, "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", f"--loop-ms={EVERY}"]
            self._reader = subprocess.Popen(query, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def end(self, seconds: float) -> float | None:
        if self.device.type != "cuda":
            return min(1.0, (time.process_time() - self._processor) / (seconds * torch.get_num_threads()))
        if self._reader is None:
            return None
        self._reader.terminate()
        return mean_reading(self._reader.communicate()[0])


def mean_reading(text: str) -> float | None:
    """The mean of per cents, one a line; None where there is none (`[N/A]`).

    >>> mean_reading("40\\n50\\n")
    0.45
    """
    readings = [float(line) for line in text.split() if line.isdecimal()]
    return statistics.mean(readings) / 100 if readings else None
