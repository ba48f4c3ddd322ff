"""`toys` is a module of this folder, importable by the tests in it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


class Heard(list):
    """A `warn` that remembers its lines."""

    def __call__(self, line: str) -> None:
        self.append(line)


@pytest.fixture
def heard() -> Heard:
    return Heard()
