"""A detector by its name, or by the path of a card."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from pidcam.cards.card import Card
from pidcam.cards.kinds import raw_paths
from pidcam.config import load_yaml, parse
from pidcam.detectors.base import Detector, detectors
from pidcam.errors import ConfigError, InputError, UnknownNameError
from pidcam.formats.labels import Labels
from pidcam.formats.layout import formats
from pidcam.formats.sources import sources

SUFFIXES = (".yaml", ".yml")


def is_card(detector: Path | str) -> bool:
    """Whether a detector is given by a card rather than by name."""
    return Path(detector).suffix.lower() in SUFFIXES


def find_detector(detector: Detector | Path | str) -> Detector:
    """The detector of a name or of a card's path. Errors name the card and key, or the nearest known name."""
    if isinstance(detector, Detector):
        return detector
    if not is_card(detector):
        return detectors[str(detector)]()
    path = Path(detector)
    card = load_card(path)
    if card.format not in formats:
        raise UnknownNameError("format", card.format, formats, where=path)
    if card.name in detectors:
        raise ConfigError(f"name '{card.name}' is that of a known detector", where=path, fix="choose another name")
    try:
        found = card.detector()
        sources(found.layout, found.schema)
        if found.layout.label and found.layout.label.key is not None:
            Labels(found.layout.label, found.schema)
    except ValidationError as error:
        what = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(what, where=path) from error
    except InputError as error:
        raise ConfigError(error.what, where=path, fix=error.fix) from error
    return found


def load_card(path: Path | str) -> Card:
    """A card from YAML; errors name the file and the key, and the nearest known key."""
    return parse(Card, load_yaml(path), where=path)


def raw_files(detector: Detector | Path | str, files: Sequence[Path | str] = ()) -> list[Path]:
    """The raw files to read: those given, or those in given folders; else those that the card names. `InputError` if
    there are none."""
    if files or isinstance(detector, Detector) or not is_card(detector):
        return raw_paths(files, find_detector(detector).layout.format) if files else []
    card, folder = load_card(detector), Path(detector).parent
    found = []
    for pattern in card.files:
        matches = sorted(glob.glob(str(folder / pattern), recursive=True))
        if not matches:
            raise InputError(f"no file matches {pattern}", where=detector, fix="correct files in it, or give raw files")
        found += matches
    if not found:
        raise InputError("names no files", where=detector, fix="give raw files, or add files to it")
    return [Path(f) for f in dict.fromkeys(found)]
