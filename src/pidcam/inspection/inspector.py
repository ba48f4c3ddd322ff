"""Event batches in, facts out: one pass, with memory that does not grow with the input."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pidcam.errors import DataError
from pidcam.events import Cells, Dense, EventBatch, Points, Ragged
from pidcam.formats.checks import check_events
from pidcam.inspection.facts import ChannelFacts, ClassFacts, ColumnFacts, EventFacts, ImageFacts, QuantityFacts
from pidcam.inspection.repeats import UNKNOWN, RepeatsOf
from pidcam.inspection.sample import SampleOf
from pidcam.inspection.spread import SpreadOf
from pidcam.schema import EventSchema, Image
from pidcam.store.scan import hashes
from pidcam.units import physical_unit

BAD = -1
"""Class number of an event of which one hit or another makes no sense."""


class Inspector:
    """Takes the events of a schema, batch by batch, from `parts` (files or splits); `result()` is what was found.

    Bad events are counted, never an error; what is told of whole events (hits, sums, occupancy) leaves them out.
    `sample` keeps some events of each class for pictures.
    """

    def __init__(self, schema: EventSchema, parts: int = 1, *, sample: bool = False):
        self.schema, self.sample = schema, SampleOf() if sample else None
        self._names = (*schema.class_names, UNKNOWN)
        self.counts = np.zeros((parts, len(self._names)), np.int64)
        self._empty, self._bad = (np.zeros(len(self._names), np.int64) for _ in range(2))
        self._example: str | None = None
        self._images = [_ImageSums(image, len(self._names)) for image in schema.images]
        self._columns = {(k, c.name): SpreadOf() for k, c in _columns(schema)}
        self._repeats = RepeatsOf(schema.class_names)

    def add(self, batch: EventBatch, *, part: int = 0, where: Path | str = "") -> None:
        """`where` is the file that a bad event is reported from."""
        hit = {name: Cells.from_dense(i) if isinstance(i, Dense) else i for name, i in batch.images.items()}
        batch = replace(batch, images={**hit})
        number = np.where(batch.label < 0, len(self._names) - 1, batch.label)
        good, empty = self._good(batch, where), batch.is_empty()
        hits = np.zeros(len(batch), np.int64)
        for sums in self._images:
            hits += sums.add(hit[sums.image.name], np.where(good, number, BAD))
        for (kind, name), spread in self._columns.items():
            spread.add(getattr(batch, f"{kind}s").get(name, np.full(len(batch), np.nan)))
        for total, mask in ((self.counts[part], slice(None)), (self._empty, empty), (self._bad, ~good)):
            total += np.bincount(number[mask], minlength=len(self._names))
        fine = np.flatnonzero(good & ~empty)
        whole = batch if len(fine) == len(batch) else batch.take(fine)
        self._repeats.add(hashes(whole)[0], whole.label, hits[fine], part)
        if self.sample:
            self.sample.add(whole)

    def _good(self, batch: EventBatch, where: Path | str) -> np.ndarray:
        """(n,) True for the events that prepare would take; targets that nobody gave do no harm."""
        given = {name: v for name, v in batch.targets.items() if not np.isnan(v).all()}
        batch = replace(batch, targets=given)
        good = check_events(batch, self.schema, where=Path(where), drop_bad=True)
        if self._example is None and not good.all():
            try:
                check_events(batch, self.schema, where=Path(where))
            except DataError as error:
                self._example = f"{error.where}: {error.what}"
        return good

    def result(self) -> EventFacts:
        counts = self.counts.sum(0)
        total = int(counts.sum())
        shown = [i for i, name in enumerate(self._names) if counts[i] or name != UNKNOWN]
        return EventFacts(
            events=total,
            classes=tuple(
                ClassFacts(
                    self._names[i],
                    int(counts[i]),
                    int(counts[i]) / max(total, 1),
                    int(self._empty[i]),
                    int(self._bad[i]),
                )
                for i in shown
            ),
            images=tuple(sums.facts() for sums in self._images),
            channels=tuple(c for sums in self._images for c in sums.channels()),
            quantities=tuple(q for sums in self._images for q in sums.quantities(self._names, len(self._images) > 1)),
            columns=tuple(
                ColumnFacts(kind, c.name, c.unit, self._columns[kind, c.name].result())
                for kind, c in _columns(self.schema)
            ),
            repeats=self._repeats.result(),
            bad_example=self._example,
        )

    def part_counts(self, part: int) -> dict[str, int]:
        """Events of one file or split by class; unknown ones only if there are any."""
        unknown = bool(self.counts[:, -1].any())
        pairs = zip(self._names, self.counts[part].tolist(), strict=True)
        return {name: n for name, n in pairs if name != UNKNOWN or unknown}


def _columns(schema: EventSchema):  # type: ignore[no-untyped-def]
    return [("feature", c) for c in schema.features] + [("target", c) for c in schema.targets]


@dataclass
class _ChannelSums:
    values: SpreadOf
    nan: int = 0
    infinite: int = 0
    negative: int = 0


class _ImageSums:
    """What is counted of one image."""

    def __init__(self, image: Image, classes: int):
        self.image = image
        self._units = [physical_unit(channel.unit) for channel in image.channels]
        self._channels = [_ChannelSums(SpreadOf(quantiles=False)) for _ in image.channels]
        self._hits = [SpreadOf() for _ in range(classes)]
        self._sums = [SpreadOf() for _ in range(classes)]
        self._events = self._cells_hit = 0

    def add(self, images: Ragged, number: np.ndarray) -> np.ndarray:
        """Add the images of events of class `number` (n,), which may be `BAD`; returns their (n,) hits."""
        hits = images.hits()
        event = np.repeat(np.arange(len(hits)), hits)
        good = number != BAD
        for k, (sums, (factor, _)) in enumerate(zip(self._channels, self._units, strict=True)):
            values = images.value[:, k].astype(np.float64) * factor
            sums.values.add(values)
            sums.nan += int(np.isnan(values).sum())
            sums.infinite += int(np.isinf(values).sum())
            sums.negative += int((values < 0).sum())
        self._events += int(good.sum())
        self._cells_hit += self._voxels(images, event, good) if isinstance(images, Points) else int(hits[good].sum())
        with np.errstate(invalid="ignore", over="ignore"):
            total = np.bincount(event, images.value[:, 0].astype(np.float64) * self._units[0][0], len(hits))
        for i in np.unique(number[good]):
            mine = number == i
            self._hits[i].add(hits[mine])
            self._sums[i].add(total[mine])
        return hits

    def _voxels(self, points: Points, event: np.ndarray, good: np.ndarray) -> int:
        """Number of different cells of the image's grid with a point in them, over all good events."""
        cell = np.floor((points.place - np.asarray(self.image.low)) / np.asarray(self.image.pitch))
        inside = ((cell >= 0) & (cell < self.image.shape)).all(1) & good[event]
        flat = np.ravel_multi_index(tuple(cell[inside].astype(np.int64).T), self.image.shape)
        return len(np.unique(event[inside] * self.image.cells + flat))

    def facts(self) -> ImageFacts:
        image = self.image
        return ImageFacts(
            image.name,
            image.shape,
            image.axes,
            image.unit,
            {c.name: c.unit for c in image.channels},
            self._cells_hit / (self._events * image.cells) if self._events else None,
        )

    def channels(self) -> list[ChannelFacts]:
        return [
            ChannelFacts(
                self.image.name, channel.name, unit, sums.values.result(), sums.nan, sums.infinite, sums.negative
            )
            for channel, sums, (_, unit) in zip(self.image.channels, self._channels, self._units, strict=True)
        ]

    def quantities(self, names: tuple[str, ...], named: bool) -> list[QuantityFacts]:
        prefix = f"{self.image.name}: " if named else ""
        first = self.image.channels[0].name
        found = []
        for what, unit, spreads in (
            ("hits per event", "", self._hits),
            (f"sum of {first} per event", self._units[0][1], self._sums),
        ):
            by_class = {name: s.result() for name, s in zip(names, spreads, strict=True)}
            seen = {name: s for name, s in by_class.items() if s.n or s.missing}
            found.append(QuantityFacts(prefix + what, unit, seen))
        return found
