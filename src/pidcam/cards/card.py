"""What a card says, typed; and the detector that it makes."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from pidcam.detectors.base import Detector
from pidcam.formats.layout import HitRows, HitsSource, ImageSource, Key, LabelSource, Layout, Order, TextOptions
from pidcam.schema import Channel, Column, EventSchema, Image, ParticleClass, Range, Spec, Storage

DEFAULT_SPLIT = "0.8/0.1/0.1"


class CardChannel(Spec):
    """One value per cell. A value that is negative where `non_negative`, or outside `range`, is an error."""

    unit: str = ""
    non_negative: bool = False
    range: Range | None = None


def _named(value: Any) -> Any:
    """`[energy, time]` is short for channels of which only the name is known."""
    if isinstance(value, str):
        value = [value]
    return {str(name): {} for name in value} if isinstance(value, list | tuple) else value


class CardImage(Spec):
    """One image: where it is in the file, and what it is.

    Dense: `key`, `order` of its axes, and `flat` if these lie in one. Hits: `coordinates` (one key per axis) or `cell`
    (a flat number), `values` (one key per channel; none: every hit counts 1), and `offsets` where hits lie end to end.
    `shape` is the grid; for coordinates that are not whole numbers it begins at `low` in steps of `pitch`, both in
    `unit`, and `storage: points` keeps the coordinates themselves.
    """

    key: Key | None = None
    order: Order | None = None
    flat: bool = False
    coordinates: tuple[Key, ...] = ()
    cell: Key | None = None
    values: tuple[Key, ...] = ()
    offsets: Key | None = None
    outside: str = Field(default="error", pattern="^(error|drop)$")

    shape: tuple[int, ...] = Field(min_length=1)
    channels: Annotated[dict[str, CardChannel], BeforeValidator(_named)] = Field(min_length=1)
    axes: tuple[str, ...] = ()
    unit: str = ""
    pitch: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    storage: Storage = "auto"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if sum((self.key is not None, bool(self.coordinates), self.cell is not None)) != 1:
            raise ValueError("an image is given by one of key (dense), coordinates (hits) or cell (hits)")
        hits = {name for name in ("values", "offsets") if getattr(self, name)}
        if self.key is not None and hits:
            raise ValueError(f"{hits.pop()} belongs to hits, and key says that the image is dense")
        if self.key is not None and self.order is None:
            if len(self.channels) > 1:
                raise ValueError("order is missing: channel-first or channel-last")
            raise ValueError("order is missing: no-channel, channel-first or channel-last")
        if self.key is None and (self.order or self.flat):
            raise ValueError("order and flat belong to a dense image, which has a key")
        return self

    def source(self) -> ImageSource | HitsSource:
        """Where it is."""
        if self.key is not None:
            assert self.order is not None
            return ImageSource(key=self.key, order=self.order, flat=self.flat)
        names = ("coordinates", "cell", "values", "offsets", "outside")
        return HitsSource.model_validate({name: getattr(self, name) for name in names})

    def image(self, name: str) -> Image:
        """What it is."""
        channels = tuple(Channel(name=channel, **about.model_dump()) for channel, about in self.channels.items())
        names = ("shape", "axes", "unit", "pitch", "low", "storage")
        return Image(name=name, channels=channels, **{n: getattr(self, n) for n in names})


class CardColumn(Spec):
    """A scalar: its key, unit and allowed range; an `optional` target may be missing in a file."""

    key: Key
    unit: str = ""
    range: Range | None = None
    optional: bool = False

    def column(self, name: str) -> Column:
        return Column(name=name, **self.model_dump(exclude={"key"}))


def _keyed(value: Any) -> Any:
    """`{pt: jet_pt}` is short for `{pt: {key: jet_pt}}`."""
    if not isinstance(value, dict):
        return value
    return {name: {"key": v} if isinstance(v, str | int | list) else v for name, v in value.items()}


Columns = Annotated[dict[str, CardColumn], BeforeValidator(_keyed)]


class Card(Spec):
    """A card. `files` are patterns seen from its folder; `label` says how the class of an event is found, `weight` is
    the key of its weight, and `steps` change events as they are read.

    `classes` gives names their PDG ids, and the order of classes; left out, the classes are those of `label`, in its
    order. `content_identifies`: two events with equal content are one. `split`: as `prepare --split`, or ranges of rows
    within each class by name, `{train: [0, 8000], test: [8000, 10000]}`.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$")
    title: str = ""
    files: tuple[str, ...] = ()
    format: str
    text: TextOptions = TextOptions()
    tree: str | None = None
    rows: HitRows | None = None
    images: dict[str, CardImage] = {}
    features: Columns = {}
    targets: Columns = {}
    label: LabelSource | None = None
    weight: Key | None = None
    steps: tuple[dict[str, Any], ...] = ()
    classes: dict[str, tuple[int, ...]] = {}
    content_identifies: bool = False
    split: str | dict[str, tuple[int, int]] = DEFAULT_SPLIT

    def detector(self) -> Detector:
        """The detector it describes. Raises pydantic's `ValidationError` for parts that do not fit together."""
        ranges = self.split if isinstance(self.split, dict) else {}
        return Detector(
            name=self.name,
            title=self.title or f"{self.name}, from a card",
            schema=self.event_schema(),
            layout=self.raw_layout(),
            official_split=ranges,
            split="official" if ranges else str(self.split),
        )

    def event_schema(self) -> EventSchema:
        """What one event is."""
        return EventSchema(
            name=self.name,
            images=tuple(about.image(name) for name, about in self.images.items()),
            features=tuple(about.column(name) for name, about in self.features.items()),
            targets=tuple(about.column(name) for name, about in self.targets.items()),
            classes=tuple(ParticleClass(name=name, pdg=pdg) for name, pdg in self._classes().items()),
            content_identifies=self.content_identifies,
        )

    def raw_layout(self) -> Layout:
        """Where its parts are."""
        sources = {name: about.source() for name, about in self.images.items()}
        return Layout(
            format=self.format,
            images={name: s for name, s in sources.items() if isinstance(s, ImageSource)},
            hits={name: s for name, s in sources.items() if isinstance(s, HitsSource)},
            features={name: about.key for name, about in self.features.items()},
            targets={name: about.key for name, about in self.targets.items()},
            label=self.label,
            tree=self.tree,
            text=self.text,
            rows=self.rows,
            weight=self.weight,
            steps=self.steps,
        )

    def _classes(self) -> dict[str, tuple[int, ...]]:
        if self.classes or self.label is None:
            return self.classes
        label = self.label
        return dict.fromkeys((*label.values.values(), *label.one_hot, *label.files.values()), ())
