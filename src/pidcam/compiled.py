"""Compile inner loops, once for all processes where their machine code can be kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core import entrypoints

from pidcam import process

if process.own:
    # packages that happen to be installed (awkward, vector and with it sympy) would teach numba their types when it
    # first compiles, which takes a second in every process; our loops take arrays alone
    entrypoints._already_initialized = True


def compiled(function: Callable[..., Any]) -> Any:
    """Decorator: a compiled `function` that lets other threads run."""
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's home may be written to
        return njit(nogil=True)(function)
