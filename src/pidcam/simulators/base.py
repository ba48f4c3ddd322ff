"""What a simulator is: typed parameters, species, and a pure function from these and random numbers to events.

A simulator writes the official raw files of its detector; how it is run in parallel, to any number of events, is in
`simulators/run.py` and no concern of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field

from pidcam.detectors.base import Detector, detectors
from pidcam.errors import UnknownNameError
from pidcam.events import EventBatch, Images
from pidcam.registry import Registry
from pidcam.schema import Spec

Generator = np.random.Generator


class Parameters(Spec):
    """Base of the parameters of a simulator: every one is a `quantity`."""


def quantity(default: Any, meaning: str, unit: str = "", **limits: Any) -> Any:
    """A parameter with its default, meaning, unit and limits (`gt`, `ge`, `lt`, `le`)."""
    return Field(default, description=meaning, json_schema_extra={"unit": unit}, **limits)


def _pair(value: Any) -> Any:
    return (value, value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _ascending(value: tuple[float, float]) -> tuple[float, float]:
    if not value[0] <= value[1]:
        raise ValueError(f"a range begins with its smaller end, not [{value[0]:g}, {value[1]:g}]")
    return value


def _positive(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] <= 0:
        raise ValueError("must be greater than 0")
    return value


Interval = Annotated[tuple[float, float], BeforeValidator(_pair), AfterValidator(_ascending)]
"""`[low, high]`, from which values are drawn uniformly; a single number is always that value."""

PositiveInterval = Annotated[Interval, AfterValidator(_positive)]


def draw(interval: tuple[float, float], n: int, rng: Generator) -> np.ndarray:
    """(n,) uniform in the interval."""
    return rng.uniform(interval[0], interval[1], n)


@dataclass(frozen=True)
class Species:
    """What one file holds: `name` on the command line, class `of` the schema, the particles `pdg` in equal shares.

    `file` is what the official files call it. One that must be `asked` for is not simulated unless it is named. `extra`
    names what to install, if `modules` are missing.
    """

    name: str
    of: str
    pdg: tuple[int, ...] = ()
    file: str = ""
    asked: bool = False
    extra: str | None = None
    modules: tuple[str, ...] = ()

    def draw_pdg(self, n: int, rng: Generator) -> np.ndarray:
        """(n,) PDG ids."""
        return np.asarray(self.pdg)[rng.integers(len(self.pdg), size=n)]


@dataclass(frozen=True)
class Simulator:
    """How the events of a detector are made.

    `events(parameters, species, n, rng)` makes one block of n events and takes random numbers from `rng` alone.
    `file_name(parameters, species, n, number)` names the file number `number` (from 0) of a species, with n events, by
    a path in the output folder; `file_events` is how many events official files have, if there are many. `block` is how
    many events are made at once. `extra` names what to install, if `modules` are missing.
    """

    detector: str
    parameters: type[Parameters]
    species: tuple[Species, ...]
    events: Callable[[Any, Species, int, Generator], EventBatch]
    file_name: Callable[[Any, Species, int, int], str]
    file_events: int | None = None
    block: int = 500
    extra: str | None = None
    modules: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The first line of what the parameters say about themselves."""
        return (self.parameters.__doc__ or self.detector).strip().splitlines()[0].rstrip(".")

    def choose(self, wanted: Sequence[str | int] | None) -> tuple[Species, ...]:
        """Species by name, by class or by PDG id; all the usual ones without. `UnknownNameError` names the nearest."""
        if wanted is None or len(wanted) == 0:
            return tuple(s for s in self.species if not s.asked)
        chosen: dict[str, Species] = {}
        for word in wanted:
            for one in self._matches(word):
                earlier = chosen.get(one.name)
                pdg = tuple(p for s in (earlier, one) if s for p in s.pdg)
                chosen[one.name] = replace(one, pdg=tuple(dict.fromkeys(pdg)))
        return tuple(chosen[s.name] for s in self.species if s.name in chosen)

    def _matches(self, word: str | int) -> list[Species]:
        try:
            pdg = int(word)
        except ValueError:
            found = [s for s in self.species if word in (s.name, s.of)]
            known = [s.name for s in self.species]
            kind = "species"
        else:
            found = [replace(s, pdg=(pdg,)) for s in self.species if pdg in s.pdg]
            known = [str(p) for s in self.species for p in s.pdg]
            kind = "PDG id"
        if not found:
            raise UnknownNameError(kind, str(word), known, where=f"simulator '{self.detector}'")
        return found


simulators: Registry[Simulator] = Registry("simulator", "pidcam.simulators")


def make_events(
    detector: str,
    species: Species,
    images: dict[str, Images] | None = None,
    features: dict[str, np.ndarray] | None = None,
    targets: dict[str, np.ndarray] | None = None,
) -> EventBatch:
    """A block of events of one species, as `Simulator.events` returns it. Optional targets not given are unknown."""
    found: Detector = detectors[detector]()
    columns = [*(images or {}).values(), *(features or {}).values()]
    n = len(columns[0])
    unknown = {c.name: np.full(n, np.nan) for c in found.schema.targets if c.optional}
    label = np.full(n, found.schema.class_names.index(species.of), np.int16)
    return EventBatch(images or {}, features or {}, {**unknown, **(targets or {})}, label, np.arange(n))
