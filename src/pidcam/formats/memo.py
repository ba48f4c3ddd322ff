"""What was found out about a raw file, or is open in it, kept within the process for the readers that follow."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

KEPT = 32
"""Things kept per process; the one not used for longest is closed first."""

Thing = TypeVar("Thing")

_kept: OrderedDict[Hashable, Any] = OrderedDict()
_lock = Lock()


def remembered(path: Path, what: Hashable, make: Callable[[], Thing]) -> Thing:
    """`make()`, or what it gave when asked before for the same file, unchanged since, in this process."""
    found = path.stat()
    key = (os.getpid(), str(path.resolve()), found.st_size, found.st_mtime_ns, what)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            thing: Thing = _kept[key]
            return thing
    made = make()
    with _lock:
        _kept[key] = made
        while len(_kept) > KEPT:
            _, old = _kept.popitem(last=False)
            if hasattr(old, "close"):
                old.close()
    return made
