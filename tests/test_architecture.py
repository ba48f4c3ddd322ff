"""Imports run downward: every import in the package is held against the picture in docs/architecture.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "pidcam"


def storeys() -> list[str]:
    """Names of the house from the roof to the ground."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    block = re.search(r"```house\n(.*?)```", text, re.DOTALL)
    assert block, "docs/architecture.md has no picture of the house"
    return [line.split()[0] for line in block[1].splitlines()]


def imports(tree: ast.AST) -> Iterator[str]:
    """Storeys that a module imports when it runs; imports for type checking alone do not count."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "pidcam":
            parts = node.module.split(".")
            yield from [parts[1]] if len(parts) > 1 else [a.name for a in node.names]
        elif isinstance(node, ast.Import):
            yield from (a.name.split(".")[1] for a in node.names if a.name.startswith("pidcam."))
        yield from imports(node)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_downward(path):
    house = storeys()
    mine = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if mine in ("__init__", "__main__"):
        return
    assert mine in house, f"docs/architecture.md does not know '{mine}'"
    for other in imports(ast.parse(path.read_text(encoding="utf-8"))):
        if other == "__version__":
            continue
        assert house.index(other) >= house.index(mine), f"{mine} imports {other}, which lies above it"


def test_every_storey_exists():
    for name in storeys():
        assert (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file(), name


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
