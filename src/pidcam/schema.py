"""What one event is: named images, features, targets and classes. Everything else is built on these words.

A schema is plain data (frozen pydantic models): it is written into every store and run as JSON and compared when they
meet. Classes have names, never indices; the order of `EventSchema.classes` is the order of label numbers and columns.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from pidcam.errors import MismatchError, UnknownNameError

Storage = Literal["auto", "dense", "cells", "points"]


class Spec(BaseModel):
    """Base of everything declared: immutable, and a field nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Range = tuple[float, float]


class Channel(Spec):
    """One value per cell, in `unit`. A raw value below zero where `non_negative`, or outside `range`, is an error."""

    name: str
    unit: str = ""
    non_negative: bool = False
    range: Range | None = None


class Image(Spec):
    """One detector read-out: `channels` values on a grid of `shape` along `axes` (channels are always first).

    `storage` says how the store keeps it: `dense`, `cells` (flat C-order cell index + channel values per hit), `points`
    (float coordinates + values, put on the grid when loaded) or `auto` (cells or dense, whichever measures smaller).
    `pitch` is the cell size along each axis and `low` the grid's lower corner, in `unit`; points need both.
    """

    name: str
    shape: tuple[int, ...] = Field(min_length=1)
    channels: tuple[Channel, ...] = Field(min_length=1)
    axes: tuple[str, ...] = ()
    unit: str = ""
    pitch: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    storage: Storage = "auto"

    @model_validator(mode="after")
    def _check(self) -> Self:
        if min(self.shape) < 1:
            raise ValueError(f"image '{self.name}' has shape {self.shape}: every axis needs at least one cell")
        for what, values in (("axes", self.axes), ("pitch", self.pitch), ("low", self.low)):
            if values and len(values) != len(self.shape):
                raise ValueError(f"image '{self.name}' has {len(values)} {what} for shape {self.shape}")
        if self.storage == "points" and not (self.pitch and self.low):
            raise ValueError(f"image '{self.name}' is stored as points and needs pitch and low")
        if any(p <= 0 for p in self.pitch):
            raise ValueError(f"image '{self.name}' needs a positive pitch")
        return self

    @property
    def cells(self) -> int:
        """Number of cells of the grid."""
        return int(np.prod(self.shape))

    @property
    def dense_shape(self) -> tuple[int, ...]:
        """Shape of one dense event: (channels, *shape)."""
        return (len(self.channels), *self.shape)

    def channel_number(self, name: str | None = None, *, where: str | None = None) -> int:
        """Number of the channel called `name`, of the first without; `UnknownNameError` names the nearest one."""
        names = [c.name for c in self.channels]
        if name is not None and name not in names:
            raise UnknownNameError("channel", name, names, where=where)
        return 0 if name is None else names.index(name)


class Column(Spec):
    """A scalar that comes with each event: an input feature, or a truth target such as the energy.

    A raw value outside `range` is an error; an `optional` target may be missing in a file, and is NaN there.
    """

    name: str
    unit: str = ""
    range: Range | None = None
    optional: bool = False


class ParticleClass(Spec):
    """A class of events by name, with the PDG ids that belong to it where it is a particle."""

    name: str
    pdg: tuple[int, ...] = ()


class EventSchema(Spec):
    """What one event of a detector is.

    `content_identifies`: two events with the same non-empty content are the same event (true of floating-point
    calorimeter images, false of 8-bit windows, which coincide by chance).
    """

    name: str
    images: tuple[Image, ...] = ()
    features: tuple[Column, ...] = ()
    targets: tuple[Column, ...] = ()
    classes: tuple[ParticleClass, ...] = ()
    content_identifies: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.images and not self.features:
            raise ValueError("an event needs at least one image or feature")
        columns = [i.name for i in self.images] + [c.name for c in (*self.features, *self.targets)]
        for what, names in (("column", columns), ("class", [c.name for c in self.classes])):
            twice = [name for name, count in Counter(names).items() if count > 1]
            if twice:
                raise ValueError(f"{what} '{twice[0]}' is declared twice")
        return self

    @property
    def channel_names(self) -> dict[str, tuple[str, ...]]:
        """Those of every image, by its name."""
        return {image.name: tuple(channel.name for channel in image.channels) for image in self.images}

    @property
    def axis_names(self) -> dict[str, tuple[str, ...]]:
        """Those of every image, by its name."""
        return {image.name: image.axes for image in self.images}

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.classes)

    def image(self, name: str) -> Image:
        """The image called `name`; `UnknownNameError` names the nearest one."""
        for image in self.images:
            if image.name == name:
                return image
        raise UnknownNameError("image", name, [i.name for i in self.images])

    def class_of_pdg(self, pdg: int) -> str:
        """Name of the class that holds a PDG id."""
        for c in self.classes:
            if pdg in c.pdg:
                return c.name
        raise UnknownNameError("PDG id", str(pdg), [str(p) for c in self.classes for p in c.pdg])

    def require_same_inputs(self, other: EventSchema, *, where: str) -> None:
        """Raise `MismatchError` unless `other` has the same images and features: names, shapes, channels, units."""
        for what in ("images", "features"):
            mine, theirs = (_by_name(getattr(s, what)) for s in (self, other))
            if missing := sorted(mine.keys() - theirs.keys()):
                raise MismatchError(f"has no {what[:-1]} '{missing[0]}', which '{self.name}' needs", where=where)
            for name, x in mine.items():
                if _as_input(x) != _as_input(theirs[name]):
                    raise MismatchError(
                        f"{what[:-1]} '{name}' is {_describe(theirs[name])}, expected {_describe(x)}", where=where
                    )

    def require_same_classes(self, other: EventSchema, *, where: str) -> None:
        """Raise `MismatchError` unless `other` has the same classes in the same order."""
        if self.class_names != other.class_names:
            raise MismatchError(
                f"classes are {', '.join(other.class_names) or 'none'}, expected {', '.join(self.class_names)}",
                where=where,
                fix="class order is part of the data: prepare the store with the detector the model was trained for",
            )


def _by_name(things: tuple[Image | Column, ...]) -> dict[str, Image | Column]:
    return {x.name: x for x in things}


def _as_input(x: Image | Column) -> tuple[object, ...]:
    """What a model sees of it; how it is stored and checked makes no difference."""
    if isinstance(x, Image):
        return x.shape, x.axes, x.unit, tuple((c.name, c.unit) for c in x.channels)
    return (x.unit,)


def _describe(x: Image | Column) -> str:
    if isinstance(x, Image):
        channels = ", ".join(f"{c.name}{f' [{c.unit}]' if c.unit else ''}" for c in x.channels)
        return f"{'x'.join(map(str, x.shape))} of ({channels})"
    return f"a scalar{f' [{x.unit}]' if x.unit else ''}"


class ClassSelection(Spec):
    """Which classes a task looks at, and how they are merged: `{signal: [monopole], rest: [pion, proton]}`.

    A plain list keeps the named classes; classes not mentioned are dropped. The order given is the order of labels.
    """

    groups: tuple[tuple[str, tuple[str, ...]], ...]

    @classmethod
    def of(cls, classes: dict[str, list[str] | str] | list[str] | None, schema: EventSchema) -> ClassSelection:
        """From what a user writes; None keeps every class. Errors name the class that is unknown or used twice."""
        if classes is None:
            classes = list(schema.class_names)
        if not isinstance(classes, dict):
            classes = {name: [name] for name in classes}
        groups = tuple((name, (m,) if isinstance(m, str) else tuple(m)) for name, m in classes.items())
        seen: set[str] = set()
        for name, members in groups:
            for member in members:
                if member not in schema.class_names:
                    raise UnknownNameError("class", member, schema.class_names, where=f"classes.{name}")
                if member in seen:
                    raise MismatchError(f"class '{member}' is selected twice", where=f"classes.{name}")
                seen.add(member)
        return cls(groups=groups)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.groups)

    def table(self, schema: EventSchema) -> np.ndarray:
        """(classes of the schema,) int64: label of the selection for each label of the schema, -1 where dropped."""
        table = np.full(len(schema.classes), -1, dtype=np.int64)
        for label, (_, members) in enumerate(self.groups):
            for member in members:
                table[schema.class_names.index(member)] = label
        return table
