"""Ctrl-C at any moment: exit code 130 (75 with a checkpoint), one line, nothing half-written; again it finishes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pidcam.predictions import Predictions
from pidcam.store.store import Store
from pidcam.training.run import Run

Call = Callable[..., Any]

ABORTED = "aborted; nothing half-written was left"
SMALL = ("--model", "mlp", "model.widths=[4]", "training.epochs=2", "training.batch_size=64", "training.precision=fp32")

PRESSED = """
import os, signal, sys

import pidcam.jobs
from pidcam.__main__ import main

def pressed(futures, wait=pidcam.jobs.as_completed):
    os.killpg(0, signal.SIGINT)
    return wait(futures)

if __name__ == "__main__":
    pidcam.jobs.as_completed = pressed
    main()
"""


@pytest.fixture
def press(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """`press(owner, name, at=3)`: Ctrl-C, `times` over, as the function is called for the third time; once only.

    Returns the list of calls made so far.
    """

    def patch(owner: Any, name: str, *, at: int, after: bool = False, times: int = 1) -> list[int]:
        original, calls = getattr(owner, name), []

        def pressed(*args: Any, **options: Any) -> Any:
            calls.append(1)
            now = len(calls) == at
            result = original(*args, **options) if after or not now else None
            if now:
                for _ in range(times):
                    signal.raise_signal(signal.SIGINT)
            return original(*args, **options) if now and not after else result

        monkeypatch.setattr(owner, name, pressed)
        return calls

    return patch


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def parts(folder: Path) -> list[Path]:
    return list(folder.rglob("*.part"))


# prepare


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 10))
def test_prepare_at_every_file_it_writes(
    tmp_path: Path, at: int, after: bool, call: Call, press: Call, egamma_files: list[Path], egamma_store: Store
) -> None:
    store = tmp_path / "store"
    prepare = ("prepare", "cms-ecal", *egamma_files, "--seed", 7, "--workers", 1, "--out", store)
    calls = press(os, "replace", at=at, after=after)
    done = call(*prepare)
    assert (done.code, done.error, done.out) == (130, ABORTED, "")
    assert not parts(tmp_path)
    if at < 9 or not after:
        assert not (store / "manifest.json").exists()
    assert call(*prepare).code == 0
    assert len(calls) >= 9, "there was a moment to press"
    assert content(store) == content(egamma_store.path)


def test_prepare_with_workers_as_a_terminal_does_it(
    tmp_path: Path, call: Call, egamma_files: list[Path], egamma_store: Store
) -> None:
    """A real process, and Ctrl-C for its whole group once the workers have their pieces: they keep quiet."""
    store = tmp_path / "store"
    arguments = ["prepare", "cms-ecal", *map(str, egamma_files), "--seed", "7", "--out", str(store)]
    script = tmp_path / "script.py"
    script.write_text(PRESSED, encoding="utf-8")
    command = [sys.executable, script, *arguments, "--workers", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, f"pidcam: {ABORTED}\n")
    assert not parts(tmp_path)
    assert not (store / "manifest.json").exists()
    assert call(*arguments, "--workers", 1).code == 0
    assert content(store) == content(egamma_store.path)


# predict


@pytest.mark.parametrize("suffix", ["parquet", "h5", "root"])
@pytest.mark.parametrize(
    ("owner", "name", "at"), [(Run, "predict_batches", 1), (Run, "predict_batches", 2), (os, "replace", 1)]
)
def test_predict(
    tmp_path: Path,
    owner: Any,
    name: str,
    at: int,
    suffix: str,
    call: Call,
    press: Call,
    egamma_files: list[Path],
    small_run: Path,
) -> None:
    table = tmp_path / f"table.{suffix}"
    predict = ("predict", small_run, *egamma_files, "--out", table)
    press(owner, name, at=at)
    done = call(*predict)
    assert (done.code, done.error, done.out) == (130, ABORTED, "")
    assert not list(tmp_path.iterdir())
    assert call(*predict).code == 0
    if suffix == "parquet":
        assert len(Predictions.load(table)) == 400


def test_an_old_table_outlives_an_interrupt(
    tmp_path: Path, call: Call, press: Call, egamma_files: list[Path], small_run: Path
) -> None:
    table = tmp_path / "table.parquet"
    table.write_text("old")
    press(Run, "predict_batches", at=2)
    assert call("predict", small_run, *egamma_files, "--out", table, "--overwrite").code == 130
    assert content(tmp_path) == {"table.parquet": b"old"}


# train


def weights(run: Path) -> bytes:
    return (run / "model" / "weights.safetensors").read_bytes()


def test_train_before_it_begins(tmp_path: Path, call: Call, press: Call, egamma_store: Store, small_run: Path) -> None:
    train = ("train", egamma_store.path, *SMALL, "--out", tmp_path / "run")
    for at in (1, 2):  # config.yaml, run.json
        press(os, "replace", at=at)
        done = call(*train)
        assert (done.code, done.error) == (130, ABORTED)
        assert not list(tmp_path.iterdir())
    assert call(*train).code == 0
    assert weights(tmp_path / "run") == weights(small_run)


@pytest.mark.parametrize("at", [1, 4, 5, 6, 9])
def test_train_within_an_epoch_leaves_a_checkpoint(
    tmp_path: Path, at: int, call: Call, press: Call, egamma_store: Store, small_run: Path
) -> None:
    """320 events in batches of 64: five steps an epoch."""
    from pidcam.training import step

    run = tmp_path / "run"
    train = ("train", egamma_store.path, *SMALL, "--out", run)
    press(step, "set_step", at=at)
    done = call(*train)
    line = f"stopped by SIGINT in epoch {1 + (at - 1) // 5} with a checkpoint; call the same command again to go on"
    assert (done.code, done.error) == (75, f"{run}: {line}")
    assert not parts(tmp_path)
    for verb, arguments in (("evaluate", ()), ("predict", (egamma_store.path, "--out", tmp_path / "table.parquet"))):
        done = call(verb, run, *arguments)
        assert (done.code, done.error) == (
            2,
            f"{run}: its training has not finished; call the same train command again to finish it",
        )
    assert call(*train).code == 0
    assert weights(run) == weights(small_run)


@pytest.mark.parametrize("at", [3, 5, 8, 12])
def test_train_at_any_file_it_writes(
    tmp_path: Path, at: int, call: Call, press: Call, egamma_store: Store, small_run: Path
) -> None:
    train = ("train", egamma_store.path, *SMALL, "--out", tmp_path / "run")
    press(os, "replace", at=at)
    done = call(*train)
    assert done.code in (0, 75, 130)
    assert not parts(tmp_path)
    assert call(*train).code == 0
    assert weights(tmp_path / "run") == weights(small_run)


def test_a_second_ctrl_c_does_not_wait(
    tmp_path: Path, call: Call, press: Call, egamma_store: Store, small_run: Path
) -> None:
    from pidcam.training import step

    train = ("train", egamma_store.path, *SMALL, "--out", tmp_path / "run")
    press(step, "set_step", at=7, times=2)
    done = call(*train)
    assert (done.code, done.error) == (130, ABORTED)
    assert not parts(tmp_path)
    assert call(*train).code == 0
    assert weights(tmp_path / "run") == weights(small_run)


# the others


def test_evaluate_keeps_what_was_there(tmp_path: Path, call: Call, press: Call, small_run: Path) -> None:
    run = Path(shutil.copytree(small_run, tmp_path / "run"))
    before = content(run)
    press(os, "replace", at=2)
    done = call("evaluate", run)
    assert (done.code, done.error) == (130, ABORTED)
    assert not parts(tmp_path)
    assert before.items() <= content(run).items()
    assert "metrics.json" not in content(run)


def test_inspect_leaves_no_pictures(tmp_path: Path, call: Call, press: Call, egamma_store: Store) -> None:
    from pidcam.inspection.inspector import Inspector

    press(Inspector, "add", at=2)
    done = call("inspect", egamma_store.path, "--out", tmp_path / "pictures")
    assert (done.code, done.error) == (130, ABORTED)
    assert not list(tmp_path.iterdir())


def test_while_still_importing() -> None:
    code = """
import runpy, signal, sys

class Press:
    def find_spec(self, name, path=None, target=None):
        if name == "typer.core":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Press())
sys.argv = ["pidcam", "list", "models"]
runpy.run_module("pidcam", run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, done.stdout) == (130, f"pidcam: {ABORTED}\n", "")
