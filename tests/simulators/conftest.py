"""A toy simulator for an existing detector: enough to try everything that runs simulators."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import numpy as np
import pytest
from pydantic import model_validator

from pidcam.detectors.base import detectors
from pidcam.events import Dense, EventBatch
from pidcam.simulators.base import (
    Generator,
    Parameters,
    PositiveInterval,
    Simulator,
    Species,
    draw,
    make_events,
    quantity,
    simulators,
)


class Toy(Parameters):
    """Noise in the shape of events, for tests."""

    energy: PositiveInterval = quantity((1.0, 2.0), "kinetic energy", "MeV")
    voxel: float = quantity(1.0, "voxel size", "mm", gt=0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.voxel > 10:
            raise ValueError(f"voxel size {self.voxel:g} mm is larger than the detector (10 mm)")
        return self


def toy_events(parameters: Toy, species: Species, n: int, rng: Generator) -> EventBatch:
    sign = 1.0 if species.of == "photon" else 0.5
    energy = sign * draw(parameters.energy, n, rng)[:, None, None, None]
    values = rng.random((n, 2, 32, 32)) * energy * (rng.random((n, 1, 32, 32)) < 0.05)
    return make_events("cms-ecal", species, {"ecal": Dense(values.astype(np.float32))})


def toy(**changes: Any) -> Simulator:
    return Simulator(
        detector="toy",
        parameters=Toy,
        species=(Species("photon", "photon", (22,), "Photon"), Species("electron", "electron", (11, -11), "Electron")),
        events=toy_events,
        file_name=lambda parameters, species, n, number: f"{species.file}/toy_n{n}_{number}.hdf5",
        **{"block": 16, "file_events": 40, **changes},
    )


@pytest.fixture
def toy_simulator(monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """Registered as `toy`, with files of 40 events."""
    list(simulators)  # loads the others
    list(detectors)
    made = toy()
    monkeypatch.setitem(simulators._things, "toy", made)
    monkeypatch.setitem(detectors._things, "toy", detectors["cms-ecal"])
    return made


@pytest.fixture(scope="module")
def table() -> Iterator[ModuleType]:
    """The rule by which tables of realism say what agrees."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
        yield importlib.import_module("realism_table")
