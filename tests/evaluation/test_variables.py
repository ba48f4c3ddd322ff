"""Variables that follow from the images of an event."""

import numpy as np
import pytest
from toys import schema

from pidcam.errors import ConfigError, UnknownNameError
from pidcam.evaluation.variables import derived, parse_binning, unit_of, variables
from pidcam.events import Cells, Dense, EventBatch
from pidcam.schema import Column, EventSchema


def test_energy_and_hits_of_a_store(egamma_store):
    found = variables(egamma_store, "test", ("energy", "hits", "ecal.time"))
    images = egamma_store.to_numpy("test")["ecal"].astype(np.float64)
    assert found["energy"] == pytest.approx(50 * images[:, 0].sum(axis=(1, 2)), rel=1e-6)  # stored in 50 GeV
    assert np.array_equal(found["hits"], (images != 0).any(axis=1).sum(axis=(1, 2)))
    assert found["ecal.time"] == pytest.approx(images[:, 1].sum(axis=(1, 2)), rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("kind", [Dense, Cells.from_dense])
def test_cells_and_dense_images_agree(kind):
    values = np.random.default_rng(0).random((7, 2, 5, 5)).astype(np.float32)
    values[:, :, 0] = 0
    two = EventSchema(name="two", images=(schema().images[0], schema().images[0].model_copy(update={"name": "hcal"})))
    images = kind(Dense(values)) if kind is not Dense else Dense(values)
    batch = EventBatch({"ecal": images, "hcal": images}, {}, {}, np.zeros(7, np.int16), np.arange(7))
    made = {name: function(batch) for name, (_, function) in derived(two).items()}
    assert made.keys() == {
        "ecal.energy",
        "ecal.time",
        "hits.ecal",
        "hcal.energy",
        "hcal.time",
        "hits.hcal",
        "energy",
        "hits",
    }
    assert made["energy"] == pytest.approx(50 * values[:, 0].sum(axis=(1, 2), dtype=np.float64))
    assert made["hits.ecal"].tolist() == [20] * 7
    assert made["hits"].tolist() == [40] * 7


def test_an_event_without_hits_has_no_energy():
    batch = EventBatch(
        {"ecal": Cells.from_dense(Dense(np.zeros((3, 2, 5, 5), np.float32)))}, {}, {}, *np.zeros((2, 3), int)
    )
    assert derived(schema())["energy"][1](batch).tolist() == [0, 0, 0]


def test_columns_of_the_schema_come_first():
    with_energy = schema(targets=(Column(name="energy", unit="MeV"),))
    assert "energy" not in derived(with_energy)
    assert unit_of("energy", with_energy) == "MeV"
    assert unit_of("energy", schema()) == "GeV"
    assert unit_of("hits", schema()) == ""


def test_an_unknown_variable_names_the_nearest():
    with pytest.raises(UnknownNameError) as error:
        unit_of("enrgy", schema())
    assert str(error.value) == "--by: unknown variable 'enrgy'; did you mean 'energy'?"


def test_binnings():
    assert parse_binning("energy") == ("energy", None)
    assert parse_binning("energy:0,10.5,50") == ("energy", (0.0, 10.5, 50.0))


@pytest.mark.parametrize("text", ["energy:", "energy:3", "energy:3,2", "energy:1,1", "energy:a,b", "energy:0,inf"])
def test_edges_must_rise(text):
    with pytest.raises(ConfigError) as error:
        parse_binning(text)
    assert str(error.value) == f"--by: '{text}' has no rising bin edges; write for example energy:0,10,50"
