"""Every notebook in examples/ runs from first to last cell, on few events; as committed it shows a real run."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from haste import NO_DRAWING

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
EVENTS = 60
"""Of each class, where the real run takes all."""
NEEDS = {"quark_gluon": ("pythia8mc", "fastjet")}
"""Modules of extras that a notebook needs."""

notebooks = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])


def outputs(notebook: NotebookNode) -> list[NotebookNode]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def pictures(notebook: NotebookNode) -> int:
    return sum("image/png" in output.get("data", {}) for output in outputs(notebook))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of examples/ with few events."""
    data = tmp_path / "examples" / "data"
    data.mkdir(parents=True)
    for source in (EXAMPLES / "data").glob("*.hdf5"):
        with h5py.File(source) as raw, h5py.File(data / source.name, "w") as cut:
            for key in raw:
                cut[key] = raw[key][:EVENTS]
    return data.parent


@notebooks
def test_notebook_runs(path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in NEEDS.get(path.stem, ()):
        pytest.importorskip(module)
    monkeypatch.setenv("PIDCAM_QUICK", "1")
    committed = nbformat.read(path, as_version=4)
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(NO_DRAWING))
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    assert pictures(notebook) == pictures(committed)


@notebooks
def test_committed_notebook_shows_one_real_run(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1)), "run all cells in order in a fresh kernel, then save"
    assert not [o for o in outputs(notebook) if o.output_type == "error" or o.get("name") == "stderr"]
    assert path.stat().st_size < 2_000_000
    assert not re.findall(r"/(?:home|root|tmp|work|Users)/\S*", path.read_text(encoding="utf-8")), "machine paths"
