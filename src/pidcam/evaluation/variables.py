"""What an event is binned in: its features and targets, and what follows from its images (`energy`, `hits`)."""

from __future__ import annotations

import itertools

import numpy as np

from pidcam.errors import ConfigError, UnknownNameError
from pidcam.schema import EventSchema
from pidcam.store.store import Store
from pidcam.variables import derived, known_variables

ALWAYS = ("energy", "hits")
"""Variables that every evaluated event with an image carries."""


def unit_of(name: str, schema: EventSchema) -> str:
    """The unit of a variable; `UnknownNameError` if there is no such one."""
    units = known_variables(schema)
    if name not in units:
        raise UnknownNameError("variable", name, units, where="--by")
    return units[name]


def variables(store: Store, split: str, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """{name: (n,) float64} of all events of a split in stored order; those of `names` that follow from images."""
    known = derived(store.schema)
    wanted = [name for name in names if name in known]
    parts = [[known[name][1](shard) for name in wanted] for shard in store.shards(split)]
    return {name: np.concatenate([part[i] for part in parts]).astype(np.float64) for i, name in enumerate(wanted)}


def parse_binning(text: str) -> tuple[str, tuple[float, ...] | None]:
    """`energy`, or `energy:0,10,50` with the edges of the bins, as (name, edges)."""
    name, colon, rest = text.partition(":")
    if not colon:
        return name, None
    try:
        edges = tuple(float(part) for part in rest.split(","))
    except ValueError:
        edges = ()
    rising = all(a < b for a, b in itertools.pairwise(edges))
    if len(edges) < 2 or not rising or not np.isfinite(edges).all():
        raise ConfigError(f"'{text}' has no rising bin edges", where="--by", fix="write for example energy:0,10,50")
    return name, edges
