"""Compile inner loops, once for all processes where their machine code can be kept on disk."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numba import njit
from numba.core import entrypoints

from pidcam import process

if process.own:
    # packages that happen to be installed (awkward, vector and with it sympy) would teach numba their types when it
    # first compiles, which takes a second in every process; our loops take arrays alone
    entrypoints._already_initialized = True


def compiled(function: Callable[..., Any]) -> Any:
    """Decorator: a compiled `function` that lets other threads run.

    Code on disk is used as long as nothing that went into it has changed. Numba by itself looks at the file of the
    function alone, not at the loops of other files that it calls.
    """
    try:
        loop: Any = njit(nogil=True, cache=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's home may be written to
        return njit(nogil=True)(function)
    loop.made_of = frozenset(_made_of(function))
    loop._cache._cache_file._source_stamp = sorted(map(_stamp, loop.made_of))
    return loop


def _made_of(function: Any) -> Iterator[Path | str]:
    """The files of all source that goes into the machine code, and the constants in it."""
    yield Path(function.__code__.co_filename)
    package = str(function.__module__).partition(".")[0]
    for name in function.__code__.co_names:
        named = function.__globals__.get(name)
        if isinstance(named, int | float | str | tuple | np.generic):
            yield f"{name} = {named!r}"
        elif isinstance(named, np.ndarray):
            yield f"{name} = {named.dtype} {named.shape} {xxhash.xxh3_128_hexdigest(named.tobytes())}"
        elif str(getattr(named, "__module__", "")).partition(".")[0] == package:
            yield Path(str(sys.modules[named.__module__].__file__))
        yield from getattr(named, "made_of", ())


def _stamp(part: Path | str) -> str:
    """Another text when the file was changed; a constant tells itself."""
    return f"{part.name} {part.stat().st_mtime_ns} {part.stat().st_size}" if isinstance(part, Path) else part
