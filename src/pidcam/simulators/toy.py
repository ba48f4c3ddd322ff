"""Events of the toy: Poisson counts around a template that lies anywhere on the grid."""

from __future__ import annotations

from pidcam.detectors.toy import GRID, WIDTHS, expected_counts
from pidcam.events import Dense, EventBatch
from pidcam.simulators.base import Generator, Parameters, Simulator, Species, make_events, simulators


class ToyParameters(Parameters):
    """Poisson counts of two templates at a random place. It has no parameters: its likelihood is that of these."""


def events(parameters: ToyParameters, species: Species, n: int, rng: Generator) -> EventBatch:
    """n events of one class; counts are whole numbers."""
    expected = expected_counts()[list(WIDTHS).index(species.of)]
    counts = rng.poisson(expected[rng.integers(len(expected), size=n)])
    return make_events("toy", species, images={"counts": Dense(counts.reshape(n, 1, GRID, GRID).astype("f4"))})


simulators.add(
    "toy",
    Simulator(
        detector="toy",
        parameters=ToyParameters,
        species=tuple(Species(name=name, of=name) for name in WIDTHS),
        events=events,
        file_name=lambda parameters, species, n, number: f"toy_{species.name}_{number}.hdf5",
        block=5000,
    ),
)
