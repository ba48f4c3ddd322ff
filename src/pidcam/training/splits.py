"""Checks of the splits that a training works with: classes that are missing, events that are in two of them."""

from __future__ import annotations

from itertools import islice

import numpy as np

from pidcam.errors import DataError
from pidcam.runs import RunDirectory
from pidcam.schema import ClassSelection
from pidcam.store.scan import hashes
from pidcam.store.store import Store

LOOKED_AT = 50_000
"""Most events of a split whose content is compared with that of the others."""


def look_at_splits(store: Store, selection: ClassSelection) -> list[str]:
    """Classes that no test event has, and events of the training split that are in another one too.

    Of the test split only the number of events per class and a hash of their content are looked at.
    """
    return [*_absent(store, selection), *_overlap(store)]


def _absent(store: Store, selection: ClassSelection) -> list[str]:
    lines = []
    for split in store.splits:
        kept = store.manifest.accounting.kept.get(split, {})
        for name, members in selection.groups:
            if store.manifest.events(split) and not any(kept.get(member) for member in members):
                lines.append(f"the {split} split has no event of class '{name}': nothing can be said about it there")
    return lines


def _overlap(store: Store) -> list[str]:
    if "train" not in store.splits or not store.schema.content_identifies:  # small whole numbers coincide by chance
        return []
    contents = {split: _contents(store, split) for split in store.splits}
    lines = []
    for split, content in contents.items():
        if split != "train" and (shared := len(np.intersect1d(contents["train"], content))):
            lines.append(
                f"{shared} of the {len(content)} events looked at in the {split} split are in the training split too: "
                f"the model knows them by heart, and what it scores on {split} is too good; prepare the store anew "
                "without --keep-duplicates"
            )
    return lines


def _contents(store: Store, split: str) -> np.ndarray:
    """(k,) 64-bit hashes of images and features."""
    found, left = [np.empty(0, np.uint64)], LOOKED_AT
    for shard in store.shards(split):
        rows = np.arange(min(len(shard), left))
        found.append(hashes(shard.take(rows))[0][:, 0])
        left -= len(rows)
    return np.concatenate(found)


def look_at_parent(parent: RunDirectory, store: Store) -> list[str]:
    """What starting from the run `parent` means for the splits of `store`."""
    about, lines = parent.about, []
    own = {source.name for source in store.manifest.sources}
    if about.get("split_fingerprint") != store.manifest.fingerprint:
        shared = sorted(own & about.get("files", {}).keys())
        if shared:
            lines.append(
                f"'{parent.path}' was trained on another split of {', '.join(islice(shared, 2))}: events of the test "
                "split here may have been among its training events, and the test result may be too good"
            )
    elif _was_tested(parent):
        lines.append(
            f"the test split was touched before the end: '{parent.path}' was evaluated on it already; if that result "
            "made you go on from this run, the test split has helped to choose the model, and its result is too good"
        )
    return lines


def _was_tested(run: RunDirectory) -> bool:
    return (run.path / "predictions" / "test.parquet").exists()


def require_all_classes(labels: np.ndarray, selection: ClassSelection, split: str, store: Store) -> None:
    """`DataError` if a split that is needed has no event of some class."""
    present = np.unique(labels)
    missing = [name for i, name in enumerate(selection.names) if i not in present]
    if missing:
        raise DataError(
            f"the {split} split has no event of class '{missing[0]}'",
            where=store.path,
            fix="prepare it with events of every class, or select classes with task.classes=[...]",
        )
