"""A test as the first of two ranks: another interpreter for it too would only cost time."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


def second_rank(script: str | Path, given: Any, patch: pytest.MonkeyPatch) -> subprocess.Popen[str]:
    """Start `script` with `given` as JSON as the second rank, and let this process be the first."""
    patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")])))
    for name, value in {"MASTER_ADDR": "127.0.0.1", "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1", "RANK": "1"}.items():
        patch.setenv(name, value)
    other = subprocess.Popen([sys.executable, str(script), json.dumps(given)], stdout=subprocess.PIPE, text=True)
    patch.setenv("RANK", "0")
    return other


def result(other: subprocess.Popen[str]) -> Any:
    """What the second rank printed last, as JSON."""
    said = other.communicate(timeout=120)[0]
    assert other.returncode == 0
    return json.loads(said.splitlines()[-1])


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])
