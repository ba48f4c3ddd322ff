"""Layout and schema brought together: which key feeds which part of an event, and how label values become classes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np

from pidcam.errors import ConfigError, DataError, UnknownNameError
from pidcam.formats.layout import ImageSource, LabelSource, Layout
from pidcam.schema import EventSchema, Image

Source = TypeVar("Source")


def sources(
    layout: Layout, schema: EventSchema, *, truth: bool = True
) -> tuple[list[tuple[Image, ImageSource]], dict[str, dict[str, str]]]:
    """Every image with its source, and the keys of columns by kind: `{"feature": {name: key}, "target": {...}}`.

    Without `truth` the layout may leave out targets. Raises `ConfigError` where it leaves out a part of the schema.
    """

    def find(named: Mapping[str, Source], kind: str, name: str) -> Source:
        if name not in named:
            raise ConfigError(f"names no key for {kind} '{name}'", where=f"layout of '{schema.name}'")
        return named[name]

    images = [(image, find(layout.images, "image", image.name)) for image in schema.images]
    for image, source in images:
        if source.order == "no-channel" and len(image.channels) > 1:
            what = f"says no-channel for image '{image.name}', which has {len(image.channels)} channels"
            raise ConfigError(what, where=f"layout of '{schema.name}'", fix="say channel-first or channel-last")
    return images, {
        "feature": {c.name: find(layout.features, "feature", c.name) for c in schema.features},
        "target": {
            c.name: find(layout.targets, "target", c.name) for c in schema.targets if truth or c.name in layout.targets
        },
    }


class Labels:
    """The label column of a layout: raw values to class numbers of the schema and back.

    Where truth is not asked for (`truth=False`), a value that means no class is class -1 instead of an error.
    """

    def __init__(self, source: LabelSource, schema: EventSchema, *, truth: bool = True):
        self.key, self._names, self._truth = source.key, source.values, truth
        self._where = f"layout of '{schema.name}'"
        if not source.values:
            raise ConfigError(f"gives the label '{source.key}' no values", where=self._where)
        for name in source.values.values():
            if name not in schema.class_names:
                raise UnknownNameError("class", name, schema.class_names, where=self._where)
        ordered = sorted(source.values)
        self._values = np.array(ordered, np.float64)
        self._numbers = np.array([schema.class_names.index(source.values[v]) for v in ordered], np.int16)
        self._classes = schema.class_names
        self.largest = max(map(abs, ordered))

    def number(self, raw: np.ndarray, row: np.ndarray, path: Path) -> np.ndarray:
        """(n,) int16 class numbers of raw values (n,); `DataError` names file, event and value of the first unknown."""
        place = np.searchsorted(self._values, raw).clip(max=len(self._values) - 1)
        wrong = self._values[place] != raw  # true for NaN
        if not self._truth:
            return np.where(wrong, np.int16(-1), self._numbers[place])
        if wrong.any():
            first = int(wrong.argmax())
            value = float(raw[first])
            fault = "no known class" if value.is_integer() else "not an integer"
            known = ", ".join(f"{v} = {name}" for v, name in sorted(self._names.items()))
            raise DataError(
                f"'{self.key}' is {value:.10g} in event {row[first]}, {fault}",
                where=path,
                fix=f"known are {known}: correct the label",
            )
        return self._numbers[place]

    def raw(self, number: np.ndarray) -> np.ndarray:
        """(n,) float64 raw values of class numbers; the smallest where several values mean one class."""
        table = np.full(len(self._classes) + 1, np.nan)
        for value, label in zip(self._values[::-1], self._numbers[::-1], strict=True):
            table[label] = value
        values = table[number]  # -1 finds the NaN at the end
        if np.isnan(values).any():
            label = int(number[np.isnan(values).argmax()])
            name = f"class '{self._classes[label]}'" if label >= 0 else "an event of unknown class"
            raise ConfigError(f"gives the label '{self.key}' no value for {name}", where=self._where)
        return values
