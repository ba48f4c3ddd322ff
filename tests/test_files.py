"""Files are whole or absent, and what the operating system refuses becomes one clear line."""

from __future__ import annotations

import json
import os
import resource
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pidcam.errors import EXIT_BAD_INPUT, ExistsError, InputError
from pidcam.files import (
    atomic_path,
    find_files,
    read_json,
    require_absent,
    short_names,
    write_json,
    write_text,
    writing,
)

NOBODY = 65534


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (("/d/pions/1.h5", "/d/kaons/1.h5", "/d/kaons/2.h5"), ["pions/1.h5", "kaons/1.h5", "2.h5"]),
        (("/a/x/1.h5", "/b/x/1.h5", "/b/y/1.h5"), ["a/x/1.h5", "b/x/1.h5", "y/1.h5"]),
        (("/1.h5", "/a/1.h5"), ["//1.h5", "a/1.h5"]),
        (("/1.h5", "/1.h5"), ["//1.h5", "//1.h5"]),
        ((), []),
    ],
)
def test_short_names(paths: tuple[str, ...], names: list[str]) -> None:
    assert short_names([Path(p) for p in paths]) == names


def test_find_files(tmp_path: Path) -> None:
    for name in ("b.h5", "a.h5", "odd[1].h5"):
        (tmp_path / name).touch()
    assert find_files(f"{tmp_path}/?.h5") == [tmp_path / "a.h5", tmp_path / "b.h5"]
    assert find_files(f"{tmp_path}/odd[1].h5") == [tmp_path / "odd[1].h5"]
    assert find_files("missing.h5") == [Path("missing.h5")]
    with pytest.raises(InputError, match=r"^no file matches .*\*\.root; check the path$"):
        find_files(f"{tmp_path}/*.root")


def in_a_child(function: Callable[[], None]) -> str:
    """Run `function` in a forked process, whose limits and user may change; what it raised, or nothing."""
    read, write = os.pipe()
    if (pid := os.fork()) == 0:
        text = ""
        try:
            function()
        except InputError as error:
            text = str(error)
        except BaseException:
            text = traceback.format_exc()
        os.write(write, text.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    return text


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may reach (pytest's own are closed to others)."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "table.txt"
    with atomic_path(target) as part:
        part.write_text("half", encoding="utf-8")
        assert part.parent == target.parent, "a rename across file systems would not be atomic"
        assert not target.exists()
    assert target.read_text(encoding="utf-8") == "half"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("folder", [False, True])
def test_a_failing_writer_leaves_nothing(tmp_path: Path, error: type[BaseException], folder: bool) -> None:
    with pytest.raises(error), atomic_path(tmp_path / "out") as part:
        if folder:
            part.mkdir()
        (part / "file" if folder else part).write_text("half", encoding="utf-8")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_a_failing_writer_leaves_the_old_file_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "table.txt"
    write_text(target, "old")
    with pytest.raises(RuntimeError), atomic_path(target) as part:
        part.write_text("new", encoding="utf-8")
        raise RuntimeError
    assert target.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "model") as part:
        part.mkdir()
        (part / "weights").write_text("1", encoding="utf-8")
    assert (tmp_path / "model" / "weights").exists()
    assert len(list(tmp_path.iterdir())) == 1


def test_a_killed_writer_leaves_no_file_under_the_name(tmp_path: Path) -> None:
    def die() -> None:
        with atomic_path(tmp_path / "out") as part:
            part.write_text("half", encoding="utf-8")
            os.kill(os.getpid(), signal.SIGKILL)

    in_a_child(die)
    assert not (tmp_path / "out").exists()


# what the operating system refuses


def test_a_full_disk_is_one_line_and_nothing_is_left(tmp_path: Path) -> None:
    def fill() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        write_text(tmp_path / "big", "x" * 100_000)

    assert in_a_child(fill) == (
        f"{tmp_path / 'big'}: the disk is full; free some space or choose another --out; nothing half-written was left"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError(122, "Disk quota exceeded")])
def test_every_kind_of_full_disk_is_known(tmp_path: Path, error: OSError) -> None:
    with pytest.raises(InputError, match="the disk is full"), writing(tmp_path):
        raise error


def test_no_permission_is_one_line(open_folder: Path) -> None:
    (open_folder / "theirs").mkdir(mode=0o555)

    def write() -> None:
        if os.getuid() == 0:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        write_text(open_folder / "theirs" / "file", "text")

    text = in_a_child(write)
    assert text.startswith(f"{open_folder / 'theirs'}")
    assert text.endswith("no permission to write here; choose another --out")


def test_a_file_in_the_way_of_a_folder_is_one_line(tmp_path: Path) -> None:
    write_text(tmp_path / "taken", "text")
    for target in (tmp_path / "taken" / "file", tmp_path / "taken" / "deeper" / "file"):
        with pytest.raises(InputError) as error:
            write_text(target, "text")
        assert str(error.value) == f"{target}: a part of this path is a file, not a folder; choose another --out"


def test_a_read_only_disk_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error, writing(tmp_path):
        raise OSError(30, "Read-only file system", str(tmp_path))
    assert str(error.value) == f"{tmp_path}: no permission to write here; choose another --out"


def test_other_errors_pass_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="weather"), writing(tmp_path):
        raise OSError(5, "weather")


# json


def test_json_reads_back(tmp_path: Path) -> None:
    content = {"b": [1, 2.5, None, True], "a": {"ü": "é"}}
    write_json(tmp_path / "c.json", content)
    assert read_json(tmp_path / "c.json") == content
    assert json.loads((tmp_path / "c.json").read_bytes()) == content


def test_nan_is_not_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "c.json", {"x": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_damaged_json_says_where(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text('{"a": 1,\n "b": }', encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_json(path)
    assert str(error.value).startswith(f"{path}: is not valid JSON (Expecting value: line 2 column 7")
    path.write_bytes(b"\xff\xff")
    with pytest.raises(InputError, match="is not valid JSON"):
        read_json(path)
    with pytest.raises(InputError, match="no such file"):
        read_json(tmp_path / "none.json")


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    require_absent(tmp_path / "new")
    with pytest.raises(ExistsError) as error:
        require_absent(tmp_path)
    assert str(error.value) == (
        f"{tmp_path}: already exists, nothing was overwritten; choose another --out, or remove it first"
    )
    assert error.value.exit_code == EXIT_BAD_INPUT
