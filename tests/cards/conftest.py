"""Data that are not one of ours: scikit-learn's digits, pixel-detector frames as text, folders of PNG."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

SPECIES = ("alpha", "muon")


def frames(species: str, n: int, seed: int = 0) -> list[np.ndarray]:
    """Hits (x, y, count) of n frames of 256 x 256 pixels: blobs and straight tracks."""
    rng = np.random.default_rng([seed, SPECIES.index(species)])
    result = []
    for _ in range(n):
        x, y = rng.integers(5, 240, 2)
        size = rng.integers(4, 15)
        if species == "alpha":
            place = np.unique(
                np.stack([x + rng.integers(-3, 4, 2 * size), y + rng.integers(-3, 4, 2 * size)], 1), axis=0
            )
        else:
            place = np.stack([x + np.arange(size), y + np.arange(size) // 4], 1)
        result.append(np.column_stack([place, rng.integers(1, 300, len(place))]))
    return result


@pytest.fixture(scope="session")
def frames_of() -> Callable[..., list[np.ndarray]]:
    """`frames_of(species, n)`."""
    return frames


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`images` (1797, 8, 8) and `target` (1797,), 0 to 9."""
    path = tmp_path_factory.mktemp("digits") / "digits.npz"
    data = load_digits()
    np.savez(path, images=data.images, target=data.target)
    return path


@pytest.fixture(scope="session")
def timepix(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """`x<tab>y<tab>count` lines, frames ended by `#`, one file per species."""
    folder = tmp_path_factory.mktemp("timepix")
    for species in SPECIES:
        lines = [line for frame in frames(species, 200) for line in (*("\t".join(map(str, hit)) for hit in frame), "#")]
        (folder / f"{species}.txt").write_text("\n".join(lines) + "\n")
    return [folder / f"{species}.txt" for species in SPECIES]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of folders of gray 16 x 16 PNG, one folder per species."""
    folder = tmp_path_factory.mktemp("pictures")
    for species in SPECIES:
        (folder / species).mkdir()
        for number, hits in enumerate(frames(species, 80)):
            values = np.zeros((16, 16), np.uint8)
            values[hits[:, 1] % 16, hits[:, 0] % 16] = np.minimum(hits[:, 2], 255)
            Image.fromarray(values).save(folder / species / f"{number:03d}.png")
    return folder
