"""What README and CONTRIBUTING show must be true."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/architecture.md"])
def test_links_and_pictures_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert (ROOT / page).parent.joinpath(target).exists(), target


def test_no_placeholder_is_left():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "<!--" not in text
    assert "@@" not in text


def test_every_detector_is_named():
    import pidcam

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for row in pidcam.list("detectors"):
        assert f"| [`{row['name']}`](docs/detectors/{row['name']}.md) |" in text


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_verbs_and_options_exist(page):
    """Every `pidcam verb --option` of the page is known to the command line."""
    import typer

    from pidcam.cli.main import app

    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for line in "\n".join(blocks(page, "console")).splitlines():
        found = re.match(r"pidcam (\w+)(.*)", line)
        if found:
            known = {option for p in commands[found[1]].params for option in p.opts}
            assert set(re.findall(r"--[\w-]+", found[2].split("#")[0])) <= known, line


def test_what_contributing_registers_works(tmp_path, monkeypatch):
    """The detector and the model of CONTRIBUTING.md register, fit each other and run."""
    import torch

    from pidcam.batch import Batch
    from pidcam.detectors.base import detectors
    from pidcam.models.base import models

    monkeypatch.setattr(detectors, "_things", dict(detectors._things) if list(detectors) else {})
    monkeypatch.setattr(models, "_things", dict(models._things) if list(models) else {})
    for number, code in enumerate(blocks("CONTRIBUTING.md", "python")):
        (tmp_path / f"stranger_{number}.py").write_text(code, encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))
        __import__(f"stranger_{number}")
        sys.modules.pop(f"stranger_{number}")
    schema = detectors["my-pixels"]().schema
    module = models["total"](schema, {"logit": 1}, {"width": 4})
    images = {"pixels": torch.rand(3, 1, 16, 16)}
    batch = Batch(images, {}, {}, torch.zeros(3, dtype=torch.long), torch.ones(3), torch.zeros(3, 2, dtype=torch.long))
    assert module(batch)["logit"].shape == (3, 1)
