"""The command line as a user calls it, on tiny files and the smallest model; and a child process to call it in."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from typer.testing import CliRunner

from pidcam.cli.main import app
from pidcam.store.store import Store

SMALL = ("--model", "mlp", "model.widths=[4]", "training.epochs=2", "training.batch_size=64", "training.precision=fp32")


@dataclass(frozen=True)
class Called:
    """`error` is what stands on stderr, without the program's name in front."""

    code: int
    out: str
    error: str


@pytest.fixture(scope="session")
def call() -> Callable[..., Called]:
    """`call("predict", run, file)`: one verb, in this process."""

    def invoke(*arguments: object) -> Called:
        done = CliRunner().invoke(app, [*map(str, arguments), "--quiet"])
        return Called(done.exit_code, done.stdout, done.stderr.removeprefix("pidcam: ").removesuffix("\n"))

    return invoke


@pytest.fixture(scope="session")
def call_in_child(call: Callable[..., Called]) -> Callable[..., Called]:
    """The same in a child process, for which `before()` has taken something away."""

    def invoke(before: Callable[[], object], *arguments: object) -> Called:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            try:
                before()
                done = call(*arguments)
                os.write(writer, json.dumps([done.code, done.out, done.error]).encode())
            finally:
                os._exit(0)
        os.close(writer)
        with open(reader, encoding="utf-8") as pipe:
            answer = pipe.read()
        os.waitpid(child, 0)
        return Called(*json.loads(answer))

    return invoke


@pytest.fixture(scope="session")
def crops() -> Callable[..., Path]:
    """`crops(path, y=...)`: a file of cms-ecal; keywords replace its arrays, None leaves one out."""

    def write(path: Path, n: int = 20, **change: Any) -> Path:
        rng = np.random.default_rng(0)
        x = rng.exponential(0.1, (n, 32, 32, 2)) * (rng.random((n, 32, 32, 1)) < 0.02)
        x[:, 16, 16] = 1
        arrays = {"X": x.astype(np.float32), "y": (np.arange(n) % 2).astype(np.float32), **change}
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as file:
            for key, array in arrays.items():
                if array is not None:
                    file[key] = array
        return path

    return write


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory, egamma_store: Store, call: Callable[..., Called]) -> Path:
    """A fitted MLP of width 4. Shared: never change it."""
    out = tmp_path_factory.mktemp("runs") / "small"
    done = call("train", egamma_store.path, *SMALL, "--out", out)
    assert done.code == 0, done.error
    return out
