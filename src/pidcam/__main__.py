"""The command `pidcam`, also as `python -m pidcam`."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from types import FrameType
from typing import Any

from pidcam import process

EXIT_ABORTED = 130


def main() -> None:
    """Ctrl-C is answered in one line, at whatever moment it is pressed."""
    process.own = True
    signal.signal(signal.SIGINT, _interrupt)
    sys.unraisablehook = _lost
    try:
        from pidcam.cli.main import main as command

        command()
    except KeyboardInterrupt:
        print("pidcam: aborted; nothing half-written was left", file=sys.stderr)
        sys.exit(EXIT_ABORTED)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # there is nothing left to stop


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Wait for an import to end: torch, for one, ends in a core dump when its own is interrupted."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            _later()
            return
        frame = frame.f_back
    raise KeyboardInterrupt


def _lost(unraisable: Any) -> None:
    """Python forgets a Ctrl-C that falls into a destructor, but for a trace: let it come again."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        _later()
    else:
        sys.__unraisablehook__(unraisable)


def _later() -> None:
    again = threading.Timer(0.02, _thread.interrupt_main)
    again.daemon = True
    again.start()


if __name__ == "__main__":
    main()
