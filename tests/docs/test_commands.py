"""Every command and every piece of Python in the documentation works."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import pytest
import typer
from pages import PAGES, README, Block, Page
from typer.testing import CliRunner

import pidcam
from haste import NO_DRAWING
from pidcam.cli.main import app
from pidcam.training import loop

EXAMPLES = Path(__file__).parents[2] / "examples" / "data"
EVENTS = 60
"""Of each class in the example files that the pages see."""

RUN = [page for page in (*PAGES, README) if page.has("bash", "python")]


@pytest.fixture(scope="module", autouse=True)
def in_haste() -> Iterator[None]:
    """Number formats are not timed: other tests do that.

    `--quick` is quicker still: no number depends on it here.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "probe_precision", lambda *_: {"fp32": 1.0, "bf16": 1.0})
        for verb in ("prepare", "run"):
            patch.setattr(f"pidcam.verbs.{verb}.QUICK_LIMIT", EVENTS)
        patch.setattr("pidcam.verbs.train.QUICK", {"training": {"epochs": 2, "limit": 2 * EVENTS}})
        yield


@pytest.fixture(scope="module")
def beginnings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with cut example files, a store and an evaluated run."""
    folder = tmp_path_factory.mktemp("docs")
    data = folder / "examples" / "data"
    data.mkdir(parents=True)
    for source in EXAMPLES.glob("*.hdf5"):
        with h5py.File(source) as raw, h5py.File(data / source.name, "w") as cut:
            for key in raw:
                cut[key] = raw[key][:EVENTS]
    store = pidcam.prepare("cms-ecal", sorted(data.iterdir()), folder / "stores" / "egamma", workers=1)
    pidcam.evaluate(pidcam.train(store.path, folder / "runs" / "egamma-resnet", quick=True))
    return folder


@pytest.fixture
def folder(request: pytest.FixtureRequest, beginnings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of one page."""
    shutil.copytree(beginnings / "examples", tmp_path / "examples")
    for thing, place in (("store", "stores"), ("run", "runs")):
        if thing in request.param.begins_with:
            shutil.copytree(beginnings / place, tmp_path / place)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("page", "folder"), [(p, p) for p in RUN], ids=[p.name for p in RUN], indirect=["folder"])
def test_page(page: Page, folder: Path) -> None:
    if page.settings.get("own_process"):
        code = NO_DRAWING + "\n".join(block.text for block in page.blocks if block.language == "python")
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder)
        assert done.returncode == 0, done.stderr
        return
    names: dict[str, object] = {"__name__": "__main__"}
    printed = ""
    for block in page.blocks:
        if block.file:
            Path(block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            exec(compile(block.text, f"{page.name}.md, line {block.line}", "exec"), names)
        elif block.language == "bash":
            printed += "".join(run(command, code) for command, code in block.commands)
        elif block.language == "text":
            for line in (line for line in block.text.splitlines() if line.startswith("pidcam: ")):
                assert line in printed, f"{page.name}.md shows a line that is not what the commands before it print"


def run(command: str, code: int) -> str:
    """What a shell command prints; those of pidcam run in this process, where torch is imported once."""
    words = split(command)
    if words[0] != "pidcam":
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
        assert done.returncode == code, f"{command}\n{done.stderr}"
        return done.stdout
    result = CliRunner().invoke(app, quickly(words[1:]), prog_name="pidcam")
    assert result.exit_code == code, f"{command}\n{result.output}"
    return result.output


def quickly(words: list[str]) -> list[str]:
    """Trainings that do not say how long are smoke runs here."""
    said = ("--config", "--resume")
    long = words[0] == "train" and not any("epochs=" in w or "trees=" in w or w in said for w in words)
    return [*words, "--quick"] if long and "--quick" not in words else words


def split(command: str) -> list[str]:
    """The words of a command as a shell expands them."""
    printed = subprocess.run(["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, text=True, check=True)
    return printed.stdout.split("\0")[:-1]


SHOWN = [(page, block) for page in (*PAGES, README) for block in page.blocks if block.language == "console"]


@pytest.mark.parametrize(("page", "block"), SHOWN, ids=[f"{p.name}:{b.line}" for p, b in SHOWN])
def test_shown_command_exists(page: Page, block: Block) -> None:
    """Commands that are only shown (installing, downloading) are at least ones that pidcam has."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for command, _ in block.commands:
        for words in (shlex.split(part) for part in command.split("&&")):
            if words[0] == "pidcam":
                commands[words[1]].make_context("pidcam", words[2:])


def test_every_verb_has_a_page() -> None:
    verbs = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    missing = verbs.keys() - {page.path.stem for page in PAGES if page.path.parent.name == "verbs"}
    assert not missing, "write docs/verbs/NAME.md, as the other verbs have it"


def test_every_detector_has_a_page() -> None:
    missing = {row["name"] for row in pidcam.list("detectors")} - {
        page.path.stem for page in PAGES if page.path.parent.name == "detectors"
    }
    assert not missing, "write docs/detectors/NAME.md, as the other detectors have it"


def test_every_model_is_described() -> None:
    text = next(page.text for page in PAGES if page.name == "docs/models")
    missing = {row["name"] for row in pidcam.list("models") if f"\n## {row['name']}\n" not in text}
    assert not missing, "add a section to docs/models.md, as the other models have it"
