"""Do the columns of a file hold what layout and schema say? Every fault is one line: file, key, what was expected."""

from __future__ import annotations

import math

from pidcam.errors import DataError
from pidcam.formats.columns import NUMBERS, TEXT, Column, MissingColumnError, RawFile, element, listed
from pidcam.formats.layout import ImageSource, Key, Order
from pidcam.schema import Image


def choose(raw: RawFile, key: Key) -> str | None:
    """The first of several keys that the file has, or None."""
    for name in (key,) if isinstance(key, str) else key:
        base, number = element(raw, name)
        column = raw.column(base)
        if column is not None and (number is None or number < math.prod(column.shape)):
            return name
    return None


class Matcher:
    """Looks at the columns of one file on behalf of the schema called `schema`."""

    def __init__(self, raw: RawFile, schema: str):
        self.raw, self.path = raw, raw.path
        self.fix = f"check that it is a file of '{schema}'"

    def error(self, what: str, fix: str | None = None) -> DataError:
        return DataError(what, where=self.path, fix=fix or self.fix)

    def find(self, key: Key, use: str, *, text: bool = False) -> tuple[str, Column]:
        """Name and description of the column for `use`; it must hold numbers (or text, where that is fine)."""
        name = choose(self.raw, key)
        if name is None:
            wanted = " or ".join(f"'{k}'" for k in ((key,) if isinstance(key, str) else key))
            held = listed(self.raw.keys())
            what = f"has no {self.raw.noun} {wanted} for {use}, it holds {held}"
            raise MissingColumnError(what, where=self.path, fix=self.fix)
        column = self.raw.column(element(self.raw, name)[0])
        assert column is not None
        if column.rows is None:
            raise self.error(f"'{name}' is a single value, not one per event")
        if column.holds != NUMBERS and not (text and column.holds == TEXT):
            raise self.error(f"'{name}' holds {column.holds}, expected numbers for {use}")
        return name, column

    def image(self, source: ImageSource, image: Image) -> tuple[str, Column]:
        """The column of a dense image, its shape checked."""
        name, column = self.find(source.key, f"image '{image.name}'")
        flat = source.flat or self.raw.flat
        shapes = axes_of(image)
        expected = (math.prod(image.dense_shape),) if flat else shapes[source.order]
        if column.shape != expected and not (column.lists and not column.shape):
            names = [channel.name for channel in image.channels]
            fix = None
            possible = {axes: order for order, axes in shapes.items() if order != "no-channel" or len(names) == 1}
            if not flat and (order := possible.get(column.shape)):
                fix = f"its axes look {order}: declare that order in the layout"
            elif column.shape == (math.prod(expected),) and not flat:
                fix = "its axes lie in one: declare it flat in the layout"
            raise self.error(
                f"'{name}' has shape {(column.rows, *column.shape)}, expected {_shape(expected)} for image "
                f"'{image.name}' ({source.order}: {', '.join(names)})",
                fix,
            )
        return name, column

    def scalar(self, key: Key, use: str, *, text: bool = False) -> tuple[str, Column]:
        """The column of one number per event, shape (events,) or (events, 1, ...)."""
        name, column = self.find(key, use, text=text)
        single = element(self.raw, name)[1] is not None
        if (column.lists or math.prod(column.shape) != 1) and not single:
            found = "lists of numbers" if column.lists else f"shape {(column.rows, *column.shape)}"
            raise self.error(f"'{name}' has {found}, expected {_shape(())} for {use}")
        return name, column

    def rows(self, key: Key, use: str, width: int) -> tuple[str, Column]:
        """The column of `width` numbers per event."""
        name, column = self.find(key, use)
        if column.shape != (width,):
            raise self.error(
                f"'{name}' has shape {(column.rows, *column.shape)}, expected {_shape((width,))} for {use}"
            )
        return name, column

    def hits(self, key: Key, use: str, *, lists: bool) -> tuple[str, Column]:
        """A column of hits: one list per event, or (not `lists`) one number per row."""
        name, column = self.find(key, use)
        single = element(self.raw, name)[1] is not None
        if lists and not column.lists:
            fix = "say in the layout how hits belong to events: offsets, or rows (one hit per row)"
            raise self.error(f"'{name}' has one value per row, expected a list per event for {use}", fix)
        if not lists and (column.lists or (math.prod(column.shape) != 1 and not single)):
            found = "lists" if column.lists else f"shape {(column.rows, *column.shape)}"
            raise self.error(f"'{name}' has {found}, expected one number per hit for {use}")
        return name, column


def axes_of(image: Image) -> dict[Order, tuple[int, ...]]:
    """Shape of one event in the file for every order of its axes."""
    shape, channels = image.shape, len(image.channels)
    return {"no-channel": shape, "channel-first": (channels, *shape), "channel-last": (*shape, channels)}


def _shape(axes: tuple[int, ...]) -> str:
    return f"(events, {', '.join(map(str, axes))})" if axes else "(events,) or (events, 1)"
