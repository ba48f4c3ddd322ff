"""Jobs: results in order, errors as they were, and nothing left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from pidcam.errors import DataError, PidcamError
from pidcam.jobs import available_cores, default_threads, run_jobs

SCRIPT = """
import os, sys, time
from pathlib import Path
from pidcam.jobs import run_jobs

def work(piece):
    number, folder, seconds = piece
    (folder / f"{number}-{os.getpid()}").touch()
    time.sleep(seconds)
    if seconds < 0.001:
        os.kill(os.getpid(), 9)
    return number

if __name__ == "__main__":
    folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
    run_jobs(work, [(i, folder, seconds) for i in range(50)], description="working", workers=2)
"""


def square(x: int) -> int:
    time.sleep(0.02 * (x % 3 == 0))  # pieces end in another order than they began
    return x * x


def refuse(x: int) -> int:
    if x == 1:
        raise DataError("is bad", where=f"piece {x}", fix="mend it")
    time.sleep(0.01)
    return x


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_the_order_of_the_pieces(workers: int) -> None:
    with ThreadPoolExecutor(workers) as pool:
        assert run_jobs(square, range(20), description="squaring", executor=pool) == [x * x for x in range(20)]
    assert run_jobs(square, range(20), description="squaring", workers=1) == [x * x for x in range(20)]


def test_no_pieces_give_no_results() -> None:
    assert run_jobs(square, [], description="squaring") == []


def test_processes_give_the_same_and_pass_errors_on_as_they_were() -> None:
    assert run_jobs(abs, [-3, 2, -1], description="counting", workers=2) == [3, 2, 1]
    with pytest.raises(ValueError, match="invalid literal"):
        run_jobs(int, ["1", "two", "3"], description="counting", workers=2)


class Recorder(Executor):
    """Runs nothing by itself; remembers what was cancelled."""

    def __init__(self) -> None:
        self.futures: list[Future[int]] = []

    def submit(self, function, /, *arguments):  # type: ignore[no-untyped-def]
        future: Future[int] = Future()
        self.futures.append(future)
        if len(self.futures) == 3:
            self.futures[1].set_exception(DataError("is bad", where="piece 1", fix="mend it"))
        return future


def test_an_error_cancels_what_has_not_started() -> None:
    recorder = Recorder()
    with pytest.raises(DataError) as error:
        run_jobs(refuse, [0, 1, 2], description="refusing", executor=recorder)
    assert (error.value.what, error.value.where, error.value.fix) == ("is bad", "piece 1", "mend it")
    assert [f.cancelled() for f in recorder.futures] == [True, False, True]


def test_a_given_executor_stays_open() -> None:
    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(DataError):
            run_jobs(refuse, [0, 1, 2], description="refusing", executor=pool)
        assert pool.submit(square, 3).result() == 9


def test_progress_counts_by_size(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_jobs(square, [1, 2], description="squaring", workers=1, size=lambda x: 10 * x) == [1, 4]
    assert capsys.readouterr().out == "", "progress never goes to stdout"


def test_cores_are_those_granted() -> None:
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


def start(tmp_path: Path, seconds: float) -> subprocess.Popen[str]:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "done").mkdir()
    command = [sys.executable, str(script), str(tmp_path / "done"), str(seconds)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)


def working(tmp_path: Path) -> set[int]:
    """Process ids of the workers, once both have begun."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        pids = {int(p.name.split("-")[1]) for p in (tmp_path / "done").iterdir()}
        if len(pids) == 2:
            return pids
        time.sleep(0.01)
    raise AssertionError("no worker began")


def gone(pids: set[int]) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if not any(Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids):
            return True
        time.sleep(0.02)
    return False


def test_ctrl_c_stops_after_the_pieces_at_work_and_says_nothing_else(tmp_path: Path) -> None:
    process = start(tmp_path, 1)
    pids = working(tmp_path)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does it: to parent and workers alike
    _, text = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT or "KeyboardInterrupt" in text
    assert text.count("Traceback") <= 1, "only the parent speaks"
    assert len(list((tmp_path / "done").iterdir())) < 10
    assert gone(pids)


def test_workers_die_with_their_parent(tmp_path: Path) -> None:
    process = start(tmp_path, 1)
    pids = working(tmp_path)
    process.kill()
    process.communicate()
    assert gone(pids)


def test_a_worker_that_is_killed_is_told_in_one_line(tmp_path: Path) -> None:
    _, text = start(tmp_path, 0).communicate(timeout=30)
    last = text.strip().splitlines()[-1]
    assert last.startswith(f"pidcam.errors.{PidcamError.__name__}: working: a worker process was killed"), text
    assert "call the same again to go on" in last


@pytest.mark.parametrize("piped", [False, True])
def test_a_plain_script_is_not_run_again_by_the_workers(tmp_path: Path, piped: bool) -> None:
    """As people write them: without a main guard."""
    script = """
import math
from pidcam.jobs import run_jobs
print("begun")
print(run_jobs(math.factorial, [3, 4], description="working", workers=2))
"""
    (tmp_path / "script.py").write_text(script)
    command = [sys.executable, "-"] if piped else [sys.executable, str(tmp_path / "script.py")]
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
    assert done.stdout == "begun\n[6, 24]\n", done.stderr


@pytest.mark.parametrize(("said", "threads"), [("3", 3), ("4,2", 4), ("", None), ("0", None), ("many", None)])
def test_threads_are_those_that_the_environment_allows(said, threads, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    assert default_threads() == (threads or available_cores())
