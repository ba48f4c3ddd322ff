"""Every registered simulator: official files, read by the reader of real ones, and on to a trained model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pidcam
from pidcam.detectors.base import detectors
from pidcam.formats.layout import open_reader
from pidcam.models.base import models
from pidcam.simulators.base import Simulator, simulators

EVENTS, FEWER = 20, {"lariat": 6}
"""Of each species; fewer where there are many of them, and large images, but every split has one if some are empty."""


@pytest.fixture(params=list(simulators))
def simulator(request: pytest.FixtureRequest) -> Simulator:
    found = simulators[request.param]
    for module in found.modules:
        pytest.importorskip(module)
    return found


def test_round_trip(simulator: Simulator, tmp_path: Path) -> None:
    n = FEWER.get(simulator.detector, EVENTS)
    made = pidcam.simulate(simulator.detector, n, tmp_path / "raw", seed=1, workers=1)
    detector = detectors[simulator.detector]()
    for path, entry in zip(made.files, made.record["files"], strict=True):
        with open_reader(path, detector.layout, detector.schema) as reader:
            events = reader.read(0, len(reader))
        assert len(events) == entry["events"]
        assert (events.label == detector.schema.class_names.index(entry["class"])).all()
        for target in detector.schema.targets:
            if not target.optional:
                assert np.isfinite(events.targets[target.name]).all(), target.name
    store = pidcam.prepare(simulator.detector, made.files, tmp_path / "store", workers=1, split="0.5/0.25/0.25")
    assert sum(store.manifest.accounting.read.values()) == n * len(simulator.choose(None))
    model = next(name for name in ("bdt", *models) if models[name].misfit(store.schema) is None)
    run = pidcam.train(store.path, tmp_path / "run", model=model, quick=True)
    scored = pidcam.predict(run, made.files[0], tmp_path / "scores.parquet")
    assert scored.events == made.record["files"][0]["events"]


def test_every_parameter_is_documented(simulator: Simulator) -> None:
    assert simulator.detector in detectors
    schema = detectors[simulator.detector]().schema
    for name, field in simulator.parameters.model_fields.items():
        assert field.description, name
        assert isinstance(field.json_schema_extra, dict), f"declare {name} as a quantity, with its unit"
        assert "unit" in field.json_schema_extra
    for species in simulator.species:
        assert species.of in schema.class_names
        assert set(species.pdg) <= {p for c in schema.classes if c.name == species.of for p in c.pdg}
