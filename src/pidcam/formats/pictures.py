"""Pictures (PNG, TIFF): a folder of them, or the frames of one file, are the events; the folder may be the class."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pidcam.errors import DataError, InputError
from pidcam.formats.columns import AGAIN, Column, RawFile, Values
from pidcam.formats.layout import Layout, Reader, formats
from pidcam.formats.memo import remembered
from pidcam.formats.raw import read_head
from pidcam.formats.reader import EventReader
from pidcam.schema import EventSchema

KEY = "picture"
"""The one key of this format: rows, columns and, where a picture has several, channels last."""


class Pictures:
    """The format `pictures`. A raw file is a folder of pictures, in the order of their names, or one file of frames."""

    suffixes: tuple[str, ...] = (".png", ".tif", ".tiff", ".jpg", ".jpeg")
    folders = True

    def reader(self, path: Path, layout: Layout, schema: EventSchema, *, truth: bool = True) -> Reader:
        """See `EventReader`."""
        return EventReader(self.raw(path, layout), layout, schema, truth=truth)

    def raw(self, path: Path, layout: Layout) -> RawFile:
        """See `PictureFolder`."""
        return PictureFolder(path, self.suffixes)


formats.add("pictures", Pictures())


class PictureFolder(RawFile):
    """All pictures of one folder (not of the folders in it), or all frames of one file."""

    noun = "picture"

    def __init__(self, path: Path, suffixes: tuple[str, ...]):
        super().__init__(path)
        self._files: list[Path] = []
        if path.is_dir():
            self._files = remembered(path, "files", lambda: _pictures(path, suffixes))
            if not self._files:
                fix = "name the folders that hold the pictures"
                raise InputError(f"holds no pictures ({', '.join(suffixes)})", where=path, fix=fix)
        else:
            read_head(path)
        with _opened(self._files[0] if self._files else path) as picture:
            self._frames = 1 if self._files else int(getattr(picture, "n_frames", 1))
            self._shape = _array(picture, self.path).shape

    def _open(self) -> None:
        return None  # every picture is opened for itself

    def keys(self) -> list[str]:
        return [KEY]

    def column(self, key: str) -> Column | None:
        return Column(len(self._files) or self._frames, self._shape) if key == KEY else None

    def read(self, keys: Collection[str], start: int, stop: int) -> dict[str, Values]:
        if not keys:
            return {}
        pictures = list(self._folder(start, stop) if self._files else self._stack(start, stop))
        return {KEY: np.stack(pictures) if pictures else np.empty((0, *self._shape))}

    def _folder(self, start: int, stop: int) -> Iterator[np.ndarray]:
        for path in self._files[start:stop]:
            with _opened(path) as picture:
                if getattr(picture, "n_frames", 1) > 1:
                    fix = "give such files by themselves"
                    raise DataError(f"holds {picture.n_frames} frames, in a folder of pictures", where=path, fix=fix)
                yield self._checked(_array(picture, path), path)

    def _stack(self, start: int, stop: int) -> Iterator[np.ndarray]:
        with _opened(self.path) as picture:
            for frame in range(start, stop):
                picture.seek(frame)
                yield self._checked(_array(picture, self.path), self.path)

    def _checked(self, values: np.ndarray, path: Path) -> np.ndarray:
        if values.shape != self._shape:
            what = f"has shape {values.shape}, the first picture has {self._shape}"
            raise DataError(what, where=path, fix="pictures must be of one size and mode: convert or crop them")
        return values


def _pictures(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    return sorted(p for p in path.iterdir() if p.suffix.lower() in suffixes and not p.name.startswith("."))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    from PIL import Image, UnidentifiedImageError

    read_head(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of broken tags that do not matter
            with Image.open(path) as picture:
                yield picture
    except InputError:
        raise
    except UnidentifiedImageError as error:
        fix = "check that it is the right file, or convert it"
        raise DataError("is no picture that can be read", where=path, fix=fix) from error
    except Exception as error:  # damaged bytes end in errors of many kinds
        raise DataError(f"is a damaged picture ({error})", where=path, fix=AGAIN) from error


def _array(picture: Any, path: Path) -> np.ndarray:
    """(rows, columns) or (rows, columns, channels): palettes become colours, nothing is scaled."""
    if picture.mode == "P":
        picture = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
    values = np.asarray(picture)
    if values.dtype.kind not in "biuf":
        raise DataError(f"has pixels of mode {picture.mode}", where=path, fix="convert it to gray or RGB")
    return values
