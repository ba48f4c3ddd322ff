"""How the raw label of an event becomes a class of the schema, and back."""

from __future__ import annotations

import re
from pathlib import Path, PurePath

import numpy as np

from pidcam.errors import ConfigError, DataError, UnknownNameError
from pidcam.formats.layout import Key, LabelSource
from pidcam.schema import EventSchema


class Labels:
    """A label column: raw values (numbers or text) to class numbers of the schema and back.

    Where truth is not asked for (`truth=False`), a value that means no class is class -1 instead of an error.
    """

    def __init__(self, source: LabelSource, schema: EventSchema, *, truth: bool = True):
        assert source.key is not None
        self.key: Key = source.key
        self._said = source.key if isinstance(source.key, str) else source.key[0]
        self._classes, self._truth = schema.class_names, truth
        self._where = f"layout of '{schema.name}'"
        names = values_of(source, schema)
        if not names:
            fix = "give the classes their PDG ids" if source.pdg else None
            raise ConfigError(f"gives the label '{self._said}' no values", where=self._where, fix=fix)
        _require_known(names.values(), schema)
        self._names, self.one_hot = names, len(source.one_hot)
        self.text = any(isinstance(v, str) for v in names)
        ordered = sorted(names, key=lambda v: str(v) if self.text else v)
        self._values = np.array([str(v) for v in ordered]) if self.text else np.array(ordered, np.float64)
        self._numbers = np.array([schema.class_names.index(names[v]) for v in ordered], np.int16)
        self.largest = 0 if self.text else max(abs(int(v)) for v in ordered)

    def number(self, raw: np.ndarray, row: np.ndarray, path: Path) -> np.ndarray:
        """(n,) int16 class numbers of raw values (n,), or (n, classes) one-hot.

        `DataError` names file, event and value of the first unknown.
        """
        if self.one_hot:
            return self._from_one_hot(raw, row, path)
        if self.text:
            raw = _as_text(raw)
        elif raw.dtype.kind not in "biuf":
            text = _as_text(raw)
            raw = _as_numbers(text)
            if self._truth and np.isnan(raw).any():
                first = int(np.isnan(raw).argmax())
                raise self._unknown((f"'{text[first]}'", "no number"), row[first], path)
        place = np.searchsorted(self._values, raw).clip(max=len(self._values) - 1)
        wrong = self._values[place] != raw  # true for NaN
        if not self._truth:
            return np.where(wrong, np.int16(-1), self._numbers[place])
        if wrong.any():
            first = int(wrong.argmax())
            raise self._unknown(_told(raw[first]), row[first], path)
        return self._numbers[place]

    def _unknown(self, told: tuple[str, str], row: int, path: Path) -> DataError:
        known = ", ".join(f"{v} = {name}" for v, name in sorted(self._names.items(), key=_order))
        what, fault = told
        fix = f"known are {known}: correct the label"
        return DataError(f"'{self._said}' is {what} in event {row}, {fault}", where=path, fix=fix)

    def _from_one_hot(self, raw: np.ndarray, row: np.ndarray, path: Path) -> np.ndarray:
        wrong = ((raw != 0) & (raw != 1)).any(axis=1) | (raw.sum(axis=1) != 1)
        if wrong.any() and self._truth:
            first = int(wrong.argmax())
            values = ", ".join(f"{v:g}" for v in raw[first])
            fix = "correct the label"
            raise DataError(f"'{self._said}' is ({values}) in event {row[first]}, not one-hot", where=path, fix=fix)
        return np.where(wrong, np.int16(-1), self._numbers[raw.argmax(axis=1)])

    def raw(self, number: np.ndarray) -> np.ndarray:
        """(n,) raw values of class numbers: numbers float64, or text; where several mean one class, the first named."""
        table: list[float | str | None] = [None] * (len(self._classes) + 1)
        for value, name in reversed(self._names.items()):
            table[self._classes.index(name)] = str(value) if self.text else float(value)
        values = [table[n] for n in number]  # -1 finds the None at the end
        if None in values:
            label = int(number[values.index(None)])
            name = f"class '{self._classes[label]}'" if label >= 0 else "an event of unknown class"
            raise ConfigError(f"gives the label '{self._said}' no value for {name}", where=self._where)
        return np.eye(self.one_hot)[np.array(values, int)] if self.one_hot else np.array(values)


def values_of(source: LabelSource, schema: EventSchema) -> dict[int | str, str]:
    """Raw values to class names: as the layout says, or by the PDG ids of the classes; of one-hot rows the column."""
    if source.one_hot:
        return dict(enumerate(source.one_hot))
    if not source.pdg:
        return dict(source.values)
    return {pdg: c.name for c in schema.classes for pdg in c.pdg} | dict(source.values)


def class_of_file(source: LabelSource, schema: EventSchema, path: Path, *, truth: bool = True) -> int:
    """Class number of all events of a file, by its path; -1 if unknown and `truth` is not asked for."""
    _require_known(source.files.values(), schema)
    found = {name: pattern for pattern, name in source.files.items() if PurePath(path).match(pattern)}
    if len(found) == 1:
        return schema.class_names.index(next(iter(found)))
    if not truth:
        return -1
    if found:
        (one, first), (two, second) = list(found.items())[:2]
        what = f"could be class '{one}' (its path matches {first}) or '{two}' ({second})"
    else:
        what = f"is of no known class: its path matches none of {', '.join(source.files)}"
    raise DataError(what, where=path, fix="rename it, or leave it out")


def _require_known(names, schema: EventSchema) -> None:  # type: ignore[no-untyped-def]
    for name in names:
        if name not in schema.class_names:
            raise UnknownNameError("class", name, schema.class_names, where=f"layout of '{schema.name}'")


def _as_text(raw: np.ndarray) -> np.ndarray:
    return np.array([v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in raw.tolist()], dtype=str)


def _as_numbers(text: np.ndarray) -> np.ndarray:
    """Numbers that were written as text; NaN where there is none."""
    try:
        return text.astype(np.float64)
    except ValueError:
        return np.array([float(v) if re.fullmatch(r"\s*[+-]?\d+(\.0*)?\s*", v) else np.nan for v in text.tolist()])


def _told(value: object) -> tuple[str, str]:
    if isinstance(value, str):
        return f"'{value}'", "no known class"
    number = float(value)  # type: ignore[arg-type]
    return f"{number:.10g}", "no known class" if number.is_integer() else "not an integer"


def _order(item: tuple[int | str, str]) -> tuple[bool, int | str]:
    return isinstance(item[0], str), item[0]
