"""Time limits: a run stops by itself before the batch system stops it."""

from __future__ import annotations

import re
import time

from pidcam.errors import ConfigError

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
MARGIN = 10.0
"""Seconds left for the last checkpoint, for writing and for leaving, beyond what is learned."""


def parse_duration(text: str | float) -> float:
    """Seconds of `55m`, `1h30m`, `1.5h`, `2:30:00` or a number of seconds."""
    written = f"{text:f}" if isinstance(text, float) else str(text).strip()
    if re.fullmatch(r"\d+:\d\d:\d\d", written):
        hours, minutes, rest = written.split(":")
        written = f"{hours}h{minutes}m{rest}s"
    number = r"\d+(?:\.\d+)?"
    if not re.fullmatch(rf"{number}|(?:{number}[smhd])+", written):
        raise ConfigError(f"'{text}' is not a duration", where="--time-limit", fix="write for example 55m or 1h30m")
    seconds = sum(float(n) * UNITS[unit or "s"] for n, unit in re.findall(rf"({number})([smhd]?)", written))
    if not seconds > 0:
        raise ConfigError("must be above zero", where="--time-limit")
    return seconds


class Clock:
    """Counts down from `limit` seconds (None: for ever), and learns how long a batch and a validation take."""

    def __init__(self, limit: float | None = None, start: float | None = None):
        self.start = time.monotonic() if start is None else start
        self.limit = limit
        self.batch = self.validation = self.saving = 0.0
        self._saved = self.start

    def learn(self, what: str, seconds: float) -> None:
        """`batch`, `validation` or `saving`: the slowest counts, slowly forgotten."""
        setattr(self, what, max(seconds, 0.9 * getattr(self, what) + 0.1 * seconds))

    @property
    def left(self) -> float:
        return float("inf") if self.limit is None else self.limit - (time.monotonic() - self.start)

    def short(self, *, validation: bool = False) -> bool:
        """Whether another batch (or the validation) would come too late for a checkpoint."""
        margin = min(MARGIN, 0.1 * (self.limit or 0.0))
        return self.left < (self.validation if validation else self.batch) + self.saving + margin

    def due(self, every: float) -> bool:
        """Whether `every` seconds have passed since the last checkpoint."""
        return time.monotonic() - self._saved > every

    def saved(self, began: float) -> None:
        """A checkpoint that `began` at that monotonic time was written."""
        self._saved = time.monotonic()
        self.learn("saving", self._saved - began)
