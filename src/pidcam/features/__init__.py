"""Shower-shape and track features computed from images, for trees and as a baseline that can be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from torch import Tensor

from pidcam.batch import Batch, SparseImage
from pidcam.features.hits import Hits, ImageHits
from pidcam.features.moments import companion_features, moment_features
from pidcam.features.showers import shower_features
from pidcam.features.tracks import track_features

__all__ = [
    "Hits",
    "ImageHits",
    "batch_features",
    "companion_features",
    "image_features",
    "moment_features",
    "shower_features",
    "track_features",
]

CHUNK = 1 << 20
"""Hits, or cells of dense images, that are worked on together: features take some hundred bytes for each."""


def batch_features(
    batch: Batch, images: Iterable[str], channels: Mapping[str, Sequence[str]], axes: Mapping[str, Sequence[str]]
) -> tuple[tuple[str, ...], np.ndarray]:
    """`image_features` of the named images of a batch, dense or hits, on whatever device it is."""
    return image_features({name: _values(batch.images[name]) for name in images}, channels, axes)


def image_features(
    images: Mapping[str, np.ndarray | ImageHits],
    channels: Mapping[str, Sequence[str]] | None = None,
    axes: Mapping[str, Sequence[str]] | None = None,
) -> tuple[tuple[str, ...], np.ndarray]:
    """Features of `images` {name: (n, channels, *shape), or hits} as (names, matrix (n, features) float32, finite).

    The first channel of an image is taken for its energy; further channels are summarised over the hits of the first
    and, in images that are not two-dimensional, get moments of their own. Images of two axes get shower shapes, those
    of three the shape of a track. `channels` and `axes` name what `names` speak of (`image.channel.feature`), numbered
    where not given. A name is never given twice; rows do not depend on their neighbours.
    """
    names: list[str] = []
    columns: list[np.ndarray] = []
    for image, values in images.items():
        n_channels, n_axes = _sizes(values)
        channel_names = tuple((channels or {}).get(image) or (f"channel{i}" for i in range(n_channels)))
        axis_names = tuple((axes or {}).get(image) or (f"axis{i}" for i in range(n_axes)))
        parts = []
        for hits in _chunks(values):
            features = _one_image(hits, channel_names, axis_names)
            parts.append(np.stack(list(features.values()), axis=1).astype(np.float32))
        names += [f"{image}.{name}" for name in features]
        columns.append(np.concatenate(parts))
    return tuple(names), np.concatenate(columns, axis=1) if columns else np.empty((0, 0), np.float32)


def _values(image: Tensor | SparseImage) -> np.ndarray | ImageHits:
    """A dense image stays: it becomes hits a few events at a time."""
    return image.numpy(force=True) if isinstance(image, Tensor) else ImageHits.of_batch(image)


def _sizes(values: np.ndarray | ImageHits) -> tuple[int, int]:
    """Number of channels and of axes."""
    if isinstance(values, ImageHits):
        return values.value.shape[1], len(values.shape)
    return values.shape[1], values.ndim - 2


def _chunks(values: np.ndarray | ImageHits) -> Iterator[ImageHits]:
    """The hits of a few events at a time: memory is bounded however many come together."""
    if isinstance(values, ImageHits):
        yield from values.parts(CHUNK)
        return
    step = max(1, CHUNK // max(1, int(np.prod(values.shape[2:]))))
    for start in range(0, max(1, len(values)), step):
        yield ImageHits.of(values[start : start + step])


def _one_image(image: ImageHits, channels: tuple[str, ...], axes: tuple[str, ...]) -> dict[str, np.ndarray]:
    """{channel.feature: (n,)} of one image."""
    first, values = image.channel(0)
    groups = {channels[0]: moment_features(first, axes)}
    if len(axes) == 2:
        groups[channels[0]] |= shower_features(first, *axes)
    if len(axes) == 3:
        groups[channels[0]] |= track_features(first)
    for number, name in enumerate(channels[1:], start=1):
        own, _ = image.channel(number)
        groups[name] = companion_features(first, values[:, number]) | {"hits": own.sum(np.ones_like(own.energy))}
        if len(axes) != 2:
            groups[name] |= {f"own_{key}": value for key, value in moment_features(own, axes).items()}
    return {f"{group}.{key}": value for group, features in groups.items() for key, value in features.items()}
