"""NaN, infinite and forbidden negative values: named by file, part and event, or masked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pidcam.errors import DataError
from pidcam.events import Cells, Dense, EventBatch, Points
from pidcam.formats.checks import check_events
from pidcam.schema import Channel, Column, EventSchema, Image

SCHEMA = EventSchema(
    name="toy",
    images=(
        Image(name="calo", shape=(4, 4), channels=(Channel(name="energy", non_negative=True), Channel(name="time"))),
    ),
    features=(Column(name="pt"),),
    targets=(Column(name="truth"),),
)
FILE = Path("some.hdf5")
FIX = "repair the file, or leave such events out with --drop-bad"


def events(n: int = 20) -> EventBatch:
    """Positive energies, times of either sign, rows counted from 100."""
    rng = np.random.default_rng(1)
    values = rng.exponential(size=(n, 2, 4, 4)).astype(np.float32)
    values[:, 1] -= 1
    columns = {"pt": rng.normal(size=n)}, {"truth": rng.normal(size=n)}
    return EventBatch({"calo": Dense(values)}, *columns, np.zeros(n, np.int16), np.arange(100, 100 + n))


def sparse(batch: EventBatch) -> EventBatch:
    """The same with every second event empty and images as cells."""
    dense = batch.images["calo"]
    assert isinstance(dense, Dense)
    dense.values[::2] = 0
    return EventBatch({"calo": Cells.from_dense(dense)}, batch.features, batch.targets, batch.label, batch.row)


def fault(batch: EventBatch) -> str:
    with pytest.raises(DataError) as caught:
        check_events(batch, SCHEMA, where=FILE)
    return str(caught.value)


@pytest.mark.parametrize("batch", [events(), sparse(events()), events(0), sparse(events()).take(np.arange(0))])
def test_good_events(batch: EventBatch) -> None:
    good = check_events(batch, SCHEMA, where=FILE)
    assert good.dtype == bool
    assert good.tolist() == [True] * len(batch)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("channel", [0, 1])
def test_not_finite_in_an_image(value: float, channel: int) -> None:
    batch = events()
    batch.images["calo"].values[[7, 11], channel, 2, 3] = value  # type: ignore[union-attr]
    name = ("energy", "time")[channel]
    assert fault(batch) == f"some.hdf5: image 'calo', {name} is {value:g} in event 107; {FIX}"
    good = check_events(batch, SCHEMA, where=FILE, drop_bad=True)
    assert np.flatnonzero(~good).tolist() == [7, 11]


def test_infinities_that_cancel() -> None:
    batch = events()
    batch.images["calo"].values[3, 1, 0, :2] = np.inf, -np.inf  # type: ignore[union-attr]
    assert fault(batch) == f"some.hdf5: image 'calo', time is inf in event 103; {FIX}"


def test_large_values_whose_sum_overflows_are_good() -> None:
    batch = events()
    batch.images["calo"].values[:] = 3e38  # type: ignore[union-attr]
    assert check_events(batch, SCHEMA, where=FILE).all()


def test_negative_only_where_forbidden() -> None:
    batch = events()
    batch.images["calo"].values[5, 0, 1, 1] = -0.25  # type: ignore[union-attr]
    message = f"some.hdf5: image 'calo', energy is -0.25 in event 105, but is declared non-negative; {FIX}"
    assert fault(batch) == message
    assert np.flatnonzero(~check_events(batch, SCHEMA, where=FILE, drop_bad=True)).tolist() == [5]
    batch.images["calo"].values[5, 0, 1, 1] = -0.0  # type: ignore[union-attr]
    assert check_events(batch, SCHEMA, where=FILE).all()


@pytest.mark.parametrize(("kind", "name"), [("feature", "pt"), ("target", "truth")])
def test_columns(kind: str, name: str) -> None:
    batch = events()
    (batch.features if kind == "feature" else batch.targets)[name][4] = np.nan
    assert fault(batch) == f"some.hdf5: {kind} '{name}' is nan in event 104; {FIX}"


def test_integer_columns() -> None:
    batch = events()
    batch.features["pt"] = np.arange(-10, 10)
    assert check_events(batch, SCHEMA, where=FILE).all()


def test_cells() -> None:
    """The hit is traced back to its event, over empty events."""
    batch = sparse(events())
    calo = batch.images["calo"]
    assert isinstance(calo, Cells)
    calo.value[calo.offsets[9] + 2, 0] = -1
    assert fault(batch) == f"some.hdf5: image 'calo', energy is -1 in event 109, but is declared non-negative; {FIX}"
    assert np.flatnonzero(~check_events(batch, SCHEMA, where=FILE, drop_bad=True)).tolist() == [9]


def test_points() -> None:
    batch = sparse(events())
    calo = batch.images["calo"]
    assert isinstance(calo, Cells)
    points = Points(calo.offsets, np.zeros((len(calo.place), 2)), calo.value)
    points.place[calo.offsets[13], 1] = np.nan
    batch.images["calo"] = points
    assert fault(batch) == f"some.hdf5: image 'calo', a coordinate is nan in event 113; {FIX}"


def test_every_reason_counts_once() -> None:
    batch = events()
    batch.images["calo"].values[5, 0, 1, 1] = -0.25  # type: ignore[union-attr]
    batch.images["calo"].values[5, 1, 1, 1] = np.nan  # type: ignore[union-attr]
    batch.targets["truth"][6] = np.inf
    assert np.flatnonzero(~check_events(batch, SCHEMA, where=FILE, drop_bad=True)).tolist() == [5, 6]
    good = check_events(batch, SCHEMA, where=FILE, drop_bad=True, truth=False)
    assert np.flatnonzero(~good).tolist() == [5], "what no model takes in may be unknown"
