"""Events on the host: a run of rows as NumPy arrays, images dense, as cells or as points.

`EventBatch` is what readers yield, writers take, and the store is made from. `label` is the index into the schema's
classes, -1 where the truth is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from pidcam.schema import EventSchema, Image


@dataclass(frozen=True)
class Dense:
    """`values` (n, channels, *shape) float32."""

    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: np.ndarray) -> Dense:
        return Dense(self.values[rows])

    def hits(self) -> np.ndarray:
        """(n,) number of cells with any non-zero channel."""
        return (self.values != 0).any(axis=1).sum(axis=tuple(range(1, self.values.ndim - 1)))

    @staticmethod
    def concat(parts: Sequence[Dense]) -> Dense:
        return Dense(np.concatenate([p.values for p in parts]))


@dataclass(frozen=True)
class Ragged:
    """Hits of n events end to end: event i owns `[offsets[i]:offsets[i+1]]`; `value` is (hits, channels) float.

    `place` says where each hit is: flat C-order cell numbers (hits,) of `Cells`, coordinates (hits, axes) of `Points`.
    """

    offsets: np.ndarray
    place: np.ndarray
    value: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def hits(self) -> np.ndarray:
        """(n,) number of hits of each event."""
        return np.diff(self.offsets)

    def take(self, rows: np.ndarray) -> Self:
        from pidcam.sparse import taken_runs  # compiled, which takes a while to import

        rows = np.arange(len(self))[rows]  # accepts masks
        counts = self.hits()[rows]
        offsets = np.concatenate([[0], np.cumsum(counts)])
        start = self.offsets[:-1][rows]
        return type(self)(offsets, taken_runs(self.place, start, offsets), taken_runs(self.value, start, offsets))

    def keep(self, hits: np.ndarray) -> Self:
        """Only the hits where `hits` (hits,) is True; every event stays."""
        offsets = np.concatenate([[0], np.cumsum(hits)])[self.offsets]
        return type(self)(offsets, self.place[hits], self.value[hits])

    @classmethod
    def concat(cls, parts: Sequence[Self]) -> Self:
        offsets = np.concatenate([[0], np.cumsum(np.concatenate([p.hits() for p in parts]))])
        return cls(offsets, np.concatenate([p.place for p in parts]), np.concatenate([p.value for p in parts]))


class Cells(Ragged):
    """Hits on a grid, as flat C-order cell numbers; cells of one event ascend and never repeat."""

    @staticmethod
    def from_dense(dense: Dense) -> Cells:
        """Every cell with any non-zero channel becomes a hit."""
        from pidcam.sparse import nonzero_cells  # compiled, which takes a while to import

        n, channels = dense.values.shape[:2]
        return Cells(*nonzero_cells(dense.values.reshape(n, channels, math.prod(dense.values.shape[2:]))))

    def to_dense(self, image: Image, dtype: str = "float32") -> Dense:
        """Zeros where there is no hit."""
        out = np.zeros((len(self), len(image.channels), image.cells), dtype)
        event = np.repeat(np.arange(len(self)), self.hits())
        out[event, :, self.place] = self.value
        return Dense(out.reshape(len(self), *image.dense_shape))


class Points(Ragged):
    """Hits at float coordinates, in the unit of the image."""


Images = Dense | Cells | Points

_SCALARS = ("label", "row", "file", "weight")


def concat_images(parts: Sequence[Images]) -> Images:
    """One after the other; all of one kind."""
    kind: Any = type(parts[0])
    joined: Images = kind.concat(parts)
    return joined


@dataclass(frozen=True)
class EventBatch:
    """Rows of events: every array has one entry per event, `row` is the row number in the source file."""

    images: dict[str, Images]
    features: dict[str, np.ndarray]
    targets: dict[str, np.ndarray]
    label: np.ndarray
    row: np.ndarray
    file: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))
    weight: np.ndarray = field(default_factory=lambda: np.empty(0, np.float32))

    def __post_init__(self) -> None:
        # events that nobody numbered come from one file and count once
        if not len(self.file):
            object.__setattr__(self, "file", np.zeros(len(self.row), np.int32))
        if not len(self.weight):
            object.__setattr__(self, "weight", np.ones(len(self.row), np.float32))

    def __len__(self) -> int:
        return len(self.row)

    def take(self, rows: np.ndarray) -> EventBatch:
        """The events at `rows`: indices or a boolean mask."""
        return EventBatch(
            images={name: images.take(rows) for name, images in self.images.items()},
            features={name: column[rows] for name, column in self.features.items()},
            targets={name: column[rows] for name, column in self.targets.items()},
            **{name: getattr(self, name)[rows] for name in _SCALARS},
        )

    def is_empty(self) -> np.ndarray:
        """(n,) True where the event has images and none of them has a hit."""
        hits = [images.hits() for images in self.images.values()]
        return np.sum(hits, axis=0) == 0 if hits else np.zeros(len(self), bool)

    @staticmethod
    def concat(parts: Sequence[EventBatch]) -> EventBatch:
        def joined(get: Callable[[EventBatch], np.ndarray]) -> np.ndarray:
            return np.concatenate([get(p) for p in parts])

        first = parts[0]
        return EventBatch(
            images={name: concat_images([p.images[name] for p in parts]) for name in first.images},
            features={name: joined(lambda p, n=name: p.features[n]) for name in first.features},  # type: ignore[misc]
            targets={name: joined(lambda p, n=name: p.targets[n]) for name in first.targets},  # type: ignore[misc]
            **{name: joined(lambda p, n=name: getattr(p, n)) for name in _SCALARS},  # type: ignore[misc]
        )

    @staticmethod
    def from_arrays(
        schema: EventSchema, images: dict[str, np.ndarray] | np.ndarray, **features: np.ndarray
    ) -> EventBatch:
        """Events without truth from dense arrays (n, channels, *shape), as a user hands them to `Run.predict`."""
        if isinstance(images, np.ndarray):
            images = {schema.images[0].name: images}
        n = len(next(iter({**images, **features}.values())))
        return EventBatch(
            {k: Dense(np.asarray(v, np.float32)) for k, v in images.items()},
            {k: np.asarray(v) for k, v in features.items()},
            {},
            np.full(n, -1, np.int16),
            np.arange(n, dtype=np.int64),
        )
