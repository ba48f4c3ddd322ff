"""Shower-shape and track features computed from dense images, for trees and as a baseline that can be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pidcam.features.hits import Hits
from pidcam.features.moments import companion_features, moment_features
from pidcam.features.showers import shower_features

__all__ = ["Hits", "companion_features", "image_features", "moment_features", "shower_features"]

CHUNK_CELLS = 1 << 24


def image_features(
    images: Mapping[str, np.ndarray],
    channels: Mapping[str, Sequence[str]] | None = None,
    axes: Mapping[str, Sequence[str]] | None = None,
) -> tuple[tuple[str, ...], np.ndarray]:
    """Features of `images` {name: (n, channels, *shape)} as (names, matrix (n, features) float32, finite).

    The first channel of an image is taken for its energy; further channels are summarised over the hits of the first
    and, in images that are not two-dimensional, get moments of their own. `channels` and `axes` name what `names` speak
    of (`image.channel.feature`), numbered where not given. A name is never given twice; rows do not depend on their
    neighbours.
    """
    names: list[str] = []
    columns: list[np.ndarray] = []
    for image, values in images.items():
        values = np.asarray(values)
        channel_names = tuple((channels or {}).get(image) or (f"channel{i}" for i in range(values.shape[1])))
        axis_names = tuple((axes or {}).get(image) or (f"axis{i}" for i in range(values.ndim - 2)))
        step = max(1, CHUNK_CELLS // max(1, int(np.prod(values.shape[1:]))))
        parts = []
        for start in range(0, max(1, len(values)), step):
            features = _one_image(values[start : start + step], channel_names, axis_names)
            parts.append(np.stack(list(features.values()), axis=1).astype(np.float32))
        names += [f"{image}.{name}" for name in features]
        columns.append(np.concatenate(parts))
    return tuple(names), np.concatenate(columns, axis=1) if columns else np.empty((0, 0), np.float32)


def _one_image(values: np.ndarray, channels: tuple[str, ...], axes: tuple[str, ...]) -> dict[str, np.ndarray]:
    """{channel.feature: (n,)} of one image (n, channels, *shape)."""
    first = Hits.of(values[:, 0])
    groups = {channels[0]: moment_features(first, axes)}
    if len(axes) == 2:
        groups[channels[0]] |= shower_features(first, *axes)
    for name, channel in zip(channels[1:], np.moveaxis(values, 1, 0)[1:], strict=True):
        groups[name] = companion_features(first, channel)
        if len(axes) != 2:
            own = moment_features(Hits.of(channel), axes)
            groups[name] |= {f"own_{key}": value for key, value in own.items()}
    return {f"{group}.{key}": value for group, features in groups.items() for key, value in features.items()}
