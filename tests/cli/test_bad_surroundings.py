"""Outputs that exist, places where nobody may write, a full disk, unknown names: one exact line, exit code 2."""

from __future__ import annotations

import os
import re
import resource
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pidcam.store.store import Store

Call = Callable[..., Any]

SMALL = ("--model", "mlp", "model.widths=[4]", "training.epochs=1", "training.precision=fp32")


def tree(folder: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


# outputs that exist


def test_existing_output_of_prepare(tmp_path: Path, call: Call, egamma_files: list[Path], egamma_store: Store) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("precious")
    prepare = ("prepare", "cms-ecal", *egamma_files, "--workers", 1, "--out")
    done = call(*prepare, tmp_path / "mine")
    line = "already exists and is not a store; nothing was overwritten; choose another --out"
    assert (done.code, done.error) == (2, f"{tmp_path / 'mine'}: {line}")
    done = call(*prepare, tmp_path / "mine" / "thesis.tex")
    assert (done.code, done.error) == (
        2,
        f"{tmp_path / 'mine' / 'thesis.tex'}: is a file, not a folder; choose another --out",
    )
    assert tree(tmp_path) == {"mine": None, "mine/thesis.tex": b"precious"}
    before = tree(egamma_store.path)
    done = call(*prepare, egamma_store.path, "--seed", 8)
    what = "holds a finished store of other files or options; nothing was overwritten"
    assert (done.code, done.error) == (2, f"{egamma_store.path}: {what}; choose another --out, or remove it first")
    assert call(*prepare, egamma_store.path, "--seed", 7).code == 0, "the same again is what is there"
    assert tree(egamma_store.path) == before


def test_existing_output_of_train(tmp_path: Path, call: Call, egamma_store: Store, small_run: Path) -> None:
    (tmp_path / "config.yaml").write_text("my: own")
    done = call("train", egamma_store.path, *SMALL, "--out", tmp_path)
    fix = "choose another --out, or remove it first"
    assert (done.code, done.error) == (2, f"{tmp_path}: already exists, nothing was overwritten; {fix}")
    assert tree(tmp_path) == {"config.yaml": b"my: own"}
    before = tree(small_run)
    done = call("train", egamma_store.path, *SMALL, "training.seed=3", "--out", small_run)
    what = "holds a run of another configuration or store; nothing was overwritten"
    assert (done.code, done.error) == (2, f"{small_run}: {what}; {fix}")
    assert tree(small_run) == before


def test_existing_output_of_predict(tmp_path: Path, call: Call, egamma_files: list[Path], small_run: Path) -> None:
    table = tmp_path / "table.parquet"
    table.write_text("precious")
    predict = ("predict", small_run, egamma_files[0], "--out", table)
    done = call(*predict)
    fix = "pass --overwrite to replace it, or choose another --out"
    assert (done.code, done.error) == (2, f"{table}: already exists, nothing was overwritten; {fix}")
    assert table.read_text() == "precious"
    assert call(*predict, "--overwrite").code == 0
    assert table.read_bytes().startswith(b"PAR1")


# no permission


@pytest.fixture
def shared_folder(tmp_path: Path, crops: Call, egamma_store: Store, small_run: Path) -> Iterator[Path]:
    """Raw file, store and run in a folder that everybody can read and only its owner can write."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        crops(folder / "raw.hdf5")
        shutil.copytree(egamma_store.path, folder / "store")
        shutil.copytree(small_run, folder / "run")
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)


def become_nobody() -> None:
    import torch

    torch.set_num_threads(1)  # the parent's threads are not in a forked child
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


VERBS_THAT_WRITE: dict[str, Callable[[Path], tuple[object, ...]]] = {
    "prepare": lambda f: ("prepare", "cms-ecal", f / "raw.hdf5", "--workers", 1, "--out", f / "new"),
    "train": lambda f: ("train", f / "store", *SMALL, "--out", f / "new"),
    "predict": lambda f: ("predict", f / "run", f / "raw.hdf5", "--out", f / "new.parquet"),
    "predict to HDF5": lambda f: ("predict", f / "run", f / "raw.hdf5", "--out", f / "new.h5"),
    "predict to ROOT": lambda f: ("predict", f / "run", f / "raw.hdf5", "--out", f / "new.root"),
    "inspect": lambda f: ("inspect", f / "raw.hdf5", "--out", f / "new"),
}


@pytest.mark.parametrize("verb", VERBS_THAT_WRITE)
def test_no_permission_to_write(verb: str, shared_folder: Path, call: Call, call_in_child: Call) -> None:
    arguments = VERBS_THAT_WRITE[verb](shared_folder)
    # so that everything is imported, also what the child may not read
    assert (
        call(*[str(a).replace(str(shared_folder / "new"), str(shared_folder / "store" / "x")) for a in arguments]).code
        == 0
    )
    before = tree(shared_folder).keys()
    done = call_in_child(become_nobody, *arguments)
    assert (done.code, done.error) == (2, f"{arguments[-1]}: no permission to write here; choose another --out")
    assert tree(shared_folder).keys() == before


@pytest.mark.parametrize(
    ("secret", "arguments"),
    [
        ("raw.hdf5", ("prepare", "cms-ecal", "raw.hdf5", "--out", "new")),
        ("raw.hdf5", ("inspect", "raw.hdf5")),
        ("raw.hdf5", ("predict", "run", "raw.hdf5", "--out", "new.parquet")),
        ("run/run.json", ("predict", "run", "raw.hdf5", "--out", "new.parquet")),
        ("run/model/weights.safetensors", ("predict", "run", "raw.hdf5", "--out", "new.parquet")),
        ("store/manifest.json", ("inspect", "store")),
        ("store/train-00000.arrow", ("inspect", "store")),
    ],
)
def test_no_permission_to_read(
    secret: str, arguments: tuple[str, ...], shared_folder: Path, call_in_child: Call
) -> None:
    (shared_folder / secret).chmod(0o000)
    found = [shared_folder / a if (shared_folder / a).exists() else a for a in arguments]
    done = call_in_child(become_nobody, *found)
    assert (done.code, done.error) == (
        2,
        f"{shared_folder / secret}: no permission to read it; ask its owner for access",
    )


def test_what_is_written_can_be_read_by_others(small_run: Path) -> None:
    for path in small_run.rglob("*"):
        if path.is_file():
            assert path.stat().st_mode & 0o777 == 0o666 & ~_umask(), path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


# a full disk


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


FULL = "the disk is full; free some space or choose another --out; nothing half-written was left"


def test_a_full_disk_in_prepare(tmp_path: Path, call: Call, egamma_files: list[Path]) -> None:
    prepare = ("prepare", "cms-ecal", *egamma_files, "--workers", 1, "--out", tmp_path / "store")
    with largest_file(20_000):
        done = call(*prepare)
    assert done.code == 2
    work = re.escape(str(tmp_path / "store" / "work"))
    assert re.fullmatch(rf"{work}/piece-00000\d.arrow: {re.escape(FULL)}", done.error)
    assert not list(tmp_path.rglob("*.part"))
    done = call("inspect", tmp_path / "store")
    fix = "call the same prepare command again to finish it"
    assert done.error == f"{tmp_path / 'store'}: is an unfinished store; {fix}"
    assert call(*prepare).code == 0


@pytest.mark.parametrize("suffix", ["parquet", "h5", "root"])
def test_a_full_disk_in_predict(
    tmp_path: Path, suffix: str, call: Call, egamma_files: list[Path], small_run: Path
) -> None:
    predict = ("predict", small_run, *egamma_files, "--out", tmp_path / f"table.{suffix}")
    with largest_file(1500):
        done = call(*predict)
    assert (done.code, done.error) == (2, f"{tmp_path / f'table.{suffix}'}: {FULL}")
    assert not list(tmp_path.iterdir())
    assert call(*predict).code == 0


@pytest.mark.parametrize(
    ("size", "file"), [(100, "config.yaml"), (1800, "run.json"), (9000, "checkpoints/last.safetensors")]
)
def test_a_full_disk_in_train(tmp_path: Path, size: int, file: str, call: Call, egamma_store: Store) -> None:
    train = ("train", egamma_store.path, *SMALL, "training.epochs=1", "--out", tmp_path / "run")
    with largest_file(size):
        done = call(*train)
    assert done.code == 2
    assert done.error.endswith(f": {FULL}")
    assert not [p for p in tmp_path.rglob("*") if p.suffix in (".part", ".safetensors")]
    assert (tmp_path / "run").exists() == (size == 9000), "what has begun goes on, what has not is not there"
    assert call(*train).code == 0


# names that nobody knows


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("prepare cms-ecla {RAW} --out {NEW}", "unknown detector 'cms-ecla'; did you mean 'cms-ecal'?"),
        ("inspect {RAW} --detector cms_ecal", "unknown detector 'cms_ecal'; did you mean 'cms-ecal'?"),
        ("run egama {RAW}", "unknown recipe 'egama'; did you mean 'egamma'?"),
        ("train {STORE} --model resnett --out {NEW}", "unknown model 'resnett'; did you mean 'resnet'?"),
        ("train {STORE} --task clasify --out {NEW}", "unknown task 'clasify'; did you mean 'classify'?"),
        (
            "train {STORE} training.epoch=3 --out {NEW}",
            "unknown key 'training.epoch'; did you mean 'training.epochs'?",
        ),
        (
            "train {STORE} training.optimiser.lrr=3 --out {NEW}",
            "unknown key 'training.optimiser.lrr'; did you mean 'training.optimiser.lr'?",
        ),
        ("train {STORE} trainin.epochs=3 --out {NEW}", "unknown key 'trainin'; did you mean 'training'?"),
        (
            "train {STORE} --model mlp model.width=[4] --out {NEW}",
            "model 'mlp': unknown key 'width'; did you mean 'widths'?",
        ),
        ("list modles", "unknown kind 'modles'; did you mean 'models'?"),
        (
            "predict {RUN} {RAW} --out {NEW}.csv",
            "{NEW}.csv: '.csv' is no table format; use one of .parquet, .h5, .hdf5, .root",
        ),
        (
            "train {RAW} --out {NEW}",
            "{RAW}: no such store; make one with: pidcam prepare DETECTOR FILES... --out STORE",
        ),
        (
            "train {RUN} --out {NEW}",
            "{RUN}: is not a store (it has no manifest.json); give the folder that prepare wrote",
        ),
        ("evaluate {NEW}", "{NEW}: no such run; make one with: pidcam train STORE --out RUN"),
        (
            "inspect {RUN} --detector cms-ecal --out {NEW}",
            "{RUN}: is a run and has its own figures; see {RUN}/figures, or call: pidcam report {RUN}",
        ),
        ("report {STORE}", "{STORE}: is not a run (it has no run.json); make one with: pidcam train STORE --out RUN"),
        ("evalute {RUN}", "no such command 'evalute'. Did you mean 'evaluate'?; see: pidcam --help"),
        ("prepare", "missing argument 'detector'; see: pidcam prepare --help"),
    ],
)
def test_names(
    tmp_path: Path,
    arguments: str,
    line: str,
    call: Call,
    egamma_files: list[Path],
    egamma_store: Store,
    small_run: Path,
) -> None:
    places = {"RAW": egamma_files[0], "STORE": egamma_store.path, "RUN": small_run, "NEW": tmp_path / "new"}
    done = call(*arguments.format(**places).split())
    assert (done.code, done.out) == (2, "")
    assert done.error == line.format(**places)
    assert not list(tmp_path.iterdir())
