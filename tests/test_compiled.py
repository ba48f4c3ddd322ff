"""Compiled loops work where nothing can be kept on disk, as in a container with a user without a home."""

from __future__ import annotations

import subprocess
import sys

import numba
import pytest

from pidcam import compiled as module

SCRIPT = """
from numba.core import caching
for name in ("CacheImpl", "_CacheImpl"):
    if hasattr(caching, name):
        getattr(caching, name)._locator_classes = []
from pidcam.store.shuffle import permutation
print(sorted(permutation(5, "test").tolist()))
"""


def test_a_loop_runs_where_its_code_cannot_be_kept() -> None:
    result = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[0, 1, 2, 3, 4]"


def test_only_what_cannot_be_kept_is_compiled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def njit(*, nogil: bool, cache: bool = False) -> object:
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return numba.njit(nogil=nogil)

    monkeypatch.setattr(module, "njit", njit)
    assert module.compiled(abs_of)(-2) == 2
    assert asked == [True, False]


def abs_of(x):  # type: ignore[no-untyped-def]
    return -x if x < 0 else x
