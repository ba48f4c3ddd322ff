"""Progress on stderr: bars with the time left on a terminal, a plain line now and then when piped."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

_quiet = False


def set_quiet(quiet: bool) -> None:
    """Switch all progress off (or on again); used by `--quiet` and by worker processes."""
    global _quiet
    _quiet = quiet


def say(text: str) -> None:
    """A line about what is going on, on stderr."""
    if not _quiet:
        print(text, file=sys.stderr, flush=True)


class Progress:
    """What the work reports to: `advance(n)` and `note(text)`."""

    every = 10.0
    """Seconds between two lines."""

    def __init__(self, description: str, total: float | None):
        self.description, self.total, self.done = description, total, 0.0
        self._text, self._start = "", time.monotonic()
        self._last = self._start

    def advance(self, n: float = 1) -> None:
        self.done += n
        self._show()

    def note(self, text: str) -> None:
        """A short live remark beside the bar, such as the current loss."""
        self._text = text
        self._show()

    def _show(self) -> None:
        now = time.monotonic()
        if _quiet or now - self._last < self.every:
            return
        self._last = now
        left = ""
        if self.total and self.done:
            seconds = (now - self._start) * (self.total / self.done - 1)
            left = f" {100 * self.done / self.total:.0f} %, {_clock(seconds)} left"
        self._write(f"{self.description}:{left} {self._text}".rstrip())

    def _write(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """The work is over."""


class _OneLine(Progress):
    """For the output of a notebook, where a line can be written over."""

    every = 1.0
    width = 0

    def _write(self, line: str) -> None:
        print(f"\r{line:<{self.width}}", end="", file=sys.stderr, flush=True)
        self.width = len(line)

    def close(self) -> None:
        if self.width:
            print(file=sys.stderr, flush=True)


class _Bar(Progress):
    def __init__(self, description: str, total: float | None, bar, task):  # type: ignore[no-untyped-def]
        super().__init__(description, total)
        self._bar, self._task = bar, task

    def _show(self) -> None:
        self._bar.update(self._task, completed=self.done, note=self._text)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"


def _in_notebook() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


@contextmanager
def progress(description: str, total: float | None = None) -> Iterator[Progress]:
    """`with progress("reading", n) as bar: bar.advance(k)`. Never writes to stdout."""
    if _quiet or not sys.stderr.isatty():
        bar = (_OneLine if _in_notebook() else Progress)(description, total)
        try:
            yield bar
        finally:
            bar.close()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Rich

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Rich(*columns, console=Console(stderr=True)) as rich:
        task = rich.add_task(description, total=total, note="")
        yield _Bar(description, total, rich, task)
