"""Small real data for every test: the first Geant4 electrons and photons, in the official two-file layout."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import settings
from matplotlib.figure import Figure

from haste import blank_savefig
from pidcam.store.store import Store

EXAMPLES = Path(__file__).parent.parent / "examples" / "data"

DRAW = Figure.savefig

settings.register_profile("untimed", deadline=None)  # machines are busy, first uses compile
settings.load_profile("untimed")

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as shells start what runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def no_drawing() -> Iterator[None]:
    """Figures are made but not drawn, which would take most of the time: what looks at them asks for `drawing`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", blank_savefig())
        yield


@pytest.fixture(autouse=True)
def heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command with `--quiet` switches off in a test, the next one has again."""
    monkeypatch.setattr("pidcam.progress._quiet", False)


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are drawn."""
    monkeypatch.setattr(Figure, "savefig", DRAW)


def write_egamma(folder: Path, events: int, start: int = 0) -> list[Path]:
    """Two official files with `events` events each, cut from the Geant4 sample."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for source in sorted(EXAMPLES.glob("Single*.hdf5")):
        species = "Electron" if "Electron" in source.name else "Photon"
        path = folder / f"Single{species}Pt50_IMGCROPS_n{events}_RHv1.hdf5"
        with h5py.File(source) as raw, h5py.File(path, "w") as cut:
            for key in ("X", "y"):
                data = raw[key][start : start + events]
                cut.create_dataset(key, data=data, chunks=(min(events, 50), *data.shape[1:]), compression="gzip")
        files.append(path)
    return files


@pytest.fixture(scope="session")
def egamma_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """[electrons, photons], 200 events each."""
    return write_egamma(tmp_path_factory.mktemp("raw"), 200)


@pytest.fixture(scope="session")
def egamma_store(tmp_path_factory: pytest.TempPathFactory, egamma_files: list[Path]) -> Store:
    """A store of 320/40/40 events. Shared by all tests: never change it."""
    from pidcam.verbs.prepare import prepare

    return prepare("cms-ecal", egamma_files, tmp_path_factory.mktemp("store") / "egamma", seed=7, workers=1)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261122)
