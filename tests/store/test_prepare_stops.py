"""prepare killed, interrupted, refused, on a full disk or twice at once: the store is right or not there."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from pidcam.errors import ExistsError, InputError
from pidcam.store.plan import PrepareOptions
from pidcam.store.prepare import prepare_store
from pidcam.store.store import Store

OPTIONS = PrepareOptions(shard_events=20, keep_empty=True)


@pytest.fixture(scope="module")
def job(toy: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Store]:
    """`job(out)` prepares the same two files each time; `job.files`, `job.reference` (its content) come with it."""
    folder = tmp_path_factory.mktemp("job")
    files = [toy.save(folder / f"{k}.toy", toy.events(40, k), 9) for k in range(2)]

    def run(out: Path, options: PrepareOptions = OPTIONS) -> Store:
        return prepare_store(toy.detector(toy.schema()), files, out, options, workers=1)

    run.files = files  # type: ignore[attr-defined]
    run.reference = whole(run(folder / "reference").path)  # type: ignore[attr-defined]
    return run


def whole(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def child(function: Callable[[], Any]) -> int:
    """Start `function` in a forked process."""
    if (pid := os.fork()) == 0:
        code = 0
        try:
            function()
        except InputError as error:
            print(error, file=sys.__stderr__)
            code = 2
        except KeyboardInterrupt:
            code = 130
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
            code = 1
        os._exit(code)
    return pid


def outcome(pid: int) -> int:
    """Exit code, negative for the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def signal_at(moment: int, number: int) -> None:
    """Send this process a signal at some moment of its work on files: before or after a rename or removal."""
    passed = 0

    def told(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            nonlocal passed
            for step in (0, 1):
                passed += 1
                if passed == moment:
                    os.kill(os.getpid(), number)
                if step == 0:
                    result = function(*arguments, **more)
            return result

        return call

    os.replace = told(os.replace)
    shutil.rmtree = told(shutil.rmtree)  # type: ignore[assignment]


def test_killed_at_any_moment_the_next_call_ends_with_the_same_store(job: Any, tmp_path: Path) -> None:
    deaths = 0
    for moment in range(1, 1000, 4):
        out = tmp_path / str(moment)

        def work(moment: int = moment, out: Path = out) -> None:
            signal_at(moment, signal.SIGKILL)
            job(out)

        died = outcome(child(work))
        assert died in (0, -signal.SIGKILL)
        assert whole(job(out).path) == job.reference
        if died == 0:
            break
        deaths += 1
    assert deaths > 10


@given(st.lists(st.integers(1, 30), min_size=2, max_size=6))
@settings(max_examples=8)
def test_killed_again_and_again_it_still_ends_with_the_same_store(
    job: Any, tmp_path_factory: pytest.TempPathFactory, moments: list[int]
) -> None:
    out = tmp_path_factory.mktemp("killed") / "store"
    for moment in moments:

        def work(moment: int = moment) -> None:
            signal_at(moment, signal.SIGKILL)
            job(out)

        outcome(child(work))
    assert whole(job(out).path) == job.reference


def test_what_is_done_is_not_done_again(job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def work() -> None:
        signal_at(60, signal.SIGKILL)  # among the renames of the shards
        job(tmp_path / "store")

    assert outcome(child(work)) == -signal.SIGKILL
    work_folder = tmp_path / "store" / "work"
    before = {p.name: p.stat().st_mtime_ns for p in work_folder.iterdir()}
    assert any(name.startswith("train") for name in before), "it was killed while it wrote shards"
    kept: dict[str, int] = {}
    remove = shutil.rmtree

    def keep_times(folder: Path, **options: Any) -> None:
        kept.update({p.name: p.stat().st_mtime_ns for p in Path(folder).iterdir()})
        remove(folder, **options)

    monkeypatch.setattr(shutil, "rmtree", keep_times)
    job(tmp_path / "store")
    assert {name: kept[name] for name in before if not name.endswith(".part")} == {
        name: t for name, t in before.items() if not name.endswith(".part")
    }


@pytest.mark.parametrize("moment", [1, 2, 5, 14, 31])
def test_ctrl_c_leaves_a_state_to_go_on_from(job: Any, tmp_path: Path, moment: int) -> None:
    out = tmp_path / "store"

    def work() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal_at(moment, signal.SIGINT)
        job(out)

    assert outcome(child(work)) == 130
    with pytest.raises(InputError, match=r"is an unfinished store; call the same prepare command again|is not a store"):
        Store(out)
    assert not list(out.rglob("*.part"))
    assert whole(job(out).path) == job.reference


def test_killed_with_its_workers_it_goes_on(
    egamma_files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real files and processes, killed at a random moment: the same bits as by one process that was never killed."""
    from pidcam.formats import reader
    from pidcam.verbs.prepare import prepare

    script = tmp_path / "script.py"
    script.write_text(
        "import sys, pathlib\n"
        "import pidcam.formats.reader as reader\n"
        "from pidcam.verbs.prepare import prepare\n"
        "if __name__ == '__main__':\n"
        "    reader.READ_BYTES = 1 << 16\n"  # many pieces
        "    pathlib.Path(sys.argv[1]).touch()\n"
        "    prepare('cms-ecal', sys.argv[3:], sys.argv[2], workers=2, shard_events=30)\n",
        encoding="utf-8",
    )

    def start(name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, script, tmp_path / name, tmp_path / "store", *egamma_files]
        process = subprocess.Popen([str(c) for c in command])
        while not (tmp_path / name).exists():
            time.sleep(0.005)
        return process

    process = start("first")
    time.sleep(random.Random(os.urandom(8)).uniform(0.05, 1.5))
    process.kill()
    process.wait()
    assert start("second").wait() == 0
    monkeypatch.setattr(reader, "READ_BYTES", 1 << 16)
    reference = prepare("cms-ecal", egamma_files, tmp_path / "reference", workers=1, shard_events=30)
    assert whole(tmp_path / "store") == whole(reference.path)


def test_a_full_disk_is_told_and_the_next_call_goes_on(job: Any, tmp_path: Path, capfd: Any) -> None:
    out = tmp_path / "store"
    room = max(len(content) for content in job.reference.values()) - 1  # for every piece, but not for every shard

    def work() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        job(out)

    assert outcome(child(work)) == 2
    text = capfd.readouterr().err
    assert "the disk is full; free some space or choose another --out; nothing half-written was left" in text
    assert str(out) in text
    assert not list(out.rglob("*.part"))
    assert list((out / "work").glob("piece-*")), "what was done is kept"
    assert whole(job(out).path) == job.reference


# whose folder it is


def test_two_at_once_cannot_mix(job: Any, tmp_path: Path) -> None:
    for attempt in range(5):
        out = tmp_path / str(attempt)
        options = [OPTIONS, OPTIONS.model_copy(update={"seed": 1}), OPTIONS]
        read, write = os.pipe()

        def work(options: PrepareOptions, out: Path = out, read: int = read) -> None:
            os.read(read, 1)  # all begin together
            job(out, options)

        pids = [child(lambda o=o: work(o)) for o in options]  # type: ignore[misc]
        os.write(write, b"123")
        codes = [outcome(pid) for pid in pids]
        assert set(codes) <= {0, 2}
        assert 0 in codes
        winner = options[codes.index(0)]
        expected = job.reference if winner == OPTIONS else whole(job(tmp_path / f"other-{attempt}", winner).path)
        assert whole(out) == expected


def test_a_place_where_another_works_is_refused(job: Any, tmp_path: Path) -> None:
    out = tmp_path / "store"
    out.mkdir()
    with FileLock(out / ".lock"), pytest.raises(InputError) as error:
        job(out)
    assert str(error.value) == f"{out}: another prepare is working here; wait for it, or choose another --out"
    assert whole(job(out).path) == job.reference, "a lock that nobody holds is no obstacle"


def test_a_foreign_folder_is_refused_and_stays_as_it_is(job: Any, tmp_path: Path) -> None:
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter1.tex").write_text("It was a dark and stormy night", encoding="utf-8")
    before = whole(out)
    with pytest.raises(ExistsError) as error:
        job(out)
    assert (
        str(error.value) == f"{out}: already exists and is not a store; nothing was overwritten; choose another --out"
    )
    assert whole(out) == before
    with pytest.raises(ExistsError, match=r"chapter1\.tex: is a file, not a folder; choose another --out"):
        job(out / "chapter1.tex")


@pytest.mark.parametrize("finished", [True, False])
def test_a_store_of_another_request_is_refused(job: Any, tmp_path: Path, finished: bool) -> None:
    out = tmp_path / "store"
    job(out)
    if not finished:
        (out / "manifest.json").unlink()
    before = whole(out)
    for other in ({"seed": 5}, {"split": "0.5/0.5"}, {"limit": 3}):
        with pytest.raises(ExistsError) as error:
            job(out, OPTIONS.model_copy(update=other))
        assert str(error.value) == (
            f"{out}: holds {'a finished' if finished else 'an unfinished'} store of other files or options; "
            "nothing was overwritten; choose another --out, or remove it first"
        )
    assert whole(out) == before


def test_other_files_are_another_request(job: Any, toy: SimpleNamespace, tmp_path: Path) -> None:
    out = tmp_path / "store"
    raw = toy.save(tmp_path / "raw.toy", toy.events(30))
    detector = toy.detector(toy.schema())
    prepare_store(detector, [raw], out, OPTIONS, workers=1)
    content = bytearray(raw.read_bytes())
    content[content.index(b"features.pt.npy") + 200] ^= 1
    raw.write_bytes(content)
    with pytest.raises(Exception, match=r"holds a finished store of other files or options|CRC"):
        prepare_store(detector, [raw], out, OPTIONS, workers=1)
    toy.save(raw, toy.events(30, 1))
    with pytest.raises(ExistsError, match="holds a finished store of other files or options"):
        prepare_store(detector, [raw], out, OPTIONS, workers=1)


def test_a_finished_store_is_opened_as_it_is(job: Any, tmp_path: Path) -> None:
    out = tmp_path / "store"
    job(out)
    times = {p: p.stat().st_mtime_ns for p in out.iterdir()}
    assert job(out).manifest.accounting.adds_up()
    assert {p: p.stat().st_mtime_ns for p in out.iterdir()} == times


@pytest.fixture
def open_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that every user may reach (pytest's own are closed to others)."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def test_without_permission_a_finished_store_opens_and_a_new_one_is_refused(
    job: Any, open_folder: Path, toy: SimpleNamespace, capfd: Any
) -> None:
    raw = toy.save(open_folder / "raw.toy", toy.events(30))
    detector = toy.detector(toy.schema())
    prepare_store(detector, [raw], open_folder / "store", OPTIONS, workers=1)

    def nobody(out: str) -> int:
        def work() -> None:
            if os.getuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            prepare_store(detector, [raw], open_folder / out, OPTIONS, workers=1)

        return outcome(child(work))

    os.chmod(open_folder, 0o555)
    assert nobody("store") == 0
    assert nobody("new") == 2
    assert "no permission to write here; choose another --out" in capfd.readouterr().err
