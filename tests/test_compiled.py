"""Compiled loops work where nothing can be kept on disk, as in a container with a user without a home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


def test_a_change_in_what_a_loop_calls_compiles_it_anew(tmp_path: Path) -> None:
    """Numba looks at the file of the outer loop alone, and would go on with what it called before."""
    package = tmp_path / "loops"
    package.mkdir()
    text = "from pidcam.compiled import compiled\n\nSHIFT = {}\n\n\n@compiled\ndef inner(x):\n    return x * {}\n"
    (package / "__init__.py").touch()
    (package / "outer.py").write_text(
        "from loops.inner import SHIFT, inner\nfrom pidcam.compiled import compiled\n\n\n"
        "@compiled\ndef outer(x):\n    return inner(x) + SHIFT\n"
    )
    ask = "from loops.outer import outer; print(outer(10), sum(outer.stats.cache_hits.values()))"
    for shift, factor, saved, told in ((1, 2, 1, "21 0"), (1, 2, 1, "21 1"), (1, 3, 2, "31 0"), (4, 3, 3, "34 0")):
        (package / "inner.py").write_text(text.format(shift, factor))
        os.utime(package / "inner.py", (saved, saved))
        done = subprocess.run([sys.executable, "-B", "-c", ask], capture_output=True, text=True, cwd=tmp_path)
        assert done.stdout.strip() == told, done.stderr


def abs_of(x):  # type: ignore[no-untyped-def]
    return -x if x < 0 else x
