"""What `inspect` finds: plain, JSON-ready facts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from pidcam.inspection.repeats import UNKNOWN, Repeats
from pidcam.inspection.spread import Spread


@dataclass(frozen=True)
class PartFacts:
    """One raw file, or one split of a store: events in all and by class, size in bytes."""

    name: str
    events: int
    classes: dict[str, int]
    bytes: int


@dataclass(frozen=True)
class ClassFacts:
    """Events of one class: their share of all, those without any hit, and those that `prepare` stops at (`bad`)."""

    name: str
    events: int
    share: float
    empty: int
    bad: int


@dataclass(frozen=True)
class ImageFacts:
    """One image: cells along each axis, channels with the units they are stored in, mean fraction of cells hit.

    `storage` is how a store keeps it, None for raw files.
    """

    name: str
    shape: tuple[int, ...]
    axes: tuple[str, ...]
    unit: str
    channels: dict[str, str]
    occupancy: float | None
    storage: str | None = None


@dataclass(frozen=True)
class ChannelFacts:
    """Values of one channel in the cells that are hit (any channel non-zero), in `unit`, which is physical: an image in
    units of 50 GeV is told in GeV. `nan`, `infinite` and `negative` count cells."""

    image: str
    name: str
    unit: str
    values: Spread
    nan: int
    infinite: int
    negative: int


@dataclass(frozen=True)
class QuantityFacts:
    """A number that each event has, such as its hits or its summed energy, by class."""

    name: str
    unit: str
    classes: dict[str, Spread]


@dataclass(frozen=True)
class ColumnFacts:
    """A feature or target over all events; `values.missing` counts events that have none."""

    kind: Literal["feature", "target"]
    name: str
    unit: str
    values: Spread


@dataclass(frozen=True)
class EventFacts:
    """Everything that is found in the events themselves; `bad_example` is the fault of the first bad event."""

    events: int
    classes: tuple[ClassFacts, ...]
    images: tuple[ImageFacts, ...]
    channels: tuple[ChannelFacts, ...]
    quantities: tuple[QuantityFacts, ...]
    columns: tuple[ColumnFacts, ...]
    repeats: Repeats
    bad_example: str | None

    @property
    def labelled(self) -> bool:
        """Whether any event has a known class."""
        return any(c.events for c in self.classes if c.name != UNKNOWN)


@dataclass(frozen=True)
class StoreFacts:
    """How a store was made; `dropped` are the events of the raw files that are not in it, by reason and class."""

    split: str
    seed: int
    fingerprint: str
    dropped: dict[str, dict[str, int]]
    sources: dict[str, int]
    pidcam: str
    bytes: int
    bytes_per_event: float


@dataclass(frozen=True)
class RunFacts:
    """What a run is: its model and task with options, what it was trained on, how it went, and what lies in it.

    `facts` is what run.json says; `metrics` by split is empty before `evaluate`; `files` gives sizes in bytes.
    """

    state: str
    classes: tuple[str, ...]
    config: dict[str, Any]
    facts: dict[str, Any]
    epochs: int
    best: dict[str, Any]
    metrics: dict[str, Any]
    files: dict[str, int]


@dataclass(frozen=True)
class Inspection:
    """What there is at `paths`. `events` is None for a run, `store` and `run` for anything else.

    `recognised` says that the detector was found by looking; `notes` are remarks in plain words on what a careful
    reader should know; `figures` are the pictures written.
    """

    kind: Literal["raw files", "store", "run"]
    paths: tuple[str, ...]
    detector: str
    title: str
    recognised: bool = False
    parts: tuple[PartFacts, ...] = ()
    events: EventFacts | None = None
    store: StoreFacts | None = None
    run: RunFacts | None = None
    notes: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Nested dictionaries and lists of plain values."""
        return asdict(self)
