"""Compile inner loops, once for all processes where their machine code can be kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any]) -> Any:
    """Decorator: a compiled `function` that lets other threads run."""
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's home may be written to
        return njit(nogil=True)(function)
