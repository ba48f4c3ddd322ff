"""The one reader behind all formats: columns of a raw file -> event batches, checked against layout and schema."""

from __future__ import annotations

import math
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from pidcam.errors import DataError
from pidcam.events import Dense, EventBatch, Images, Points
from pidcam.formats.columns import AGAIN, Lists, RawFile, Values, element, pick
from pidcam.formats.hits import on_grid, require_inside, to_cells
from pidcam.formats.labels import Labels, class_of_file
from pidcam.formats.layout import HitsSource, ImageSource, Layout
from pidcam.formats.match import Matcher, choose
from pidcam.formats.rows import Take, find_rows
from pidcam.formats.sources import sources
from pidcam.schema import EventSchema, Image

READ_BYTES = 64 << 20
"""Bytes in memory that are cheap to hold at once."""

BLOCK_BYTES = 4 << 20
"""Bytes of dense images that stay in the caches of a processor."""

AROUND = 256
"""Bytes that an event takes beside what is read of it: label, weight, row, and what becomes of it."""


class EventReader:
    """Rows of one raw file: images (n, channels, *shape) float32 or hits; features, targets (n,) float64; label int16.

    Construction looks at the file and closes it again; `read` opens it in the process that reads, so a reader may be
    sent to, or forked into, another process. Raises `InputError` for a file that cannot be opened, `DataError` for one
    that does not match layout and schema, `ConfigError` for a layout that does not match the schema.
    """

    def __init__(self, raw: RawFile, layout: Layout, schema: EventSchema, *, truth: bool = True):
        self.path, self._raw, self._schema = Path(raw.path), raw, schema
        layout = layout.of(self.path)
        self._sources = sources(layout, schema, truth=truth)
        self._label_source, self._class = layout.label, -1
        self._labels: Labels | None = None
        matcher = Matcher(raw, schema.name)
        try:
            self._dense = {image.name: matcher.image(source, image)[0] for image, source in self._sources.images}
            self._hits = {image.name: _HitKeys(matcher, source, layout, image) for image, source in self._sources.hits}
            self._find_label(schema, truth)
            self._columns = self._find_scalars(matcher, truth)
            if layout.weight is not None and (truth or choose(raw, layout.weight) is not None):
                self._columns["weight", ""] = matcher.scalar(layout.weight, "the weight")[0]
            self._rows = find_rows(raw, layout, matcher, self._keys_of_events(), list(self._hits.values()))
            self.step = self._choose_step(READ_BYTES)
            # hits may come from anywhere in a file: reading few at a time is not cheap
            self.block = self.step if self._hits else self._choose_step(BLOCK_BYTES)
        finally:
            raw.close()

    def _find_label(self, schema: EventSchema, truth: bool) -> None:
        source = self._label_source
        if source is None:
            return
        if source.key is not None:
            labels = Labels(source, schema, truth=truth)
            if choose(self._raw, source.key) is not None or (truth and not source.files):
                self._labels = labels
                return
        if source.files:
            self._class = class_of_file(source, schema, self.path, truth=truth)

    def _find_scalars(self, matcher: Matcher, truth: bool) -> dict[tuple[str, str], str]:
        """(kind, name) -> key of every feature and target that the file has, and of the label."""
        found = {}
        optional = {column.name for column in self._schema.targets if column.optional or not truth}
        for kind, keys in (("feature", self._sources.features), ("target", self._sources.targets)):
            for name, key in keys.items():
                if kind == "target" and name in optional and choose(self._raw, key) is None:
                    continue
                found[kind, name] = matcher.scalar(key, f"{kind} '{name}'")[0]
        if self._labels and self._labels.one_hot:
            found["label", ""] = matcher.rows(self._labels.key, "the label", self._labels.one_hot)[0]
        elif self._labels:
            found["label", ""] = matcher.scalar(self._labels.key, "the label", text=True)[0]
        return found

    def _keys_of_events(self) -> list[str]:
        return [*self._dense.values(), *self._columns.values()]

    def _choose_step(self, size: int) -> int:
        dense = sum(4 * math.prod(image.dense_shape) for image, _ in self._sources.images)
        hits = sum(8 * len(keys.all) for keys in self._hits.values()) * self._rows.hits_per_event
        event = int(dense + hits) + 8 * len(self._columns) + AROUND
        chunk = 1 if self._rows.table else self._raw.chunk
        return min(max(size // (chunk * event), 1) * chunk, len(self._rows))

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, start: int, stop: int) -> EventBatch:
        """Events of rows [start, stop), nothing dropped. Raises `DataError` for damaged data and unknown labels."""
        if not 0 <= start <= stop <= len(self):
            raise IndexError(f"rows [{start}, {stop}) of a file with {len(self)}")
        row = np.arange(start, stop, dtype=np.int64)
        take = self._rows.take(start, stop)
        wanted = {element(self._raw, key)[0] for key in self._keys_of_events()}
        values = self._raw.rows(wanted | {k for h in self._hits.values() for k in h.per_event}, *take.rows)
        images: dict[str, Images] = {}
        for image, dense in self._sources.images:
            images[image.name] = Dense(self._image(image, dense, values[self._dense[image.name]], take, start))
        for image, source in self._sources.hits:
            images[image.name] = self._read_hits(image, source, self._hits[image.name], values, take, start)

        def column(key: str) -> np.ndarray:
            name, number = element(self._raw, key)
            found = values[name]
            if isinstance(found, Lists):
                return self._of_lists(found, name, number or 0, start)
            return take.firsts(pick(found, number)).reshape(len(row))

        numbers = {
            kind: {name: column(key).astype(np.float64) for (k, name), key in self._columns.items() if k == kind}
            for kind in ("feature", "target")
        }
        unknown = {target.name: np.full(len(row), np.nan) for target in self._schema.targets}
        label = np.full(len(row), self._class, np.int16)
        if self._labels:
            key = self._columns["label", ""]
            raw = self._rows_of(values[key], key, start, take) if self._labels.one_hot else column(key)
            label = self._labels.number(raw, row, self.path)
        weight = np.ones(len(row), np.float32)
        if ("weight", "") in self._columns:
            weight = column(self._columns["weight", ""]).astype(np.float32)
        return EventBatch(images, numbers["feature"], unknown | numbers["target"], label, row, weight=weight)

    def _rows_of(self, values: Values, key: str, start: int, take: Take) -> np.ndarray:
        """(n, ...) the first row of every event, whether the file has arrays or lists."""
        if isinstance(values, Lists):
            column = self._raw.column(key)
            assert column is not None
            values = self._uniform(values, key, math.prod(column.shape), start)
        return take.firsts(values)

    def _image(self, image: Image, source: ImageSource, values: Values, take: Take, start: int) -> np.ndarray:
        raw = self._rows_of(values, self._dense[image.name], start, take)
        n, shape, channels = len(raw), image.shape, len(image.channels)
        if source.order == "channel-last":
            raw = np.moveaxis(raw.reshape(n, *shape, channels), -1, 1)
        with np.errstate(over="ignore"):  # a double beyond float32 becomes inf, which check_events reports
            # channel-last images stay as they lie: what comes next finds its way in them
            return raw.reshape(n, channels, *shape).astype(np.float32, copy=False)

    def _of_lists(self, lists: Lists, key: str, number: int, start: int) -> np.ndarray:
        """One entry of every list (n,)."""
        if (short := lists.counts <= number).any():
            event = int(short.argmax())
            what = f"'{key}' has {lists.counts[event]} values in event {start + event}, expected more than {number}"
            raise DataError(what, where=self.path, fix=AGAIN)
        return lists.values[np.cumsum(lists.counts) - lists.counts + number]

    def _uniform(self, lists: Lists, key: str, size: int, start: int) -> np.ndarray:
        wrong = lists.counts != size
        if wrong.any():
            event = int(wrong.argmax())
            what = f"'{key}' has {lists.counts[event]} values in event {start + event}, expected {size}"
            raise DataError(what, where=self.path, fix=AGAIN)
        return lists.values.reshape(len(lists.counts), size)

    def _read_hits(
        self, image: Image, source: HitsSource, keys: _HitKeys, values: dict[str, Values], take: Take, start: int
    ) -> Images:
        if keys.offsets is not None:
            offsets, values = self._flat_hits(keys, *take.rows)
        elif keys.lists:
            counts = self._equal_counts(keys, values, start)
            offsets = np.concatenate([[0], np.cumsum(counts)])
        else:
            assert take.offsets is not None
            offsets = take.offsets

        def column(key: str) -> np.ndarray:
            name, number = element(self._raw, key)
            found = values[name]
            return found.values if isinstance(found, Lists) else pick(found, number).reshape(len(found))

        if keys.values:
            value = np.stack([column(key).astype(np.float64) for key in keys.values], axis=1)
        else:
            value = np.ones((int(offsets[-1]), 1))
        if source.cell is not None:
            place = column(keys.places[0]).astype(np.float64)
            inside = (place >= 0) & (place < image.cells) & (place == np.floor(place))
            cell = np.where(inside, place, 0).astype(np.int64)
        else:
            place = np.stack([column(key).astype(np.float64) for key in keys.places], axis=1)
            if image.storage == "points":
                return Points(offsets, place.astype(np.float32), value.astype(np.float32))
            cell, inside = on_grid(place, image)
        if source.outside == "error":
            require_inside(inside, offsets, place, image, start, self.path)
        return to_cells(offsets, cell, np.where(inside[:, None], value, 0), image)

    def _flat_hits(self, keys: _HitKeys, start: int, stop: int) -> tuple[np.ndarray, dict[str, Values]]:
        assert keys.offsets is not None
        offsets = _array(self._raw.rows([keys.offsets], start, stop + 1)[keys.offsets]).reshape(-1).astype(np.int64)
        if (np.diff(offsets) < 0).any() or offsets[0] < 0 or offsets[-1] > self._rows.hits:
            event = start + int((np.diff(offsets) < 0).argmax())
            what = f"'{keys.offsets}' does not ascend from 0 to the {self._rows.hits} hits in event {event}"
            raise DataError(what, where=self.path, fix=AGAIN)
        names = {element(self._raw, key)[0] for key in keys.all}
        return offsets - offsets[0], self._raw.rows(names, int(offsets[0]), int(offsets[-1]))

    def _equal_counts(self, keys: _HitKeys, values: dict[str, Values], start: int) -> np.ndarray:
        lists = {key: values[key] for key in keys.all}
        first, *others = lists
        counts = lists[first].counts  # type: ignore[union-attr]
        for other in others:
            unequal = lists[other].counts != counts  # type: ignore[union-attr]
            if unequal.any():
                event = int(unequal.argmax())
                n, m = counts[event], lists[other].counts[event]  # type: ignore[union-attr]
                what = f"'{first}' has {n} hits but '{other}' has {m} in event {start + event}"
                raise DataError(what, where=self.path, fix=AGAIN)
        return counts

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._raw.close()


class _HitKeys:
    """The columns of one image of hits, found in the file."""

    def __init__(self, matcher: Matcher, source: HitsSource, layout: Layout, image: Image):
        use = f"the hits of image '{image.name}'"
        self.lists = source.offsets is None and layout.rows is None
        places = source.coordinates or (source.cell,)
        self.places = [matcher.hits(key, use, lists=self.lists)[0] for key in places if key is not None]
        self.values = [matcher.hits(key, use, lists=self.lists)[0] for key in source.values]
        self.all = [*self.places, *self.values]
        self.offsets = matcher.scalar(source.offsets, use)[0] if source.offsets is not None else None
        raw = matcher.raw
        self.per_event = set() if self.offsets is not None else {element(raw, key)[0] for key in self.all}


def _array(values: Values) -> np.ndarray:
    assert isinstance(values, np.ndarray)
    return values
