"""`card`: raw files of anybody's making -> a drafted card, which makes a detector of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from pidcam.cards import Card
from pidcam.cards.draft import draft
from pidcam.cards.kinds import raw_paths, start_layout
from pidcam.cards.look import look
from pidcam.config import parse
from pidcam.detectors.base import Detector
from pidcam.errors import InputError
from pidcam.files import require_absent, write_text
from pidcam.formats.layout import open_reader

TRIED = 100
"""Events that are read with the new card, to see that it works."""


@dataclass(frozen=True)
class DraftedCard:
    """A card that was written to `path`; `said` is what was guessed or is still to be answered."""

    path: Path
    card: Card
    events: int
    said: tuple[str, ...]


def card(files: Sequence[Path | str] | Path | str, out: Path | str | None = None) -> DraftedCard:
    """Look at raw files and write a card for them to `out` (default: `<name>.yaml` here); never overwrites.

    What can be seen is not asked: format, keys, shapes, ranges, labels in a column or in names of files and folders.
    Every guess is marked in the card and in `said`. Raises `ExistsError` if `out` is there, `InputError` or `DataError`
    for files that cannot be read.
    """
    paths = raw_paths([files] if isinstance(files, str | Path) else files)
    if out is not None:
        require_absent(out, fix="choose another --out, or remove it first")
    seen = look(paths, start_layout(paths))
    made = draft(seen, Path(out).parent if out is not None else Path())
    target = Path(out) if out is not None else Path(f"{made.name}.yaml")
    require_absent(target, fix="choose another --out, or remove it first")
    drafted = parse(Card, yaml.safe_load(made.text), where=target)
    events, said = _tried(drafted.detector(), paths, made.said)
    write_text(target, made.text)
    return DraftedCard(target, drafted, events, said)


def _tried(detector: Detector, files: Sequence[Path], said: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """Number of events in all files, read as the new card says; and what is wrong with it."""
    events = 0
    try:
        for file in files:
            with open_reader(file, detector.layout, detector.schema) as reader:
                reader.read(0, min(len(reader), TRIED))
                events += len(reader)
    except InputError as error:
        said = (*said, f"with this card the files cannot be read yet: {error}")
    return events, said
